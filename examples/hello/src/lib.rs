//! Answers `GET /` with a greeting, and `GET /NAME` with one for NAME.
//!
//! Only `wasi:http` and `wasi:filesystem` are used, so it runs in Spin and in any other host of `wasi:http`. Where the
//! host mounts the app's files, the greeting ends with what `assets/footer.txt` says.

use wstd::http::{Body, Method, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, wstd::http::Error> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Ok(Response::builder()
            .status(StatusCode::METHOD_NOT_ALLOWED)
            .header("allow", "GET, HEAD")
            .body(Body::empty())?);
    }
    let name = match request.uri().path().trim_matches('/') {
        "" => "world",
        name => name,
    };
    let footer = std::fs::read_to_string("/assets/footer.txt").unwrap_or_default();
    Ok(Response::builder()
        .header("content-type", "text/plain; charset=utf-8")
        .body(format!("Hello, {name}!\n{footer}").into())?)
}
