//! What an app refers to elsewhere, brought here over the only way out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use spin_deployer_app::{DigestMemory, FileMemory, NoMemory, Remote, RemoteError, Remotes};
use spin_deployer_fetch::{Bounds, FetchError, Fetcher, Progress, Setup};
use spin_deployer_manifest::Reference;
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::error::chain;
use crate::loading::Loader;
use crate::{Code, Error, Event, Observer};

/// Fetches for a load, on a thread that may block.
pub(crate) struct Fetched {
    fetcher: Fetcher,
    steps: Arc<Steps>,
    runtime: Handle,
    memory: Box<dyn DigestMemory>,
    /// Where nothing can be kept, for the time of this process.
    _temporary: Option<TempDir>,
}

impl Fetched {
    pub(crate) fn new(loader: &Loader, runtime: Handle) -> Result<Self, Error> {
        let environment = &loader.environment;
        let cache = environment.directories.cache();
        let temporary = match cache {
            Some(_) => None,
            None => Some(tempfile::tempdir().map_err(|error| {
                Error::new(Code::Failed, "there is no place for what has to be fetched")
                    .detail(error.to_string())
                    .help("set SPIN_DEPLOYER_CACHE_DIR to a folder that can be written")
            })?),
        };
        let folder = match (&temporary, cache) {
            (Some(temporary), _) => temporary.path().to_owned(),
            (None, cache) => cache.unwrap_or(Path::new(".")).join("fetched"),
        };
        let memory: Box<dyn DigestMemory> = match cache {
            Some(cache) => Box::new(FileMemory::at(&cache.join("digests"), &folder)),
            None => Box::new(NoMemory),
        };
        let steps = Arc::new(Steps {
            observer: loader.observer.clone(),
            running: Mutex::default(),
        });
        let fetcher = Fetcher::new(Setup {
            egress: loader.egress.clone(),
            audit: loader.audit.clone(),
            environment: environment.vars.iter().collect(),
            cache: folder,
            offline: loader.request.offline,
            progress: steps.clone(),
            bounds: Bounds::default(),
        });
        Ok(Self {
            fetcher,
            steps,
            runtime,
            memory,
            _temporary: temporary,
        })
    }

    async fn one(&self, wanted: &Remote) -> Result<String, FetchError> {
        match wanted {
            Remote::Url { url, digest } => {
                self.fetcher.url(url, digest).await?;
                Ok(digest.clone())
            }
            Remote::Package {
                registry,
                package,
                version,
            } => {
                let registry = registry.as_deref();
                self.fetcher.package(registry, package, version).await
            }
        }
    }
}

impl Remotes for Fetched {
    fn folder(&self) -> &Path {
        self.fetcher.folder()
    }

    fn memory(&self) -> &dyn DigestMemory {
        &*self.memory
    }

    fn fetch(&self, wanted: &[Remote]) -> Vec<Result<String, RemoteError>> {
        let all = join_all(wanted.iter().map(|wanted| self.one(wanted)));
        let results = self.runtime.block_on(all);
        self.steps.end();
        results
            .into_iter()
            .map(|result| result.map_err(|error| explain(&error)))
            .collect()
    }

    fn image(&self, reference: &Reference) -> Result<String, RemoteError> {
        let result = self.runtime.block_on(self.fetcher.image(reference));
        self.steps.end();
        result.map_err(|error| explain(&error))
    }

    fn discard(&self, digest: &str) {
        self.fetcher.discard(digest);
    }
}

fn explain(error: &FetchError) -> RemoteError {
    RemoteError {
        code: error.code(),
        message: chain(error),
        help: error.help(),
    }
}

/// What somebody has to do about a finding, by its word. Where it is not about fetching, or about what the app says
/// is there, that is to change the app or what was typed.
pub(crate) fn code(finding: &'static str) -> Code {
    match finding {
        "unreachable" | "unavailable" => Code::Unavailable,
        "refused" => Code::Denied,
        "unauthorized" => Code::Unauthenticated,
        "forbidden" => Code::Forbidden,
        _ => Code::Usage,
    }
}

/// Steps of the host have numbers that no plugin gets to.
const FIRST_STEP: u32 = 1 << 31;

/// Shows what is on its way, as the steps of a plugin are shown.
struct Steps {
    observer: Arc<dyn Observer>,
    /// By what is fetched: the step, and how many bytes of it are here.
    running: Mutex<BTreeMap<String, (u32, u64)>>,
}

impl Steps {
    fn end(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, _) in std::mem::take(&mut *running).into_values() {
            self.observer.event(Event::StepDone { id, text: None });
        }
    }
}

impl Progress for Steps {
    fn fetching(&self, what: &str, received: u64, total: Option<u64>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let next = FIRST_STEP.saturating_add(u32::try_from(running.len()).unwrap_or_default());
        let (_, seen) = running.entry(what.to_owned()).or_insert_with(|| {
            let label = format!("Fetch {what}");
            self.observer.event(Event::StepStarted { id: next, label });
            if let Some(bytes) = total {
                self.observer.event(Event::StepExpect { id: next, bytes });
            }
            (next, 0)
        });
        // One that begins anew is not counted twice.
        if let Some(bytes) = received.checked_sub(*seen).filter(|bytes| *bytes > 0) {
            *seen = received;
            self.observer.event(Event::Transferred { bytes });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the fetcher says of it is what is mapped: neither knows the other's words.
    #[test]
    fn each_failure_to_fetch_has_the_code_of_who_can_do_something_about_it() {
        let (what, reason) = (String::new, String::new);
        for (error, expected) in [
            (
                FetchError::Unreachable {
                    what: what(),
                    reason: reason(),
                },
                Code::Unavailable,
            ),
            (
                FetchError::Unavailable {
                    what: what(),
                    reason: reason(),
                },
                Code::Unavailable,
            ),
            (
                FetchError::Refused {
                    what: what(),
                    reason: reason(),
                },
                Code::Denied,
            ),
            (
                FetchError::Unauthorized {
                    what: what(),
                    registry: String::new(),
                    credential: true,
                    reason: reason(),
                },
                Code::Unauthenticated,
            ),
            (
                FetchError::Forbidden {
                    what: what(),
                    registry: String::new(),
                    reason: reason(),
                },
                Code::Forbidden,
            ),
            (FetchError::Offline { what: what() }, Code::Usage),
            (
                FetchError::NotFound {
                    what: what(),
                    reason: reason(),
                },
                Code::Usage,
            ),
            (
                FetchError::NoMatch {
                    what: what(),
                    highest: Vec::new(),
                    more: 0,
                },
                Code::Usage,
            ),
            (
                FetchError::Server {
                    what: what(),
                    reason: reason(),
                },
                Code::Usage,
            ),
        ] {
            assert_eq!(code(explain(&error).code), expected, "{error:?}");
        }
    }
}
