//! An app from its `spin.toml`: reads the manifest, finds the files, fetches what lies elsewhere, hashes it all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::app::{App, Component, File, Parts};
use crate::composition::{self, Notice};
use crate::content::Content;
use crate::files::{self, Outside, Placed, lexical};
use crate::finding::{Finding, LoadError, Place, Report};
use crate::folder::{Folder, Refusal};
use crate::found::Found;
use crate::hash::{self, HashError, Hashed};
use crate::locked::{Blob, Form, Resolved, lock};
use crate::manifest::variants;
use crate::manifest::{self, Manifest, Text, WasmSource, check, normalize};
use crate::ports::Ports;
use crate::remote;
use crate::wasm;
use crate::{Composition, Identity, LoadOptions, unusable};

/// In bytes. The longest real manifests have some hundred kilobytes.
const LARGEST_MANIFEST: u64 = 4 << 20;

pub(crate) fn load(
    path: &Path,
    options: &LoadOptions,
    ports: &Ports<'_>,
) -> Result<App, LoadError> {
    let (folder, name, text) = open(path)?;
    Loading {
        folder: Arc::new(folder),
        report: Report::new(path, &text),
        ports,
    }
    .run(name, &text, options)
}

pub(crate) fn identify(path: &Path, options: &LoadOptions) -> Result<Identity, LoadError> {
    let (_, _, text) = open(path)?;
    let mut report = Report::new(path, &text);
    let identity = manifest::identity(&text, options, &mut report);
    identity.ok_or_else(|| LoadError {
        findings: report.into_findings(),
    })
}

/// The manifest's folder, its name there, and its text.
pub(crate) fn open(path: &Path) -> Result<(Folder, &str, String), LoadError> {
    let no_manifest = |message: &str| {
        let help = "name a spin.toml or its folder with `-f`";
        LoadError::one(Finding::error("no-manifest", Some(path), message, help))
    };
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| no_manifest("this cannot be the name of a manifest"))?;
    let parent = path.parent().unwrap_or(Path::new(""));
    let folder = Folder::open(parent)
        .map_err(|error| no_manifest(&format!("its folder cannot be opened: {error}")))?;
    let text = read_manifest(&folder, name, path)?;
    Ok((folder, name, text))
}

fn read_manifest(folder: &Folder, name: &str, path: &Path) -> Result<String, LoadError> {
    let failed = |code, message: &str, help: &str| {
        LoadError::one(Finding::error(code, Some(path), message, help))
    };
    let (file, stamp) = folder.file(name).map_err(|refusal| match &refusal {
        Refusal::Missing => failed(
            "no-manifest",
            "there is no such file",
            "name a spin.toml or its folder with `-f`",
        ),
        refusal => failed(
            refusal.code(),
            &format!("the manifest {refusal}"),
            refusal.help(),
        ),
    })?;
    if stamp.size > LARGEST_MANIFEST {
        return Err(failed("too-large", "the manifest has more than 4 MiB", ""));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_MANIFEST)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            failed(
                "unreadable",
                &format!("the manifest cannot be read: {error}"),
                "",
            )
        })?;
    String::from_utf8(bytes)
        .map_err(|_| failed("syntax", "the manifest is not UTF-8", "save it as UTF-8"))
}

struct Loading<'t> {
    folder: Arc<Folder>,
    report: Report<'t>,
    ports: &'t Ports<'t>,
}

impl Loading<'_> {
    fn run(mut self, name: &str, text: &str, options: &LoadOptions) -> Result<App, LoadError> {
        let mut manifest = manifest::parse(text, &mut self.report);
        if let (Some(name), Some(given)) = (&mut manifest.name, &options.name)
            && unusable(given).is_none()
        {
            name.value.clone_from(given);
        }
        if let Some(given) = &options.version
            && unusable(given).is_none()
        {
            manifest.version = Some(Text {
                value: given.clone(),
                at: 0..0,
            });
        }
        let profile = options.profile.as_deref();
        normalize::normalize(&mut manifest, profile, &mut self.report);
        check::check(&manifest, &mut self.report);
        let variants = variants::variants(&mut manifest, &mut self.report);

        let wasm = self.local_wasm(&manifest);
        let placed = files::place(&self.folder, &manifest.components, &mut self.report);
        if self.report.has_errors() {
            return self.failed();
        }
        // Nothing is asked of the network for an app that cannot be loaded anyway.
        let found = Found {
            fetched: remote::fetch(manifest.wasm(), self.ports.remotes, &mut self.report),
            local: self.hash(&wasm, &placed),
        };
        if self.report.has_errors() {
            return self.failed();
        }
        let resolved = variants
            .into_iter()
            .filter_map(|variant| found.resolve(&manifest, &placed, variant))
            .collect();
        self.app(name, &manifest, resolved, &found, options)
    }

    fn failed(self) -> Result<App, LoadError> {
        Err(LoadError {
            findings: self.report.into_findings(),
        })
    }

    /// The paths of all Wasm in the app's folder, with the places where they are first named.
    fn local_wasm(&mut self, manifest: &Manifest) -> BTreeMap<String, Place> {
        let mut seen = BTreeSet::new();
        let mut wasm = BTreeMap::new();
        for source in manifest.wasm() {
            if let WasmSource::Local(text) = source
                && seen.insert(&text.value)
                && let Some(path) = self.wasm(text)
            {
                wasm.entry(path).or_insert_with(|| text.at.clone());
            }
        }
        wasm
    }

    /// The path of Wasm, if that is what it is.
    fn wasm(&mut self, source: &Text) -> Option<String> {
        let (text, at) = (&source.value, &source.at);
        let path = match lexical(text) {
            Ok(path) => path,
            Err(Outside) => {
                let message = format!("`{text}` leads out of the application's folder");
                let help = "let the build command copy it into the folder of spin.toml, and name the copy; a link to it is refused, too";
                self.report.error("outside-app", at, message, help);
                return None;
            }
        };
        match self.folder.file(&path) {
            Ok((file, _)) => match wasm::check(file) {
                Ok(()) => return Some(path),
                Err(reason) => {
                    let message = format!("`{text}` {reason}");
                    let help = reason.help().unwrap_or("build it again: `spin build`");
                    self.report.error("not-wasm", at, message, help);
                }
            },
            Err(Refusal::Missing) => {
                let help = "build it: `spin build`";
                self.report
                    .error("missing-wasm", at, format!("`{text}` does not exist"), help);
            }
            Err(refusal) => {
                self.report.error(
                    refusal.code(),
                    at,
                    format!("`{text}` {refusal}"),
                    refusal.help(),
                );
            }
        }
        None
    }

    /// What every file of the app holds, each read once.
    fn hash(
        &mut self,
        wasm: &BTreeMap<String, Place>,
        placed: &[Placed],
    ) -> HashMap<String, Hashed> {
        let files = placed
            .iter()
            .flat_map(BTreeMap::values)
            .map(|source| (&source.path, &source.at));
        let places: BTreeMap<_, _> = files.chain(wasm).collect();
        let paths: Vec<String> = places.keys().copied().cloned().collect();
        let results = hash::files(&self.folder, &paths, self.ports.memory);
        self.ports.memory.keep();
        let mut hashed = HashMap::new();
        for ((path, at), result) in places.into_iter().zip(results) {
            match result {
                Ok(known) => drop(hashed.insert(path.clone(), known)),
                Err(HashError::Refused(refusal)) => {
                    self.report.error(
                        refusal.code(),
                        at,
                        format!("`{path}` {refusal}"),
                        refusal.help(),
                    );
                }
                Err(error @ HashError::Changed) => {
                    let help = "wait for the build to end, and run again";
                    self.report
                        .error("changed", at, format!("`{path}` {error}"), help);
                }
            }
        }
        hashed
    }

    /// Composition stands between the two forms: the local one is what Spin's own loader says, the portable one what a
    /// platform gets.
    fn app(
        mut self,
        name: &str,
        manifest: &Manifest,
        resolved: Vec<Resolved<'_>>,
        found: &Found,
        options: &LoadOptions,
    ) -> Result<App, LoadError> {
        let profile = options.profile.as_deref();
        let digests = |path: &str| found.file(path).digest;
        let write = |resolved: &[Resolved<'_>], form: Form<'_>| {
            lock(manifest, profile, resolved, &form).map_err(|error| {
                LoadError::one(Finding::error("internal", None, &error.to_string(), ""))
            })
        };
        let mut contents: HashMap<_, _> = found
            .local
            .values()
            .map(|known| {
                Content::file(
                    Arc::clone(&self.folder),
                    known.digest.clone(),
                    known.stamp.clone(),
                )
            })
            .chain(found.fetched.contents())
            .map(|content| (content.digest().to_owned(), Arc::new(content)))
            .collect();

        let locked = write(&resolved, Form::Local { manifest: name })?;
        let mut portable = write(&resolved, Form::Portable { digests: &digests })?;
        let described = resolved.iter().map(|resolved| Component {
            id: resolved.id.clone(),
            wasm_digest: resolved.wasm.digest.clone(),
            wasm_size: resolved.wasm.size,
            given: None,
            files: resolved
                .files
                .iter()
                .map(|(guest, source)| {
                    let Blob { digest, size, .. } = found.file(&source.path);
                    let path = guest.clone();
                    File { path, digest, size }
                })
                .collect(),
        });
        let mut components: Vec<_> = described.collect();
        let memory = self.ports.memory.made();
        let parts = composition::Parts {
            portable: &mut portable,
            components: &mut components,
            contents: &mut contents,
            modules: !options.keep_modules,
        };
        for notice in composition::compose_all(parts, memory.as_deref(), options, self.ports) {
            let at = place(&resolved, &notice).unwrap_or(0..0);
            let Notice {
                level,
                code,
                message,
                help,
                ..
            } = notice;
            self.report.add(level, code, &at, &message, &help);
        }
        if options.composition == Composition::Required && self.report.has_errors() {
            return self.failed();
        }
        Ok(App::new(Parts {
            locked,
            portable,
            components,
            contents,
            findings: self.report.into_findings(),
            temporary: options.temporary.clone(),
            memory,
        }))
    }
}

/// Where the manifest says what a notice is about: a dependency, or a component's Wasm.
fn place(resolved: &[Resolved<'_>], notice: &Notice) -> Option<Place> {
    let about = resolved
        .iter()
        .find(|resolved| resolved.id == notice.component)?;
    let mut dependencies = about.component.dependencies.iter();
    let named = dependencies.find(|(name, _)| Some(name.to_string()) == notice.dependency);
    let at = match named {
        Some((_, dependency)) => &dependency.at,
        None => about.component.source.as_ref()?.at(),
    };
    Some(at.clone())
}
