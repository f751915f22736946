//! One component and its dependencies.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read};
use std::sync::Arc;

use serde_json::{Map, Value};
use spin_deployer_compose::{Capability, ComponentizeError, Dependency, Inherit, Problem, compose};

use super::Notice;
use super::kept::{Kept, key};
use crate::content::Content;
use crate::finding::Level;
use crate::ports::TriggerComposer;
use crate::{LoadOptions, wasm};

/// In bytes. Composing holds all parts in memory.
const LARGEST_PART: u64 = 512 << 20;

pub(super) struct Composing<'a> {
    pub(super) id: &'a str,
    /// The app before composition.
    pub(super) whole: &'a Value,
    pub(super) contents: &'a HashMap<String, Arc<Content>>,
    /// Whether a module without dependencies becomes a component, too.
    pub(super) modules: bool,
    pub(super) kept: Kept<'a>,
    pub(super) options: &'a LoadOptions,
    pub(super) triggers: &'a dyn TriggerComposer,
}

impl Composing<'_> {
    /// What the component becomes; nothing where it is what it should be.
    pub(super) fn run(
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
        if let Some(kept) = self.kept.recall(&key) {
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
            Ok(composed) => {
                let kept = self.kept.keep(Some(&key), &composed);
                kept.map(Some).map_err(|error| self.unreadable(&error))
            }
            Err(error) => {
                let alone = dependencies.is_empty();
                let problems = error.problems.into_iter();
                Err(problems
                    .map(|problem| self.problem(problem, alone))
                    .collect())
            }
        }
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

    pub(super) fn unreadable(&self, error: &io::Error) -> Vec<Notice> {
        let message = format!("`{}` cannot be composed: {error}", self.id);
        self.error("unreadable", message, String::new())
    }

    pub(super) fn error(&self, code: &'static str, message: String, help: String) -> Vec<Notice> {
        vec![self.notice(code, message, help)]
    }

    pub(super) fn notice(&self, code: &'static str, message: String, help: String) -> Notice {
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
