//! Keys with which a plugin has messages signed, and which it does not see.
//!
//! The user names a key as the value of an option of type `signing-key`: the path of a file, or in a variable the key
//! itself. It is read here before the plugin runs, and stays here. The plugin has its public half, and during `deploy`
//! may have signed what it likes: [`SignerPort`] says how much, and writes down what.

mod file;
mod key;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest as _, Sha256};
use spin_deployer_app::App;
use spin_deployer_grants::{Phase, ValueSource, Values};
use spin_deployer_manifest::{KeySource, Manifest, OptionKind, OptionSpec, OptionValue, Secret};
use spin_deployer_sandbox as sandbox;
use zeroize::Zeroizing;

use file::{LARGEST, Place};
pub use file::{create_key, show_key};
pub(crate) use key::Key;

use crate::audit::{AuditLog, Line};
use crate::target::hex;
use crate::{Code, Error};

/// What a call has signed at most: each leaves a line in the audit log.
const MOST: usize = 1_000;

/// The keys of one call.
#[derive(Default)]
pub(crate) struct Keys {
    /// By option.
    keys: BTreeMap<String, Key>,
    notes: Vec<String>,
}

impl Keys {
    /// Reads the keys that the values name.
    ///
    /// # Errors
    /// One cannot be read, or is none.
    pub(crate) fn read(manifest: &Manifest, values: &Values) -> Result<Self, Error> {
        let mut read = Self::default();
        for (name, resolved) in values {
            let OptionValue::SigningKey(source) = &resolved.value else {
                continue;
            };
            let option = manifest.option(name.as_str());
            let variable = option.and_then(|option| option.env.as_deref());
            let key = match source {
                KeySource::File(path) => {
                    // What is in a variable may be a key after all, in a form that nobody here knows.
                    let variable = variable.filter(|_| resolved.source == ValueSource::Environment);
                    let place = match variable {
                        Some(variable) => Place::Variable(variable),
                        None => Place::Option(name.as_str()),
                    };
                    let (key, note) = file::read(path).map_err(|e| e.told(&place, path))?;
                    read.notes.extend(note);
                    key
                }
                KeySource::Text(text) => Key::from_pem(text.expose()).map_err(|error| {
                    let place = match variable {
                        Some(variable) => format!("the variable {variable}"),
                        None => format!("the value of --{name}"),
                    };
                    Error::new(Code::Usage, format!("cannot sign with the key in {place}"))
                        .detail(error.to_string())
                        .help(error.help())
                })?,
            };
            read.keys.insert(name.to_string(), key);
        }
        Ok(read)
    }

    /// Looks for the keys in the app, which whoever can read it could sign with then.
    ///
    /// # Errors
    /// A file of the app has one of them in it, or cannot be read any more.
    pub(crate) fn refuse_published(&self, app: &App) -> Result<(), Error> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let mut looked_at = BTreeSet::new();
        for component in app.components() {
            let small = component.files.iter().filter(|f| f.size <= LARGEST);
            for file in small.filter(|file| looked_at.insert(&file.digest)) {
                let Some(content) = app.content(&file.digest) else {
                    continue;
                };
                let size = usize::try_from(LARGEST).unwrap_or_default();
                let mut text = Zeroizing::new(Vec::with_capacity(size));
                let read = content.open(0).map_err(std::io::Error::other);
                read.and_then(|mut from| from.read_to_end(&mut text))
                    .map_err(|e| {
                        Error::new(Code::Failed, format!("cannot read {}", file.path))
                            .detail(e.to_string())
                    })?;
                if let Some(option) = self.in_text(&text) {
                    return Err(published(option, &component.id, &file.path));
                }
            }
        }
        Ok(())
    }

    /// The option whose key is written in this text.
    fn in_text(&self, text: &[u8]) -> Option<&str> {
        let has = |spelling: &Secret| contains(text, spelling.expose().as_bytes());
        let mut keys = self.keys.iter();
        let found = keys.find(|(_, key)| key.spellings().iter().any(has));
        found.map(|(option, _)| option.as_str())
    }

    /// The key of an option.
    pub(crate) fn get(&self, option: &str) -> Option<&Key> {
        self.keys.get(option)
    }

    /// What the user should know of the files.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        self.notes.iter().cloned()
    }
}

fn contains(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|window| window == what)
}

fn published(option: &str, component: &str, path: &str) -> Error {
    let message = format!(
        "the key of --{option} is in the app: component `{component}` has it in its file {path}"
    );
    Error::new(Code::Usage, message).help(
        "move the key out of the folder, or name it in `exclude_files`; if it was deployed before, make a new one: whoever \
         can read the app can sign with it",
    )
}

/// Signs for the plugin, in the phase that signs.
pub(crate) struct SignerPort {
    keys: Arc<Keys>,
    options: Vec<OptionSpec>,
    phase: Phase,
    audit: Arc<AuditLog>,
    signed: AtomicUsize,
}

impl SignerPort {
    pub(crate) fn new(
        keys: Arc<Keys>,
        manifest: &Manifest,
        phase: Phase,
        audit: Arc<AuditLog>,
    ) -> Self {
        Self {
            keys,
            options: manifest.options.clone(),
            phase,
            audit,
            signed: AtomicUsize::new(0),
        }
    }

    fn key(&self, option: &str) -> Result<&Key, String> {
        let declared = self.options.iter().find(|o| o.name.as_str() == option);
        match (declared.map(|option| &option.kind), self.keys.get(option)) {
            (Some(OptionKind::SigningKey), Some(key)) => Ok(key),
            (Some(OptionKind::SigningKey), None) => Err(format!(
                "the option `{option}` has no value, so there is no key to sign with"
            )),
            (Some(kind), _) => Err(format!(
                "the option `{option}` is of type `{kind}`, and signing takes one of type `signing-key`"
            )),
            (None, _) => {
                let option: String = option.chars().take(80).collect();
                Err(format!("there is no option `{option}` to sign with"))
            }
        }
    }
}

impl sandbox::Signer for SignerPort {
    fn sign(&self, option: &str, message: &[u8]) -> Result<[u8; 64], String> {
        if self.phase != Phase::Deploy {
            return Err(format!(
                "nothing is signed in `{}`, only in `deploy`",
                self.phase
            ));
        }
        let key = self.key(option)?;
        if self.signed.fetch_add(1, Ordering::Relaxed) >= MOST {
            return Err(format!("a deploy has at most {MOST} messages signed"));
        }
        let line = Line::Signed {
            option,
            sha256: hex(&Sha256::digest(message)),
            bytes: message.len(),
        };
        self.audit
            .surely(&line)
            .map_err(|error| format!("{error}, and nothing is signed without a line in it"))?;
        Ok(key.sign(message))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;
    use sandbox::Signer as _;
    use spin_deployer_grants::Resolved;

    use super::key::tests::PEM;
    use super::*;

    const MANIFEST: &str = r#"
        name = "demo"
        version = "0.1.0"
        description = "For tests"
        options = [
            { name = "key", type = "signing-key", env = "SPIN_DEPLOYER_DEMO_KEY", help = "A key" },
            { name = "other", type = "signing-key", help = "Another" },
            { name = "token", type = "secret", help = "A token" },
        ]
    "#;

    fn keys(text: &str) -> Result<Keys, Error> {
        keys_of(
            KeySource::Text(text.to_owned().into()),
            ValueSource::Environment,
        )
    }

    fn keys_of(key: KeySource, source: ValueSource) -> Result<Keys, Error> {
        let value = OptionValue::SigningKey(key);
        let values = Values::from([("key".parse().unwrap(), Resolved { value, source })]);
        Keys::read(&MANIFEST.parse().unwrap(), &values)
    }

    fn port(phase: Phase) -> (SignerPort, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let audit = AuditLog::open(Some(&folder.path().join("log")), None).unwrap();
        let keys = Arc::new(keys(PEM).unwrap());
        let manifest = MANIFEST.parse().unwrap();
        (
            SignerPort::new(keys, &manifest, phase, Arc::new(audit)),
            folder,
        )
    }

    fn log(folder: &tempfile::TempDir) -> String {
        std::fs::read_to_string(folder.path().join("log")).unwrap()
    }

    #[rstest]
    fn only_a_deploy_signs(
        #[values(
            Phase::Plan,
            Phase::Status,
            Phase::Rollback,
            Phase::Destroy,
            Phase::Login,
            Phase::Load
        )]
        phase: Phase,
    ) {
        let (port, folder) = port(phase);
        let said = port.sign("key", b"x").unwrap_err();
        assert!(said.contains("only in `deploy`"), "{said}");
        assert_eq!(log(&folder), "");
    }

    #[rstest]
    #[case("nobody", "there is no option `nobody`")]
    #[case("other", "`other` has no value")]
    #[case("token", "`token` is of type `secret`")]
    fn what_is_no_key_signs_nothing(#[case] option: &str, #[case] says: &str) {
        let (port, folder) = port(Phase::Deploy);
        let said = port.sign(option, b"x").unwrap_err();
        assert!(said.contains(says), "{said}");
        assert_eq!(log(&folder), "");
    }

    #[test]
    fn each_signature_leaves_a_line_until_there_were_enough() {
        let (port, folder) = port(Phase::Deploy);
        let first = port.sign("key", b"x").unwrap();
        assert_eq!(first, keys(PEM).unwrap().get("key").unwrap().sign(b"x"));
        for _ in 1..MOST {
            port.sign("key", b"").unwrap();
        }
        let said = port.sign("key", b"").unwrap_err();
        assert!(said.contains("at most 1000"), "{said}");
        let log = log(&folder);
        assert_eq!(log.lines().count(), MOST);
        assert!(
            log.lines().next().unwrap().ends_with(
                r#""event":"signed","option":"key","sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","bytes":1}"#
            ),
            "{log}"
        );
    }

    #[test]
    fn a_variable_with_something_else_in_it_is_named_and_not_repeated() {
        let error = keys(&PEM.replace("MC4CAQ", "MC4CAR")).err().unwrap();
        let said = format!("{error:?}");
        assert!(said.contains("SPIN_DEPLOYER_DEMO_KEY"), "{said}");
        assert!(!said.contains("wBQYDK2Vw"), "{said}");
    }

    #[test]
    fn a_key_is_found_in_whatever_text_has_it() {
        let keys = keys(PEM).unwrap();
        let line = PEM.lines().nth(1).unwrap();
        for text in [PEM.to_owned(), format!("{{\"key\":\"{line}\"}}")] {
            assert_eq!(keys.in_text(text.as_bytes()), Some("key"));
        }
        assert_eq!(keys.in_text(b"-----BEGIN PRIVATE KEY-----"), None);
        assert_eq!(keys.in_text(b""), None);
    }

    #[test]
    fn of_a_variable_nothing_is_repeated_that_may_be_a_key() {
        let given = |source| {
            let key = KeySource::File("/cwd/planted as nobody knows it".into());
            keys_of(key, source).err().unwrap()
        };
        let said = given(ValueSource::Environment);
        let said = format!("{said:?}");
        assert!(said.contains("SPIN_DEPLOYER_DEMO_KEY"), "{said}");
        assert!(!said.contains("planted"), "{said}");
        // A path that was typed is what helps.
        let said = given(ValueSource::Flag).message;
        assert!(said.contains("planted") && said.contains("--key"), "{said}");
    }
}
