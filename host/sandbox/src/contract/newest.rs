//! Version 0.2, the newest: what it says is what the host means.

use wasmtime::component::{HasSelf, Linker};

use super::guest::exports;
use crate::bindings::exports::spin_deployer::api::{deployer, login, logs, releases};
use crate::bindings::spin_deployer::api;
use crate::state::State;
use crate::{Change, Release, Session};

/// The imports are implemented in [`crate::host`].
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    api::app::add_to_linker::<_, HasSelf<State>>(linker, |s| s)?;
    api::options::add_to_linker::<_, HasSelf<State>>(linker, |s| s)?;
    api::progress::add_to_linker::<_, HasSelf<State>>(linker, |s| s)?;
    api::signing::add_to_linker::<_, HasSelf<State>>(linker, |s| s)
}

exports! {
    deployer {
        fn plan() -> Vec<Change> = call_plan();
        fn deploy() -> Release = call_deploy();
    }
    releases {
        fn history(limit: u32) -> Vec<Release> = call_history(limit);
        fn rollback(id: String) -> Release = call_rollback(&id);
        fn removal() -> Vec<Change> = call_removal();
        fn destroy() -> Vec<String> = call_destroy();
    }
    logs {
        fn tail(lines: u32) -> Vec<String> = call_tail(lines);
    }
    login {
        fn login() -> Session = call_login() => Session::from;
    }
}

impl From<login::Session> for Session {
    fn from(session: login::Session) -> Self {
        let login::Session {
            account,
            saves,
            expires,
        } = session;
        Self {
            account,
            saves,
            expires,
        }
    }
}
