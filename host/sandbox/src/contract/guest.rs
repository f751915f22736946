//! What a plugin exports, called in the words of the newest version.

use async_trait::async_trait;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use super::Contract;
use crate::bindings::spin_deployer::api::failures;
use crate::error::Stop;
use crate::state::State;
use crate::{Change, Release, Session};

/// What an export returned, or why it did not.
pub(crate) type Answer<T> = wasmtime::Result<Result<T, failures::Error>>;

/// A plugin in the store of its call.
pub(crate) struct Running<'a> {
    pub(crate) store: &'a mut Store<State>,
    pub(crate) instance: &'a Instance,
}

/// The contract's exports. What a version does not have it does not implement.
#[async_trait]
pub(crate) trait Guest: Send + Sync {
    async fn plan(&self, on: Running<'_>) -> Answer<Vec<Change>>;
    async fn deploy(&self, on: Running<'_>) -> Answer<Release>;
    async fn history(&self, on: Running<'_>, limit: u32) -> Answer<Vec<Release>>;
    async fn rollback(&self, on: Running<'_>, id: String) -> Answer<Release>;
    async fn removal(&self, _: Running<'_>) -> Answer<Vec<Change>> {
        Err(absent("removal").into())
    }
    async fn destroy(&self, on: Running<'_>) -> Answer<Vec<String>>;
    async fn tail(&self, _: Running<'_>, _lines: u32) -> Answer<Vec<String>> {
        Err(absent("logs").into())
    }
    async fn login(&self, on: Running<'_>) -> Answer<Session>;
}

pub(super) fn absent(what: &str) -> Stop {
    Stop::Interface(format!("it exports no {what}"))
}

/// Whether the component exports this interface of ours.
pub(super) fn exported(pre: &InstancePre<State>, interface: &str, version: Contract) -> bool {
    let name = format!(
        "{}{interface}@{}",
        crate::interface::PREFIX,
        version.number()
    );
    pre.component().get_export_index(None, &*name).is_some()
}

/// Implements [`Guest`] for one version of the contract, over what `bindgen!` made of its interfaces, which are in scope
/// by name. `=>`: what makes the newest's answer of this version's.
macro_rules! exports {
    ($($interface:ident {
        $(fn $function:ident($($argument:ident: $type:ty)?) -> $answer:ty = $call:ident($($passed:expr)?) $(=> $said:expr)?;)*
    })*) => {
        /// Of the interfaces that the plugin exports, where their functions are.
        pub(super) struct Exports {
            $($interface: Option<$interface::GuestIndices>,)*
        }

        impl Exports {
            pub(super) fn find(
                pre: &wasmtime::component::InstancePre<crate::state::State>,
                version: super::Contract,
            ) -> wasmtime::Result<Self> {
                Ok(Self {
                    $($interface: super::guest::exported(pre, stringify!($interface), version)
                        .then(|| $interface::GuestIndices::new(pre))
                        .transpose()?,)*
                })
            }
        }

        #[async_trait::async_trait]
        impl super::Guest for Exports {
            $($(
                async fn $function(
                    &self,
                    on: super::Running<'_>,
                    $($argument: $type,)?
                ) -> super::Answer<$answer> {
                    let super::Running { store, instance } = on;
                    let absent = || super::guest::absent(stringify!($interface));
                    let indices = self.$interface.as_ref().ok_or_else(absent)?;
                    let guest = indices
                        .load(&mut *store, instance)
                        .map_err(|e| crate::error::Stop::interface(&e))?;
                    let answer = guest.$call(&mut *store, $($passed)?).await?;
                    Ok(answer$(.map($said))?)
                }
            )*)*
        }
    };
}

pub(super) use exports;
