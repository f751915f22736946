//! An app from its `spin.toml`: reads the manifest, finds the files, hashes them.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::app::{App, Component, File, Parts};
use crate::content::Content;
use crate::files::{self, Outside, Placed, lexical};
use crate::finding::{Finding, LoadError, Place, Report};
use crate::folder::{Folder, Refusal};
use crate::hash::{self, HashError, Hashed};
use crate::locked::{Form, Resolved, lock};
use crate::manifest::{self, Manifest, Text, check, normalize};
use crate::ports::Ports;
use crate::wasm;
use crate::{Identity, LoadOptions};

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

pub(crate) fn identify(path: &Path) -> Result<Identity, LoadError> {
    let (_, _, text) = open(path)?;
    let mut report = Report::new(path, &text);
    let identity = manifest::identity(&text, &mut report);
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
        let profile = options.profile.as_deref();
        let mut manifest = manifest::parse(text, &mut self.report);
        normalize::normalize(&mut manifest, profile, &mut self.report);
        check::check(&manifest, &mut self.report);

        let wasm: Vec<_> = manifest
            .components
            .iter()
            .map(|c| self.wasm(c.source.as_ref()))
            .collect();
        let placed: Vec<Placed> = manifest
            .components
            .iter()
            .map(|c| files::place(&self.folder, c, &mut self.report))
            .collect();
        if self.report.has_errors() {
            return self.failed();
        }
        let wasm: Vec<String> = wasm.into_iter().flatten().collect();
        let hashed = self.hash(&manifest, &wasm, &placed);
        if self.report.has_errors() {
            return self.failed();
        }
        self.app(name, &manifest, &wasm, &placed, &hashed, options)
    }

    fn failed(self) -> Result<App, LoadError> {
        Err(LoadError {
            findings: self.report.into_findings(),
        })
    }

    /// The path of a component's Wasm, if that is what it is.
    fn wasm(&mut self, source: Option<&Text>) -> Option<String> {
        let source = source?;
        let (text, at) = (&source.value, &source.at);
        let path = match lexical(text) {
            Ok(path) => path,
            Err(Outside) => {
                let message = format!("`{text}` leads out of the application's folder");
                let help = "let the build copy it there, and name the copy";
                self.report.error("outside-app", at, message, help);
                return None;
            }
        };
        match self.folder.file(&path) {
            Ok((file, _)) => match wasm::check(file) {
                Ok(()) => return Some(path),
                Err(reason) => {
                    let message = format!("`{text}` {reason}");
                    self.report
                        .error("not-wasm", at, message, "build it again: `spin build`");
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
        manifest: &Manifest,
        wasm: &[String],
        placed: &[Placed],
    ) -> HashMap<String, Hashed> {
        let mut places: HashMap<&str, &Place> = HashMap::new();
        for ((component, wasm), placed) in manifest.components.iter().zip(wasm).zip(placed) {
            places.extend(
                placed
                    .values()
                    .map(|source| (source.path.as_str(), &source.at)),
            );
            places.extend(
                component
                    .source
                    .as_ref()
                    .map(|source| (wasm.as_str(), &source.at)),
            );
        }
        let paths: Vec<String> = places
            .keys()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(String::from)
            .collect();
        let results = hash::files(&self.folder, &paths, self.ports.memory);
        self.ports.memory.keep();
        let mut hashed = HashMap::new();
        for (path, result) in paths.into_iter().zip(results) {
            let at = places.get(path.as_str()).map_or(0..0, |at| (*at).clone());
            match result {
                Ok(known) => drop(hashed.insert(path, known)),
                Err(HashError::Refused(refusal)) => {
                    self.report.error(
                        refusal.code(),
                        &at,
                        format!("`{path}` {refusal}"),
                        refusal.help(),
                    );
                }
                Err(error @ HashError::Changed) => {
                    let help = "wait for the build to end, and run again";
                    self.report
                        .error("changed", &at, format!("`{path}` {error}"), help);
                }
            }
        }
        hashed
    }

    fn app(
        self,
        name: &str,
        manifest: &Manifest,
        wasm: &[String],
        placed: &[Placed],
        hashed: &HashMap<String, Hashed>,
        options: &LoadOptions,
    ) -> Result<App, LoadError> {
        // Every path was hashed: the fallbacks are never used.
        let digest = |path: &str| {
            hashed
                .get(path)
                .map_or_else(String::new, |known| known.digest.clone())
        };
        let size = |path: &str| hashed.get(path).map_or(0, |known| known.stamp.size);
        let resolved: Vec<_> = manifest
            .components
            .iter()
            .zip(wasm)
            .zip(placed)
            .map(|((component, wasm), files)| Resolved {
                component,
                wasm,
                files,
            })
            .collect();
        let profile = options.profile.as_deref();
        let write = |form: Form<'_>| {
            lock(manifest, profile, &resolved, &form).map_err(|error| {
                LoadError::one(Finding::error("internal", None, &error.to_string(), ""))
            })
        };
        let components = resolved.iter().map(|resolved| Component {
            id: resolved.component.id.value.clone(),
            wasm_digest: digest(resolved.wasm),
            wasm_size: size(resolved.wasm),
            files: resolved
                .files
                .iter()
                .map(|(guest, source)| File {
                    path: guest.clone(),
                    digest: digest(&source.path),
                    size: size(&source.path),
                })
                .collect(),
        });
        let contents = hashed.values().map(|known| {
            let content = Content::file(
                Arc::clone(&self.folder),
                known.digest.clone(),
                known.stamp.clone(),
            );
            (known.digest.clone(), Arc::new(content))
        });
        Ok(App::new(Parts {
            locked: write(Form::Local { manifest: name })?,
            portable: write(Form::Portable { digests: &digest })?,
            components: components.collect(),
            contents: contents.collect(),
            findings: self.report.into_findings(),
            temporary: options.temporary.clone(),
            memory: self.ports.memory.archives(),
        }))
    }
}
