//! A request, in the clear or not, with a bearer token where there is one.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

/// Status and body, or why there is none.
pub fn ask(
    method: &Method,
    url: &str,
    path: &str,
    token: Option<&str>,
) -> Result<(u16, String), String> {
    let bearer = token.map(|token| ("authorization", format!("Bearer {token}")));
    let headers: Vec<_> = bearer.into_iter().collect();
    let (status, _, body) = send(method, url, path, &headers, "")?;
    Ok((status, body))
}

/// Status, headers as text, and body.
pub fn send(
    method: &Method,
    url: &str,
    path: &str,
    pairs: &[(&str, String)],
    body: &str,
) -> Result<(u16, String, String), String> {
    let headers = Fields::new();
    for (name, value) in pairs {
        headers
            .append(name, value.as_bytes())
            .map_err(|e| format!("{e:?}"))?;
    }
    let (scheme, rest) = url.split_once("://").expect("a scheme");
    let scheme = match scheme {
        "http" => Scheme::Http,
        _ => Scheme::Https,
    };
    let request = OutgoingRequest::new(headers);
    request.set_method(method).unwrap();
    request.set_scheme(Some(&scheme)).unwrap();
    let authority = rest.trim_end_matches('/');
    request.set_authority(Some(authority)).unwrap();
    request.set_path_with_query(Some(path)).unwrap();
    let outgoing = request.body().unwrap();
    let answer = handle(request, None).map_err(|code| format!("{code:?}"))?;
    if !body.is_empty() {
        let stream = outgoing.write().unwrap();
        stream
            .blocking_write_and_flush(body.as_bytes())
            .map_err(|e| format!("{e:?}"))?;
    }
    OutgoingBody::finish(outgoing, None).map_err(|code| format!("{code:?}"))?;
    answer.subscribe().block();
    let response = answer
        .get()
        .unwrap()
        .unwrap()
        .map_err(|code| format!("{code:?}"))?;
    let status = response.status();
    let headers = response.headers().entries().into_iter();
    let headers =
        headers.map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(&value)));
    let headers: String = headers.collect();
    let body = response.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut text = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(bytes) => text.extend(bytes),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(e)) => return Err(e.to_debug_string()),
        }
    }
    Ok((status, headers, String::from_utf8_lossy(&text).into_owned()))
}
