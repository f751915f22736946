//! The plugin's code, compiled once and kept.

use std::path::Path;
use std::time::Instant;

use spin_deployer_sandbox::{Engine, Interface, Plugin, Verified};
use spin_deployer_store::{CompiledCode, StoreError};

use crate::audit::{AuditLog, Line};
use crate::error::chain;
use crate::failure::beyond;
use crate::policy::CallLimits;
use crate::{Code, Error, Event, Observer, Target};

/// The plugin, ready to run, and whether it had to be compiled. Compiled code is kept below `cache`.
pub(crate) fn plugin(
    target: &Target,
    cache: Option<&Path>,
    limits: &CallLimits,
    observer: &dyn Observer,
    audit: &AuditLog,
) -> Result<(Plugin, bool), Error> {
    let unusable = |e: spin_deployer_sandbox::Error| {
        if let spin_deployer_sandbox::Error::Limit(limit) = &e {
            let plugin = target.manifest.name.as_str();
            let ceiling = limits.ceiling(limit.kind.word(), 0);
            return beyond(plugin, limit, limit.knob(), ceiling.as_ref());
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
            .get(target.digest.as_str(), &compatibility)
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
    let began = Instant::now();
    let code = engine.compile(&target.wasm, &limits.sandbox);
    audit.line(&Line::compiled(target, &code, began));
    let code = code.map_err(unusable)?;
    let plugin = Verified::new(&code)
        .and_then(|code| engine.load(code))
        .map_err(unusable)?;
    if let Some(store) = &store {
        // Not kept, it is compiled again the next time: no reason to fail.
        let _ = store
            .put(target.digest.as_str(), &compatibility, &code)
            .map_err(note);
    }
    Ok((plugin, true))
}
