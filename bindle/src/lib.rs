//! Bindle for Spin applications, twice pure: documents without files, and a protocol without a network.
//!
//! - [`Bindle`] is what a Spin application looks like on a Bindle server: [`Bindle::assemble`] makes of a locked application
//!   the invoice and the manifest parcel that Spin 0.10 and Hippo read, byte for byte the same for equal applications.
//!   What that runtime cannot do is a list of reasons ([`Unsupported`]), found before anything is sent.
//! - [`Server`] speaks the protocol of Bindle 0.8 and 0.9 over a [`Transport`](spin_deployer_publish::Transport). The
//!   bytes of a parcel need not be in the same process: a body names a content by digest.
//! - [`SignedText`] is what a signature is over; who holds the key is the caller's business.
//!
//! A bindle never changes once it is on a server, so what is asked there has three answers: it is there, it is not, or
//! there is another one of that name. Parcels are kept by their digest, each is sent once and whole.

mod answer;
mod error;
mod hosts;
mod id;
mod invoice;
mod layout;
mod locked;
mod manifest;
mod media;
mod push;
mod runtime;
mod server;
mod signature;
mod trigger;
mod unsupported;
mod wasm;

pub use error::Error;
pub use id::{Build, Id, IdError};
pub use invoice::{Condition, Group, Head, Invoice, InvoiceError, Label, Parcel, Signature};
pub use layout::{App, AssembleError, Bindle};
pub use media::MANIFEST;
pub use push::Found;
pub use server::{Credential, CredentialError, LONGEST_ANSWER, Server};
pub use signature::{SignedText, keyring_entry};
pub use unsupported::Unsupported;
pub use wasm::{WASM_HEAD, of_wasm};
