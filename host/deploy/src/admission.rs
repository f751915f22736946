//! Whether the platform can run the app and a policy lets it, asked before anything is sent.

use spin_deployer_app::App;
use spin_deployer_grants::Policies;
use spin_deployer_manifest::{ByteSize, counted};

use crate::policy::denied;
use crate::{Code, Error, Target};

/// Compares what the app needs with what the plugin's `[app]` says the platform runs, and its size with the policies.
pub(crate) fn admit(target: &Target, app: &App, policies: &Policies) -> Result<(), Error> {
    let size = ByteSize(app.total_size());
    let most = policies.limits().app_size;
    most.within(Some(size), size)
        .map_err(|refusal| denied(&refusal))?;
    let platform = &target.manifest.app;
    let needs = app.needs();
    let refused = |what: String| {
        Err(Error::new(
            Code::Incompatible,
            format!("target `{}` cannot run this app: {what}", target.name),
        ))
    };
    let list = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    if let Some(known) = &platform.triggers {
        let unknown: Vec<_> = needs
            .triggers
            .iter()
            .filter(|t| !known.contains(t))
            .cloned()
            .collect();
        if !unknown.is_empty() {
            return refused(format!(
                "it has triggers of type {}, the target runs {}",
                list(&unknown),
                list(known)
            ));
        }
    }
    if let Some(known) = &platform.host_requirements {
        let unknown: Vec<_> = needs
            .host_requirements
            .iter()
            .filter(|r| !known.contains(r))
            .cloned()
            .collect();
        if !unknown.is_empty() {
            return refused(format!(
                "it needs {}, the target offers {}",
                list(&unknown),
                list(known)
            ));
        }
    }
    if let Some(most) = platform.max_size
        && app.total_size() > most
    {
        return refused(format!(
            "it has {}, the target takes {most}",
            counted(app.total_size(), "byte")
        ));
    }
    Ok(())
}
