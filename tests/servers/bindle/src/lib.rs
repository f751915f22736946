//! The bindle servers 0.8.2 and 0.9.1, run from their published crates.
//!
//! Both are what people have: 0.8 takes invoices without a signature, 0.9 refuses them. See `README.md` beside this crate
//! for what the programs take.

mod program;
mod server;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use program::{main, start};

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where invoices and parcels are kept.
    pub directory: PathBuf,
    /// A fixed address, except for [`start`]: the servers do not say which one they got.
    pub listen: SocketAddr,
    /// `name:$2y$…` lines. With it everybody may read and these users may write; without, everybody may do everything.
    pub htpasswd: Option<PathBuf>,
    /// Keep everything in a database instead of files.
    pub embedded_db: bool,
    /// The public keys that the server knows, in Bindle's TOML.
    pub keyring: Option<PathBuf>,
}

/// Which server.
#[derive(Clone, Copy, Debug)]
pub enum Version {
    /// 0.8.2
    V0_8,
    /// 0.9.1
    V0_9,
}

/// Serves until it fails.
///
/// # Errors
///
/// Where a file of the settings cannot be read, or the address is taken.
pub async fn serve(version: Version, settings: Settings) -> anyhow::Result<()> {
    match version {
        Version::V0_8 => server::v0_8::serve(settings).await,
        Version::V0_9 => server::v0_9::serve(settings).await,
    }
}
