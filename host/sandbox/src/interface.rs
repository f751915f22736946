//! Which version of the contract a component was built against, and whether it is a plugin for this host: read from the
//! names of what it imports and exports, said in words, before anything is linked.
//!
//! The names are all that a plugin can reach. `wasi:sockets` is not among them: a plugin's only way out is `wasi:http`,
//! where each request is looked at.

use semver::Version;
use wasmparser::{Encoding, Parser, Payload};

use crate::Error;
use crate::contract::Contract;

/// What the names of our interfaces begin with.
pub(crate) const PREFIX: &str = "spin-deployer:api/";

/// Interfaces of WASI 0.2 that are linked.
const WASI: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// The longest name that is repeated in an error. In characters.
const LONGEST: usize = 100;

/// What a component says of itself by its imports and exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Of the contract, as the component names it: of the same `0.x` as one of [`Self::spoken`].
    pub version: Version,
    /// What the plugin can do beside deploying.
    pub exports: Exports,
    /// Names of all that it imports, as they are written. To be escaped where they are shown.
    pub imports: Vec<String>,
    contract: Contract,
}

/// What a plugin can do beside deploying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exports {
    /// [`Plugin::history`](crate::Plugin::history), [`Plugin::rollback`](crate::Plugin::rollback),
    /// [`Plugin::destroy`](crate::Plugin::destroy).
    pub releases: bool,
    /// [`Plugin::removal`](crate::Plugin::removal): what keeps releases, from version 0.2 on.
    pub removal: bool,
    /// [`Plugin::tail`](crate::Plugin::tail): from version 0.2 on.
    pub logs: bool,
    /// [`Plugin::login`](crate::Plugin::login).
    pub login: bool,
}

impl Interface {
    /// Reads the outermost component's imports and exports. Compiles nothing, runs nothing.
    ///
    /// # Errors
    /// [`Error::Compile`] for what is no component, [`Error::Interface`] for one that is no plugin for this host: of no
    /// version that it speaks, of several at once, or with imports that no plugin gets.
    pub fn of(wasm: &[u8]) -> Result<Self, Error> {
        let malformed = |e: wasmparser::BinaryReaderError| Error::Compile(e.into());
        let (mut imports, mut exports) = (Vec::new(), Vec::new());
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.map_err(malformed)? {
                Payload::Version {
                    encoding: Encoding::Module,
                    ..
                } if depth == 0 => return Err(Error::Compile("it is a core module".into())),
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        imports.push(import.map_err(malformed)?.name.name);
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        exports.push(export.map_err(malformed)?.name.name);
                    }
                }
                _ => {}
            }
        }
        Self::named(imports.into_iter(), exports.into_iter())
    }

    /// Versions of the contract that this host speaks, oldest first.
    pub fn spoken() -> impl Iterator<Item = Version> {
        Contract::ALL.into_iter().map(Contract::number)
    }

    /// The same of the names of all imports and exports.
    pub(crate) fn named<'a>(
        imports: impl Iterator<Item = &'a str>,
        exports: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        let mut ours: Vec<Ours<'a>> = Vec::new();
        for name in exports {
            ours.extend(Ours::of("exports", name)?);
        }
        let exported = |interface| ours.iter().find(|o| o.interface == interface).cloned();
        let Some(deployer) = exported("deployer") else {
            return Err(Error::Interface(format!(
                "it exports no {PREFIX}deployer, so it is no deploy plugin"
            )));
        };
        let contract = deployer.contract;
        let exports = Exports {
            releases: exported("releases").is_some(),
            removal: exported("releases").is_some() && contract.tells_removal(),
            logs: exported("logs").is_some() && contract.has_logs(),
            login: exported("login").is_some(),
        };
        let mut all = Vec::new();
        for name in imports {
            match Ours::of("imports", name)? {
                Some(import) => ours.push(import),
                None => wasi(name)?,
            }
            all.push(name.to_owned());
        }
        if let Some(other) = ours.iter().find(|o| o.contract != contract) {
            return Err(Error::Interface(format!(
                "it {} {} and {} {}, and a plugin is built against one version of the interface: build all of it against {}",
                deployer.verb,
                cut(deployer.name),
                other.verb,
                cut(other.name),
                Contract::NEWEST.number()
            )));
        }
        Ok(Self {
            version: deployer.version,
            exports,
            imports: all,
            contract,
        })
    }

    pub(crate) fn contract(&self) -> Contract {
        self.contract
    }
}

/// An interface of ours, of a version that this host speaks.
#[derive(Clone)]
struct Ours<'a> {
    verb: &'static str,
    name: &'a str,
    interface: &'a str,
    version: Version,
    contract: Contract,
}

impl<'a> Ours<'a> {
    /// None, where the name is of another package.
    fn of(verb: &'static str, name: &'a str) -> Result<Option<Self>, Error> {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            return Ok(None);
        };
        let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
        let version = Version::parse(version).ok();
        // As wasmtime links them: 0.2.1 is 0.2, and what comes before a release is only itself.
        let line = |v: &Version| (v.major, v.minor, v.pre.is_empty());
        let contract = Contract::ALL
            .into_iter()
            .find(|c| version.as_ref().map(line) == Some(line(&c.number())));
        if let (Some(contract), Some(version)) = (contract, version.clone()) {
            return Ok(Some(Self {
                verb,
                name,
                interface,
                version,
                contract,
            }));
        }
        let out = match version {
            Some(version) if version > Contract::NEWEST.number() => {
                "update spin-deployer, or use an older version of the plugin"
            }
            Some(version) if version < Contract::ALL[0].number() => {
                "use a newer version of the plugin"
            }
            _ => "use another version of the plugin",
        };
        let spoken: Vec<_> = Interface::spoken().map(|v| v.to_string()).collect();
        Err(Error::Interface(format!(
            "it {verb} {}, and this host speaks versions {} of that interface: {out}",
            cut(name),
            spoken.join(" and ")
        )))
    }
}

/// Whether this is an interface of WASI that plugins get.
fn wasi(name: &str) -> Result<(), Error> {
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    let shown = cut(name);
    if interface.starts_with("wasi:sockets/") {
        return Err(Error::Interface(format!(
            "it imports {shown}, and plugins get no sockets: wasi:http is their way out"
        )));
    }
    if !WASI.contains(&interface) {
        return Err(Error::Interface(format!(
            "it imports {shown}, which plugins do not get"
        )));
    }
    if !version.starts_with("0.2.") {
        return Err(Error::Interface(format!(
            "it imports {shown}, and this host has WASI 0.2: build it for wasm32-wasip2"
        )));
    }
    Ok(())
}

fn cut(name: &str) -> String {
    name.chars().take(LONGEST).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(imports: &[&str], exports: &[&str]) -> Result<Interface, Error> {
        Interface::named(imports.iter().copied(), exports.iter().copied())
    }

    #[track_caller]
    fn said(imports: &[&str], exports: &[&str]) -> String {
        read(imports, exports).unwrap_err().to_string()
    }

    const OLDER: &str = "spin-deployer:api/deployer@0.1.0";
    const DEPLOYER: &str = "spin-deployer:api/deployer@0.2.0";

    #[test]
    fn a_plugin_of_the_contract_passes_and_says_which_it_is() {
        let imports = [
            "spin-deployer:api/app@0.2.0",
            "wasi:http/types@0.2.4",
            "wasi:io/poll@0.2.12",
        ];
        let exports = [
            DEPLOYER,
            "spin-deployer:api/releases@0.2.0",
            "wasi:cli/run@0.2.0",
        ];
        let interface = read(&imports, &exports).unwrap();
        assert_eq!(interface.version, Version::new(0, 2, 0));
        assert_eq!(interface.imports, imports);
        let expected = Exports {
            releases: true,
            removal: true,
            logs: false,
            login: false,
        };
        assert_eq!(interface.exports, expected);
    }

    #[test]
    fn an_older_plugin_can_what_its_version_can() {
        let exports = ["deployer", "releases", "login", "logs"];
        let exports = exports.map(|name| format!("{PREFIX}{name}@0.1.0"));
        let exports = exports.each_ref().map(String::as_str);
        let interface = read(&["spin-deployer:api/app@0.1.0"], &exports).unwrap();
        assert_eq!(interface.version, Version::new(0, 1, 0));
        let expected = Exports {
            releases: true,
            removal: false,
            // Of a name that this version does not have.
            logs: false,
            login: true,
        };
        assert_eq!(interface.exports, expected);
    }

    #[test]
    fn patches_of_a_version_are_that_version() {
        let interface = read(
            &["spin-deployer:api/app@0.1.0"],
            &["spin-deployer:api/deployer@0.1.3"],
        );
        assert_eq!(interface.unwrap().version, Version::new(0, 1, 3));
    }

    #[test]
    fn another_version_is_named_with_the_way_out() {
        for newer in ["0.3.0", "1.0.0", "0.3.0-rc.1"] {
            let newer = said(&[], &[&format!("spin-deployer:api/deployer@{newer}")]);
            assert!(newer.contains("deployer@"), "{newer}");
            assert!(newer.contains("versions 0.1.0 and 0.2.0"), "{newer}");
            assert!(newer.contains("update spin-deployer"), "{newer}");
        }
        let older = said(&["spin-deployer:api/app@0.0.3"], &[DEPLOYER]);
        assert!(older.contains("newer version of the plugin"), "{older}");
        for none in ["@0.2.0-rc.1", "@0.2", "@", "", "@0.2.0@0.2.0"] {
            let none = said(&[&format!("spin-deployer:api/app{none}")], &[DEPLOYER]);
            assert!(none.contains("another version of the plugin"), "{none}");
        }
    }

    #[test]
    fn two_versions_at_once_are_refused_with_both_names() {
        let app = "spin-deployer:api/app@0.2.0";
        let releases = "spin-deployer:api/releases@0.2.0";
        for (imports, exports, other) in [
            (&[app][..], &[OLDER][..], app),
            (&[], &[OLDER, releases], releases),
            (&[], &[OLDER, DEPLOYER], DEPLOYER),
        ] {
            let mixed = said(imports, exports);
            assert!(mixed.contains(OLDER) && mixed.contains(other), "{mixed}");
            assert!(mixed.contains("against 0.2.0"), "{mixed}");
        }
    }

    #[test]
    fn sockets_and_unknown_interfaces_are_refused_by_name() {
        let sockets = said(&["wasi:sockets/tcp@0.2.6"], &[DEPLOYER]);
        assert!(sockets.contains("wasi:sockets/tcp@0.2.6") && sockets.contains("no sockets"));
        assert!(said(&["acme:exec/run"], &[DEPLOYER]).contains("acme:exec/run"));
        assert!(said(&["wasi:http/types@0.3.0"], &[DEPLOYER]).contains("WASI 0.2"));
        let long = "a".repeat(10_000);
        assert!(said(&[&long], &[DEPLOYER]).len() < 200);
    }

    #[test]
    fn what_a_component_inside_imports_and_exports_is_not_the_plugins() {
        let component = format!(
            r#"(component
                (component (import "acme:exec/run" (func)))
                (component (instance $i) (export "{DEPLOYER}" (instance $i))))"#
        );
        let component = wat::parse_str(component).unwrap();
        let none = Interface::of(&component).unwrap_err().to_string();
        assert!(none.contains("no deploy plugin"), "{none}");
        let module = Interface::of(b"\0asm\x01\0\0\0");
        assert!(matches!(module, Err(Error::Compile(_))), "{module:?}");
    }
}
