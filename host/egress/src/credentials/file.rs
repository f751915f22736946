//! The three files. Docker's and Podman's have one shape, Spin's a smaller one.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use spin_deployer_manifest::Secret;
use zeroize::Zeroizing;

use super::{Credential, CredentialError, is_docker_hub};

/// Docker's `config.json` or Podman's `auth.json`; what else stands in them is not ours to judge.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthFile {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

/// Empty where Docker keeps the secret in a store.
#[derive(Deserialize)]
struct Entry {
    auth: Option<Zeroizing<String>>,
    username: Option<String>,
    password: Option<Zeroizing<String>>,
    identitytoken: Option<Zeroizing<String>>,
}

#[derive(Deserialize)]
struct SpinFile {
    #[serde(default)]
    auths: BTreeMap<String, Zeroizing<String>>,
}

impl AuthFile {
    /// `None` where there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, CredentialError> {
        read(path)
    }

    pub(super) fn helper(&self, registry: &str) -> Option<&str> {
        let (_, name) = self
            .cred_helpers
            .iter()
            .find(|(key, _)| names(key, registry))?;
        Some(name.as_str()).filter(|name| !name.is_empty())
    }

    pub(super) fn store(&self) -> Option<&str> {
        self.creds_store.as_deref().filter(|name| !name.is_empty())
    }

    /// The entry of the registry, in whichever way its key is written.
    pub(super) fn registry_entry(
        &self,
        registry: &str,
        path: &Path,
    ) -> Result<Option<Credential>, CredentialError> {
        if let Some(found) = self.exact_entry(registry, path)? {
            return Ok(Some(found));
        }
        for (key, entry) in self.auths.iter().filter(|(key, _)| names(key, registry)) {
            if let Some(found) = entry.credential(key, path)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The entry of exactly this key.
    pub(super) fn exact_entry(
        &self,
        key: &str,
        path: &Path,
    ) -> Result<Option<Credential>, CredentialError> {
        match self.auths.get(key) {
            Some(entry) => entry.credential(key, path),
            None => Ok(None),
        }
    }
}

impl Entry {
    fn credential(&self, key: &str, path: &Path) -> Result<Option<Credential>, CredentialError> {
        if let Some(token) = self
            .identitytoken
            .as_ref()
            .filter(|token| !token.is_empty())
        {
            return Ok(Some(Credential::IdentityToken {
                token: Secret::new(token.to_string()),
            }));
        }
        if let Some(auth) = self.auth.as_ref().filter(|auth| !auth.is_empty()) {
            return decode(auth, key, path).map(Some);
        }
        Ok(match (&self.username, &self.password) {
            (Some(username), Some(password)) => Some(Credential::Password {
                username: username.clone(),
                password: Secret::new(password.to_string()),
            }),
            _ => None,
        })
    }
}

/// What `spin registry login` saved for `registry`.
pub(super) fn spin(path: &Path, registry: &str) -> Result<Option<Credential>, CredentialError> {
    let Some(file) = read::<SpinFile>(path)? else {
        return Ok(None);
    };
    file.auths
        .iter()
        .find(|(key, _)| names(key, registry))
        .map(|(key, auth)| decode(auth, key, path))
        .transpose()
}

/// Whether a key means this registry. Docker has written keys as `ghcr.io`, `https://ghcr.io` and
/// `https://ghcr.io/v1/`; a key with a path and no scheme is Podman's and means a repository.
fn names(key: &str, registry: &str) -> bool {
    let host = match key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
    {
        Some(rest) => rest.split_once('/').map_or(rest, |(host, _)| host),
        None => key,
    };
    host.eq_ignore_ascii_case(registry) || (is_docker_hub(host) && is_docker_hub(registry))
}

/// `user:password` in base64, padded or not.
fn decode(auth: &str, key: &str, path: &Path) -> Result<Credential, CredentialError> {
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let malformed = || CredentialError::Malformed {
        path: path.to_owned(),
        problem: format!("the entry `{key}` does not hold `user:password` in base64"),
    };
    let bytes = Zeroizing::new(BASE64.decode(auth.trim()).map_err(|_| malformed())?);
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
    let (username, password) = text.split_once(':').ok_or_else(malformed)?;
    Ok(Credential::Password {
        username: username.to_owned(),
        // Some versions of Docker fill the end with zeros.
        password: Secret::new(password.trim_end_matches('\0').to_owned()),
    })
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, CredentialError> {
    let text = match std::fs::read(path) {
        Ok(text) => Zeroizing::new(text),
        // `NotADirectory`: a component of the path is a file, so that this one is not there either.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => {
            return Err(CredentialError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        // serde's own message quotes the value that it did not expect, and here that may be a secret.
        let (line, column) = (error.line(), error.column());
        let what = if error.is_data() {
            "an unexpected value"
        } else {
            "no JSON"
        };
        let problem = format!("{what} at line {line}, column {column}");
        CredentialError::Malformed {
            path: path.to_owned(),
            problem,
        }
    })
}
