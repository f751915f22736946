//! What went wrong, in the user's words, and what to do next.

use spin_deployer_bindle::{
    AssembleError, Bindle, Build, Error as ServerError, Id, IdError, Label, Unsupported,
};
use spin_deployer_publish::{Digest, TransportFailure};

use super::{Target, sign};
use crate::Error;
use crate::transport::Peer;

/// Why the app cannot be a bindle.
pub(super) fn of_app(error: AssembleError) -> Error {
    match error {
        AssembleError::Id(error) => of_id(error),
        AssembleError::Nothing(reasons) => {
            Error::unsupported_app("nothing of this app could run on a Bindle server's platform")
                .detail(lines(&reasons))
                .hint("what reads bindles is Spin 0.10 or older")
        }
        error @ (AssembleError::Locked(_) | AssembleError::Document(_)) => {
            Error::failed("the app cannot be made a bindle").detail(error.to_string())
        }
    }
}

/// All that the app would not have there.
pub(super) fn unsupported(reasons: &[Unsupported]) -> Error {
    Error::unsupported_app(
        "what reads bindles is Spin 0.10 or older, and that cannot run this app as it is",
    )
    .detail(lines(reasons))
    .hint("change the app, or push what can be said of it with --force")
}

fn of_id(error: IdError) -> Error {
    let said = error.to_string();
    match error {
        IdError::Name(_) => {
            Error::unsupported_app(said).hint("deploy it under another name: --name shop")
        }
        IdError::NoVersion | IdError::Version { .. } => Error::unsupported_app(said)
            .hint("write `version = \"0.1.0\"` into spin.toml, or pass --app-version 0.1.0"),
        IdError::Metadata(version) => {
            let plain = version.to_string();
            let plain = plain.split('+').next().unwrap_or_default();
            Error::unsupported_app(said).hint(format!(
                "use it as it is with --no-buildinfo, or leave it out with --app-version {plain}"
            ))
        }
        IdError::Build(_) => Error::invalid_option("buildinfo", said),
    }
}

impl Target {
    /// What went wrong on the server.
    pub(super) fn explain(&self, bindle: &Bindle, error: ServerError) -> Error {
        let host = &self.host;
        let server = Peer {
            kind: "Bindle server",
            host,
            origin: &self.origin,
        };
        let said = error.to_string();
        match error {
            ServerError::Transport { request, source } => server.unanswered(&request, source),
            ServerError::Busy {
                failure,
                retry_after,
            } => server.busy(&failure, retry_after),
            ServerError::Unauthorized(_) => Error::unauthenticated(format!(
                "{host} does not accept the credential that it was shown"
            ))
            .detail(said)
            .hint(CREDENTIALS),
            ServerError::Denied {
                anonymous: true, ..
            } => Error::unauthenticated(format!(
                "{host} wants to know who pushes, and nobody was named"
            ))
            .detail(said)
            .hint(CREDENTIALS),
            ServerError::Denied { .. } => Error::forbidden(format!(
                "{host} does not let you push bindles"
            ))
            .detail(said)
            .hint(
                "ask its administrator, or be somebody else: BINDLE_USERNAME and BINDLE_PASSWORD",
            ),
            ServerError::Unsigned(_) => Error::forbidden(format!("{host} takes signed bindles only"))
                .detail(said)
                .hint(
                    "sign it with a key of yours: --bindle-key FILE; `spin-deployer key create FILE` makes one, and the \
                     server's administrator has to add its public half to the server's keyring",
                ),
            ServerError::UnknownKey(_) => unknown_key(host, bindle, said),
            ServerError::Yanked(id) => Error::conflict(format!("{id} was yanked on {host}")).hint(
                "what was yanked does not come back: change the app's version, or pass --buildinfo",
            ),
            ServerError::Other { id, parcels } => {
                Error::conflict(format!("{host} has another bindle under {id}"))
                    .detail(format!("these parcels differ: {}", parcels.join(", ")))
                    .hint(self.another_version())
            }
            ServerError::Unfinished(_) => unfinished(host, &bindle.id, said),
            ServerError::Stuck { id, parcels, cause } => {
                stuck(host, &id, &parcels, cause.as_deref())
            }
            ServerError::Damaged(_) => Error::failed(format!(
                "what {host} received is not what was sent"
            ))
            .detail(said)
            .hint(
                "run it again; if it stays so, something between here and there changes requests",
            ),
            ServerError::Long { .. } => Error::failed(format!("{host} answers with more than is read"))
                .detail(said)
                .hint(
                    "what a server says of an app has some 500 bytes for each of its files: leave out some, or put many into one",
                ),
            ServerError::Nonsense { .. } => server.somebody_else(said).hint(format!(
                "is {} the API of a Bindle server? It is at /v1, unless somebody moved it",
                self.server.url()
            )),
            ServerError::Rejected(_) => {
                Error::failed(format!("{host} does not take the bindle")).detail(said)
            }
            ServerError::Invoice(_) => {
                Error::failed("the app cannot be made a bindle").detail(said)
            }
        }
    }

    /// What went wrong when the server had the invoice.
    pub(super) fn incomplete(&self, bindle: &Bindle, error: ServerError) -> Error {
        let host = &self.host;
        match error {
            // What the host says of a limit or a rule takes the place of everything but the first sentence.
            ServerError::Transport { request, source }
                if source.failure == TransportFailure::Refused =>
            {
                let id = &bindle.id;
                Error::failed(format!(
                    "the sandbox refused {request}; {host} has {id} without all of its parcels, and running it again \
                     completes it"
                ))
                .detail(source.reason)
            }
            error => self.explain(bindle, error),
        }
    }

    fn another_version(&self) -> &'static str {
        match self.build {
            Build::Fingerprint => {
                "another version of this program made it, or somebody else: give it a version of its own with --buildinfo"
            }
            Build::Given(_) => "a bindle never changes: pass another --buildinfo, or none",
            Build::Nothing => {
                "a bindle never changes: leave out --no-buildinfo, or change the app's version"
            }
        }
    }
}

/// The server's keyring lacks the key, and somebody has to put it there.
fn unknown_key(host: &str, bindle: &Bindle, said: String) -> Error {
    let error =
        Error::forbidden(format!("{host} does not know the key of --bindle-key")).detail(said);
    match sign::entry(bindle) {
        Ok(Some(entry)) => error.hint(format!(
            "where the server takes unsigned bindles (0.8), leave out --bindle-key\n\
             otherwise its administrator has to add these lines to its keyring, which begins with `version = \"1.0\"`, and to \
             start it again:\n{}",
            entry.trim_end()
        )),
        _ => error,
    }
}

/// The server takes no such invoice, and does not have it.
fn unfinished(host: &str, id: &Id, said: String) -> Error {
    let directory = Digest::of(id.to_string().as_bytes());
    Error::conflict(format!("{host} says that it has {id}, and does not have it"))
        .detail(said)
        .hint(format!(
            "if somebody else is pushing it now, run it again later\n\
             otherwise a push broke off inside the server: its administrator has to remove, in the server's directory,\n\
             invoices/{}",
            directory.hex()
        ))
}

/// Servers with users take a password, those with OpenID Connect a token.
const CREDENTIALS: &str = "a server with users (--htpasswd-file) takes BINDLE_USERNAME and BINDLE_PASSWORD, \
                           one with OpenID Connect takes BINDLE_TOKEN";

/// In front of how it began.
const BEFORE: &str = "before it said so: ";

/// The server takes no upload of these parcels, and does not have them. `cause`: how one of them failed before that.
fn stuck(host: &str, id: &Id, parcels: &[Label], cause: Option<&ServerError>) -> Error {
    let names = parcels.iter().map(|label| label.name.clone());
    let cause = cause.map(|cause| match cause {
        ServerError::Transport { request, source } => format!("{BEFORE}{request}: {source}"),
        other => format!("{BEFORE}{other}"),
    });
    let folders: Vec<String> = parcels
        .iter()
        .map(|label| format!("parcels/{}", label.sha256))
        .collect();
    Error::failed(format!(
        "{host} takes no upload of what {id} lacks: it began one, and did not end it"
    ))
    .detail(names.chain(cause).collect::<Vec<_>>().join("\n"))
    .hint(format!(
        "if somebody else is uploading the same now, run it again later\n\
         otherwise an upload broke off there once, and the server never takes these bytes again: its administrator has to \
         serve with --use-embedded-db, or to remove in the server's directory\n{}",
        folders.join("\n")
    ))
}

fn lines(reasons: &[Unsupported]) -> String {
    let lines: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
