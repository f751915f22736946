//! Requests, and contents of the app on their way into one.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme,
};
use wasip2::io::streams::StreamError;

use crate::option;
use crate::spin_deployer::api::failures::{Error, Failure};
use crate::spin_deployer::api::{app, options};

/// A body of a megabyte to the host of the option `authority`.
pub fn fetch() -> Vec<String> {
    let answer = send(|body| {
        let stream = body.write().unwrap();
        for _ in 0..256 {
            if let Err(error) = stream.blocking_write_and_flush(&[7; 4096]) {
                return Some(format!("writing failed: {error:?}"));
            }
        }
        None
    });
    vec![answer]
}

/// An empty body to the host of the option `authority`, and a failure where no answer comes back.
pub fn insist() -> Result<Vec<String>, Error> {
    let (request, body) = request();
    let answer = handle(request, None).unwrap();
    OutgoingBody::finish(body, None).unwrap();
    answer.subscribe().block();
    match answer.get().unwrap().unwrap() {
        Ok(response) => Ok(vec![response.status().to_string()]),
        Err(code) => Err(Error::Failed(Failure {
            message: format!("no answer: {code:?}"),
            detail: None,
            hint: None,
        })),
    }
}

/// Requests without end, each to another path of the host of the option `authority`.
pub fn flood() -> Vec<String> {
    for n in 0..100_000 {
        let request = OutgoingRequest::new(Fields::new());
        request.set_scheme(Some(&Scheme::Https)).unwrap();
        request.set_authority(Some(&option("authority"))).unwrap();
        request.set_path_with_query(Some(&format!("/{n}"))).unwrap();
        let answer = handle(request, None).unwrap();
        answer.subscribe().block();
        drop(answer.get());
    }
    vec!["flooded".into()]
}

/// The content of the option `digest` as a body, in one go.
pub fn splice() -> Vec<String> {
    let content = app::open(&option("digest")).unwrap();
    let answer = send(|body| {
        let source = content.read(0, None).unwrap();
        let stream = body.write().unwrap();
        loop {
            match stream.blocking_splice(&source, 1 << 20) {
                Ok(_) => {}
                Err(StreamError::Closed) => return None,
                Err(StreamError::LastOperationFailed(e)) => return Some(e.to_debug_string()),
            }
        }
    });
    vec![answer]
}

/// The content of the option `digest`, into the plugin's memory.
pub fn read() -> Vec<String> {
    let content = app::open(&option("digest")).unwrap();
    let source = content.read(1, Some(content.size() - 1)).unwrap();
    let mut sum = 0u64;
    let mut length = 0;
    loop {
        match source.blocking_read(64 << 10) {
            Ok(bytes) => {
                length += bytes.len();
                sum = bytes.iter().fold(sum, |sum, byte| {
                    sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
                });
            }
            Err(StreamError::Closed) => return vec![format!("{length} {sum}")],
            Err(StreamError::LastOperationFailed(e)) => return vec![e.to_debug_string()],
        }
    }
}

/// A body that is begun and not finished.
pub fn abandon() -> Vec<String> {
    let (request, body) = request();
    let answer = handle(request, None).unwrap();
    body.write()
        .unwrap()
        .blocking_write_and_flush(b"half")
        .unwrap();
    drop(body);
    answer.subscribe().block();
    vec![describe(answer.get().unwrap().unwrap())]
}

fn request() -> (OutgoingRequest, OutgoingBody) {
    let headers = Fields::new();
    headers.append("x-token", b"placeholder").unwrap();
    let request = OutgoingRequest::new(headers);
    request.set_method(&Method::Post).unwrap();
    let in_the_clear = options::get("in-the-clear").is_some();
    let scheme = if in_the_clear {
        Scheme::Http
    } else {
        Scheme::Https
    };
    request.set_scheme(Some(&scheme)).unwrap();
    request.set_authority(Some(&option("authority"))).unwrap();
    request.set_path_with_query(Some("/upload?x=1")).unwrap();
    let body = request.body().unwrap();
    (request, body)
}

fn send(write: impl FnOnce(&OutgoingBody) -> Option<String>) -> String {
    let (request, body) = request();
    let options = RequestOptions::new();
    options.set_connect_timeout(Some(0)).unwrap();
    options.set_first_byte_timeout(Some(u64::MAX)).unwrap();
    let answer = match handle(request, Some(options)) {
        Ok(answer) => answer,
        Err(code) => return format!("{code:?}"),
    };
    if let Some(failed) = write(&body) {
        return failed;
    }
    OutgoingBody::finish(body, None).unwrap();
    answer.subscribe().block();
    describe(answer.get().unwrap().unwrap())
}

fn describe(answer: Result<IncomingResponse, ErrorCode>) -> String {
    let response = match answer {
        Ok(response) => response,
        Err(code) => return format!("{code:?}"),
    };
    let body = response.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut text = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(bytes) => text.extend(bytes),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(e)) => return e.to_debug_string(),
        }
    }
    format!("{} {}", response.status(), String::from_utf8_lossy(&text))
}
