//! Credentials are found where people keep them, used for that registry alone, and shown nowhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::harness::app::App;
use crate::harness::registry::{Access, Registry};
use crate::harness::run::{Finished, Machine};
use crate::harness::token::{Proof, TokenService};

const USER: &str = "ci-bot";
const PASSWORD: &str = "planted-password-7f3a";
const IDENTITY: &str = "planted-identity-token-91c2";

fn pair(password: &str) -> String {
    BASE64_STANDARD.encode(format!("{USER}:{password}"))
}

/// Docker's and Podman's form.
fn auths(registry: &Registry, password: &str) -> String {
    format!(
        r#"{{"auths":{{"{}":{{"auth":"{}"}}}}}}"#,
        registry.address(),
        pair(password)
    )
}

/// A credential helper named `planted` that knows one registry, on the machine's `PATH`.
fn helper(machine: &mut Machine, registry: &Registry, user: &str, secret: &str) {
    let script = format!(
        r#"#!/bin/sh
read -r server
test "$1" = get && test "$server" = "{0}" || {{ echo "credentials not found in native keychain"; exit 1; }}
echo '{{"ServerURL":"{0}","Username":"{user}","Secret":"{secret}"}}'
"#,
        registry.address()
    );
    let path = machine.write("bin/docker-credential-planted", script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let folder = path.parent().unwrap().display();
    let all = format!("{folder}:{}", std::env::var("PATH").unwrap());
    machine.set("PATH", all);
}

fn basic() -> Registry {
    Registry::with(Access::Basic(USER, PASSWORD), false)
}

/// Pushes with everything that tells more than usual.
fn push(machine: &Machine, registry: &Registry) -> Finished {
    machine.push(App::small().path(), &registry.reference("app:v1"), &["-v"])
}

/// Neither what the binary said nor a file that it wrote below the home has any of these.
#[track_caller]
pub(crate) fn nowhere(
    machine: &Machine,
    finished: &Finished,
    planted: &[&str],
    secrets: &[String],
) {
    let mut places = vec![
        ("stdout".to_owned(), finished.stdout.clone().into_bytes()),
        ("stderr".to_owned(), finished.stderr.clone().into_bytes()),
    ];
    assert!(machine.audit_log().exists());
    read_all(machine.home(), &mut places);
    places.retain(|(name, _)| !planted.iter().any(|file| name.ends_with(file)));
    for (name, bytes) in places {
        let text = String::from_utf8_lossy(&bytes);
        for secret in secrets {
            assert!(
                !text.contains(secret.as_str()),
                "{name} has {secret:?}:\n{text}"
            );
        }
    }
}

fn read_all(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => read_all(&entry.path(), into),
            false => into.push((
                entry.path().display().to_string(),
                fs::read(entry.path()).unwrap(),
            )),
        }
    }
}

fn secrets() -> Vec<String> {
    let zero = "00000000-0000-0000-0000-000000000000:";
    vec![
        PASSWORD.into(),
        BASE64_STANDARD.encode(PASSWORD),
        pair(PASSWORD),
        IDENTITY.into(),
        BASE64_STANDARD.encode(format!("{zero}{IDENTITY}")),
    ]
}

/// The push gets in with what `place` put on the machine, and shows none of it.
#[track_caller]
fn gets_in(planted: &[&str], place: impl FnOnce(&mut Machine, &Registry)) {
    let registry = basic();
    let mut machine = Machine::new();
    place(&mut machine, &registry);
    let pushed = push(&machine, &registry).ok();
    assert_eq!(registry.manifest("app", "v1").digest, pushed.digest());
    nowhere(&machine, &pushed, planted, &secrets());
}

#[test]
fn docker_config_in_the_home() {
    gets_in(&[".docker/config.json"], |machine, registry| {
        machine.write(".docker/config.json", auths(registry, PASSWORD));
    });
}

#[test]
fn docker_config_where_docker_config_says() {
    gets_in(&["elsewhere/config.json"], |machine, registry| {
        let file = machine.write("elsewhere/config.json", auths(registry, PASSWORD));
        machine.set("DOCKER_CONFIG", file.parent().unwrap());
    });
}

#[test]
fn a_helper_for_that_registry() {
    gets_in(&["docker-credential-planted"], |machine, registry| {
        helper(machine, registry, USER, PASSWORD);
        let config = format!(
            r#"{{"credHelpers":{{"{}":"planted"}}}}"#,
            registry.address()
        );
        machine.write(".docker/config.json", config);
    });
}

#[test]
fn the_helper_for_all_registries() {
    gets_in(&["docker-credential-planted"], |machine, registry| {
        helper(machine, registry, USER, PASSWORD);
        // What Docker itself writes after a login with a store.
        let config = format!(
            r#"{{"auths":{{"{}":{{}}}},"credsStore":"planted"}}"#,
            registry.address()
        );
        machine.write(".docker/config.json", config);
    });
}

#[test]
fn podmans_file_of_this_session() {
    gets_in(&["containers/auth.json"], |machine, registry| {
        machine.write("run/containers/auth.json", auths(registry, PASSWORD));
        machine.set("XDG_RUNTIME_DIR", machine.home().join("run"));
    });
}

#[test]
fn podmans_file_where_registry_auth_file_says() {
    gets_in(&["my-auth.json"], |machine, registry| {
        let file = machine.write("my-auth.json", auths(registry, PASSWORD));
        machine.set("REGISTRY_AUTH_FILE", file);
    });
}

#[test]
fn what_spin_registry_login_saved() {
    gets_in(&["registry-auth.json"], |machine, registry| {
        let spin = format!(
            r#"{{"auths":{{"{}":"{}"}}}}"#,
            registry.address(),
            pair(PASSWORD)
        );
        machine.write(".config/fermyon/registry-auth.json", spin);
    });
}

#[test]
fn a_wrong_password_is_an_error_of_its_own_and_shown_nowhere() {
    let registry = basic();
    let machine = Machine::new();
    let wrong = "planted-wrong-password";
    machine.write(".docker/config.json", auths(&registry, wrong));
    let refused = push(&machine, &registry).fails(3);
    assert_eq!(
        refused.json()["error"]["code"],
        "unauthenticated",
        "{refused}"
    );
    nowhere(
        &machine,
        &refused,
        &[".docker/config.json"],
        &[wrong.into(), pair(wrong)],
    );
}

#[test]
fn no_password_is_the_same_error_and_says_where_one_would_be_found() {
    let registry = basic();
    push(&Machine::new(), &registry)
        .fails(3)
        .says(&registry.address().to_string());
}

#[test]
fn a_helper_that_fails_is_said_and_nothing_is_sent() {
    let registry = basic();
    let mut machine = Machine::new();
    helper(&mut machine, &registry, USER, PASSWORD);
    machine.write(
        "bin/docker-credential-planted",
        "#!/bin/sh\necho the keychain is locked >&2\nexit 2\n",
    );
    let config = format!(
        r#"{{"credHelpers":{{"{}":"planted"}}}}"#,
        registry.address()
    );
    machine.write(".docker/config.json", config);
    let failed = push(&machine, &registry);
    assert!(!failed.status.success());
    failed.says("docker-credential-planted");
}

#[test]
fn credentials_of_another_registry_stay_where_they_are() {
    let (mine, other) = (basic(), basic());
    let machine = Machine::new();
    machine.write(".docker/config.json", auths(&other, PASSWORD));
    push(&machine, &mine).fails(3);
}

fn bearer(proof: Proof) -> (TokenService, Registry) {
    let service = TokenService::start(proof);
    let registry = service.registry();
    (service, registry)
}

/// The push got in with tokens of the service, and shows neither them nor what they were got with.
#[track_caller]
fn got_tokens(service: &TokenService, registry: &Registry, machine: &Machine, planted: &[&str]) {
    let pushed = push(machine, registry).ok();
    let issued = service.issued();
    assert!(!issued.is_empty());
    let asked = service.asked();
    assert!(asked.iter().all(|a| a.granted), "{asked:?}");
    assert!(
        asked
            .iter()
            .any(|a| a.scopes.iter().any(|s| s == "repository:app:pull,push")),
        "{asked:?}"
    );
    let mut all = secrets();
    all.extend(issued);
    nowhere(machine, &pushed, planted, &all);
}

#[test]
fn a_token_for_everybody() {
    let (service, registry) = bearer(Proof::Nothing);
    got_tokens(&service, &registry, &Machine::new(), &[]);
    // One token does for the whole push.
    assert!(service.asked().len() <= 2, "{:?}", service.asked());
}

#[test]
fn a_token_for_a_password() {
    let (service, registry) = bearer(Proof::Password(USER, PASSWORD));
    let machine = Machine::new();
    machine.write(".docker/config.json", auths(&registry, PASSWORD));
    got_tokens(&service, &registry, &machine, &[".docker/config.json"]);
}

#[test]
fn a_token_for_an_identity_token() {
    let (service, registry) = bearer(Proof::RefreshToken(IDENTITY));
    let machine = Machine::new();
    let nobody = BASE64_STANDARD.encode("00000000-0000-0000-0000-000000000000:");
    let config = format!(
        r#"{{"auths":{{"{}":{{"auth":"{nobody}","identitytoken":"{IDENTITY}"}}}}}}"#,
        registry.address()
    );
    machine.write(".docker/config.json", config);
    got_tokens(&service, &registry, &machine, &[".docker/config.json"]);
    assert!(service.asked().iter().all(|a| a.method == "POST"));
}

#[test]
fn a_token_for_an_identity_token_of_a_helper() {
    let (service, registry) = bearer(Proof::RefreshToken(IDENTITY));
    let mut machine = Machine::new();
    helper(&mut machine, &registry, "<token>", IDENTITY);
    let config = format!(
        r#"{{"credHelpers":{{"{}":"planted"}}}}"#,
        registry.address()
    );
    machine.write(".docker/config.json", config);
    got_tokens(
        &service,
        &registry,
        &machine,
        &["docker-credential-planted"],
    );
}

#[test]
fn a_token_service_that_refuses() {
    let (_service, registry) = bearer(Proof::Password(USER, PASSWORD));
    let machine = Machine::new();
    machine.write(
        ".docker/config.json",
        auths(&registry, "planted-wrong-password"),
    );
    let refused = push(&machine, &registry).fails(3);
    nowhere(
        &machine,
        &refused,
        &[".docker/config.json"],
        &["planted-wrong-password".into()],
    );
}

#[test]
fn a_certificate_that_nobody_knows() {
    let registry = Registry::with(Access::Everybody, true);
    let reference = format!("https://{}", registry.reference("app:v1"));
    let app = App::small();
    let mut machine = Machine::new();
    let refused = machine
        .push(app.path(), &reference, &[])
        .fails(1)
        .says("certificate");
    assert_eq!(refused.json()["error"]["sent"], false, "{refused}");
    // Known, it is fine.
    let certificate = &registry.certificate().unwrap().certificate_file;
    machine.set("SSL_CERT_FILE", certificate.as_os_str());
    machine.push(app.path(), &reference, &[]).ok();
}
