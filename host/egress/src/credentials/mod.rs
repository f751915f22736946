//! What the machine holds for a registry: the files and helpers of Spin, Docker and Podman.
//!
//! Spin's file comes first, because the user of a Spin command wrote it for this very purpose; then Docker's
//! configuration, then Podman's. A file that is there and cannot be understood is an error: going on without would
//! turn a broken file into a push without credentials, and into a registry's answer that nobody can explain.
//!
//! Written here and not taken from the crate `docker_credential` (1.4), which reads the process's environment itself,
//! does not know Podman's or Spin's files, waits for a helper for ever, shows secrets in `Debug`, and puts what a
//! helper printed into its error.

mod file;
mod helper;

use std::fmt;
use std::path::{Path, PathBuf};

use spin_deployer_manifest::Secret;

use crate::Environment;
use file::AuthFile;

/// What to prove to a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// For Basic authentication, at the registry or at its token service.
    Password {
        /// In the clear: it is no secret.
        username: String,
        /// Or an access token, which goes where a password goes.
        password: Secret,
    },
    /// An OAuth 2 refresh token for the registry's token service.
    IdentityToken {
        /// What Docker calls `identitytoken`.
        token: Secret,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { username, .. } => write!(f, "Password({username})"),
            Self::IdentityToken { .. } => f.write_str("IdentityToken"),
        }
    }
}

/// Why no credential can be had, though one seems to be configured. Never holds a value out of a file or helper.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The file is there and cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not what it should be. Names the place, never what stands there.
    #[error("{} is not a file of registry credentials: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// In words, with line or entry.
        problem: String,
    },
    /// A credential helper did not do its work.
    #[error("the credential helper {program}, which {} names for {server}, {problem}", path.display())]
    Helper {
        /// `docker-credential-…`.
        program: String,
        /// What it was asked for.
        server: String,
        /// The file that names it.
        path: PathBuf,
        /// In words: `is not on the PATH`.
        problem: String,
    },
}

/// Looks for what the machine holds for `registry` (`ghcr.io`, `127.0.0.1:5000`) and, where a file knows
/// credentials of single repositories, `repository` (`acme/shop`). `None`: nothing is configured, go anonymously.
///
/// Reads files of a few kilobytes and may run one program, `docker-credential-X`, for at most 30 seconds.
///
/// # Errors
/// A file that is there but broken, and a helper that fails, each with its name.
pub async fn find(
    registry: &str,
    repository: &str,
    environment: &Environment,
) -> Result<Option<Credential>, CredentialError> {
    if let Some(path) = environment
        .config()
        .map(|config| config.join("fermyon/registry-auth.json"))
        && let Some(found) = file::spin(&path, registry)?
    {
        return Ok(Some(found));
    }
    let docker = environment
        .path("DOCKER_CONFIG")
        .or_else(|| Some(environment.home()?.join(".docker")));
    if let Some(path) = docker.map(|directory| directory.join("config.json"))
        && let Some(file) = AuthFile::read(&path)?
        && let Some(found) = in_docker(&file, &path, registry, environment).await?
    {
        return Ok(Some(found));
    }
    for path in podman(environment) {
        if let Some(file) = AuthFile::read(&path)?
            && let Some(found) = in_podman(&file, &path, registry, repository, environment).await?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Podman reads the first of these that it can use; a file that is named explicitly has to be there for Podman, but
/// here it is only one of several places.
fn podman(environment: &Environment) -> Vec<PathBuf> {
    if let Some(path) = environment.path("REGISTRY_AUTH_FILE") {
        return vec![path];
    }
    let runtime = environment.path("XDG_RUNTIME_DIR");
    let config = if cfg!(windows) || cfg!(target_os = "macos") {
        environment.home().map(|home| home.join(".config"))
    } else {
        environment.config()
    };
    [runtime, config]
        .into_iter()
        .flatten()
        .map(|path| path.join("containers/auth.json"))
        .collect()
}

async fn in_docker(
    file: &AuthFile,
    path: &Path,
    registry: &str,
    environment: &Environment,
) -> Result<Option<Credential>, CredentialError> {
    let server = docker_server(registry);
    if let Some(name) = file.helper(registry) {
        return helper::get(name, server, path, environment).await;
    }
    if let Some(found) = file.registry_entry(registry, path)? {
        return Ok(Some(found));
    }
    match file.store() {
        Some(name) => helper::get(name, server, path, environment).await,
        None => Ok(None),
    }
}

async fn in_podman(
    file: &AuthFile,
    path: &Path,
    registry: &str,
    repository: &str,
    environment: &Environment,
) -> Result<Option<Credential>, CredentialError> {
    // `registry/acme/shop`, `registry/acme`, and then the registry itself.
    let mut scope = repository;
    while !scope.is_empty() {
        if let Some(found) = file.exact_entry(&format!("{registry}/{scope}"), path)? {
            return Ok(Some(found));
        }
        scope = scope.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
    if let Some(name) = file.helper(registry) {
        return helper::get(name, registry, path, environment).await;
    }
    file.registry_entry(registry, path)
}

/// The name under which Docker keeps a registry: Docker Hub is an address from before registries had names.
fn docker_server(registry: &str) -> &str {
    if is_docker_hub(registry) {
        "https://index.docker.io/v1/"
    } else {
        registry
    }
}

fn is_docker_hub(registry: &str) -> bool {
    matches!(
        registry,
        "docker.io" | "index.docker.io" | "registry-1.docker.io"
    )
}
