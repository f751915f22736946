//! `destroy`: first what would go, for the user to see, then the same again for good.

use http::Method;
use spin_deployer_grants::{Grant, Phase, Policies, PolicyRefusal};
use spin_deployer_manifest::Origin;

use super::Deployer;
use super::run::Prepared;
use crate::report::{Action, Change, DestroyReport, SCHEMA};
use crate::{Error, policy};

/// What `destroy` would remove.
pub struct Removal {
    /// In the plugin's order. None, where it cannot tell: version 0.1 of the contract does not ask it.
    pub changes: Option<Vec<Change>>,
    prepared: Prepared,
}

impl Removal {
    /// Whether the platform is known to have nothing of the app.
    pub fn is_empty(&self) -> bool {
        let keeps_all = |c: &Vec<Change>| c.iter().all(|c| c.action == Action::Keep);
        self.changes.as_ref().is_some_and(keeps_all)
    }
}

/// Values of options can be secrets.
impl std::fmt::Debug for Removal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Removal")
            .field("changes", &self.changes)
            .finish_non_exhaustive()
    }
}

impl Deployer {
    /// What [`Self::destroy`] would remove now. The plugin can only read while this runs.
    ///
    /// # Errors
    /// As [`Self::deploy`].
    pub async fn removal(&self) -> Result<Removal, Error> {
        let mut prepared = self.prepare(Phase::Destroy).await?;
        if let Some(refusal) = forbidden(&prepared.grant, &self.policies) {
            let error = policy::denied(&refusal);
            return Err(error.detail("nothing was asked and nothing was removed"));
        }
        if !prepared.plugin.exports().removal {
            let changes = None;
            return Ok(Removal { changes, prepared });
        }
        let removal = self.run_or_log_in(
            &mut prepared,
            Phase::Status,
            "removal",
            |plugin, ports, limits| async move { plugin.removal(ports, limits).await },
        );
        let changes = removal.await?.value;
        Ok(Removal {
            changes: Some(changes.into_iter().map(Change::from).collect()),
            prepared,
        })
    }

    /// Removes the app from the platform, if there is anything to remove.
    ///
    /// # Errors
    /// As [`Self::deploy`]; where a login is missing now, it is not made up for.
    pub async fn destroy(&self, removal: Removal) -> Result<DestroyReport, Error> {
        let removed = match removal.is_empty() {
            true => Vec::new(),
            false => {
                // No login on the way: it could be another account's app than the one that was shown.
                let destroyed = self.run(
                    &removal.prepared,
                    Phase::Destroy,
                    "destroy",
                    &self.limits,
                    |plugin, ports, limits| async move { plugin.destroy(ports, limits).await },
                    |_, _| Ok(()),
                );
                destroyed.await?.value
            }
        };
        Ok(DestroyReport {
            schema: SCHEMA,
            target: self.target.name.clone(),
            plugin: self.plugin_id(),
            planned: removal.changes,
            removed,
        })
    }
}

/// What of a removal a policy certainly does not let out, whatever the plugin sends: DELETE where the plugin uses it, or all
/// that changes something. Nobody should have to agree to what is refused then.
fn forbidden(grant: &Grant, policies: &Policies) -> Option<PolicyRefusal> {
    let reads = |method: &Method| matches!(*method, Method::GET | Method::HEAD);
    let mut changing = Vec::new();
    for rule in grant.rules() {
        let methods = rule.methods.iter().filter(|method| !reads(method));
        changing.extend(methods.filter_map(|method| Some((method, rule.to.as_exact()?))));
    }
    let refused = |(method, to): &(&Method, &Origin)| policies.allows(method, to).err();
    let mut deleting = changing
        .iter()
        .filter(|(method, _)| **method == Method::DELETE);
    if let Some(refusal) = deleting.find_map(refused) {
        return Some(refusal);
    }
    let all: Option<Vec<_>> = changing.iter().map(refused).collect();
    all?.into_iter().next()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use spin_deployer_grants::{Resolved, ValueSource, Values};
    use spin_deployer_manifest::Manifest;

    use super::*;

    #[test]
    fn what_a_policy_refuses_in_any_case_is_refused_before_anything_is_shown() {
        let refused = |methods: &str, policy: &str| {
            let manifest = format!(
                "name = \"demo\"\nversion = \"0.1.0\"\ndescription = \"d\"\n\
                 options = [{{ name = \"url\", type = \"url\", help = \"Where\" }}]\n\
                 http = [{{ to = \"{{url}}\", methods = [{methods}], why = \"w\" }}]"
            );
            let manifest: Manifest = manifest.parse().unwrap();
            let value = manifest.options[0].parse(&["https://demo.example.com".to_owned()]);
            let (value, source) = (value.unwrap(), ValueSource::Flag);
            let values = Values::from([("url".parse().unwrap(), Resolved { value, source })]);
            let policy = format!("schema = 1\n{policy}").parse().unwrap();
            let policies = Policies::default().with("policy.toml", policy);
            let grant = Grant::naming(&manifest, &values, &policies);
            forbidden(&grant, &policies).map(|refusal| refusal.key())
        };
        let no_delete = "http.methods = [\"GET\", \"POST\"]";
        let reading = "http.methods = [\"GET\"]";
        for (methods, policy, expected) in [
            ("\"GET\", \"DELETE\", \"POST\"", "", None),
            (
                "\"GET\", \"DELETE\", \"POST\"",
                no_delete,
                Some("http.methods"),
            ),
            ("\"GET\", \"POST\"", no_delete, None),
            ("\"GET\", \"POST\"", reading, Some("http.methods")),
            ("\"GET\", \"POST\"", "http.to = []", Some("http.to")),
            ("\"GET\"", reading, None),
        ] {
            assert_eq!(
                refused(methods, policy).as_deref(),
                expected,
                "{methods} {policy}"
            );
        }
    }
}
