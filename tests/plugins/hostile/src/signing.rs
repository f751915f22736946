//! Having things signed, where that is allowed and where it is not.

use crate::spin_deployer::api::failures::Error;
use crate::spin_deployer::api::options::{self, Value};
use crate::spin_deployer::api::signing::sign;

/// Whether the option `behaviour` is about this.
pub fn is_wanted() -> bool {
    matches!(options::get("behaviour"), Some(Value::Text(text)) if text == "sign")
}

/// Has as many bytes signed as the option `size` says, by the option that the option `signed-by` names.
pub fn as_told() -> String {
    let size = crate::option("size").parse().unwrap();
    with(&crate::option("signed-by"), &vec![b'x'; size])
}

/// One small message after the other, more than anybody needs. The last two answers.
pub fn much() -> Vec<String> {
    let answers = (0..2_000u32).map(|n| with("signer", &n.to_be_bytes()));
    let mut answers: Vec<_> = answers.collect();
    answers.dedup_by(|a, b| a.starts_with("failed") && a == b);
    answers.split_off(answers.len() - 2)
}

/// What came of it, in words.
pub fn with(option: &str, message: &[u8]) -> String {
    match sign(option, message) {
        Ok(signature) => {
            let digits = signature.iter().map(|byte| format!("{byte:02x}"));
            format!("signed {}", digits.collect::<String>())
        }
        Err(Error::Failed(failure)) => format!("failed: {}", failure.message),
        Err(other) => format!("{other:?}"),
    }
}
