//! The answer of a registry's token service: what it gives is a secret too, so the guest gets placeholders.

use spin_deployer_manifest::{Origin, Secret};
use zeroize::Zeroize;

use crate::Error;
use crate::vault::Vault;

/// The fields that hold a token: Docker's, OAuth 2's, and the refresh token of either.
const TOKENS: [&str; 3] = ["token", "access_token", "refresh_token"];

/// Replaces the tokens in an answer by placeholders that go to `registry` and its token service only.
///
/// # Errors
/// An answer that is no JSON object: where a token would stand in it nobody knows, so nobody gets it.
pub(crate) fn conceal(vault: &Vault, registry: &Origin, answer: &[u8]) -> Result<Vec<u8>, Error> {
    let mut document: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(answer).map_err(|_| Error::TokenAnswer)?;
    // `token` and `access_token` are usually the same, and then one placeholder stands for both.
    let mut known: Vec<(Secret, String)> = Vec::new();
    for field in TOKENS {
        let Some(value) = document.get_mut(field) else {
            continue;
        };
        if value.is_null() {
            continue;
        }
        let serde_json::Value::String(token) = value else {
            return Err(Error::TokenAnswer);
        };
        let secret = Secret::new(token.clone());
        let same = known.iter().find(|(other, _)| *other == secret);
        let placeholder = match same {
            Some((_, placeholder)) => placeholder.clone(),
            None => vault.insert_token(secret.clone(), registry)?,
        };
        token.zeroize();
        *value = placeholder.clone().into();
        known.push((secret, placeholder));
    }
    serde_json::to_vec(&document).map_err(|_| Error::TokenAnswer)
}
