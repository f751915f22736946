//! What went wrong, in the user's words, and what to do next.

use spin_deployer_oci::Error as RegistryError;
use spin_deployer_sdk::Error;
use spin_deployer_sdk::transport::Peer;

/// `host` is the registry as the user wrote it, `origin` where requests go, `name` registry and repository.
pub(crate) fn of_registry(error: RegistryError, host: &str, origin: &str, name: &str) -> Error {
    let said = error.to_string();
    let registry = Peer {
        kind: "registry",
        host,
        origin,
    };
    match error {
        RegistryError::Transport { request, source } => registry.unanswered(&request, source),
        RegistryError::Unauthorized {
            credential: true, ..
        } => Error::unauthenticated(format!(
            "{host} does not accept the user name and password that it was shown"
        ))
        .detail(said)
        .hint(login(host)),
        RegistryError::Unauthorized { .. } => Error::unauthenticated(format!(
            "{host} wants to know who is asking, and no credentials for it were found"
        ))
        .detail(said)
        .hint(login(host)),
        RegistryError::Denied(_) => Error::forbidden(format!(
            "{host} does not let you push to {name}"
        ))
        .detail(said)
        .hint(format!(
            "ask for the right to push to {name}, or log in as someone else: docker login {host}"
        )),
        RegistryError::Name(_) => Error::not_found(format!("{host} has no repository {name}"))
            .detail(said)
            .hint("some registries want a repository to be created before the first push"),
        RegistryError::TooLarge(_) => {
            Error::unsupported_app(format!("{host} takes no layers of this size")).detail(said)
        }
        RegistryError::Busy {
            failure,
            retry_after,
        } => registry.busy(&failure, retry_after),
        RegistryError::Damaged(_) | RegistryError::Digest { .. } => Error::failed(format!(
            "what {host} received is not what was sent"
        ))
        .detail(said)
        .hint("run it again; if it stays so, something between here and there changes requests"),
        RegistryError::MissingBlob(_) => {
            Error::failed(format!("{host} lost layers that it had taken"))
                .detail(said)
                .hint("run it again")
        }
        RegistryError::Nonsense { .. } => registry.somebody_else(said),
        RegistryError::Rejected(_) => {
            Error::failed(format!("{host} does not take the app")).detail(said)
        }
    }
}

fn login(host: &str) -> String {
    format!("docker login {host}, or: spin registry login {host}")
}
