//! The creator's signature, with a key that the plugin does not see.

use std::time::{SystemTime, UNIX_EPOCH};

use spin_deployer_bindle::{Bindle, Signature, SignedText, keyring_entry};

use crate::{Error, Result, options, signing};

/// The option that names the key.
const KEY: &str = "bindle-key";
/// The option that says whose it is.
const AUTHOR: &str = "bindle-author";

/// The signature of the bindle, where the user has a key.
pub(super) fn sign(bindle: &Bindle) -> Result<Option<Signature>> {
    let Some(key) = options::signing_key(KEY)? else {
        return Ok(None);
    };
    let text = SignedText::of(&bindle.invoice, &author(bindle)?);
    let signature = signing::sign(KEY, text.as_bytes())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    Ok(Some(text.signed(&key, &signature, now)))
}

/// What the server's administrator adds to its keyring, where the user has a key.
pub(super) fn entry(bindle: &Bindle) -> Result<Option<String>> {
    let Some(key) = options::signing_key(KEY)? else {
        return Ok(None);
    };
    Ok(keyring_entry(&author(bindle)?, &key).ok())
}

fn author(bindle: &Bindle) -> Result<String> {
    let author = match options::text(AUTHOR)? {
        Some(author) => Some(author),
        None => bindle.invoice.bindle.authors.first().cloned(),
    };
    let wrong = |what: &str| {
        Error::invalid_option(AUTHOR, what)
            .hint("say whose key it is: --bindle-author \"Jane Doe <jane@example.com>\"")
    };
    let author = author.ok_or_else(|| wrong("nobody is named who signs the bindle"))?;
    // A second line would be read as the app's name.
    match author.trim().is_empty() || author.contains(char::is_control) {
        true => Err(wrong("who signs a bindle is one line")),
        false => Ok(author),
    }
}
