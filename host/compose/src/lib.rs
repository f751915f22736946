//! A component and its dependencies as one component: bytes in, bytes out, nothing is read or written elsewhere.
//!
//! A Spin app may say that another component answers an import of its own. Spin puts the two together when it loads
//! the app, or before it pushes it to a registry. This crate does the same, so that what arrives at a platform asks
//! for nothing that a platform would have to find.
//!
//! # What is decided here
//!
//! **Names.** A dependency's name stands for all imports that have its parts (`example:greeting` is every interface of
//! that package, in any version; `example:greeting/words@0.1.0` is one import). It must stand for at least one, and no
//! import may have two dependencies. The dependency's export of the same name answers, or the one that `export` names.
//! All as in Spin.
//!
//! **Modules.** Components and dependencies may be core modules, which become components with the adapter for WASI
//! 0.1. Modules from before components ([`ComponentizeError::Legacy`]) do not: their adapter is a part of Spin.
//!
//! **Permissions.** In one component there is one set of permissions: the host cannot tell who calls. So what a
//! dependency does not inherit must not reach the host, and is answered inside the composition by a component that
//! refuses. Spin carries such a component ready-made, which knows the interfaces of its day. Here it is made for the
//! dependency at hand, of exactly the types that this one imports. So
//!
//! - every version of an interface is denied, also one that did not exist when this was written;
//! - in the namespaces `wasi`, `spin` and `fermyon` what is not known to be harmless is denied, by name of a
//!   [`Capability`] or, where none names it, unless everything is inherited;
//! - a capability stands for the interfaces that Spin gives it (databases in the network are `sqlite_databases`), and
//!   for those that Spin denies even to who inherits what they are about: `wasi:config`, `fermyon:spin/http` and
//!   Spin's interfaces from before they had versions;
//! - all of `wasi:sockets` is denied, while Spin leaves the interfaces through which no socket can be made: nothing of
//!   it to reason about is better than little;
//! - what cannot be denied ends in [`Problem::Undeniable`]. Nothing is allowed because it could not be denied.
//!
//! **Answers.** A refused function returns its error if it has one, the case that means denial first (`access-denied`,
//! `HTTP-request-denied`, …), with a text where there is room for one. Without an error it returns what is empty: no
//! environment, no folders, `none`, 0. So programs start, and find nothing. What has no empty value traps.
//!
//! Functions that are imported by plain names or from other namespaces are left alone, as in Spin: no host offers them.

mod capability;
mod componentize;
mod compose;
mod deny;
mod error;
mod name;

pub use capability::{Capability, Inherit, UnknownCapability};
pub use componentize::{ComponentizeError, componentize};
pub use compose::{Dependency, compose};
pub use error::{ComposeError, Problem};

/// Changes when equal inputs may give another output: a part of the key under which outputs are kept. A test fails
/// when it should have been raised.
pub const VERSION: u32 = 1;
