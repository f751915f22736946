//! What a plugin gets as the values of its options: everything but the secrets, and placeholders for those.

use std::collections::BTreeMap;

use spin_deployer_egress::credentials::{self, Credential};
use spin_deployer_egress::{Audience, Vault};
use spin_deployer_grants::{Resolved, Values};
use spin_deployer_manifest::{OptionValue, Reference, Secret};
use spin_deployer_sandbox as sandbox;
use spin_deployer_sandbox::Mount;

use crate::error::chain;
use crate::mounts::guest_path;
use crate::signing::Keys;
use crate::{Code, Environment, Error};

/// Turns resolved values into those that the plugin sees. Secrets go into the vault, with the places where they may be
/// sent.
pub(crate) async fn placeholders(
    environment: &Environment,
    values: &Values,
    mounts: &[Mount],
    keys: &Keys,
    vault: &Vault,
) -> Result<BTreeMap<String, sandbox::Value>, Error> {
    let mut seen = BTreeMap::new();
    for (name, Resolved { value, source }) in values {
        let name = name.as_str();
        let value = match value {
            OptionValue::Text(text) => sandbox::Value::Text(text.clone()),
            OptionValue::Number(number) => sandbox::Value::Number(*number),
            OptionValue::Flag(flag) => sandbox::Value::Flag(*flag),
            OptionValue::List(items) => sandbox::Value::Many(items.clone()),
            OptionValue::Pairs(pairs) => sandbox::Value::Pairs(pairs.clone()),
            OptionValue::Url(url) => {
                sandbox::Value::Text(url.as_str().trim_end_matches('/').to_owned())
            }
            OptionValue::Secret(secret) => {
                sandbox::Value::Secret(keep(vault, name, secret.clone(), Audience::Rules)?)
            }
            OptionValue::SigningKey(_) => {
                let Some(key) = keys.get(name) else { continue };
                // No rule can send it, so that it goes nowhere, however somebody came to know it.
                for spelling in key.spellings() {
                    keep(vault, name, spelling, Audience::Rules)?;
                }
                sandbox::Value::SigningKey(key.public().to_vec())
            }
            OptionValue::File(_) | OptionValue::Directory(_) | OptionValue::OutputDirectory(_) => {
                let path = guest_path(name);
                let mount = mounts.iter().find(|mount| mount.guest_path == path);
                sandbox::Value::Path(mount.map_or(path, Mount::file_path))
            }
            OptionValue::Registry(reference) => sandbox::Value::Registry(
                registry(environment, name, reference, source.is_user(), vault).await?,
            ),
        };
        seen.insert(name.to_owned(), value);
    }
    Ok(seen)
}

/// Puts a secret into the vault and returns what stands for it.
fn keep(vault: &Vault, name: &str, secret: Secret, audience: Audience) -> Result<String, Error> {
    vault
        .insert(name, secret, audience)
        .map_err(|e| Error::new(Code::Failed, e.to_string()))
}

async fn registry(
    environment: &Environment,
    name: &str,
    reference: &Reference,
    named: bool,
    vault: &Vault,
) -> Result<sandbox::Reference, Error> {
    let variables = environment.vars.iter().collect();
    // A default names no registry, so there is no credential to look for.
    let found = if named {
        credentials::find(reference.registry(), reference.repository(), &variables)
            .await
            .map_err(|e| Error::new(Code::Usage, chain(&e)))?
    } else {
        None
    };
    let origin = reference.origin();
    let audience = Audience::Registry(origin.clone());
    let credential = match found {
        None => None,
        Some(Credential::Password { username, password }) => Some(sandbox::Credential::Password((
            username,
            keep(vault, name, password, audience)?,
        ))),
        Some(Credential::IdentityToken { token }) => Some(sandbox::Credential::IdentityToken(
            keep(vault, name, token, audience)?,
        )),
    };
    Ok(sandbox::Reference {
        origin: origin.to_string(),
        registry: reference.registry().to_owned(),
        repository: reference.repository().to_owned(),
        tag: reference.tag().map(str::to_owned),
        digest: reference.digest().map(str::to_owned),
        credential,
    })
}
