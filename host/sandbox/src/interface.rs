//! Whether a component is a plugin for this host, said in words before anything is linked.
//!
//! The list is all that a plugin can reach. `wasi:sockets` is not on it: a plugin's only way out is `wasi:http`, where
//! each request is looked at.

use crate::Error;

/// This host's version of `spin-deployer:api`.
const API: &str = "0.1.0";

const PREFIX: &str = "spin-deployer:api/";

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

/// Compares names with what this host has.
pub(crate) fn check<'a>(
    imports: impl Iterator<Item = &'a str>,
    exports: impl Iterator<Item = &'a str>,
) -> Result<(), Error> {
    let mut deployer = false;
    for name in exports {
        deployer |= name.starts_with("spin-deployer:api/deployer@");
        version("exports", name)?;
    }
    if !deployer {
        return Err(Error::Interface(format!(
            "it exports no {PREFIX}deployer, so it is no deploy plugin"
        )));
    }
    for name in imports {
        if name.starts_with(PREFIX) {
            version("imports", name)?;
            continue;
        }
        let (interface, version) = name.split_once('@').unwrap_or((name, ""));
        if interface.starts_with("wasi:sockets/") {
            return Err(Error::Interface(format!(
                "it imports {name}, and plugins get no sockets: wasi:http is their way out"
            )));
        }
        if !WASI.contains(&interface) {
            return Err(Error::Interface(format!(
                "it imports {name}, which plugins do not get"
            )));
        }
        if !version.starts_with("0.2.") {
            return Err(Error::Interface(format!(
                "it imports {name}, and this host has WASI 0.2: build it for wasm32-wasip2"
            )));
        }
    }
    Ok(())
}

/// An interface of ours is of a version that this host speaks: the same 0.1.
fn version(verb: &str, name: &str) -> Result<(), Error> {
    let Some((_, version)) = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once('@'))
    else {
        return Ok(());
    };
    if version.starts_with("0.1.") {
        return Ok(());
    }
    // All earlier versions begin with 0.0.
    let out = match version.starts_with("0.0.") {
        true => "use a newer version of the plugin",
        false => "update spin-deployer, or use an older version of the plugin",
    };
    Err(Error::Interface(format!(
        "it {verb} {name}, and this host speaks version {API} of that interface: {out}"
    )))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn said(imports: &[&str], exports: &[&str]) -> String {
        check(imports.iter().copied(), exports.iter().copied())
            .unwrap_err()
            .to_string()
    }

    const DEPLOYER: &str = "spin-deployer:api/deployer@0.1.0";

    #[test]
    fn a_plugin_of_the_contract_passes() {
        let imports = [
            "spin-deployer:api/app@0.1.0",
            "wasi:http/types@0.2.4",
            "wasi:io/poll@0.2.12",
        ];
        check(
            imports.into_iter(),
            [DEPLOYER, "wasi:cli/run@0.2.0"].into_iter(),
        )
        .unwrap();
    }

    #[test]
    fn another_version_is_named_with_the_way_out() {
        let newer = said(&[], &["spin-deployer:api/deployer@0.2.0"]);
        assert!(
            newer.contains("deployer@0.2.0") && newer.contains("0.1.0"),
            "{newer}"
        );
        assert!(newer.contains("update spin-deployer"), "{newer}");
        let older = said(&["spin-deployer:api/app@0.0.3"], &[DEPLOYER]);
        assert!(older.contains("newer version of the plugin"), "{older}");
    }

    #[test]
    fn sockets_and_unknown_interfaces_are_refused_by_name() {
        let sockets = said(&["wasi:sockets/tcp@0.2.6"], &[DEPLOYER]);
        assert!(sockets.contains("wasi:sockets/tcp@0.2.6") && sockets.contains("no sockets"));
        assert!(said(&["acme:exec/run"], &[DEPLOYER]).contains("acme:exec/run"));
        assert!(said(&["wasi:http/types@0.3.0"], &[DEPLOYER]).contains("WASI 0.2"));
    }
}
