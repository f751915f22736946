//! The app: built where that is wanted, brought here as far as it lies elsewhere, loaded.

use std::path::Path;
use std::sync::Arc;

use spin_deployer_app::{
    App, Composition, DigestMemory, FileMemory, Identity, Level, LoadError, LoadOptions, NoMemory,
    Ports, Source,
};
use spin_deployer_egress::Egress;
use spin_deployer_grants::Policies;

use crate::audit::AuditLog;
use crate::build::build;
use crate::remotes::{self, Fetched};
use crate::spin::{self, Child, SpinTriggers};
use crate::{Code, Environment, Error, Event, Observer};

/// Which app, and what the user says of it.
#[derive(Clone, Debug, Default)]
pub struct AppRequest {
    /// `-f`: a `spin.toml`, its folder, `oci-layout:DIR`, an image in a registry. `None`: found from the working
    /// directory upwards.
    pub from: Option<String>,
    /// The build profile.
    pub profile: Option<String>,
    /// In place of the app's own name.
    pub name: Option<String>,
    /// In place of the app's own version.
    pub version: Option<String>,
    /// Build it first.
    pub build: bool,
    /// Fetch nothing: what the app refers to elsewhere must be in the cache.
    pub offline: bool,
}

/// Loads an app, as often as it is asked to.
#[derive(Clone)]
pub(crate) struct Loader {
    pub(crate) environment: Environment,
    pub(crate) request: AppRequest,
    pub(crate) egress: Egress,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) policies: Policies,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) child: Arc<Child>,
}

impl Loader {
    /// The app, with digests remembered from the last time where there is a place to remember them. For a platform that
    /// `runs_modules` they stay as they are.
    pub(crate) async fn app(
        &self,
        composition: Composition,
        runs_modules: bool,
    ) -> Result<App, Error> {
        self.with_ports(move |loader, source, ports| {
            if let (Some(profile), false) =
                (&loader.request.profile, matches!(source, Source::Manifest(_)))
            {
                let note = format!(
                    "--profile {profile} changes nothing: an image is built, and only a spin.toml has profiles"
                );
                loader.observer.event(Event::Note(note));
            }
            let options = LoadOptions {
                composition,
                keep_modules: runs_modules,
                ..loader.options()
            };
            spin_deployer_app::load(source, &options, ports).map_err(invalid)
        })
        .await
    }

    /// Builds the app, where the user wants that. Not beside anything that draws: the build writes to the terminal.
    pub(crate) async fn build(&self) -> Result<(), Error> {
        if !self.request.build {
            return Ok(());
        }
        let loader = self.clone();
        blocking(move || {
            let environment = &loader.environment;
            let source = loader.source()?;
            let (child, observer) = (&loader.child, &*loader.observer);
            build(environment, &source, &loader.options(), child, observer)
        })
        .await
    }

    /// Ends what runs beside this process, and writes the audit lines of all requests that are under way, of plugins too.
    /// Nothing more goes out after this.
    pub(crate) fn end(&self) {
        self.child.end();
        self.egress.interrupt();
    }

    /// Who the app is. Nothing of it has to be built for that.
    pub(crate) async fn identity(&self) -> Result<Identity, Error> {
        self.with_ports(|loader, source, ports| {
            spin_deployer_app::identify(source, &loader.options(), ports).map_err(invalid)
        })
        .await
    }

    async fn with_ports<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self, &Source, &Ports<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let loader = self.clone();
        let runtime = tokio::runtime::Handle::current();
        blocking(move || {
            let environment = &loader.environment;
            let source = loader.source()?;
            let cache = environment.directories.cache();
            let folder = folder(&source, environment);
            let memory: Box<dyn DigestMemory> = match cache {
                Some(cache) => Box::new(FileMemory::at(&cache.join("digests"), folder)),
                None => Box::new(NoMemory),
            };
            let remotes = Fetched::new(&loader, runtime)?;
            let triggers = SpinTriggers {
                spin: spin::ours(environment),
                temporary: cache,
                child: &loader.child,
            };
            let ports = Ports {
                memory: &*memory,
                remotes: &remotes,
                triggers: &triggers,
            };
            work(&loader, &source, &ports)
        })
        .await
    }

    fn source(&self) -> Result<Source, Error> {
        Source::parse(self.request.from.as_deref(), &self.environment.cwd).map_err(invalid)
    }

    fn options(&self) -> LoadOptions {
        let cache = self.environment.directories.cache();
        LoadOptions {
            profile: self.request.profile.clone(),
            name: self.request.name.clone(),
            version: self.request.version.clone(),
            // Archives can be as large as the app, and the system's folder may be in memory.
            temporary: cache.map(Path::to_owned),
            ..LoadOptions::default()
        }
    }
}

/// Runs what blocks aside.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// The folder that an app's remembered digests belong to.
fn folder<'a>(source: &'a Source, environment: &'a Environment) -> &'a Path {
    match source {
        Source::Manifest(path) => path.parent().unwrap_or(&environment.cwd),
        Source::OciLayout { directory, .. } => directory,
        Source::Registry(_) => &environment.cwd,
    }
}

/// An app that cannot be loaded. What has to be changed in it decides the code: without that, nothing else helps.
pub(crate) fn invalid(e: LoadError) -> Error {
    let mut errors = e
        .findings
        .iter()
        .filter(|finding| finding.level == Level::Error);
    let mut codes = errors.clone().map(|finding| remotes::code(finding.code));
    let first = codes.next().unwrap_or(Code::Usage);
    let code = match codes.any(|code| code == Code::Usage) {
        true => Code::Usage,
        false => first,
    };
    let message = match (errors.next(), errors.count()) {
        (Some(only), 0) => only.message.clone(),
        (_, more) => format!("the app has {} errors", more + 1),
    };
    Error {
        findings: e.findings,
        ..Error::new(code, message)
    }
}

#[cfg(test)]
mod tests {
    use spin_deployer_app::Finding;

    use super::*;

    fn finding(level: Level, code: &'static str) -> Finding {
        Finding {
            level,
            code,
            message: code.to_owned(),
            file: None,
            line: None,
            column: None,
            excerpt: None,
            help: None,
        }
    }

    #[test]
    fn what_is_to_be_changed_in_the_app_decides_the_code() {
        let cases: [(&[&'static str], Code); 6] = [
            (&["unknown-field"], Code::Usage),
            (&["unreachable"], Code::Unavailable),
            (&["forbidden", "unreachable"], Code::Forbidden),
            (&["unreachable", "refused", "not-found"], Code::Usage),
            (&["no-matching-version", "unauthorized"], Code::Usage),
            (&[], Code::Usage),
        ];
        for (words, expected) in cases {
            let mut findings = vec![finding(Level::Warning, "hidden-files")];
            findings.extend(words.iter().map(|word| finding(Level::Error, word)));
            let error = invalid(LoadError { findings });
            assert_eq!(error.code, expected, "{words:?}");
        }
    }
}
