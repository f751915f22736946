//! A key is made once, is the user's alone, and its public half can be told to others.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::harness::app::App;
use crate::harness::run::Machine;

/// Of RFC 8410, section 10.3.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";
const PUBLIC: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

#[test]
fn a_key_is_made_once_and_shown_as_often_as_wanted() {
    let machine = Machine::new();
    let json = |line: &[&str]| {
        let line = line.iter().chain(&["--output", "json"]);
        machine.run(line).ok().json()
    };
    let made = json(&["key", "create", "sign.pem"]);
    let file = machine.home().join("sign.pem");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let public = made["public_key"].as_str().unwrap();
    let expected = serde_json::json!({ "schema": 1, "file": file, "public_key": public });
    assert_eq!(made, expected);
    assert_eq!(BASE64_STANDARD.decode(public).unwrap().len(), 32);
    assert_eq!(json(&["key", "show", "sign.pem"]), expected);
    let shown = machine.run(["key", "show", "sign.pem"]).ok();
    let text = format!("Key {}\n  public key  {public}\n", file.display());
    assert_eq!(shown.stdout, text);

    let written = fs::read(&file).unwrap();
    let again = machine.run(["key", "create", "sign.pem"]).fails(2);
    again.says("is not overwritten");
    assert_eq!(fs::read(&file).unwrap(), written);
    // Neither is the private half anywhere but in its file.
    let body = String::from_utf8(written).unwrap();
    let body = body.lines().nth(1).unwrap();
    assert!(!made.to_string().contains(body) && !shown.to_string().contains(body));
}

#[test]
fn a_key_of_openssl_is_one_of_ours() {
    let machine = Machine::new();
    machine.write("rfc.pem", PEM);
    let shown = machine.run(["key", "show", "rfc.pem"]).ok();
    assert!(shown.stdout.contains(PUBLIC), "{shown}");
}

#[test]
fn what_is_no_key_says_what_it_is_and_how_to_get_one() {
    let machine = Machine::new();
    for (text, says) in [
        ("ssh-ed25519 AAAA me@here", "no PEM"),
        (&*PEM.replace("PRIVATE", "ENCRYPTED PRIVATE"), "encrypted"),
        (&*PEM.replace("PRIVATE KEY", "CERTIFICATE"), "`CERTIFICATE`"),
        (&*PEM.replace("PRIVATE KEY", "PUBLIC KEY"), "a public key"),
        (&*PEM.replace("PRIVATE", "OPENSSH PRIVATE"), "OpenSSH"),
        (&*PEM.replace("K2Vw", "K2Vx"), "Ed448"),
    ] {
        machine.write("other.pem", text);
        let told = machine.run(["key", "show", "other.pem"]).fails(2);
        told.says(says).says("spin-deployer key create");
    }
    machine
        .run(["key", "show", "nowhere.pem"])
        .fails(2)
        .says("nowhere.pem");
    machine
        .run(["key", "creat", "x.pem"])
        .fails(2)
        .says("'create'");
    machine.run(["key"]).fails(2).says("<ACTION>");
    let help = machine.run(["key", "--help"]).ok();
    assert!(
        help.stdout.contains("create") && help.stdout.contains("only you can read"),
        "{help}"
    );
}

/// Also in a plan, and before anything is sent: nobody listens at that address.
#[test]
fn a_key_that_the_app_would_publish_signs_nothing() {
    let machine = Machine::new();
    let app = App::small();
    app.write("static/inline.txt", PEM);
    let line = [
        "-t",
        "bindle",
        "--bindle-server",
        "http://127.0.0.1:9",
        "--bindle-key",
        "static/inline.txt",
        "-f",
        ".",
    ];
    for command in ["plan", "deploy"] {
        let key = app.path().join("static/inline.txt");
        let line = std::iter::once(command).chain(line).map(|word| match word {
            "." => app.path().as_os_str(),
            "static/inline.txt" => key.as_os_str(),
            word => word.as_ref(),
        });
        machine
            .run(line)
            .fails(2)
            .says("the key of --bindle-key is in the app")
            .says("inline.txt")
            .says("exclude_files");
    }
}
