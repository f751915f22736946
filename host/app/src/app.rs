//! An application that is ready to be deployed, wherever it came from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::Value;

use crate::archive::{self, ArchiveError};
use crate::content::Content;
use crate::finding::Finding;
use crate::hash;
use crate::memory::MadeMemory;

/// A loaded application: its locked form, its contents, and what was noticed on the way.
#[derive(Debug)]
pub struct App {
    name: String,
    version: Option<String>,
    locked: Value,
    portable: String,
    fingerprint: String,
    components: Vec<Component>,
    findings: Vec<Finding>,
    needs: Needs,
    contents: HashMap<String, Arc<Content>>,
    /// By component, made when they are first asked for.
    archives: Mutex<HashMap<String, Arc<Content>>>,
    temporary: Option<PathBuf>,
    memory: Option<Arc<dyn MadeMemory>>,
}

/// A component of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Component {
    /// Its id in the manifest, or the one that it was given.
    pub id: String,
    /// Of what is deployed: `sha256:` and 64 hexadecimal digits.
    pub wasm_digest: String,
    /// In bytes.
    pub wasm_size: u64,
    /// What it was before its dependencies were composed into it, or before it was made a component; `None` where
    /// nothing had to be done.
    pub given: Option<Wasm>,
    /// Sorted by path.
    pub files: Vec<File>,
}

/// Wasm of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wasm {
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// In bytes.
    pub size: u64,
}

/// A file that a component sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct File {
    /// Where the component finds it: relative, `/`-separated, without `.` and `..`.
    pub path: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// In bytes.
    pub size: u64,
}

/// What a platform must be able to do to run an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// Types of triggers: `http`, `redis`.
    pub triggers: BTreeSet<String>,
    /// Required ones only: `local_service_chaining`.
    pub host_requirements: BTreeSet<String>,
}

/// What a source makes of an app, before it is one.
pub(crate) struct Parts {
    /// As Spin writes it.
    pub(crate) locked: Value,
    /// The same, every content by digest only.
    pub(crate) portable: Value,
    pub(crate) components: Vec<Component>,
    pub(crate) contents: HashMap<String, Arc<Content>>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) temporary: Option<PathBuf>,
    pub(crate) memory: Option<Arc<dyn MadeMemory>>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            locked,
            portable,
            components,
            contents,
            findings,
            temporary,
            memory,
        } = parts;
        let needs = needs(&portable);
        let metadata = |key: &str| portable["metadata"][key].as_str().map(str::to_owned);
        let (name, version) = (metadata("name").unwrap_or_default(), metadata("version"));
        let portable = portable.to_string();
        let fingerprint = hash::hexadecimal(&hash::sha256(portable.as_bytes()));
        let archives = Mutex::default();
        Self {
            name,
            version,
            locked,
            portable,
            fingerprint,
            components,
            findings,
            needs,
            contents,
            archives,
            temporary,
            memory,
        }
    }

    /// By which platforms know it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As the author wrote it; Spin does not insist on a form.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The locked application as Spin's loader writes it, with `{app}` and `{mount}` in place of the folders of this
    /// machine. Of a layout: what its locked-app layer says.
    #[must_use]
    pub fn locked(&self) -> &Value {
        &self.locked
    }

    /// The locked application for plugins, compact: every content by digest, one entry a file, nothing of this machine.
    /// With the small contents written into it (`inline`, before `digest`) it is the locked-app layer of Spin's image.
    #[must_use]
    pub fn portable(&self) -> &str {
        &self.portable
    }

    /// In the order of the locked application.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// Warnings only: with an error there is no app, unless [`Composition::Reported`](crate::Composition) was asked for.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// 64 hexadecimal digits over [`App::portable`], which holds every digest: equal apps, equal fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// In bytes, each content once.
    #[must_use]
    pub fn total_size(&self) -> u64 {
        self.contents.values().map(|content| content.size()).sum()
    }

    /// What the platform must be able to do.
    #[must_use]
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// A content that [`App::components`] listed, or that [`App::archive`] made.
    #[must_use]
    pub fn content(&self, digest: &str) -> Option<Arc<Content>> {
        if let Some(content) = self.contents.get(digest) {
            return Some(Arc::clone(content));
        }
        let archives = self.archives.lock().ok()?;
        archives
            .values()
            .find(|content| content.digest() == digest)
            .cloned()
    }

    /// All files of a component as a reproducible tar+gzip, made at the first call, or when it is first opened where
    /// its digest is remembered. Reads every file: not for the thread of an executor.
    ///
    /// # Errors
    /// When there is no such component, a file cannot be read any more, or the temporary folder is full.
    pub fn archive(&self, component_id: &str) -> Result<Arc<Content>, ArchiveError> {
        let no_component = || ArchiveError::NoComponent(component_id.to_owned());
        let component = self
            .components
            .iter()
            .find(|c| c.id == component_id)
            .ok_or_else(no_component)?;
        let mut archives = self
            .archives
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(content) = archives.get(component_id) {
            return Ok(Arc::clone(content));
        }
        let content = Arc::new(archive::archive(
            component,
            &self.contents,
            self.temporary.as_deref(),
            self.memory.clone(),
        )?);
        archives.insert(component_id.to_owned(), Arc::clone(&content));
        Ok(content)
    }
}

fn needs(locked: &Value) -> Needs {
    let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let triggers = array(&locked["triggers"]);
    let components = array(&locked["components"]);
    let mut required: BTreeMap<String, Value> = BTreeMap::new();
    for owner in std::iter::once(locked).chain(&components) {
        let requirements = owner["host_requirements"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        // What one component can do without, another may insist on.
        required.extend(
            requirements
                .into_iter()
                .filter(|(_, level)| level != "optional"),
        );
    }
    Needs {
        triggers: triggers
            .iter()
            .filter_map(|t| t["trigger_type"].as_str())
            .map(str::to_owned)
            .collect(),
        host_requirements: required.into_keys().collect(),
    }
}
