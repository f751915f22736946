//! HTTP to the places that the user named.
//!
//! One request, one answer: no redirects, no retries, no cookies. What the host refuses is an [`Error`] of the kind
//! [`Cause::Refused`]. Bodies are bytes, or a content of the app that the host reads and sends while the plugin only
//! steers.
//!
//! ```no_run
//! # use spin_deployer_sdk::{Result, http::{Client, Request, Body}};
//! # async fn ask() -> Result<()> {
//! let request = Request::get("https://api.example.com/apps").body(Body::Empty).unwrap();
//! let response = Client::default().send(request).await?;
//! if response.status.is_success() {
//!     let apps: Vec<String> = response.json().await?;
//! }
//! # Ok(()) }
//! ```

mod error;
mod request;
mod response;

pub use error::{Cause, Error};
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
pub use request::{Body, Client};
pub use response::Response;
