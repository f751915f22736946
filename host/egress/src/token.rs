//! The answer of a registry's token service: what it gives is a secret too, so the guest gets placeholders.

use serde_json::{Map, Value};
use spin_deployer_manifest::{Origin, Secret};

use crate::vault::Vault;
use crate::{Error, scan};

/// The fields that hold a token: Docker's, OAuth 2's, and the refresh token of either.
const TOKENS: [&str; 3] = ["token", "access_token", "refresh_token"];

/// What else a client has a use for. Nothing more of the answer is passed on: a token could be anywhere in it.
const NUMBERS: [&str; 1] = ["expires_in"];
const TEXTS: [&str; 3] = ["issued_at", "scope", "token_type"];

/// Makes of an answer what a guest may read of it: tokens become placeholders that go to `registry` and its token
/// service only.
///
/// # Errors
/// An answer that is no JSON object: where a token would stand in it nobody knows, so nobody gets it.
pub(crate) fn conceal(vault: &Vault, registry: &Origin, answer: &[u8]) -> Result<Vec<u8>, Error> {
    let mut document: Map<String, Value> =
        serde_json::from_slice(answer).map_err(|_| Error::TokenAnswer)?;
    let mut passed = Map::new();
    // `token` and `access_token` are usually the same, and then one placeholder stands for both.
    let mut known: Vec<(Secret, String)> = Vec::new();
    for field in TOKENS {
        let token = match document.get_mut(field) {
            None | Some(Value::Null) => continue,
            Some(Value::String(token)) => Secret::new(std::mem::take(token)),
            Some(_) => return Err(Error::TokenAnswer),
        };
        let same = known.iter().find(|(other, _)| *other == token);
        let placeholder = match same {
            Some((_, placeholder)) => placeholder.clone(),
            None => vault.insert_token(token.clone(), registry)?,
        };
        passed.insert(field.to_owned(), placeholder.clone().into());
        known.push((token, placeholder));
    }
    for (field, value) in document {
        let field_is = |fields: &[&str]| fields.contains(&field.as_str());
        let is_passed = match &value {
            Value::Number(_) => field_is(&NUMBERS),
            Value::String(text) => {
                field_is(&TEXTS) && !known.iter().any(|(token, _)| text.contains(token.expose()))
            }
            _ => false,
        };
        if is_passed {
            passed.insert(field, value);
        }
    }
    let passed = serde_json::to_vec(&passed).map_err(|_| Error::TokenAnswer)?;
    // What the vault held before, too: a server may repeat the credential that it was shown.
    Ok(scan::hidden(vault, &passed).unwrap_or(passed))
}
