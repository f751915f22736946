//! What publishing a Spin application takes, whatever the protocol.
//!
//! - [`Component`] and [`File`] are what an application consists of, [`Digest`] is what its contents are called.
//! - [`Transport`] is the way to a server. Neither the bytes of contents nor secrets need to be in the same process: a
//!   body names a content by digest, and a secret may be a placeholder.
//! - [`Patience`] says how long something that failed in passing is tried again.
//!
//! The protocols themselves are crates of their own.

mod app;
mod concurrency;
mod digest;
mod failure;
mod patience;
mod transport;

pub use app::{Component, File};
pub use concurrency::{concurrently, concurrently_to_their_ends};
pub use digest::{Digest, DigestError};
pub use failure::{Failure, quote};
pub use patience::{Passing, Patience, is_busy, retry_after};
pub use transport::{Body, Request, Response, Sink, Transport, TransportError, TransportFailure};
