//! What a call needs before it can run: the app, and the plugin's code.

use std::path::Path;

use spin_deployer_app::{
    App, DigestMemory, FileMemory, Identity, Level, LoadError, LoadOptions, NoMemory, Ports, Source,
};
use spin_deployer_sandbox::{Engine, Plugin, Verified};
use spin_deployer_store::{CompiledCode, StoreError};

use crate::error::chain;
use crate::{Code, Environment, Error, Event, Observer, Target};

/// Runs what blocks aside.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Loads the app, with digests remembered from the last time where there is a place to remember them.
pub(crate) fn app(environment: &Environment, from: Option<&str>) -> Result<App, Error> {
    let source = Source::parse(from, &environment.cwd).map_err(invalid)?;
    let cache = environment.directories.cache();
    let memory: Box<dyn DigestMemory> = match cache {
        Some(cache) => Box::new(FileMemory::at(
            &cache.join("digests"),
            folder(&source, environment),
        )),
        None => Box::new(NoMemory),
    };
    let options = LoadOptions {
        // Archives can be as large as the app, and the system's folder may be in memory.
        temporary: cache.map(Path::to_owned),
        ..LoadOptions::default()
    };
    let ports = Ports {
        memory: &*memory,
        ..Ports::default()
    };
    spin_deployer_app::load(&source, &options, &ports).map_err(invalid)
}

/// Who the app is. Nothing of it has to be built for that.
pub(crate) fn identity(environment: &Environment, from: Option<&str>) -> Result<Identity, Error> {
    let source = Source::parse(from, &environment.cwd).map_err(invalid)?;
    spin_deployer_app::identify(&source, &LoadOptions::default(), &Ports::default())
        .map_err(invalid)
}

/// The plugin, ready to run, and whether it had to be compiled. Compiled code is kept below `cache`.
pub(crate) fn plugin(
    target: &Target,
    cache: Option<&Path>,
    observer: &dyn Observer,
) -> Result<(Plugin, bool), Error> {
    let unusable = |e: spin_deployer_sandbox::Error| {
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
    observer.event(Event::Compiling {
        plugin: target.manifest.name.to_string(),
    });
    let code = engine.compile(&target.wasm).map_err(unusable)?;
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

/// The folder that an app's remembered digests belong to.
fn folder<'a>(source: &'a Source, environment: &'a Environment) -> &'a Path {
    match source {
        Source::Manifest(path) => path.parent().unwrap_or(&environment.cwd),
        Source::OciLayout { directory, .. } => directory,
        Source::Registry(_) => &environment.cwd,
    }
}

fn invalid(e: LoadError) -> Error {
    let mut errors = e
        .findings
        .iter()
        .filter(|finding| finding.level == Level::Error);
    let message = match (errors.next(), errors.count()) {
        (Some(only), 0) => only.message.clone(),
        (_, more) => format!("the app has {} errors", more + 1),
    };
    Error {
        findings: e.findings,
        ..Error::new(Code::Usage, message)
    }
}
