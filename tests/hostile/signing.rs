//! A plugin has messages signed while it deploys, each is written down, and of the key it learns the public half.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

use super::attempt::{Attempt, seen};
use super::listener::Listener;
use crate::harness::sha256;

/// Of RFC 8410, section 10.3: a private key, how its bytes are written in base64, and its public half.
pub(super) const LINE: &str = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
pub(super) const SEED: &str = "1O5y2/kTWErVttjx92n4rTr+fCjL8dT74Jeoj0R1WEI=";
const PUBLIC: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

pub(super) fn pem() -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{LINE}\n-----END PRIVATE KEY-----\n")
}

/// Whose user has named a key, as a file that is the user's alone.
fn attempt() -> Attempt {
    use std::os::unix::fs::PermissionsExt as _;
    let attempt = Attempt::new();
    let file = attempt.machine.write("sign.pem", pem());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    attempt.with("--signer", file.to_str().unwrap())
}

/// Whether this is what the plugin says of a signature of the message.
fn verifies(said: &str, message: &[u8]) -> bool {
    let Some(digits) = said.strip_prefix("signed ") else {
        return false;
    };
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let signature: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    let public = BASE64_STANDARD.decode(PUBLIC).unwrap();
    UnparsedPublicKey::new(&ED25519, public)
        .verify(message, &signature)
        .is_ok()
}

#[test]
fn a_signature_is_made_outside_and_is_good() {
    let attempt = attempt().flag("--verbose");
    let finished = attempt
        .typing(&[
            "--output",
            "json",
            "--script",
            "sign signer hello there\nprint public <signer>",
        ])
        .ok();
    let said = seen(&finished);
    assert!(verifies(&said[0], b"hello there"), "{finished}");
    assert!(!verifies(&said[0], b"hello"), "{finished}");
    assert!(!finished.stderr.contains("warning:"), "{finished}");
    let finished = finished.says(&format!("public {PUBLIC}"));
    for text in [LINE, SEED] {
        assert!(!finished.to_string().contains(text), "{finished}");
    }
    let [line] = &attempt.audited_as("signed")[..] else {
        panic!("not one line")
    };
    assert_eq!(
        (&line["option"], &line["bytes"]),
        (&"signer".into(), &11.into())
    );
    let digest = sha256(b"hello there");
    assert_eq!(line["sha256"], digest.trim_start_matches("sha256:"));
}

#[test]
fn nothing_is_signed_but_in_a_deploy() {
    let attempt = attempt().behaving("sign");
    assert!(verifies(
        &seen(&attempt.typing(&["--output", "json"]).ok())[0],
        b"x"
    ));
    assert_eq!(attempt.audited_as("signed").len(), 1);
    for (call, more, phase) in [
        ("plan", &[][..], "plan"),
        ("history", &[], "status"),
        ("status", &[], "status"),
        ("rollback", &["3"], "rollback"),
        ("destroy", &["--yes"], "destroy"),
        ("login", &[], "login"),
    ] {
        let attempt = self::attempt().behaving("sign").calling(call);
        let finished = attempt.typing(more);
        let refused = format!("nothing is signed in `{phase}`");
        assert!(
            finished.to_string().contains(&refused),
            "{call}\n{finished}"
        );
        assert!(attempt.audited_as("signed").is_empty(), "{call}");
    }
}

#[test]
fn what_is_no_key_signs_nothing() {
    let attempt = attempt().variable("SPIN_DEPLOYER_HOSTILE_TOKEN", "planted-token");
    let said = attempt.sees("sign nobody x\nsign token x\nsign second-signer x\nsign signer x");
    assert!(said[0].contains("there is no option `nobody`"), "{said:?}");
    assert!(said[1].contains("`token` is of type `secret`"), "{said:?}");
    assert!(said[2].contains("`second-signer` has no value"), "{said:?}");
    assert!(verifies(&said[3], b"x"), "{said:?}");
    assert_eq!(attempt.audited_as("signed").len(), 1);
}

#[test]
fn a_flood_of_signatures_and_a_message_without_end() {
    let attempt = attempt().with("--output", "json");
    let said = seen(&attempt.typing(&["--behaviour", "sign-much"]).ok());
    assert!(verifies(&said[0], &999u32.to_be_bytes()), "{said:?}");
    assert!(said[1].contains("at most 1000"), "{said:?}");
    assert_eq!(attempt.audited_as("signed").len(), 1000);
    let said = seen(
        &attempt
            .typing(&["--behaviour", "sign", "--size", "1048577"])
            .ok(),
    );
    assert!(said[0].contains("more than 1 MiB"), "{said:?}");
    assert_eq!(attempt.audited_as("signed").len(), 1000);
}

/// However the plugin came to know it.
#[test]
fn the_key_itself_does_not_go_out() {
    let place = Listener::start();
    for known in [LINE, SEED, &pem()] {
        let attempt = Attempt::naming(&place.url("/"))
            .variable("SPIN_DEPLOYER_HOSTILE_SIGNER", &pem())
            .flag(&format!("--known={known}"));
        let request = format!("request POST {}\nbody <known>", place.url("/api/x"));
        attempt.denied(&request, "the secret `signer`");
    }
    place.heard_nothing();
}

/// The manifest of a plugin may name the variable of another plugin's key.
#[test]
fn the_key_of_another_plugin() {
    let attempt = Attempt::new().variable("SPIN_DEPLOYER_HOSTILE_KNOWN", &pem());
    let refused = attempt.flag("-v").script("print <known>").fails(2);
    let refused = refused.says("the variable SPIN_DEPLOYER_HOSTILE_KNOWN holds a private key");
    assert!(!refused.to_string().contains(LINE), "{refused}");
}

/// On a disk that is full.
#[test]
fn nothing_is_signed_that_leaves_no_line() {
    let attempt = attempt().behaving("sign");
    std::os::unix::fs::symlink("/dev/full", attempt.machine.audit_log()).unwrap();
    let said = seen(&attempt.typing(&["--output", "json"]).ok());
    assert!(
        said[0].contains("nothing is signed without a line"),
        "{said:?}"
    );
}

#[test]
fn a_key_where_others_can_read_it() {
    let attempt = Attempt::new().with("--signer", pem());
    let refused = attempt.script("sign signer x").fails(2);
    let refused = refused.says("SPIN_DEPLOYER_HOSTILE_SIGNER");
    assert!(!refused.to_string().contains(LINE), "{refused}");
    let attempt = Attempt::new();
    let file = attempt.machine.write("sign.pem", pem());
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let attempt = attempt.with("--signer", file.to_str().unwrap());
    attempt
        .script("sign signer x")
        .ok()
        .says("is not yours alone: its mode is 644");
}
