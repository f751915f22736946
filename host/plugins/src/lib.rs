//! Third-party plugins: the commands `plugins …` and `catalog …`, free of terminal code.
//!
//! What is installed is what was verified: a plugin is read once, as bytes, and everything that is looked at, asked
//! about, compiled and kept is those. None of it runs here. What is fetched goes out as everything else of the host
//! does, under the policies and with a line in the audit log.
//!
//! | command | in |
//! |---|---|
//! | `plugins new`, `pack`, `check`, `push` | `scaffold`, `pack`, `check`, `push` |
//! | `plugins install`, `upgrade`, `uninstall` | `install`, `upgrade`, `remove` |
//! | `plugins list`, `show`, `search`, `verify`, `fetch` | `list`, `show`, `search`, `verify`, `fetch` |
//! | `catalog add`, `list`, `remove`, `build` | `catalogs`, `build` |
//!
//! | question | decided in |
//! |---|---|
//! | what a user can name to get a plugin from | `source` |
//! | how it comes here | `arrive`, `catalog` |
//! | whose signature it needs, and whether it has it | `signer` |
//! | what of a catalog a new build leaves as it is | `published` |
//! | whether the user is asked | `agreement` |
//! | which versions are newer | `newer` |

mod agreement;
mod arrive;
mod build;
mod catalog;
mod catalogs;
mod check;
mod component;
mod fetch;
mod files;
mod install;
mod kept;
mod list;
mod lock;
mod newer;
mod pack;
mod published;
mod push;
mod remove;
pub mod report;
mod scaffold;
mod search;
mod show;
mod signer;
mod source;
mod upgrade;
mod verify;

pub use build::{Build, build};
pub use catalogs::{add as add_catalog, list as list_catalogs, remove as remove_catalog};
pub use check::check;
pub use fetch::fetch;
pub use install::{Install, install};
pub use list::{installed_names, list};
pub use pack::{Pack, pack};
pub use push::{Push, push};
pub use remove::uninstall;
pub use scaffold::{New, new};
pub use search::search;
pub use show::show;
pub use upgrade::{Upgrade, upgrade};
pub use verify::verify;
