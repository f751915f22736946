//! What an app refers to elsewhere, brought here over the only way out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, StreamExt as _};
use spin_deployer_app::{DigestMemory, FileMemory, NoMemory, Remote, RemoteError, Remotes};
use spin_deployer_fetch::{Bounds, FetchError, Fetcher, Progress, Setup};
use spin_deployer_manifest::Reference;
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::error::chain;
use crate::loading::Loader;
use crate::{Code, Error, Event, Observer};

/// Contents at a time, however many an app names: enough to hide the time between a request and its answer.
const PARALLEL: usize = 8;

/// The way to what lies elsewhere, whose progress is shown.
pub struct Fetching {
    fetcher: Fetcher,
    steps: Arc<Steps>,
    /// Where nothing can be kept, for the time of this process.
    temporary: Option<TempDir>,
}

impl Fetching {
    pub(crate) fn new(loader: &Loader, bounds: Bounds) -> Result<Self, Error> {
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
        let steps = Arc::new(Steps {
            observer: loader.observer.clone(),
            running: Mutex::default(),
        });
        let fetcher = Fetcher::new(Setup {
            policies: loader.policies.clone(),
            egress: loader.egress.clone(),
            audit: loader.audit.clone(),
            environment: environment.vars.iter().collect(),
            cache: folder,
            offline: loader.request.offline,
            progress: steps.clone(),
            bounds,
        });
        Ok(Self {
            fetcher,
            steps,
            temporary,
        })
    }

    /// Who fetches.
    pub fn fetcher(&self) -> &Fetcher {
        &self.fetcher
    }

    /// What came of a question to [`Self::fetcher`], as the user is told. The steps that were shown meanwhile end.
    ///
    /// # Errors
    /// What went wrong, with the code of who can do something about it.
    pub fn done<T>(&self, result: Result<T, FetchError>) -> Result<T, Error> {
        self.steps.end();
        result.map_err(|error| unfetched(&error))
    }
}

/// What went wrong, with the code of who can do something about it.
pub fn unfetched(error: &FetchError) -> Error {
    let code = match error {
        // Nobody wrote an app that names it: somebody put something else there.
        FetchError::WrongDigest { .. } => Code::Denied,
        error => code(error.code()),
    };
    let told = Error::new(code, chain(error));
    match error.help() {
        help if help.is_empty() => told,
        help => told.help(help),
    }
}

/// Fetches for a load, on a thread that may block.
pub(crate) struct Fetched {
    fetcher: Fetcher,
    steps: Arc<Steps>,
    runtime: Handle,
    memory: Box<dyn DigestMemory>,
    offline: bool,
    /// Where nothing can be kept, for the time of this process.
    _temporary: Option<TempDir>,
}

impl Fetched {
    pub(crate) fn new(loader: &Loader, runtime: Handle) -> Result<Self, Error> {
        let Fetching {
            fetcher,
            steps,
            temporary,
        } = Fetching::new(loader, Bounds::default())?;
        let memory: Box<dyn DigestMemory> = match loader.environment.directories.cache() {
            Some(cache) => Box::new(FileMemory::at(&cache.join("digests"), fetcher.folder())),
            None => Box::new(NoMemory),
        };
        Ok(Self {
            fetcher,
            steps,
            runtime,
            memory,
            offline: loader.request.offline,
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
        let all = stream::iter(wanted)
            .map(|wanted| self.one(wanted))
            .buffered(PARALLEL);
        let results: Vec<_> = self.runtime.block_on(all.collect());
        self.steps.end();
        results
            .into_iter()
            .map(|result| result.map_err(|error| explain(&error)))
            .collect()
    }

    fn image(&self, reference: &Reference) -> Result<String, RemoteError> {
        let result = self.runtime.block_on(self.fetcher.image(reference));
        self.steps.end();
        let digest = result.map_err(|error| explain(&error))?;
        // A tag can be another image by now.
        if self.offline && reference.digest().is_none() {
            let note = format!(
                "{reference} is {digest}, as it was when it was fetched last: nothing may be sent to ask"
            );
            self.steps.observer.event(Event::Note(note));
        }
        Ok(digest)
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
        "taken" => Code::Conflict,
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
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use sha2::{Digest as _, Sha256};
    use spin_deployer_egress::{Audit, AuditEntry, Config, Egress};
    use spin_deployer_grants::Policies;

    use super::*;

    /// Counts what was begun and is not answered yet.
    #[derive(Default)]
    struct Pending {
        now: AtomicUsize,
        most: AtomicUsize,
    }

    impl Observer for Pending {
        fn event(&self, event: Event) {
            if matches!(event, Event::StepStarted { .. }) {
                let now = self.now.fetch_add(1, SeqCst) + 1;
                self.most.fetch_max(now, SeqCst);
            }
        }
    }

    impl Audit for Pending {
        fn record(&self, _: &AuditEntry) {}
    }

    /// Answers each path with itself, always to [`PARALLEL`] at a time.
    fn server(pending: Arc<Pending>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let together = Arc::new(Barrier::new(PARALLEL));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (pending, together) = (Arc::clone(&pending), Arc::clone(&together));
                std::thread::spawn(move || {
                    let request = BufReader::new(stream.try_clone().unwrap()).lines();
                    let head = request.map_while(Result::ok);
                    let head: Vec<_> = head.take_while(|line| !line.is_empty()).collect();
                    let path = head[0].split(' ').nth(1).unwrap();
                    together.wait();
                    pending.now.fetch_sub(1, SeqCst);
                    let length = path.len();
                    write!(
                        stream,
                        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{path}"
                    )
                    .unwrap();
                });
            }
        });
        address
    }

    #[test]
    fn an_app_that_names_many_contents_has_few_of_them_fetched_at_a_time() {
        let pending = Arc::<Pending>::default();
        let address = server(Arc::clone(&pending));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let steps = Arc::new(Steps {
            observer: pending.clone(),
            running: Mutex::default(),
        });
        let fetched = Fetched {
            fetcher: Fetcher::new(Setup {
                policies: Policies::default(),
                egress: Egress::new(Config::default()),
                audit: pending.clone(),
                environment: Default::default(),
                cache: folder.path().to_owned(),
                offline: false,
                progress: steps.clone(),
                bounds: Bounds::default(),
            }),
            steps,
            runtime: runtime.handle().clone(),
            memory: Box::new(NoMemory),
            offline: false,
            _temporary: None,
        };
        let digests: Vec<String> = (0..5 * PARALLEL)
            .map(|n| {
                let digest = Sha256::digest(format!("/{n}"));
                let digits = digest.iter().map(|byte| format!("{byte:02x}"));
                format!("sha256:{}", digits.collect::<String>())
            })
            .collect();
        let wanted: Vec<_> = digests
            .iter()
            .enumerate()
            .map(|(n, digest)| Remote::Url {
                url: format!("http://{address}/{n}").parse().unwrap(),
                digest: digest.clone(),
            })
            .collect();
        let came = fetched.fetch(&wanted).into_iter().map(Result::unwrap);
        assert_eq!(came.collect::<Vec<_>>(), digests);
        assert_eq!(pending.most.load(SeqCst), PARALLEL);
    }

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
                    redirected: false,
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
