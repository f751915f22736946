//! A component whose trigger adds dependencies (middleware): only the type of trigger knows what they are for, so that
//! Spin composes it.
//!
//! Every time: what comes of it depends on more than its parts. The trigger may be a plugin, which Spin finds, and may read
//! the app's folder; `SPIN_BIN_PATH` may be a script that chooses one Spin of several. Nothing here would notice.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};

use super::Notice;
use super::component::Composing;
use crate::content::Content;
use crate::finding::Level;
use crate::ports::RemoteError;
use crate::{Composition, hash, wasm};

/// Says whose dependencies a component's `trigger_dependencies` are.
const RESOLVER: &str = "resolve-trigger-dependencies-using";

impl Composing<'_> {
    pub(super) fn by_trigger(
        &self,
        described: &Map<String, Value>,
    ) -> Result<Content, Vec<Notice>> {
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
        let composed = self.triggers.compose(trigger, self.id, &locked).map_err(
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
        let kept = self.kept.keep(None, &composed);
        kept.map_err(|error| self.unreadable(&error))
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
