//! Components with their dependencies inside, as `spin registry push` makes them.
//!
//! It works on the portable form, in which every content goes by its digest, so it does not matter where an app came
//! from. Modules become components, dependencies of components are plugged in here, those of triggers by Spin. What
//! came of equal parts is kept among what was fetched, under its digest like everything there.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use spin_deployer_compose::{Capability, ComponentizeError, Dependency, Inherit, Problem, compose};

use crate::app::{Component, Wasm};
use crate::archive::{private_directory, temporary};
use crate::content::Content;
use crate::finding::Level;
use crate::folder::Folder;
use crate::hash;
use crate::memory::ArchiveMemory;
use crate::ports::{Ports, RemoteError};
use crate::{Composition, LoadOptions, wasm};

/// In bytes. Composing holds all parts in memory.
const LARGEST_PART: u64 = 512 << 20;
/// What a component has that its platform need not know once it is composed.
const COMPOSED_AWAY: [&str; 2] = ["dependencies", "trigger_dependencies"];
/// Says whose dependencies a component's `trigger_dependencies` are.
const RESOLVER: &str = "resolve-trigger-dependencies-using";

/// What was noticed about one component.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) level: Level,
    /// Its id.
    pub(crate) component: String,
    /// As in the manifest, where it is about one.
    pub(crate) dependency: Option<String>,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// An app of which everything is here.
pub(crate) struct Parts<'a> {
    /// Every content by digest only. Loses what is composed away.
    pub(crate) portable: &'a mut Value,
    /// In the order of `portable`.
    pub(crate) components: &'a mut [Component],
    /// Gains what is composed, and loses what it was composed of.
    pub(crate) contents: &'a mut HashMap<String, Arc<Content>>,
    /// Whether modules without dependencies become components too. What was pushed once is moved as it is.
    pub(crate) modules: bool,
}

/// Composes every component that has to be. One that cannot be stays as it was.
pub(crate) fn compose_all(
    parts: Parts<'_>,
    memory: Option<&dyn ArchiveMemory>,
    options: &LoadOptions,
    ports: &Ports<'_>,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    let whole = parts.portable.clone();
    let list = parts
        .portable
        .get_mut("components")
        .and_then(Value::as_array_mut);
    for (described, component) in list.into_iter().flatten().zip(parts.components) {
        let Some(described) = described.as_object_mut() else {
            continue;
        };
        let composing = Composing {
            id: &component.id,
            whole: &whole,
            contents: parts.contents,
            modules: parts.modules,
            memory,
            options,
            ports,
        };
        match composing.run(described, &component.wasm_digest) {
            Ok(None) => {}
            Ok(Some(content)) => {
                let digest = content.digest().to_owned();
                described["source"]["digest"] = Value::String(digest.clone());
                for key in COMPOSED_AWAY {
                    described.shift_remove(key);
                }
                component.given = Some(Wasm {
                    digest: std::mem::replace(&mut component.wasm_digest, digest.clone()),
                    size: std::mem::replace(&mut component.wasm_size, content.size()),
                });
                parts.contents.insert(digest, Arc::new(content));
            }
            Err(found) => notices.extend(found),
        }
    }
    let mut used = BTreeSet::new();
    digests(parts.portable, &mut used);
    parts
        .contents
        .retain(|digest, _| used.contains(digest.as_str()));
    notices
}

/// Every digest of a content that is named somewhere below.
fn digests<'v>(value: &'v Value, into: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(map) => {
            into.extend(map.get("digest").and_then(Value::as_str));
            map.values().for_each(|value| digests(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| digests(value, into)),
        _ => {}
    }
}

struct Composing<'a> {
    id: &'a str,
    /// The app before composition.
    whole: &'a Value,
    contents: &'a HashMap<String, Arc<Content>>,
    modules: bool,
    memory: Option<&'a dyn ArchiveMemory>,
    options: &'a LoadOptions,
    ports: &'a Ports<'a>,
}

impl Composing<'_> {
    /// What the component becomes; nothing where it is what it should be.
    fn run(
        &self,
        described: &Map<String, Value>,
        wasm: &str,
    ) -> Result<Option<Content>, Vec<Notice>> {
        if described.contains_key("trigger_dependencies") {
            return self.by_trigger(described).map(Some);
        }
        let dependencies = described.get("dependencies").and_then(Value::as_object);
        let content = self.content(wasm)?;
        if dependencies.is_none_or(Map::is_empty) {
            let is_module = wasm::is_module(&content).map_err(|error| self.unreadable(&error))?;
            if !(is_module && self.modules) {
                return Ok(None);
            }
        }
        let key = key(wasm, dependencies);
        if let Some(kept) = self.kept(&key) {
            return Ok(Some(kept));
        }
        let component = self.bytes(wasm)?;
        let mut read = Vec::new();
        for (name, dependency) in dependencies.into_iter().flatten() {
            let digest = dependency["source"]["digest"].as_str().unwrap_or_default();
            let export = dependency["export"].as_str();
            read.push((
                name,
                self.bytes(digest)?,
                export,
                inherit(&dependency["inherit"]),
            ));
        }
        let dependencies: Vec<_> = read
            .iter()
            .map(|(name, wasm, export, inherit)| Dependency {
                name: name.as_str(),
                wasm,
                export: *export,
                inherit: inherit.clone(),
            })
            .collect();
        match compose(self.id, &component, &dependencies) {
            Ok(composed) => self.keep(Some(&key), &composed).map(Some),
            Err(error) => {
                let alone = dependencies.is_empty();
                let problems = error.problems.into_iter();
                Err(problems
                    .map(|problem| self.problem(problem, alone))
                    .collect())
            }
        }
    }

    fn by_trigger(&self, described: &Map<String, Value>) -> Result<Content, Vec<Notice>> {
        let resolver = described
            .get("metadata")
            .map(|metadata| &metadata[RESOLVER]);
        let Some(trigger) = resolver.and_then(Value::as_str) else {
            let message = format!(
                "`{}` has dependencies of a trigger, and does not say of which",
                self.id
            );
            return Err(self.error("syntax", message, String::new()));
        };
        if self.options.composition == Composition::Reported {
            let message = format!(
                "`{}` has dependencies of its `{trigger}` trigger, which Spin composes when it is deployed",
                self.id
            );
            return Err(vec![Notice {
                level: Level::Warning,
                ..self.notice("needs-spin", message, String::new())
            }]);
        }
        let folder = match &self.options.temporary {
            Some(parent) => tempfile::tempdir_in(parent).or_else(|_| tempfile::tempdir()),
            None => tempfile::tempdir(),
        }
        .map_err(|error| self.unreadable(&error))?;
        let mut locked = self.whole.clone();
        let list = locked.get_mut("components").and_then(Value::as_array_mut);
        for component in list.into_iter().flatten() {
            if component["id"] == self.id {
                self.write_out(component, folder.path())
                    .map_err(|error| self.unreadable(&error))?;
            }
        }
        let composed = self
            .ports
            .triggers
            .compose(trigger, self.id, &locked)
            .map_err(
                |RemoteError {
                     code,
                     message,
                     help,
                 }| self.error(code, message, help),
            )?;
        wasm::check_bytes(&composed).map_err(|reason| {
            let message = format!(
                "what the `{trigger}` trigger composed for `{}` {reason}",
                self.id
            );
            self.error("composition", message, String::new())
        })?;
        self.keep(None, &composed)
    }

    /// Puts the contents of a component into files of their own, and names those.
    fn write_out(&self, component: &mut Value, folder: &Path) -> io::Result<()> {
        let references = std::iter::once("/source".to_owned())
            .chain(sources(component, "dependencies"))
            .chain(sources(component, "trigger_dependencies"))
            .collect::<Vec<_>>();
        for pointer in references {
            let Some(reference) = component
                .pointer_mut(&pointer)
                .and_then(Value::as_object_mut)
            else {
                continue;
            };
            let digest = reference
                .get("digest")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let Some(digits) = hash::digits(digest) else {
                continue;
            };
            let file = folder.join(format!("{digits}.wasm"));
            if let Some(content) = self.contents.get(digest)
                && !file.exists()
            {
                io::copy(
                    &mut content.open(0).map_err(io::Error::other)?,
                    &mut fs::File::create(&file)?,
                )?;
            }
            let url = url::Url::from_file_path(&file)
                .map_err(|()| io::Error::other(format!("{} has no URL", file.display())))?;
            reference.shift_remove("digest");
            reference.insert("source".into(), Value::String(url.into()));
        }
        Ok(())
    }

    fn content(&self, digest: &str) -> Result<Arc<Content>, Vec<Notice>> {
        self.contents.get(digest).cloned().ok_or_else(|| {
            let message = format!("`{}` needs {digest}, and that is not here", self.id);
            self.error("missing-content", message, String::new())
        })
    }

    fn bytes(&self, digest: &str) -> Result<Vec<u8>, Vec<Notice>> {
        let content = self.content(digest)?;
        if content.size() > LARGEST_PART {
            let message = format!(
                "`{}` has a part of {} bytes, and at most {LARGEST_PART} can be composed",
                self.id,
                content.size()
            );
            return Err(self.error("too-large", message, String::new()));
        }
        let mut bytes = Vec::new();
        let read = content
            .open(0)
            .map_err(io::Error::other)
            .and_then(|mut reader| reader.read_to_end(&mut bytes));
        read.map_err(|error| self.unreadable(&error))?;
        Ok(bytes)
    }

    /// What came of the same parts before, verified.
    fn kept(&self, key: &str) -> Option<Content> {
        let memory = self.memory?;
        let (digest, size) = memory.recall(key)?;
        let path = hash::blob_path(&digest)?;
        let folder = Arc::new(Folder::open(self.ports.remotes.folder()).ok()?);
        let mut results = hash::files(&folder, &[path], self.ports.remotes.memory());
        match results.pop() {
            Some(Ok(known)) if known.digest == digest && known.stamp.size == size => {
                self.ports.remotes.memory().keep();
                Some(Content::file(folder, known.digest, known.stamp))
            }
            _ => {
                memory.forget(key);
                None
            }
        }
    }

    /// Under its digest among what was fetched, or where that cannot be, for this run only.
    fn keep(&self, key: Option<&str>, composed: &[u8]) -> Result<Content, Vec<Notice>> {
        let digest = hash::digest_of(composed);
        if let (Some(key), Some(memory)) = (key, self.memory)
            && store(self.ports.remotes.folder(), &digest, composed).is_ok()
        {
            memory.remember(key, &digest, composed.len() as u64);
            if let Some(content) = self.kept(key) {
                return Ok(content);
            }
        }
        let file = temporary(self.options.temporary.as_deref()).and_then(|mut file| {
            file.write_all(composed)?;
            Ok(file)
        });
        let file = file.map_err(|error| self.unreadable(&error))?;
        Ok(Content::temporary(
            digest,
            Arc::new(file),
            0,
            composed.len() as u64,
        ))
    }

    fn problem(&self, problem: Problem, alone: bool) -> Notice {
        let dependency = match &problem {
            Problem::Dependency { dependency, .. }
            | Problem::Unmatched { dependency, .. }
            | Problem::MissingExport { dependency, .. }
            | Problem::Incompatible { dependency, .. }
            | Problem::Undeniable { dependency, .. } => Some(dependency.clone()),
            Problem::Name(name) => Some(name.clone()),
            Problem::Conflict { dependencies, .. } => dependencies.first().cloned(),
            Problem::Component(_) | Problem::Encode(_) => None,
        };
        // Spin converts it itself when it loads it.
        let level = match problem {
            Problem::Component(ComponentizeError::Legacy(_)) if alone => Level::Warning,
            _ => Level::Error,
        };
        // The way out is behind the last semicolon.
        let text = problem.to_string();
        let (message, help) = text.rsplit_once("; ").unwrap_or((&text, ""));
        Notice {
            level,
            dependency,
            ..self.notice(
                "composition",
                format!("`{}`: {message}", self.id),
                help.to_owned(),
            )
        }
    }

    fn unreadable(&self, error: &io::Error) -> Vec<Notice> {
        let message = format!("`{}` cannot be composed: {error}", self.id);
        self.error("unreadable", message, String::new())
    }

    fn error(&self, code: &'static str, message: String, help: String) -> Vec<Notice> {
        vec![self.notice(code, message, help)]
    }

    fn notice(&self, code: &'static str, message: String, help: String) -> Notice {
        Notice {
            level: Level::Error,
            component: self.id.to_owned(),
            dependency: None,
            code,
            message,
            help,
        }
    }
}

/// Names what goes in, and how it is put together: 64 hexadecimal digits.
fn key(component: &str, dependencies: Option<&Map<String, Value>>) -> String {
    let parts = json!([spin_deployer_compose::VERSION, component, dependencies]);
    hash::hexadecimal(&hash::sha256(parts.to_string().as_bytes()))
}

/// As in a locked application: `"All"`, `{"Some": […]}`, or nothing at all.
fn inherit(value: &Value) -> Inherit {
    if value == "All" {
        return Inherit::All;
    }
    let names = value["Some"].as_array().into_iter().flatten();
    // A name that is not known gives nothing.
    let known: BTreeSet<Capability> = names
        .filter_map(|name| name.as_str()?.parse().ok())
        .collect();
    Inherit::Some(known)
}

/// JSON pointers to the sources of a component's dependencies of one kind.
fn sources(component: &Value, kind: &str) -> Vec<String> {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    let entries = component[kind].as_object().into_iter().flatten();
    entries
        .flat_map(|(name, value)| {
            let place = format!("/{kind}/{}", escaped(name));
            match value.as_array() {
                Some(several) => (0..several.len())
                    .map(|index| format!("{place}/{index}/source"))
                    .collect(),
                None => vec![format!("{place}/source")],
            }
        })
        .collect()
}

fn store(folder: &Path, digest: &str, bytes: &[u8]) -> io::Result<()> {
    let path = hash::blob_path(digest).filter(|_| !folder.as_os_str().is_empty());
    let path = folder.join(path.ok_or(io::ErrorKind::NotFound)?);
    let directory = path.parent().unwrap_or(folder);
    private_directory(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}
