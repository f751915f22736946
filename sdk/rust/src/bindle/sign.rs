//! The creator's signature, with a key that the plugin does not see.

use std::time::{SystemTime, UNIX_EPOCH};

use spin_deployer_bindle::{Bindle, Signature, SignedText, keyring_entry};

use crate::{Error, Result, options, signing};

/// The option that names the key.
const KEY: &str = "bindle-key";
/// The option that says whose it is.
const AUTHOR: &str = "bindle-author";

/// What can be said before anything is sent against signing the bindle, where the user has a key.
pub(super) fn check(bindle: &Bindle) -> Result<()> {
    to_be_signed(bindle).map(drop)
}

/// The signature of the bindle, where the user has a key.
pub(super) fn sign(bindle: &Bindle) -> Result<Option<Signature>> {
    let Some((text, key)) = to_be_signed(bindle)? else {
        return Ok(None);
    };
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

/// What the signature is over, and the public key, where the user has one.
fn to_be_signed(bindle: &Bindle) -> Result<Option<(SignedText, [u8; 32])>> {
    let Some(key) = options::signing_key(KEY)? else {
        return Ok(None);
    };
    let text = SignedText::of(&bindle.invoice, &author(bindle)?);
    if text.as_bytes().len() > signing::LONGEST {
        let parcels = bindle.invoice.parcel.len();
        let message = format!("the app has {parcels} parcels, and no signature is over so many");
        return Err(Error::unsupported_app(message)
            .detail("each is 65 bytes of what is signed, and that has at most 1 MiB: some 16 100 parcels")
            .hint("leave out some files, or put many into one"));
    }
    Ok(Some((text, key)))
}

fn author(bindle: &Bindle) -> Result<String> {
    let given = options::text(AUTHOR)?;
    let named = |author: &&String| !author.trim().is_empty();
    let authors = bindle.invoice.bindle.authors.iter();
    let author = given.iter().chain(authors).find(named);
    let wrong = |what: &str| {
        Error::invalid_option(AUTHOR, what)
            .hint("say whose key it is: --bindle-author \"Jane Doe <jane@example.com>\"")
    };
    match author {
        None => Err(wrong("nobody is named who signs the bindle")),
        // A second line would be read as the app's name.
        Some(author) if author.contains(char::is_control) => {
            Err(wrong("who signs a bindle is one line"))
        }
        Some(author) => Ok(author.clone()),
    }
}
