//! One request of the script, with nothing done to it on the way: what the interface lets pass, goes on to the host.

use std::fmt;

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::streams::{OutputStream, StreamError};

/// The most that one write takes. In bytes.
const WRITE: usize = 4096;

#[derive(Default)]
pub struct Request {
    method: String,
    scheme: String,
    authority: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<Vec<u8>>,
    /// The last piece of the body is written until somebody refuses it.
    endless: bool,
}

/// What came back.
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
    /// Why the body ended before its end.
    broken: Option<String>,
}

impl Request {
    /// `GET http://host/path`, split where it looks like it.
    pub fn new(line: &str) -> Self {
        let (method, url) = line.split_once(' ').unwrap_or((line, ""));
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Self {
            method: method.to_owned(),
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            path: path.to_owned(),
            ..Self::default()
        }
    }

    pub fn set(&mut self, what: &str, text: String) {
        match what {
            "method" => self.method = text,
            "scheme" => self.scheme = text,
            "authority" => self.authority = text,
            "path" => self.path = text,
            "header" => {
                let (name, value) = text.split_once(": ").expect("`name: value`");
                self.headers.push((name.to_owned(), value.to_owned()));
            }
            "body" => self.body.push(text.into_bytes()),
            "noise" => self.body.push(vec![b'n'; text.parse().unwrap()]),
            "endless" => self.endless = true,
            other => panic!("{other}"),
        }
    }

    /// Sends it. The error is whatever stopped it.
    pub fn send(self) -> Result<Answer, String> {
        let request = self.head()?;
        let outgoing = request.body().unwrap();
        let answer = handle(request, None).map_err(|code| format!("not taken: {code:?}"))?;
        let stream = outgoing.write().unwrap();
        let mut written = self.body.iter().try_for_each(|chunk| write(&stream, chunk));
        while self.endless && written.is_ok() {
            written = write(&stream, &[b'e'; WRITE]);
        }
        drop(stream);
        // Whoever refused the body says why in the answer.
        let finished = written
            .is_ok()
            .then(|| OutgoingBody::finish(outgoing, None));
        answer.subscribe().block();
        let answer = answer.get().unwrap().unwrap();
        match (answer, finished) {
            (Ok(answer), _) => Ok(Answer::read(&answer)),
            (Err(code), Some(Err(unfinished))) => Err(format!("{code:?}, {unfinished:?}")),
            (Err(code), _) => Err(format!("{code:?}")),
        }
    }

    fn head(&self) -> Result<OutgoingRequest, String> {
        let fields = Fields::new();
        for (name, value) in &self.headers {
            fields
                .append(name, value.as_bytes())
                .map_err(|e| format!("not set: header {name:?}: {e:?}"))?;
        }
        let request = OutgoingRequest::new(fields);
        let not_set = |what: &'static str| move |()| format!("not set: {what}");
        let method = match self.method.as_str() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "PATCH" => Method::Patch,
            "CONNECT" => Method::Connect,
            "TRACE" => Method::Trace,
            other => Method::Other(other.to_owned()),
        };
        request.set_method(&method).map_err(not_set("method"))?;
        let scheme = match self.scheme.as_str() {
            "http" => Some(Scheme::Http),
            "https" => Some(Scheme::Https),
            "" => None,
            other => Some(Scheme::Other(other.to_owned())),
        };
        request
            .set_scheme(scheme.as_ref())
            .map_err(not_set("scheme"))?;
        let given = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
        request
            .set_authority(given(&self.authority).as_deref())
            .map_err(not_set("authority"))?;
        request
            .set_path_with_query(given(&self.path).as_deref())
            .map_err(not_set("path"))?;
        Ok(request)
    }
}

fn write(stream: &OutputStream, bytes: &[u8]) -> Result<(), StreamError> {
    bytes
        .chunks(WRITE)
        .try_for_each(|piece| stream.blocking_write_and_flush(piece))
}

impl Answer {
    fn read(response: &IncomingResponse) -> Self {
        let headers = response.headers().entries().into_iter();
        let headers = headers
            .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
            .collect();
        let mut bytes = Vec::new();
        let body = response.consume().unwrap();
        let stream = body.stream().unwrap();
        let broken = loop {
            match stream.blocking_read(1 << 16) {
                Ok(more) => bytes.extend(more),
                Err(StreamError::Closed) => break None,
                Err(StreamError::LastOperationFailed(e)) => break Some(e.to_debug_string()),
            }
        };
        Self {
            status: response.status(),
            headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            broken,
        }
    }

    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

/// `200 name: value; … | body`.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let shown: String = self.body.chars().take(2000).collect();
        write!(f, "{} {} | {shown}", self.status, headers.join("; "))?;
        match &self.broken {
            Some(why) => write!(f, " | broken after {} bytes: {why}", self.body.len()),
            None => Ok(()),
        }
    }
}
