//! Hippo's API, and the way of a release through it.
//!
//! Hippo runs apps whose contents are bindles. It knows *apps*, each tied to the name of a bindle; *revisions* of an app,
//! each one version of that bindle; and *channels* of an app, each a place where one revision runs.
//!
//! - [`Hippo::survey`] reads what is there and [`Survey::edits`] says what would have to change; nothing is written.
//! - [`Hippo::release`] makes a version of an app run. It asks before it writes and reads again where an answer does not
//!   say what happened, so that it can break off anywhere and be run again.
//! - [`Hippo::history`], [`Hippo::rollback`], [`Hippo::destroy`] and [`Hippo::logs`] are what else there is.
//!
//! Two kinds of servers are spoken to, and [`family`](self) is the table of their differences: those from version 0.19 on,
//! and older ones as far as they can.

mod answer;
mod channel;
mod client;
mod documents;
mod error;
mod family;
mod health;
mod names;
mod pages;
mod releases;
mod revision;
mod session;
mod survey;
mod wanted;

pub use answer::Problem;
pub use client::{Hippo, LONGEST_ANSWER};
pub use documents::{
    App, Channel, ChannelName, Component, Id, Revision, Status, Strategy, Variable,
};
pub use error::Error;
pub use health::Health;
pub use names::{NameError, check_app, check_channel, check_domain, check_version};
pub use releases::{History, Released, Stage};
pub use session::{Credentials, Token};
pub use spin_deployer_publish::{Failure, quote};
pub use survey::Survey;
pub use wanted::{Edits, Wanted};
