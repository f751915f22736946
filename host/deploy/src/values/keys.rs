//! Private keys where they do not belong.

use spin_deployer_grants::ValueSource;
use spin_deployer_manifest::{KeySource, OptionKind, OptionSpec, OptionValue};

use crate::{Code, Error, Target};

/// A key that is the value itself is taken from a variable only: everything else is read by others.
pub(super) fn refuse_shown_key(
    target: &Target,
    option: &OptionSpec,
    value: &OptionValue,
    source: ValueSource,
) -> Result<(), Error> {
    let seen = match (value, source) {
        (OptionValue::SigningKey(KeySource::Text(_)), ValueSource::Configuration) => {
            "deployer.toml is read by others, and is meant to be committed"
        }
        (OptionValue::SigningKey(KeySource::Text(_)), ValueSource::Flag) => {
            "a command line can be read by others and stays in the history of the shell"
        }
        (OptionValue::SigningKey(KeySource::Text(_)), ValueSource::Prompt) => {
            "what is typed here can be seen"
        }
        _ => return Ok(()),
    };
    let or = match option.env.as_deref().filter(|name| target.may_read(name)) {
        Some(env) => format!("; or set the variable {env} to the key"),
        None => String::new(),
    };
    let message = format!(
        "--{} is given the key itself, and not its file",
        option.name
    );
    Err(Error::new(Code::Usage, message).detail(seen).help(format!(
        "make a new key, because this one has been shown: `spin-deployer key create FILE`, and name that file{or}"
    )))
}

/// A private key in a variable is for the option that signs with it, or for one whose value the plugin does not see. Which
/// variables an option reads is up to the author of the manifest, who may name one that is meant for another plugin.
pub(super) fn refuse_stray_key(
    option: &OptionSpec,
    variable: &str,
    value: &str,
) -> Result<(), Error> {
    let hidden = matches!(option.kind, OptionKind::SigningKey | OptionKind::Secret);
    if hidden || !(value.contains("-----BEGIN ") && value.contains("PRIVATE KEY")) {
        return Ok(());
    }
    let message = format!(
        "the variable {variable} holds a private key, and the plugin would see it as --{}",
        option.name
    );
    Err(Error::new(Code::Usage, message).help(format!(
        "if the key is another plugin's, set {variable} for the commands only that need it"
    )))
}
