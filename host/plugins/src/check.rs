//! `plugins check`: what a user will see of a plugin, and what its author should know before that. Nothing of it runs.

use std::path::Path;

use spin_deployer_deploy::Error;
use spin_deployer_manifest::{HttpRule, OptionKind, RuleTarget};
use spin_deployer_store::bundled;

use crate::agreement::consent;
use crate::component::Component;
use crate::report::{About, CheckReport, Provenance, SCHEMA};

/// A plugin of more bytes than this takes seconds to compile, on every user's machine.
const LARGE: u64 = 4 << 20;

/// Looks at a plugin's file.
///
/// # Errors
/// What no user could install.
pub fn check(path: &Path) -> Result<CheckReport, Error> {
    let component = Component::open(path)?;
    let contract = component.fits()?;
    let provenance = Provenance {
        source: Some(path.display().to_string()),
        signer: None,
    };
    Ok(CheckReport {
        schema: SCHEMA,
        consent: consent(&component, &provenance),
        warnings: warnings(&component),
        plugin: About::of(&component, &contract),
    })
}

/// What its author should know.
pub(crate) fn warnings(component: &Component) -> Vec<String> {
    let manifest = &component.manifest;
    let mut warnings = Vec::new();
    if component.made_of.spare > 0 {
        warnings.push(format!(
            "it has {} bytes of names and debugging information, which every user fetches: build it with `strip = true`",
            component.made_of.spare
        ));
    }
    if component.size() > LARGE {
        warnings.push(format!(
            "it has {} bytes, and each user's machine compiles all of it: build it for size",
            component.size()
        ));
    }
    for (key, there) in [
        ("license", manifest.license.is_some()),
        ("homepage", manifest.homepage.is_some()),
        ("spin-compatibility", manifest.spin_compatibility.is_some()),
    ] {
        if !there {
            warnings.push(format!("its manifest has no `{key}`"));
        }
    }
    if bundled::find(manifest.name.as_str()).is_some() {
        warnings.push(format!(
            "`{}` is the name of a plugin that is in the program: users need --override-built-in",
            manifest.name
        ));
    }
    unused(component, &mut warnings);
    for (index, rule) in manifest.http.iter().enumerate() {
        if let Some(earlier) = manifest.http[..index].iter().find(|e| hides_all(e, rule)) {
            warnings.push(format!(
                "the rule for {} {} ({}) is never asked: the one for {} {} ({}) stands in front of it",
                methods(rule),
                rule.to,
                rule.why,
                methods(earlier),
                earlier.to,
                earlier.why
            ));
        }
    }
    warnings
}

/// Options that look as if they gave the plugin something and give it nothing.
fn unused(component: &Component, warnings: &mut Vec<String>) {
    let manifest = &component.manifest;
    for option in &manifest.options {
        let name = &option.name;
        let leads = |rule: &HttpRule| matches!(&rule.to, RuleTarget::Option(to) if to == name);
        let sends = |rule: &HttpRule| rule.sends.contains(name);
        match option.kind {
            OptionKind::Secret if !manifest.http.iter().any(sends) => warnings.push(format!(
                "no rule sends the secret `{name}`, so it can be used nowhere"
            )),
            OptionKind::Url | OptionKind::Registry if !manifest.http.iter().any(leads) => warnings
                .push(format!(
                    "no rule leads to `{name}`, so nothing can be sent there"
                )),
            _ => {}
        }
    }
}

/// Whether every request that `rule` means is decided by `earlier`: of two rules that mean one the first lets it out.
fn hides_all(earlier: &HttpRule, rule: &HttpRule) -> bool {
    let wide = |path| earlier.paths.iter().any(|wide| wide.covers(path));
    earlier.to.covers(&rule.to)
        && rule.methods.iter().all(|m| earlier.methods.contains(m))
        && rule.paths.iter().all(wide)
        && rule.plan.iter().all(|effect| earlier.plan.contains(effect))
        // What a rule hides counts whichever rule lets a request out.
        && rule.hides.is_empty()
}

fn methods(rule: &HttpRule) -> String {
    let methods: Vec<&str> = rule.methods.iter().map(|method| method.as_str()).collect();
    methods.join(", ")
}
