//! What came of a command, as text for standard output.

mod changes;
mod listings;
mod releases;
mod secrets;
#[cfg(test)]
mod tests;

use spin_deployer_deploy::report::AppId;

pub(crate) use changes::{destroyed, planned, removal};
pub(crate) use listings::{inspected, targets, targets_with_digests};
pub(crate) use releases::{deployed, history, rolled_back, status};
pub(crate) use secrets::{key_created, key_shown, logged_in, logged_out};

use super::escape;
use super::tables::Cell;

fn app(app: &AppId) -> String {
    let version = app
        .version
        .as_deref()
        .map(|v| format!(" {v}"))
        .unwrap_or_default();
    escape::line(&format!("{}{version}", app.name)).into_owned()
}

fn pair(name: &str, value: &str) -> Vec<Cell> {
    vec![Cell::text(name), Cell::text(value)]
}
