//! As much of HTTP/1.1 (RFC 9112) as a proxy needs to know where a message ends.

use std::io::{self, BufRead, Read, Write};

/// Head of a request or an answer.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// As it came, with the empty line.
    pub(crate) bytes: Vec<u8>,
    /// The request line's or the status line's parts.
    pub(crate) start: Vec<String>,
    /// In their order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

/// How a message's body ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClosed,
}

impl Head {
    /// The next head, or `None` where the peer has closed.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let before = bytes.len();
            from.take(64 * 1024).read_until(b'\n', &mut bytes)?;
            if bytes.len() == before {
                return match before {
                    0 => Ok(None),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Some(Self {
            start: start.splitn(3, ' ').map(str::to_owned).collect(),
            headers,
            bytes,
        }))
    }

    /// The bytes of the same request for something else.
    pub(crate) fn of_target(&self, target: &str) -> Vec<u8> {
        let end = self.bytes.iter().position(|byte| *byte == b'\r');
        let (method, version) = (&self.start[0], &self.start[2]);
        let mut bytes = format!("{method} {target} {version}").into_bytes();
        bytes.extend(&self.bytes[end.expect("a line")..]);
        bytes
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The framing of a request's body.
    pub(crate) fn request_framing(&self) -> Framing {
        self.declared().unwrap_or(Framing::Length(0))
    }

    /// The framing of the body of an answer to `method`.
    pub(crate) fn answer_framing(&self, method: &str) -> Framing {
        let status = self.status();
        if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            return Framing::Length(0);
        }
        self.declared().unwrap_or(Framing::UntilClosed)
    }

    /// An answer's status.
    pub(crate) fn status(&self) -> u16 {
        self.start.get(1).and_then(|s| s.parse().ok()).unwrap_or(0)
    }

    fn declared(&self) -> Option<Framing> {
        if self.header("transfer-encoding") == Some("chunked") {
            return Some(Framing::Chunked);
        }
        let length = self.header("content-length")?;
        Some(Framing::Length(length.parse().expect("a content-length")))
    }
}

/// Copies a body as it stands on the wire, and stops after `limit` bytes of content. Says how many those were.
pub(crate) fn copy_body(
    from: &mut impl BufRead,
    to: &mut impl Write,
    framing: Framing,
    limit: u64,
) -> io::Result<u64> {
    match framing {
        Framing::Length(length) => copy(from, to, length.min(limit), true),
        Framing::UntilClosed => copy(from, to, limit, false),
        Framing::Chunked => {
            let mut copied = 0;
            loop {
                let mut line = Vec::new();
                from.read_until(b'\n', &mut line)?;
                let size = std::str::from_utf8(&line).ok().map(str::trim);
                let size = size.and_then(|s| u64::from_str_radix(s, 16).ok());
                let size = size.ok_or(io::ErrorKind::InvalidData)?;
                to.write_all(&line)?;
                let part = size.min(limit - copied);
                copied += copy(from, to, part, true)?;
                if part < size {
                    return Ok(copied);
                }
                copy(from, to, 2, true)?;
                if size == 0 || copied == limit {
                    return Ok(copied);
                }
            }
        }
    }
}

/// Copies `length` bytes, and fails on fewer where `exact`.
fn copy(from: &mut impl BufRead, to: &mut impl Write, length: u64, exact: bool) -> io::Result<u64> {
    let copied = io::copy(&mut from.take(length), to)?;
    to.flush()?;
    match exact && copied < length {
        true => Err(io::ErrorKind::UnexpectedEof.into()),
        false => Ok(copied),
    }
}
