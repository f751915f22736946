//! What a dependency can be given of its dependent's permissions, and which imports each of them stands behind.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A permission of a component that a dependency may share, by its key in `spin.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// `ai_models`
    AiModels,
    /// `allowed_outbound_hosts`
    AllowedOutboundHosts,
    /// `environment`
    Environment,
    /// `files`
    Files,
    /// `key_value_stores`
    KeyValueStores,
    /// `sqlite_databases`. Spin counts `PostgreSQL` and `MySQL` as this too.
    SqliteDatabases,
    /// `variables`
    Variables,
}

impl Capability {
    /// All there are, in the order of their names.
    pub const ALL: [Self; 7] = [
        Self::AiModels,
        Self::AllowedOutboundHosts,
        Self::Environment,
        Self::Files,
        Self::KeyValueStores,
        Self::SqliteDatabases,
        Self::Variables,
    ];

    /// The key in `spin.toml`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AiModels => "ai_models",
            Self::AllowedOutboundHosts => "allowed_outbound_hosts",
            Self::Environment => "environment",
            Self::Files => "files",
            Self::KeyValueStores => "key_value_stores",
            Self::SqliteDatabases => "sqlite_databases",
            Self::Variables => "variables",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no capability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no configuration `{name}` can be inherited; there are: {}", Capability::ALL.map(Capability::name).join(", "))]
pub struct UnknownCapability {
    /// The word.
    pub name: String,
}

impl FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|capability| capability.name() == name)
            .ok_or_else(|| UnknownCapability { name: name.into() })
    }
}

/// What a dependency shares of its dependent's permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inherit {
    /// Everything, known and unknown: nothing is denied.
    All,
    /// These and no others; empty is nothing at all.
    Some(BTreeSet<Capability>),
}

impl Inherit {
    /// Nothing: what Spin does for a dependency that says nothing about it.
    #[must_use]
    pub const fn nothing() -> Self {
        Self::Some(BTreeSet::new())
    }

    pub(crate) fn permits(&self, import: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(inherited) => match access(import) {
                Access::Free => true,
                Access::Needs(capability) => inherited.contains(&capability),
                Access::NeedsAll => false,
            },
        }
    }
}

/// What must be inherited for an import to reach the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: it touches nothing outside the component, or it is not the host's.
    Free,
    Needs(Capability),
    /// Everything, because no capability names it.
    NeedsAll,
}

/// Versions do not matter: every version of an interface leads to the same thing.
///
/// In the namespaces that hosts fill, what is not known to be harmless is not free. A new interface is denied until
/// somebody looks at it.
pub(crate) fn access(import: &str) -> Access {
    use Capability::*;
    let Some((namespace, package, interface)) = interface_of(import) else {
        return Access::Free;
    };
    match (namespace, package, interface) {
        // Their resources come from the interfaces below, or touch nothing that a permission is about.
        ("wasi", "io" | "clocks" | "random" | "logging", _)
        | ("wasi", "filesystem" | "http", "types") => Access::Free,
        ("wasi", "cli", "environment") => Access::Needs(Environment),
        ("wasi", "cli", _) => Access::Free,
        ("wasi", "filesystem", _) => Access::Needs(Files),
        ("wasi", "http" | "sockets", _) => Access::Needs(AllowedOutboundHosts),
        ("wasi" | "spin", "keyvalue" | "key-value", _) => Access::Needs(KeyValueStores),
        ("wasi", "config" | "runtime-config", _) => Access::Needs(Variables),
        ("fermyon", "spin", "llm") | ("spin", "llm", _) => Access::Needs(AiModels),
        ("fermyon", "spin", "http" | "mqtt" | "redis") | ("spin", "mqtt" | "redis", _) => {
            Access::Needs(AllowedOutboundHosts)
        }
        ("fermyon", "spin", "key-value") => Access::Needs(KeyValueStores),
        ("fermyon", "spin", "mysql" | "postgres" | "sqlite")
        | ("spin", "mysql" | "postgres" | "sqlite", _) => Access::Needs(SqliteDatabases),
        ("fermyon", "spin", "config" | "variables") | ("spin", "variables", _) => {
            Access::Needs(Variables)
        }
        ("wasi" | "fermyon" | "spin", _, _) => Access::NeedsAll,
        _ => Access::Free,
    }
}

/// Namespace, package and interface of an import, without the version. Functions and plain names have none, unless
/// they say which interface they stand for: `[implements=<wasi:keyvalue/store>]cache`.
fn interface_of(import: &str) -> Option<(&str, &str, &str)> {
    let id = match import.split_once('<') {
        Some((_, rest)) => rest.split('>').next()?,
        None => import,
    };
    let (namespace, rest) = id.split_once(':')?;
    let (package, rest) = rest.split_once('/')?;
    Some((namespace, package, rest.split('@').next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for capability in Capability::ALL {
            assert_eq!(capability.to_string().parse(), Ok(capability));
        }
        let unknown = "hosts".parse::<Capability>().unwrap_err().to_string();
        assert!(
            unknown.contains("`hosts`") && unknown.contains("ai_models, allowed"),
            "{unknown}"
        );
    }

    #[test]
    fn every_version_of_an_interface_needs_the_same() {
        use Access::*;
        for (import, expected) in [
            (
                "wasi:http/outgoing-handler",
                Needs(Capability::AllowedOutboundHosts),
            ),
            ("wasi:http/client", Needs(Capability::AllowedOutboundHosts)),
            (
                "wasi:sockets/network",
                Needs(Capability::AllowedOutboundHosts),
            ),
            (
                "fermyon:spin/redis",
                Needs(Capability::AllowedOutboundHosts),
            ),
            ("spin:mqtt/mqtt", Needs(Capability::AllowedOutboundHosts)),
            ("wasi:cli/environment", Needs(Capability::Environment)),
            ("wasi:filesystem/preopens", Needs(Capability::Files)),
            ("wasi:keyvalue/batch", Needs(Capability::KeyValueStores)),
            (
                "spin:key-value/key-value",
                Needs(Capability::KeyValueStores),
            ),
            ("spin:postgres/postgres", Needs(Capability::SqliteDatabases)),
            ("fermyon:spin/mysql", Needs(Capability::SqliteDatabases)),
            ("wasi:config/store", Needs(Capability::Variables)),
            ("fermyon:spin/config", Needs(Capability::Variables)),
            ("fermyon:spin/llm", Needs(Capability::AiModels)),
            ("fermyon:spin/tomorrow", NeedsAll),
            ("spin:tomorrow/things", NeedsAll),
            ("wasi:blobstore/container", NeedsAll),
            ("wasi:http/types", Free),
            ("wasi:filesystem/types", Free),
            ("wasi:cli/stdout", Free),
            ("wasi:io/streams", Free),
            ("example:greeting/words", Free),
        ] {
            for version in ["", "@0.2.0", "@0.2.99", "@3.0.0-rc-2026-03-15"] {
                assert_eq!(access(&format!("{import}{version}")), expected, "{import}");
            }
        }
        assert_eq!(access("environment"), Free);
        assert_eq!(
            access("[implements=<wasi:keyvalue/store@0.2.0>]cache"),
            Needs(Capability::KeyValueStores)
        );
    }
}
