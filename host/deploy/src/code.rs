//! The plugin's code, compiled once and kept.

use std::path::Path;

use spin_deployer_sandbox::{Engine, Interface, Limits, Plugin, Verified};
use spin_deployer_store::{CompiledCode, StoreError};

use crate::error::chain;
use crate::failure::beyond;
use crate::{Code, Error, Event, Observer, Target};

/// The plugin, ready to run, and whether it had to be compiled. Compiled code is kept below `cache`.
pub(crate) fn plugin(
    target: &Target,
    cache: Option<&Path>,
    limits: &Limits,
    observer: &dyn Observer,
) -> Result<(Plugin, bool), Error> {
    let unusable = |e: spin_deployer_sandbox::Error| {
        if let spin_deployer_sandbox::Error::Limit(limit) = &e {
            return beyond(target.manifest.name.as_str(), limit, limit.knob());
        }
        let message = format!("plugin `{}` cannot be loaded", target.manifest.name);
        Error::new(Code::Incompatible, message).detail(chain(&e))
    };
    let engine = Engine::new().map_err(unusable)?;
    let compatibility = engine.compatibility();
    let store = cache.map(|cache| CompiledCode::at(cache.join("compiled")));
    let note = |e: StoreError| observer.event(Event::Note(chain(&e)));
    let kept = store.as_ref().and_then(|store| {
        store
            .get(&target.digest, &compatibility)
            .map_err(note)
            .ok()
            .flatten()
    });
    if let Some(code) = kept
        && let Ok(verified) = Verified::new(&code)
        && let Ok(plugin) = engine.load(verified)
    {
        return Ok((plugin, false));
    }
    // What is no plugin for this host is told so before it is compiled, which takes seconds.
    Interface::of(&target.wasm).map_err(unusable)?;
    observer.event(Event::Compiling {
        plugin: target.manifest.name.to_string(),
    });
    let code = engine.compile(&target.wasm, limits).map_err(unusable)?;
    let plugin = Verified::new(&code)
        .and_then(|code| engine.load(code))
        .map_err(unusable)?;
    if let Some(store) = &store {
        // Not kept, it is compiled again the next time: no reason to fail.
        let _ = store
            .put(&target.digest, &compatibility, &code)
            .map_err(note);
    }
    Ok((plugin, true))
}
