//! One Bindle server: its requests, one by one.
//!
//! What is particular about it, and kept to here: a `+` in an id is sent as it is, because nothing is decoded; whether
//! something is there is asked with GET, because HEAD answers yes whatever is asked; documents are TOML.

use std::cell::Cell;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use spin_deployer_publish::{Body, Digest, Patience, Request, Transport, is_busy, retry_after};

use crate::answer::Answer;
use crate::invoice::{Created, Invoice, InvoiceError, Label, Missing};
use crate::{Bindle, Error, Id};

const TOML: HeaderValue = HeaderValue::from_static("application/toml");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// How long an answer may be, in bytes: that to a new invoice has the invoice and all that is missing of it, some 500 bytes a
/// file. The transport has to read one byte more, so that a longer one shows.
pub const LONGEST_ANSWER: usize = 16 << 20;

/// Who is asking. The secret parts may be placeholders that the transport replaces.
#[derive(Clone)]
pub enum Credential {
    /// User name and password.
    Password(String, String),
    /// A token, of OpenID Connect or one that does not end.
    Token(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(..) => "Password(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

impl Credential {
    /// The value of an `Authorization` header.
    fn header(&self) -> Result<HeaderValue, CredentialError> {
        let text = match self {
            Self::Password(user, _) if user.contains(':') => return Err(CredentialError::Colon),
            Self::Password(user, password) => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
            Self::Token(token) => format!("Bearer {token}"),
        };
        let header = HeaderValue::try_from(text);
        let mut header = header.map_err(|_| CredentialError::Token)?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// Why a credential cannot be shown to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// What is behind it would be taken for the password (RFC 7617, section 2).
    #[error("a user name with a `:` in it cannot be told from its password")]
    Colon,
    /// Not what a header can have.
    #[error("the token has characters that no token has")]
    Token,
}

/// A server, and who asks it.
#[derive(Debug)]
pub struct Server<T> {
    pub(crate) transport: T,
    base: String,
    authorization: Option<HeaderValue>,
    /// Whether anybody was ever there. Nobody from the start is more likely a wrong name than a restart.
    met: Cell<bool>,
}

/// What came of a new invoice.
pub(crate) enum Posted {
    /// Taken, and these parcels are wanted.
    Created(Vec<Label>),
    /// Somebody was there before.
    Exists(Error),
}

/// What came of the bytes of a parcel.
#[derive(Debug, Clone)]
pub(crate) enum Uploaded {
    Done,
    /// The server has begun to take it from somebody, now or once: from this very request, where that failed in passing
    /// before.
    Claimed(Option<Error>),
}

impl<T: Transport> Server<T> {
    /// `url` is where the server's API is; without a path that is `/v1`, where a server has it.
    ///
    /// # Errors
    /// Where the credential is none that can be shown.
    pub fn new(
        transport: T,
        url: &str,
        credential: Option<&Credential>,
    ) -> Result<Self, CredentialError> {
        Ok(Self {
            transport,
            base: base(url),
            authorization: credential.map(Credential::header).transpose()?,
            met: Cell::new(false),
        })
    }

    /// Where its API is, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The invoice of this id, a yanked one too; `None` where there is none.
    ///
    /// # Errors
    /// Where the server answers neither.
    pub async fn invoice(&self, id: &Id) -> Result<Option<Invoice>, Error> {
        let url = format!("{}/_i/{id}?yanked=true", self.base);
        let answer = self.patiently(Method::GET, &url, None, Body::Empty).await?;
        match answer.status {
            StatusCode::OK => answer.document("an invoice").map(Some),
            // A server says so in its own words; without them it is the path that was not found.
            StatusCode::NOT_FOUND if answer.error().is_some() => Ok(None),
            _ => Err(answer.into_error()),
        }
    }

    /// Parcels that an invoice names and the server does not have.
    ///
    /// # Errors
    /// Where the server does not say.
    pub async fn missing(&self, id: &Id) -> Result<Vec<Label>, Error> {
        let url = format!("{}/_r/missing/{id}", self.base);
        let answer = self.patiently(Method::GET, &url, None, Body::Empty).await?;
        match answer.status {
            StatusCode::OK => Ok(answer
                .document::<Missing>("a list of missing parcels")?
                .missing),
            StatusCode::FORBIDDEN if answer.failure().said.contains("yanked") => {
                Err(Error::Yanked(id.clone()))
            }
            _ => Err(answer.into_error()),
        }
    }

    pub(crate) async fn post(&self, invoice: &Invoice) -> Result<Posted, Error> {
        let url = format!("{}/_i", self.base);
        let text = invoice.to_toml()?;
        let answer = self
            .patiently(Method::POST, &url, Some(TOML), Body::Bytes(text.as_bytes()))
            .await?;
        match answer.status {
            StatusCode::CREATED | StatusCode::ACCEPTED => Ok(Posted::Created(
                answer
                    .document::<Created>("the invoice and its missing parcels")?
                    .missing,
            )),
            StatusCode::CONFLICT => Ok(Posted::Exists(Error::Unfinished(answer.failure()))),
            StatusCode::BAD_REQUEST => Err(of_signature(answer, !invoice.signature.is_empty())),
            _ => Err(answer.into_error()),
        }
    }

    /// Sends a parcel, whole. After a break it is sent again, which a server may refuse: then it is
    /// [claimed](Uploaded::Claimed) by the attempt before.
    pub(crate) async fn upload(&self, bindle: &Bindle, label: &Label) -> Result<Uploaded, Error> {
        let url = format!("{}/_i/{}@{}", self.base, bindle.id, label.sha256);
        let digest: Digest;
        let body = if bindle.is_manifest(label) {
            Body::Bytes(&bindle.manifest)
        } else {
            digest = Digest::of_hex(&label.sha256).map_err(|error| InvoiceError::new(&error))?;
            Body::Content {
                digest: &digest,
                offset: 0,
                length: label.size,
            }
        };
        let answer = self
            .patiently(Method::POST, &url, Some(OCTETS), body)
            .await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(Uploaded::Done),
            StatusCode::CONFLICT => Ok(Uploaded::Claimed(answer.before)),
            // "digest does not match", "parcel size does not match invoice"
            StatusCode::BAD_REQUEST if answer.failure().said.contains("not match") => {
                Err(Error::Damaged(answer.failure()))
            }
            StatusCode::FORBIDDEN if answer.failure().said.contains("yanked") => {
                Err(Error::Yanked(bindle.id.clone()))
            }
            _ => Err(answer.into_error()),
        }
    }

    /// Sends a request that may be sent twice, and waits where that helps.
    async fn patiently(
        &self,
        method: Method,
        url: &str,
        content_type: Option<HeaderValue>,
        body: Body<'_>,
    ) -> Result<Answer, Error> {
        let mut patience = Patience::new();
        let mut before = None;
        loop {
            let error = match self.once(&method, url, content_type.as_ref(), body).await {
                Ok(answer) if !is_busy(answer.status) => return Ok(Answer { before, ..answer }),
                Ok(answer) => answer.into_error(),
                Err(error) if error.is_unreachable() && !self.met.get() => return Err(error),
                Err(error) => error,
            };
            before = Some(error.clone());
            patience.after(error, &self.transport).await?;
        }
    }

    async fn once(
        &self,
        method: &Method,
        url: &str,
        content_type: Option<&HeaderValue>,
        body: Body<'_>,
    ) -> Result<Answer, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, TOML);
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type.clone());
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let shown = format!("{method} {}", url.split('?').next().unwrap_or_default());
        let request = Request {
            method: method.clone(),
            url: url.to_owned(),
            headers,
            body,
        };
        let sent = self.transport.send(request).await;
        let sent = sent.map_err(|source| Error::Transport {
            request: shown.clone(),
            source,
        });
        if !sent.as_ref().is_err_and(Error::is_unreachable) {
            self.met.set(true);
        }
        let response = sent?;
        if response.body.len() > LONGEST_ANSWER {
            return Err(Error::Long { request: shown });
        }
        let pause = response.headers.get(RETRY_AFTER);
        Ok(Answer {
            request: shown,
            status: response.status,
            retry_after: pause
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, self.transport.now())),
            headers: response.headers,
            body: response.body,
            credential: self.authorization.is_some(),
            before: None,
        })
    }
}

/// Without a slash at its end, and with `/v1` where there is no path.
fn base(url: &str) -> String {
    let base = url.trim_end_matches('/');
    let authority = base.split_once("://").map_or(base, |(_, rest)| rest);
    if authority.contains('/') {
        base.to_owned()
    } else {
        format!("{base}/v1")
    }
}

/// What a refused invoice was refused for. Servers say it in words only.
fn of_signature(answer: Answer, signed: bool) -> Error {
    let said = answer.error().unwrap_or_default().to_lowercase();
    let of_signatures = ["signature", "signing key", "known key"];
    if !of_signatures.iter().any(|words| said.contains(words)) {
        return answer.into_error();
    }
    let unknown = ["must be verified", "unknown signing key", "known key"];
    if !signed {
        Error::Unsigned(answer.failure())
    } else if unknown.iter().any(|words| said.contains(words)) {
        Error::UnknownKey(answer.failure())
    } else {
        Error::Rejected(answer.failure())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::base;

    #[rstest]
    #[case("https://bindle.example.com", "https://bindle.example.com/v1")]
    #[case("https://bindle.example.com/", "https://bindle.example.com/v1")]
    #[case("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1")]
    #[case("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1")]
    #[case(
        "https://example.com/tools/bindle/v1/",
        "https://example.com/tools/bindle/v1"
    )]
    fn a_url_without_a_path_means_where_servers_have_their_api(
        #[case] url: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(base(url), expected);
    }
}
