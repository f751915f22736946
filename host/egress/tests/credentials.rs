//! The credentials that Spin, Docker and Podman left on a machine, from files as those programs write them.
#![allow(clippy::unwrap_used)]

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spin_deployer_egress::Environment;
use spin_deployer_egress::credentials::{Credential, CredentialError, find};
use tempfile::TempDir;

struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// `path` is below the home directory.
    fn with(self, path: &str, content: &str) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn spin(self, content: &str) -> Self {
        let environment = self.environment();
        let config = environment.config().unwrap();
        let path = config
            .strip_prefix(self.0.path())
            .unwrap()
            .join("fermyon/registry-auth.json");
        self.with(path.to_str().unwrap(), content)
    }

    fn docker(self, content: &str) -> Self {
        self.with(".docker/config.json", content)
    }

    fn podman(self, content: &str) -> Self {
        self.with("run/containers/auth.json", content)
    }

    /// A program on this machine's PATH. `docker-credential-…` is put in front.
    #[cfg(unix)]
    fn helper(self, name: &str, script: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let path = format!("bin/docker-credential-{name}");
        let machine = self.with(&path, &format!("#!/bin/sh\n{script}\n"));
        let path = machine.0.path().join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        machine
    }

    fn environment(&self) -> Environment {
        let home = self.0.path();
        Environment::from_iter([
            ("HOME", home.as_os_str().to_owned()),
            ("USERPROFILE", home.as_os_str().to_owned()),
            ("APPDATA", home.join("AppData").into_os_string()),
            ("XDG_RUNTIME_DIR", home.join("run").into_os_string()),
            (
                "PATH",
                format!("{}:/usr/bin:/bin", home.join("bin").display()).into(),
            ),
        ])
    }

    async fn find(&self, registry: &str) -> Option<(String, String)> {
        self.try_find(registry, "acme/shop")
            .await
            .unwrap()
            .map(parts)
    }

    async fn try_find(
        &self,
        registry: &str,
        repository: &str,
    ) -> Result<Option<Credential>, CredentialError> {
        find(registry, repository, &self.environment()).await
    }
}

/// User and password; of an identity token `<token>` and the token.
fn parts(credential: Credential) -> (String, String) {
    match credential {
        Credential::Password { username, password } => (username, password.expose().to_owned()),
        Credential::IdentityToken { token } => ("<token>".to_owned(), token.expose().to_owned()),
    }
}

fn is(user: &str, password: &str) -> Option<(String, String)> {
    Some((user.to_owned(), password.to_owned()))
}

fn auth(pair: &str) -> String {
    format!(r#"{{"auth":"{}"}}"#, STANDARD.encode(pair))
}

fn auths(entries: &[(&str, &str)]) -> String {
    let entries: Vec<_> = entries
        .iter()
        .map(|(key, pair)| format!(r#""{key}":{}"#, auth(pair)))
        .collect();
    format!(r#"{{"auths":{{{}}}}}"#, entries.join(","))
}

#[tokio::test]
async fn a_machine_without_any_file_is_anonymous() {
    assert_eq!(Machine::new().find("ghcr.io").await, None);
    assert_eq!(
        find("ghcr.io", "a", &Environment::default()).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn every_way_to_write_a_registry_in_dockers_file_is_understood() {
    for key in [
        "ghcr.io",
        "https://ghcr.io",
        "https://ghcr.io/v1/",
        "http://ghcr.io/",
        "GHCR.io",
    ] {
        let machine = Machine::new().docker(&auths(&[
            ("ghcr.io.evil.example", "x:y"),
            (key, "me:pass:word"),
        ]));
        assert_eq!(
            machine.find("ghcr.io").await,
            is("me", "pass:word"),
            "{key}"
        );
        assert_eq!(machine.find("other.example").await, None);
    }
    for registry in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
        let machine = Machine::new().docker(&auths(&[("https://index.docker.io/v1/", "me:pw")]));
        assert_eq!(machine.find(registry).await, is("me", "pw"));
    }
    let machine = Machine::new().docker(&auths(&[("127.0.0.1:5000", "me:pw")]));
    assert_eq!(machine.find("127.0.0.1:5000").await, is("me", "pw"));
    assert_eq!(machine.find("127.0.0.1:5001").await, None);
}

#[tokio::test]
async fn identity_tokens_and_plain_fields_are_read() {
    let token = r#"{"auths":{"a.azurecr.io":{"auth":"MDAwMDo=","identitytoken":"refresh"}}}"#;
    assert_eq!(
        Machine::new().docker(token).find("a.azurecr.io").await,
        is("<token>", "refresh")
    );
    let plain = r#"{"auths":{"ghcr.io":{"username":"me","password":"pw"}},"currentContext":"x"}"#;
    assert_eq!(
        Machine::new().docker(plain).find("ghcr.io").await,
        is("me", "pw")
    );
    let padded = format!(
        r#"{{"auths":{{"ghcr.io":{{"auth":"{}"}}}}}}"#,
        STANDARD.encode("me:pw\0\0")
    );
    assert_eq!(
        Machine::new()
            .docker(padded.replace('=', "").as_str())
            .find("ghcr.io")
            .await,
        is("me", "pw")
    );
}

#[tokio::test]
async fn docker_config_names_another_directory() {
    let machine = Machine::new()
        .docker(&auths(&[("ghcr.io", "home:1")]))
        .with("d/config.json", &auths(&[("ghcr.io", "named:2")]));
    let mut environment = machine.environment();
    environment
        .vars
        .insert("DOCKER_CONFIG".into(), machine.0.path().join("d").into());
    let found = find("ghcr.io", "acme/shop", &environment)
        .await
        .unwrap()
        .map(parts);
    assert_eq!(found, is("named", "2"));
}

#[tokio::test]
async fn spins_own_file_comes_before_dockers_and_dockers_before_podmans() {
    let spin = format!(
        r#"{{"auths":{{"ghcr.io":"{}"}}}}"#,
        STANDARD.encode("spin:1")
    );
    let docker = auths(&[("ghcr.io", "docker:2"), ("b.example", "docker:2")]);
    let podman = auths(&[
        ("ghcr.io", "podman:3"),
        ("b.example", "podman:3"),
        ("c.example", "podman:3"),
    ]);
    let machine = Machine::new().spin(&spin).docker(&docker).podman(&podman);
    assert_eq!(machine.find("ghcr.io").await, is("spin", "1"));
    assert_eq!(machine.find("b.example").await, is("docker", "2"));
    assert_eq!(machine.find("c.example").await, is("podman", "3"));
}

#[tokio::test]
async fn podmans_entry_for_a_repository_wins_over_that_for_its_registry() {
    let file = auths(&[
        ("q.example", "all:1"),
        ("q.example/acme", "team:2"),
        ("q.example/acme/shop", "shop:3"),
    ]);
    let machine = Machine::new().podman(&file);
    for (repository, expected) in [
        ("acme/shop", is("shop", "3")),
        ("acme/other/deep", is("team", "2")),
        ("acmeshop", is("all", "1")),
    ] {
        assert_eq!(
            machine
                .try_find("q.example", repository)
                .await
                .unwrap()
                .map(parts),
            expected
        );
    }
    let named = Machine::new()
        .podman(&auths(&[("q.example", "run:1")]))
        .with("own.json", &auths(&[("q.example", "own:2")]));
    let mut environment = named.environment();
    environment.vars.insert(
        "REGISTRY_AUTH_FILE".into(),
        named.0.path().join("own.json").into(),
    );
    assert_eq!(
        find("q.example", "a", &environment)
            .await
            .unwrap()
            .map(parts),
        is("own", "2")
    );
}

#[tokio::test]
async fn a_broken_file_is_an_error_that_names_it_and_shows_nothing_of_it() {
    for content in [
        "{",
        r#"{"auths":{"ghcr.io":"hunter2"}}"#,
        r#"{"auths":{"ghcr.io":{"auth":"hunter2!"}}}"#,
        r#"{"auths":{"ghcr.io":{"auth":"aHVudGVyMg=="}}}"#,
        r#"{"credHelpers":"hunter2"}"#,
    ] {
        for (machine, file) in [
            (Machine::new().docker(content), "config.json"),
            (Machine::new().podman(content), "auth.json"),
        ] {
            let error = machine.try_find("ghcr.io", "acme/shop").await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains(file) && !shown.contains("hunter2"),
                "{shown}"
            );
        }
    }
    let machine = Machine::new().spin(r#"{"auths":{"ghcr.io":"hunter2!"}}"#);
    let error = machine
        .try_find("ghcr.io", "acme/shop")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("registry-auth.json") && !error.contains("hunter2"),
        "{error}"
    );
    let machine = Machine::new();
    fs::create_dir_all(machine.0.path().join(".docker/config.json")).unwrap();
    let error = machine.try_find("ghcr.io", "acme/shop").await.unwrap_err();
    assert!(
        matches!(error, CredentialError::Read { .. }) && error.to_string().contains("config.json")
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_helper_is_asked_with_the_name_that_it_knows() {
    let script = r#"read server; echo "{\"ServerURL\":\"$server\",\"Username\":\"$1\",\"Secret\":\"for $server\"}""#;
    let store = r#"{"auths":{"ghcr.io":{}},"credsStore":"safe"}"#;
    let machine = Machine::new().docker(store).helper("safe", script);
    assert_eq!(machine.find("ghcr.io").await, is("get", "for ghcr.io"));
    assert_eq!(
        machine.find("docker.io").await,
        is("get", "for https://index.docker.io/v1/")
    );

    // A helper for one registry wins over its entry, and an entry over the store for all.
    let file = format!(
        r#"{{"credHelpers":{{"ghcr.io":"one"}},"credsStore":"missing","auths":{{"ghcr.io":{0},"b.example":{0}}}}}"#,
        auth("file:1")
    );
    let token = r#"echo '{"ServerURL":"x","Username":"<token>","Secret":"refresh"}'"#;
    let machine = Machine::new().docker(&file).helper("one", token);
    assert_eq!(machine.find("ghcr.io").await, is("<token>", "refresh"));
    assert_eq!(machine.find("b.example").await, is("file", "1"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_helper_that_knows_nothing_is_no_error_and_one_that_fails_is() {
    let store = r#"{"credsStore":"safe"}"#;
    let machine = Machine::new().docker(store).helper(
        "safe",
        "echo 'credentials not found in native keychain'; exit 1",
    );
    assert_eq!(machine.find("ghcr.io").await, None);
    for script in [
        "echo hunter2; echo hunter2 >&2; exit 3",
        "echo hunter2",
        r#"echo '{"Secret":"hunter2"}'"#,
    ] {
        let machine = Machine::new().docker(store).helper("safe", script);
        let error = machine.try_find("ghcr.io", "acme/shop").await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains("docker-credential-safe") && shown.contains("config.json"),
            "{shown}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let error = Machine::new()
        .docker(store)
        .try_find("ghcr.io", "a")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("not on the PATH"), "{error}");
    let escape = r#"{"credsStore":"../../evil"}"#;
    assert!(
        Machine::new()
            .docker(escape)
            .try_find("ghcr.io", "a")
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_credential_does_not_show_itself() {
    let machine = Machine::new().docker(&auths(&[("ghcr.io", "me:hunter2")]));
    let found = machine.try_find("ghcr.io", "a").await.unwrap();
    assert_eq!(format!("{found:?}"), "Some(Password(me))");
    assert!(!format!("{:?}", Environment::from_iter([("TOKEN", "hunter2")])).contains("hunter2"));
}
