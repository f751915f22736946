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

/// Of a component and all that is plugged into it, in bytes. Composing holds all parts in memory.
const LARGEST: u64 = 512 << 20;

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
        let dependencies: Vec<_> = dependencies.into_iter().flatten().collect();
        let digests: Vec<_> = std::iter::once(wasm)
            .chain(
                dependencies
                    .iter()
                    .map(|(_, dependency)| digest(dependency)),
            )
            .collect();
        let parts = self.read(&digests)?;
        let dependencies: Vec<_> = dependencies
            .into_iter()
            .map(|(name, dependency)| Dependency {
                name,
                wasm: &parts[digest(dependency)],
                export: dependency["export"].as_str(),
                inherit: inherit(&dependency["inherit"]),
            })
            .collect();
        match compose(self.id, &parts[wasm], &dependencies) {
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

    /// Reads each once. What is plugged in twice counts twice: composing copies it.
    fn read<'d>(&self, digests: &[&'d str]) -> Result<HashMap<&'d str, Vec<u8>>, Vec<Notice>> {
        let mut contents = HashMap::new();
        let mut size: u64 = 0;
        for digest in digests {
            let content = self.content(digest)?;
            size = size.saturating_add(content.size());
            contents.insert(*digest, content);
        }
        if size > LARGEST {
            let message = format!(
                "`{}` and its dependencies have {size} bytes, and at most {LARGEST} can be composed",
                self.id
            );
            let help = "strip their debug information".to_owned();
            return Err(self.error("too-large", message, help));
        }
        let read = contents.into_iter().map(|(digest, content)| {
            let mut bytes = Vec::new();
            let mut reader = content.open(0).map_err(io::Error::other)?;
            reader.read_to_end(&mut bytes)?;
            Ok((digest, bytes))
        });
        read.collect::<io::Result<_>>()
            .map_err(|error| self.unreadable(&error))
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

fn digest(dependency: &Value) -> &str {
    dependency["source"]["digest"].as_str().unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::archive::temporary;
    use crate::ports::{NoRemotes, NoTriggerComposer};

    /// What comes of `c` with two dependencies of this many bytes, none of which can be read.
    fn composed(sizes: [u64; 2]) -> Vec<Notice> {
        let file = Arc::new(temporary(None).unwrap());
        let mut contents = HashMap::new();
        for (digest, size) in [("c", 8), ("one", sizes[0]), ("two", sizes[1])] {
            let content = Content::temporary(digest.into(), Arc::clone(&file), 0, size);
            contents.insert(digest.to_owned(), Arc::new(content));
        }
        let composing = Composing {
            id: "c",
            whole: &Value::Null,
            contents: &contents,
            modules: true,
            kept: Kept {
                memory: None,
                remotes: &NoRemotes,
                temporary: None,
            },
            options: &LoadOptions::default(),
            triggers: &NoTriggerComposer,
        };
        let described = json!({ "dependencies": {
            "a:b": { "source": { "digest": "one" } },
            "a:c": { "source": { "digest": "two" } },
        } });
        composing
            .run(described.as_object().unwrap(), "c")
            .unwrap_err()
    }

    #[test]
    fn parts_are_bounded_together_before_any_is_read() {
        assert_eq!(composed([LARGEST / 2, LARGEST / 2])[0].code, "too-large");
        assert_eq!(composed([u64::MAX, u64::MAX])[0].code, "too-large");
        assert_eq!(composed([LARGEST / 2, 1])[0].code, "unreadable");
    }
}
