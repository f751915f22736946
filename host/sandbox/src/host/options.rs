//! `options`: what the user chose.

use tokio::task::spawn_blocking;

use crate::bindings::spin_deployer::api::options::{Host, Value};
use crate::state::State;

impl Host for State {
    async fn get(&mut self, name: String) -> wasmtime::Result<Option<Value>> {
        let options = self.options.clone();
        Ok(spawn_blocking(move || options.get(&name)).await?)
    }
}
