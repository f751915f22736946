//! Write a deploy target for Spin Deployer in Rust.
//!
//! A plugin is a type that implements [`Deployer`], and where its platform can, [`Releases`], [`Logs`] and [`Login`]. It is
//! built as a `cdylib` for `wasm32-wasip2`, with its `plugin.toml` beside `Cargo.toml`. It reads what the user chose
//! with [`options`], what there is to deploy with [`app`], talks to its platform with [`http`] and says what it is
//! doing with [`Step`]. Nothing else exists for it: no environment, no arguments, no sockets, no files but those that
//! the user named.
//!
//! A complete plugin, for a platform that takes each component's Wasm with a `PUT`:
//!
//! ```no_run
//! use spin_deployer_sdk::http::{Body, Client, Request};
//! use spin_deployer_sdk::{Action, Change, Deployer, Error, Release, Result, Step, app, options};
//!
//! struct Shelf;
//!
//! impl Deployer for Shelf {
//!     async fn plan() -> Result<Vec<Change>> {
//!         let components = app::components();
//!         Ok(components.iter().map(|c| Change::new(Action::Upload, "component", &c.id).bytes(c.wasm_size)).collect())
//!     }
//!
//!     async fn deploy() -> Result<Release> {
//!         let shelf = options::required("shelf-url", options::url)?;
//!         let token = options::required("shelf-token", options::secret)?;
//!         let step = Step::start("Upload components");
//!         for component in app::components() {
//!             step.detail(&component.id);
//!             step.expect(component.wasm_size);
//!             let wasm = app::open(&component.wasm_digest)?;
//!             let request = Request::put(format!("{shelf}/apps/{}/{}", app::name(), component.id))
//!                 .header("authorization", format!("Bearer {token}"))
//!                 .body(Body::whole(&wasm))
//!                 .map_err(|error| Error::failed(error.to_string()))?;
//!             let response = Client::default().send(request).await?;
//!             if !response.status.is_success() {
//!                 return Err(Error::failed(format!("the shelf did not take `{}`", component.id))
//!                     .detail(format!("{} answered {}", response.request, response.status)));
//!             }
//!         }
//!         step.done();
//!         Ok(Release::new(app::fingerprint()))
//!     }
//! }
//!
//! spin_deployer_sdk::export!(Shelf: deployer);
//! # fn main() {}
//! ```

#[doc(hidden)]
pub mod bindings;
#[cfg(feature = "bindle")]
pub mod bindle;
mod content;
mod error;
pub mod files;
pub mod http;
#[cfg(feature = "oci")]
pub mod oci;
pub mod options;
#[cfg(any(feature = "bindle", feature = "oci"))]
mod parts;
mod plugin;
mod progress;
mod release;
pub mod signing;
pub mod transport;

pub use bindings::exports_login::exports::spin_deployer::api::login::Session;
pub use bindings::failures::Error;
pub use bindings::types::{Action, Change, Expectation, Probe, Release, Route};
pub use plugin::{Deployer, Login, Logs, Releases};
pub use progress::{Step, device_code};
pub use spin_deployer_publish::concurrently;

/// What a plugin's functions return: on failure, an [`Error`] in the user's words.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Waits. For the pauses that a platform asks for; waiting until a release is ready is the host's (`ready_when`).
pub async fn sleep(duration: std::time::Duration) {
    wstd::task::sleep(duration.into()).await;
}

/// The application: loaded, validated, composed and hashed by the host.
pub mod app {
    pub use crate::bindings::app::{
        ComponentSource, Content, File, archive, components, fingerprint, locked, name, open,
        version,
    };
}

/// Makes a type the plugin of this crate, with the interfaces that it implements: `export!(Shelf: deployer);`, or
/// `export!(Shelf: deployer, releases, logs, login);`.
#[macro_export]
macro_rules! export {
    ($plugin:ident: $($interface:ident),+ $(,)?) => {
        #[allow(unsafe_code, missing_docs, unreachable_pub)]
        mod __spin_deployer_export {
            use super::$plugin;
            $($crate::export!(@ $interface $plugin);)+
        }
    };
    (@ deployer $plugin:ident) => {
        $crate::bindings::exports_deployer::export_deployer!($plugin with_types_in $crate::bindings::exports_deployer);
    };
    (@ releases $plugin:ident) => {
        $crate::bindings::exports_releases::export_releases!($plugin with_types_in $crate::bindings::exports_releases);
    };
    (@ logs $plugin:ident) => {
        $crate::bindings::exports_logs::export_logs!($plugin with_types_in $crate::bindings::exports_logs);
    };
    (@ login $plugin:ident) => {
        $crate::bindings::exports_login::export_login!($plugin with_types_in $crate::bindings::exports_login);
    };
}
