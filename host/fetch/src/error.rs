//! Why something is not here, in the user's words, and a way out.

use std::io;
use std::path::PathBuf;

use spin_deployer_egress::credentials::CredentialError;
use spin_deployer_manifest::Origin;
use spin_deployer_oci::{Error as RegistryError, PullError, TransportFailure};
use url::Url;

use crate::budget::Spent;

/// Why something is not here. `what` names it: `https://example.com/a.wasm`, `the package acme:shop@1.0.0 of
/// example.com`, `the image example.com/acme/shop:v1`.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It was not fetched before, and now nothing may be sent.
    #[error("{what} is not here, and nothing may be sent")]
    Offline {
        /// What is missing.
        what: String,
    },
    /// There is nothing under that name.
    #[error("{what} does not exist: {reason}")]
    NotFound {
        /// What was wanted.
        what: String,
        /// Where was looked.
        reason: String,
    },
    /// There are versions of it, and none that is wanted.
    #[error("{what} does not exist: {}", versions(highest, *more))]
    NoMatch {
        /// The package with what is required of its version.
        what: String,
        /// Some of the versions that there are, the highest first.
        highest: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// Something else came.
    #[error("{what} is not what it should be: it has the digest {came}, not {wanted}")]
    WrongDigest {
        /// What was wanted.
        what: String,
        /// Its digest.
        wanted: String,
        /// The digest of what came.
        came: String,
    },
    /// Something shorter or longer came.
    #[error("{what} is not what it should be: {reason}")]
    WrongSize {
        /// What was wanted.
        what: String,
        /// Both sizes.
        reason: String,
    },
    /// More than is fetched.
    #[error("{what} is larger than {limit} bytes, which is the most that is fetched")]
    TooLarge {
        /// What was wanted.
        what: String,
        /// In bytes.
        limit: u64,
    },
    /// More in all than is fetched for one app.
    #[error(
        "{what} is not fetched: with it, more than {limit} bytes would be, and that is the most for one app"
    )]
    TooMuch {
        /// What was to come when there were so many.
        what: String,
        /// In bytes.
        limit: u64,
    },
    /// Nobody answered, or the connection did not hold.
    #[error("{what} cannot be reached: {reason}")]
    Unreachable {
        /// What was wanted.
        what: String,
        /// What was tried last.
        reason: String,
    },
    /// The server wants to know who is asking.
    #[error("{what} is not given to {}: {reason}", if *.credential { "the user of the credential that it was shown" } else { "everybody, and no credential was found" })]
    Unauthorized {
        /// What was wanted.
        what: String,
        /// Whom to log in to: `example.com`.
        registry: String,
        /// Whether one was shown.
        credential: bool,
        /// What the server said.
        reason: String,
    },
    /// The server knows who is asking, or does not care, and says no.
    #[error("{what} is refused by its server: {reason}")]
    Forbidden {
        /// What was wanted.
        what: String,
        /// Whom to log in to: `example.com`.
        registry: String,
        /// What the server said.
        reason: String,
    },
    /// Not let out: an address that nobody named, or that nobody may reach.
    #[error("{what} is not fetched: {reason}")]
    Refused {
        /// What was wanted.
        what: String,
        /// The request, and what is wrong with it.
        reason: String,
        /// Whether a server or a catalog led there, and not the app or the user.
        redirected: bool,
    },
    /// Another one is under this version: what is published does not change.
    #[error("{what} is there already, and is another one")]
    Taken {
        /// What was to be pushed.
        what: String,
    },
    /// The server is overloaded, or out of order for now.
    #[error("{what} cannot be had now: {reason}")]
    Unavailable {
        /// What was wanted.
        what: String,
        /// What it answered.
        reason: String,
    },
    /// The server is none of the kind that it should be.
    #[error("{what}: {reason}")]
    Server {
        /// What was wanted.
        what: String,
        /// What it answered.
        reason: String,
    },
    /// It is there, and is nothing that an app can have.
    #[error("{what} cannot be used: {reason}")]
    Unusable {
        /// What was wanted.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Its name is none.
    #[error("{what} cannot be fetched: {reason}")]
    Name {
        /// What was wanted.
        what: String,
        /// What is wrong with the name.
        reason: String,
    },
    /// Nobody says where the packages of that namespace are.
    #[error("nobody says in which registry the package {package} is")]
    Unmapped {
        /// `acme:shop`.
        package: String,
        /// `acme`.
        namespace: String,
        /// Where it could be said.
        file: Option<PathBuf>,
    },
    /// The configuration of packages cannot be used. Holds no value out of it: there are passwords in it.
    #[error("{} cannot be used: {reason}", file.display())]
    Configuration {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A registry's credential seems to be there and cannot be had.
    #[error("the credential for {registry} cannot be had: {source}")]
    Credential {
        /// `example.com`.
        registry: String,
        /// Why.
        #[source]
        source: CredentialError,
    },
    /// What came cannot be kept.
    #[error("nothing can be kept in {}: {source}", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl FetchError {
    /// A stable word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Offline { .. } => "offline",
            Self::NotFound { .. } => "not-found",
            Self::NoMatch { .. } => "no-matching-version",
            Self::WrongDigest { .. } => "wrong-digest",
            Self::WrongSize { .. } => "wrong-size",
            Self::TooLarge { .. } | Self::TooMuch { .. } => "too-large",
            Self::Unreachable { .. } => "unreachable",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::Refused { .. } => "refused",
            Self::Taken { .. } => "taken",
            Self::Unavailable { .. } => "unavailable",
            Self::Server { .. } => "bad-answer",
            Self::Unusable { .. } => "unsupported",
            Self::Name { .. } => "invalid",
            Self::Unmapped { .. } => "unmapped",
            Self::Configuration { .. } => "configuration",
            Self::Credential { .. } => "credential",
            Self::Cache { .. } => "cache",
        }
    }

    /// What to do about it; may be empty.
    pub fn help(&self) -> String {
        match self {
            Self::Offline { .. } => {
                "run it once without --offline: what it fetches then stays here".to_owned()
            }
            Self::NotFound { what, .. } if is_url(what) => "is the address right?".to_owned(),
            Self::NotFound { .. } => "is the name right, and its version or tag?".to_owned(),
            Self::NoMatch { highest, .. } => match highest.first() {
                None => "publish a version of it first".to_owned(),
                Some(first) if highest.iter().all(|version| version.contains('-')) => {
                    format!("a pre-release is taken only where it is named: `^{first}`")
                }
                Some(_) => "write a requirement that one of them meets".to_owned(),
            },
            Self::WrongDigest { came, .. } => format!(
                "if what is there now is what you want, write its digest: {came}; else somebody changed it"
            ),
            Self::WrongSize { .. } => {
                "run it again; if it stays so, something between here and there changes answers"
                    .to_owned()
            }
            Self::Unreachable { .. } => {
                "is the name right, and is the server running? What has come so far is fetched again".to_owned()
            }
            Self::Unauthorized { what, .. } | Self::Forbidden { what, .. } if is_url(what) => {
                "what lies at a URL is fetched without a login: put it where everybody who deploys the app may read it, or \
                 into a registry as a package"
                    .to_owned()
            }
            Self::Unauthorized { registry, .. } => {
                format!("log in: docker login {registry}, or: spin registry login {registry}")
            }
            Self::Forbidden { registry, .. } => format!(
                "log in as somebody who may read it: docker login {registry}, or: spin registry login {registry}"
            ),
            Self::Taken { .. } => "who has it would be told that somebody changed it: give yours a new version; a tag that is no version may lead to another one".to_owned(),
            Self::Refused {
                redirected: true, ..
            } => {
                "a server or a catalog led there: if it is the right address, name it yourself; where a policy is against it, its administrator can allow it".to_owned()
            }
            Self::Refused { .. } => {
                "that address may not be asked: name another one; where a policy is against it, its administrator can allow it".to_owned()
            }
            Self::Unmapped {
                namespace, file, ..
            } => {
                let file = file.as_ref().map_or_else(
                    || "wasm-pkg/config.toml in your configuration folder".to_owned(),
                    |file| file.display().to_string(),
                );
                format!(
                    "name a `registry` beside `package`, or write into {file}:\n[namespace_registries]\n{namespace} = \"registry.example.com\""
                )
            }
            Self::Unavailable { .. } => "run it again later".to_owned(),
            Self::Server { .. } => "is the name right? What answers there is not what it should be".to_owned(),
            Self::Cache { .. } => {
                "make room there, or name another folder in SPIN_DEPLOYER_CACHE_DIR".to_owned()
            }
            Self::TooMuch { .. } => {
                "if the app needs all of that, run it again: what came stays here, and the rest follows".to_owned()
            }
            Self::TooLarge { .. }
            | Self::Unusable { .. }
            | Self::Name { .. }
            | Self::Configuration { .. }
            | Self::Credential { .. } => String::new(),
        }
    }

    /// What an exchange about `what` led to. `origin` is who was asked first, `registry` who to log in to.
    pub(crate) fn of_pull(
        what: &str,
        origin: &Origin,
        registry: &str,
        error: PullError,
        kept: impl Fn(io::Error) -> Self,
    ) -> Self {
        let (what, reason) = (what.to_owned(), error.to_string());
        match error {
            PullError::Exchange(error) => Self::of_exchange(what, origin, registry, error),
            PullError::NotFound { .. } => Self::NotFound { what, reason },
            PullError::Digest { wanted, came, .. } => Self::WrongDigest {
                what,
                wanted: wanted.to_string(),
                came: came.to_string(),
            },
            PullError::Size { .. } => Self::WrongSize { what, reason },
            PullError::TooLarge { limit, .. } => Self::TooLarge { what, limit },
            PullError::Redirects { .. } | PullError::Tags { .. } => Self::Server { what, reason },
            PullError::Write(source) => Self::of_write(&what, source, kept),
        }
    }

    /// Why what came of `what` is not kept.
    pub(crate) fn of_write(what: &str, error: io::Error, kept: impl Fn(io::Error) -> Self) -> Self {
        match error.downcast::<Spent>() {
            Ok(spent) => spent.of(what),
            Err(error) => kept(error),
        }
    }

    fn of_exchange(what: String, origin: &Origin, registry: &str, error: RegistryError) -> Self {
        let reason = error.to_string();
        match error {
            RegistryError::Transport { request, source } => {
                let reason = match source.failure {
                    // It begins with the request.
                    TransportFailure::Refused if source.reason.contains(&request) => source.reason,
                    _ => format!("{request}: {}", source.reason),
                };
                match source.failure {
                    TransportFailure::Refused => Self::Refused {
                        what,
                        reason,
                        redirected: !asks(&request, origin),
                    },
                    TransportFailure::Unreachable
                    | TransportFailure::Tls
                    | TransportFailure::Broken => Self::Unreachable { what, reason },
                    TransportFailure::Protocol | TransportFailure::Content => {
                        Self::Server { what, reason }
                    }
                }
            }
            RegistryError::Unauthorized { credential, .. } => Self::Unauthorized {
                what,
                registry: registry.to_owned(),
                credential,
                reason,
            },
            RegistryError::Denied(_) => Self::Forbidden {
                what,
                registry: registry.to_owned(),
                reason,
            },
            RegistryError::Busy { .. } => Self::Unavailable { what, reason },
            RegistryError::Name(_) | RegistryError::MissingBlob(_) => {
                Self::NotFound { what, reason }
            }
            _ => Self::Server { what, reason },
        }
    }
}

/// Whether it is no image and no package, which have names of their own.
fn is_url(what: &str) -> bool {
    what.starts_with("https://") || what.starts_with("http://")
}

/// Whether a request, `GET https://example.com/a.wasm`, goes to `origin`.
fn asks(request: &str, origin: &Origin) -> bool {
    let url = request.split_once(' ').map_or(request, |(_, url)| url);
    let url = url.parse::<Url>().ok();
    url.and_then(|url| Origin::of(&url).ok()).as_ref() == Some(origin)
}

fn versions(highest: &[String], more: usize) -> String {
    let shown = highest.join(", ");
    match (highest.len(), more) {
        (0, _) => "it has no version".to_owned(),
        (1, 0) => format!("there is only {shown}"),
        (_, 0) => format!("there are {shown}"),
        _ => format!("there are {shown}, and {more} more"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use spin_deployer_oci::TransportError;

    use super::*;

    fn refused(request: &str) -> FetchError {
        let source = TransportError {
            failure: TransportFailure::Refused,
            reason: "no".to_owned(),
        };
        let request = request.to_owned();
        let error = RegistryError::Transport { request, source };
        let origin = "https://example.com".parse().unwrap();
        let kept = |_| unreachable!();
        FetchError::of_pull(
            "https://example.com/a",
            &origin,
            "example.com",
            error.into(),
            kept,
        )
    }

    #[test]
    fn redirects_are_spoken_of_where_there_were_some() {
        for (request, says) in [
            ("GET https://example.com/a", "that address may not be asked"),
            ("GET https://example.com:8443/a", "led there"),
            ("GET https://169.254.169.254/a", "led there"),
        ] {
            assert!(refused(request).help().contains(says), "{request}");
        }
    }

    #[test]
    fn nobody_is_sent_to_log_in_to_a_url() {
        for what in [
            "https://example.com/a.wasm",
            "the image example.com:5000/a:v1",
        ] {
            let (what, registry) = (what.to_owned(), "example.com:5000".to_owned());
            let reason = String::new();
            let help = [
                FetchError::NotFound {
                    what: what.clone(),
                    reason: reason.clone(),
                },
                FetchError::Forbidden {
                    what: what.clone(),
                    registry: registry.clone(),
                    reason: reason.clone(),
                },
                FetchError::Unauthorized {
                    what: what.clone(),
                    registry,
                    credential: false,
                    reason,
                },
            ]
            .map(|error| error.help());
            let help = help.join("\n");
            let of_registries = ["its version or tag", "docker login example.com:5000"];
            for words in of_registries {
                assert_eq!(help.contains(words), !is_url(&what), "{help}");
            }
        }
    }
}
