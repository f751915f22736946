//! `signing`: what is signed for the plugin, by a key that stays outside.

use tokio::task::spawn_blocking;

use super::failure;
use crate::bindings::spin_deployer::api::failures::Error;
use crate::bindings::spin_deployer::api::signing::Host;
use crate::limits::Bytes;
use crate::state::State;

/// The longest message.
const LONGEST: usize = 1 << 20;

impl Host for State {
    async fn sign(
        &mut self,
        option: String,
        message: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        if message.len() > LONGEST {
            return Ok(Err(Error::Failed(failure(format!(
                "a message of more than {} is not signed",
                Bytes(LONGEST)
            )))));
        }
        let signer = self.signer.clone();
        let signed = spawn_blocking(move || signer.sign(&option, &message)).await?;
        Ok(match signed {
            Ok(signature) => Ok(signature.to_vec()),
            Err(why) => Err(Error::Failed(failure(why))),
        })
    }
}
