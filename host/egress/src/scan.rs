//! Values of secrets where they do not belong: in what a guest sends (step 6), in what it is about to read (step 10),
//! and in what is told of a request. A guest never has a secret unless a server told it, and this is the second lock on
//! that door: see [`crate::forms`] for what it finds.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use memchr::memmem;

use crate::body::{Body, BodyError};
use crate::forms::readings;
use crate::inject::{decode_basic, essence};
use crate::vault::{Destination, Sought, Vault};
use crate::wanted::Wanted;

/// Bodies up to this size are read as a whole, in bytes.
pub(crate) const SMALL: usize = 64 * 1024;

/// The name of a secret that a guest's text carries and that may not go where the text goes.
pub(crate) fn carried(vault: &Vault, text: &[u8], to: &Destination<'_>) -> Option<String> {
    first(&vault.sought(Some(to)), text)
}

/// As [`carried`], for the names and values of all headers.
pub(crate) fn carried_by_headers(
    vault: &Vault,
    headers: &HeaderMap,
    to: &Destination<'_>,
) -> Option<String> {
    let sought = vault.sought(Some(to));
    headers.iter().find_map(|(name, value)| {
        let inside = decode_basic(value.as_bytes()).and_then(|pair| first(&sought, &pair));
        inside
            .or_else(|| first(&sought, value.as_bytes()))
            .or_else(|| in_lower_case(&sought, name.as_str().as_bytes()))
    })
}

/// Whether a text about a request tells a secret, wherever it may go, or the placeholder of one.
pub(crate) fn tells(vault: &Vault, text: &str) -> bool {
    vault.mentioned(text.as_bytes()).is_some()
        || first(&vault.sought(None), text.as_bytes()).is_some()
}

/// Puts placeholders in place of values, stars in place of encoded ones. `None` where there is nothing to hide.
pub(crate) fn hidden(vault: &Vault, text: &[u8]) -> Option<Vec<u8>> {
    hide(&Wanted::new(vault.sought(None)), text)
}

/// As [`hidden`], for somebody who has no use for placeholders: names in their place.
pub(crate) fn redacted(vault: &Vault, text: String) -> String {
    let mut sought = vault.sought(None);
    for secret in &mut sought {
        secret.placeholder = format!("({})", secret.name);
    }
    match hide(&Wanted::new(sought), text.as_bytes()) {
        Some(hidden) => String::from_utf8_lossy(&hidden).into_owned(),
        None => text,
    }
}

/// As [`hidden`], for all header values; a header whose name tells a secret is left out.
pub(crate) fn hide_in_headers(vault: &Vault, headers: &mut HeaderMap) {
    let sought = vault.sought(None);
    if sought.is_empty() {
        return;
    }
    let telling: Vec<_> = headers
        .keys()
        .filter(|name| in_lower_case(&sought, name.as_str().as_bytes()).is_some())
        .cloned()
        .collect();
    for name in telling {
        headers.remove(name);
    }
    let wanted = Wanted::new(sought);
    for value in headers.values_mut() {
        if let Some(hidden) = hide(&wanted, value.as_bytes()) {
            // The parts are printable, so this always is a header value; if not, nothing is better than the secret.
            *value = HeaderValue::from_bytes(&hidden).unwrap_or(HeaderValue::from_static(""));
        }
    }
}

/// Whether an answer is text, which is read as a whole where it is small. A stream of events has no end to wait for.
pub(crate) fn is_text(headers: &HeaderMap) -> bool {
    essence(headers).is_none_or(|kind| {
        kind != "text/event-stream"
            && (kind.starts_with("text/")
                || ["json", "xml", "yaml", "x-www-form-urlencoded"]
                    .iter()
                    .any(|end| kind.ends_with(end)))
    })
}

fn first(sought: &[Sought], text: &[u8]) -> Option<String> {
    if sought.is_empty() {
        return None;
    }
    let readings = readings(text);
    let found = sought.iter().find(|secret| {
        let mut forms = secret.forms.iter();
        forms.any(|form| readings.iter().any(|text| contains(text, form)))
    });
    found.map(|secret| secret.name.clone())
}

/// Names of headers are in lower case, whatever was written.
fn in_lower_case(sought: &[Sought], text: &[u8]) -> Option<String> {
    let found = sought.iter().find(|secret| {
        let mut forms = secret.forms.iter();
        forms.any(|form| form.len() <= text.len() && contains(text, &form.to_ascii_lowercase()))
    });
    found.map(|secret| secret.name.clone())
}

/// A long token in a short text is not even begun to be looked for.
fn contains(text: &[u8], form: &[u8]) -> bool {
    form.len() <= text.len() && memmem::find(text, form).is_some()
}

fn hide(wanted: &Wanted, text: &[u8]) -> Option<Vec<u8>> {
    let mut hidden = Vec::new();
    let mut copied = 0;
    for (from, to, placeholder) in wanted.all(text) {
        if to <= copied {
            continue;
        }
        match placeholder {
            Some(placeholder) if from >= copied => {
                hidden.extend_from_slice(&text[copied..from]);
                hidden.extend_from_slice(placeholder.as_bytes());
            }
            _ => {
                hidden.extend_from_slice(&text[copied..from.max(copied)]);
                hidden.resize(hidden.len() + to - from.max(copied), b'*');
            }
        }
        copied = to;
    }
    if copied == 0 {
        return None;
    }
    hidden.extend_from_slice(&text[copied..]);
    Some(hidden)
}

/// A body of any size on its way to the guest, with stars in place of secrets: as many bytes as before. A secret that
/// comes in pieces is found too, because what could be the beginning of one waits for what follows it.
pub(crate) struct Hiding {
    body: Body,
    wanted: Wanted,
    held: BytesMut,
    /// So many of the held bytes end a secret whose beginning is out already.
    masked: usize,
    over: bool,
}

impl Hiding {
    /// `body` itself where there is nothing to hide.
    pub(crate) fn of(vault: &Vault, body: Body) -> Body {
        let sought = vault.sought(None);
        if sought.is_empty() {
            return body;
        }
        let hiding = Self {
            body,
            wanted: Wanted::new(sought),
            held: BytesMut::new(),
            masked: 0,
            over: false,
        };
        http_body_util::BodyExt::boxed_unsync(hiding)
    }

    fn next(&mut self, data: Bytes) -> Bytes {
        if !self.held.is_empty() {
            self.held.extend_from_slice(&data);
            let text = std::mem::take(&mut self.held);
            return self.cleared(text);
        }
        let (ranges, keep) = self.look(&data);
        if ranges.is_empty() && keep == 0 {
            return data;
        }
        self.cleared(BytesMut::from(&data[..]))
    }

    fn cleared(&mut self, mut text: BytesMut) -> Bytes {
        let (ranges, keep) = self.look(&text);
        let keep = if self.over { 0 } else { keep };
        let out = text.len() - keep;
        // What is held stays as it is: it may be the beginning of another secret.
        self.held = text.split_off(out);
        let mut masked = self.masked.saturating_sub(out);
        text[..self.masked.min(out)].fill(b'*');
        for (from, to) in ranges {
            if from < out {
                text[from..to.min(out)].fill(b'*');
                masked = masked.max(to.saturating_sub(out));
            }
        }
        self.masked = masked;
        text.freeze()
    }

    /// Where secrets are, and how many bytes at the end could be the beginning of one.
    fn look(&self, text: &[u8]) -> (Vec<(usize, usize)>, usize) {
        let all = self.wanted.all(text);
        let ranges = all.map(|(from, to, _)| (from, to)).collect();
        (ranges, self.wanted.begun(text))
    }
}

impl http_body::Body for Hiding {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        while !this.over {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    let out = this.next(data);
                    if !out.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(out))));
                    }
                }
                Some(Err(error)) => {
                    this.over = true;
                    this.held.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                None => this.over = true,
            }
        }
        if this.held.is_empty() {
            return Poll::Ready(None);
        }
        let text = std::mem::take(&mut this.held);
        Poll::Ready(Some(Ok(Frame::data(this.cleared(text)))))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && (self.over || self.body.is_end_stream())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use spin_deployer_manifest::Secret;

    use super::*;
    use crate::body::whole;
    use crate::vault::Audience;

    fn vault(secrets: &[&str]) -> Vault {
        let vault = Vault::default();
        for secret in secrets {
            let secret = Secret::new((*secret).to_owned());
            vault.insert("a", secret, Audience::Rules).unwrap();
        }
        vault
    }

    /// What comes out of a stream of these pieces.
    async fn streamed(vault: &Vault, pieces: impl IntoIterator<Item = &[u8]>) -> String {
        let pieces: Vec<_> = pieces
            .into_iter()
            .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        let body =
            http_body_util::StreamBody::new(futures_util::stream::iter(pieces)).boxed_unsync();
        let read = Hiding::of(vault, body).collect().await.unwrap().to_bytes();
        String::from_utf8(read.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_secret_is_hidden_wherever_a_stream_is_cut() {
        let vault = vault(&["hunter2-hunter2"]);
        let text = "a hunter2-hunter2 hunter2-hunter hunter2-hunter2";
        let expected = "a *************** hunter2-hunter ***************";
        for size in 1..=text.len() {
            assert_eq!(
                streamed(&vault, text.as_bytes().chunks(size)).await,
                expected,
                "{size}"
            );
        }
    }

    #[tokio::test]
    async fn secrets_inside_and_across_each_other_leave_nothing() {
        // The first is a part of the second, and the third begins where the second ends.
        let vault = vault(&["bbbbbbbb", "aaaabbbbbbbbcccc", "ccccddddd"]);
        let text = "-aaaabbbbbbbbccccddddd-bbbbbbbbcccc-aaaabbbb-";
        let expected = "-*********************-********cccc-aaaabbbb-";
        for size in 1..=text.len() {
            assert_eq!(
                streamed(&vault, text.as_bytes().chunks(size)).await,
                expected,
                "{size}"
            );
        }
        let whole = hidden(&vault, text.as_bytes()).unwrap();
        let whole = String::from_utf8(whole).unwrap();
        assert!(
            !whole.contains("ddddd") && whole.ends_with("cccc-aaaabbbb-"),
            "{whole}"
        );
    }

    #[tokio::test]
    async fn what_cannot_be_a_secret_does_not_wait() {
        let vault = vault(&["hunter2-hunter2"]);
        let mut body = Hiding::of(&vault, whole("hello hunter"));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "hello ");
        let last = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(last, "hunter");
        assert!(body.frame().await.is_none());
    }
}
