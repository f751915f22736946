//! The stand-in on sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use tokio::net::TcpListener;

use crate::hippo::Hippo;
use crate::message::{Answer, Call};

/// More than any request to Hippo has.
const LARGEST: usize = 16 * 1024 * 1024;

/// One of the three faces.
pub type Face = fn(&Hippo, &Call) -> Answer;

/// Answers what comes in with this face. Never returns where all is well.
///
/// # Errors
///
/// Where nothing more can be accepted.
pub async fn serve(listener: TcpListener, hippo: Arc<Hippo>, face: Face) -> std::io::Result<()> {
    let router = Router::new().fallback(move |request: Request| {
        let hippo = Arc::clone(&hippo);
        async move { answer(hippo, face, request).await }
    });
    axum::serve(listener, router).await
}

/// Loopback, on this port or on a free one.
///
/// # Errors
///
/// Where the port is taken.
pub async fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn answer(hippo: Arc<Hippo>, face: Face, request: Request) -> axum::http::Response<Body> {
    let bodiless = request.method() == Method::HEAD;
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        let mut answer = axum::http::Response::default();
        *answer.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return answer;
    };
    let call = Call::from_parts(parts, body.to_vec());
    // It asks Bindle and waits.
    let answer = tokio::task::spawn_blocking(move || face(&hippo, &call)).await;
    match answer {
        Ok(answer) if bodiless => answer.map(|_| Body::empty()),
        Ok(answer) => answer.map(Body::from),
        Err(panic) => {
            eprintln!("{panic}");
            std::process::abort();
        }
    }
}
