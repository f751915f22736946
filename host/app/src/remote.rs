//! Wasm that lies elsewhere: fetched, then believed only as far as its digest goes.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use crate::content::Content;
use crate::finding::{Place, Report};
use crate::folder::Folder;
use crate::hash::{self, Hashed};
use crate::locked::{Blob, Home};
use crate::manifest::WasmSource;
use crate::ports::{Remote, RemoteError, Remotes};
use crate::wasm;

/// What is here now, by where it came from.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    folder: Option<Arc<Folder>>,
    hashed: HashMap<Remote, Hashed>,
}

/// Fetches everything in `sources` that is not in the app. What fails is reported where it is first named.
pub(crate) fn fetch<'s>(
    sources: impl Iterator<Item = &'s WasmSource>,
    remotes: &dyn Remotes,
    report: &mut Report,
) -> Fetched {
    let mut seen = HashSet::new();
    let wanted = sources
        .filter_map(|source| match source {
            WasmSource::Remote { remote, at } => Some((remote, at)),
            WasmSource::Local(_) => None,
        })
        .filter(|(remote, _)| seen.insert(*remote))
        .map(|(remote, at)| (remote.clone(), at))
        .collect();
    let mut fetching = Fetching {
        remotes,
        fetched: Fetched::default(),
    };
    let damaged = fetching.round(wanted, report);
    let again = damaged.into_iter().map(|Damaged { here, .. }| {
        remotes.discard(&here.digest);
        (here.remote, here.at)
    });
    for damaged in fetching.round(again.collect(), report) {
        damaged.report(remotes.folder(), report);
    }
    fetching.fetched
}

struct Fetching<'r> {
    remotes: &'r dyn Remotes,
    fetched: Fetched,
}

impl Fetching<'_> {
    /// Fetches and verifies; what is not what its digest says comes back.
    fn round<'s>(
        &mut self,
        wanted: Vec<(Remote, &'s Place)>,
        report: &mut Report,
    ) -> Vec<Damaged<'s>> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let (wanted, places): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
        let mut answers = self.remotes.fetch(&wanted);
        let missing = || RemoteError {
            code: "internal",
            message: "nobody fetched it".to_owned(),
            help: String::new(),
        };
        answers.resize_with(wanted.len(), || Err(missing()));
        let mut here = Vec::new();
        for ((remote, at), answer) in wanted.into_iter().zip(places).zip(answers) {
            match answer {
                Ok(digest) => here.extend(named(remote, at, digest, report)),
                Err(error) => report.error(error.code, at, error.message, &error.help),
            }
        }
        self.verify(here, report)
    }

    fn verify<'s>(&mut self, here: Vec<Here<'s>>, report: &mut Report) -> Vec<Damaged<'s>> {
        let Some(first) = here.first() else {
            return Vec::new();
        };
        let place = self.remotes.folder();
        let folder = match Folder::open(place) {
            Ok(folder) => Arc::new(folder),
            Err(error) => {
                let message = format!("what was fetched cannot be read: {error}");
                let help = format!("is {} there?", place.display());
                report.error("damaged-cache", first.at, message, &help);
                return Vec::new();
            }
        };
        let paths: Vec<_> = here.iter().map(|here| path(&here.digest)).collect();
        let results = hash::files(&folder, &paths, self.remotes.memory());
        self.remotes.memory().keep();
        let mut damaged = Vec::new();
        for (here, result) in here.into_iter().zip(results) {
            let problem = match result {
                Ok(known) if known.digest == here.digest => {
                    if is_wasm(&folder, &here, report) {
                        self.fetched.hashed.insert(here.remote, known);
                    }
                    continue;
                }
                Ok(known) => format!("is damaged: it has the digest {}", known.digest),
                Err(error) => error.to_string(),
            };
            damaged.push(Damaged { here, problem });
        }
        self.fetched.folder = Some(folder);
        damaged
    }
}

/// What the port says is here.
struct Here<'s> {
    remote: Remote,
    at: &'s Place,
    digest: String,
}

/// What is not what the port says.
struct Damaged<'s> {
    here: Here<'s>,
    problem: String,
}

impl Damaged<'_> {
    fn report(self, folder: &Path, report: &mut Report) {
        let Here { remote, at, digest } = self.here;
        let message = format!("what was fetched from `{remote}` {}", self.problem);
        let file = folder.join(path(&digest));
        let help = format!("delete {} and run again", file.display());
        report.error("damaged-cache", at, message, &help);
    }
}

/// Nothing where the digest is none, or not the one that the manifest wants.
fn named<'s>(
    remote: Remote,
    at: &'s Place,
    digest: String,
    report: &mut Report,
) -> Option<Here<'s>> {
    if !hash::is_digest(&digest) {
        let message = format!("`{remote}` came with the digest `{digest}`, which is none");
        report.error("internal", at, message, "");
        return None;
    }
    if let Remote::Url { digest: wanted, .. } = &remote
        && *wanted != digest
    {
        let message = format!("`{remote}` has the digest {digest}");
        let help = "if that is the right Wasm, write this digest into the manifest";
        report.error("digest-mismatch", at, message, help);
        return None;
    }
    Some(Here { remote, at, digest })
}

fn is_wasm(folder: &Folder, here: &Here<'_>, report: &mut Report) -> bool {
    let (reason, help) = match folder.file(&path(&here.digest)) {
        Ok((file, _)) => match wasm::check(file) {
            Ok(()) => return true,
            Err(reason) => (reason.to_string(), reason.help()),
        },
        Err(refusal) => (refusal.to_string(), None),
    };
    let message = format!("`{}` {reason}", here.remote);
    let help = help.unwrap_or("name where the Wasm itself is");
    report.error("not-wasm", here.at, message, help);
    false
}

fn path(digest: &str) -> String {
    hash::blob_path(digest).unwrap_or_default()
}

impl Fetched {
    pub(crate) fn blob(&self, remote: &Remote) -> Option<Blob> {
        self.hashed.get(remote).map(|known| Blob {
            digest: known.digest.clone(),
            size: known.stamp.size,
            home: Home::Cache,
        })
    }

    pub(crate) fn contents(&self) -> impl Iterator<Item = Content> {
        let folder = self.folder.as_ref();
        folder.into_iter().flat_map(|folder| {
            self.hashed.values().map(|known| {
                Content::file(
                    Arc::clone(folder),
                    known.digest.clone(),
                    known.stamp.clone(),
                )
            })
        })
    }
}
