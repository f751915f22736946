//! What a login saves goes to the place that it was saved for, and is seen nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::harness::app::App;
use crate::harness::plugin::{hostile, keyed};
use crate::harness::proxy::{Proxy, Verdict};
use crate::harness::run::{Finished, Machine};

const TOKEN: &str = "planted-saved-token-3c9e";

const MANIFEST: &str = r#"
name = "hippo"
version = "0.1.0"
description = "Has a login"

[[options]]
name = "behaviour"
type = "text"
required = true
help = "What it does"

[[options]]
name = "url"
type = "url"
required = true
help = "Where it may go"

[[options]]
name = "expires"
type = "text"
help = "When its login expires"

[[options]]
name = "token"
type = "secret"
env = "SPIN_DEPLOYER_HIPPO_TOKEN"
help = "What it shows there"

[[options]]
name = "password"
type = "secret"
env = "SPIN_DEPLOYER_HIPPO_PASSWORD"
help = "What it gets a token with"

[[http]]
to = "{url}"
methods = ["GET", "POST"]
sends = ["token", "password"]
plan = ["POST /token"]
why = "everything"
"#;

/// Gives tokens out, and repeats what it is shown; 401 for whoever shows nothing.
fn platform() -> Proxy {
    Proxy::with(([127, 0, 0, 1], 9).into(), |request| {
        let shown = authorization(&request.headers);
        let (status, body) = match (request.target.as_str(), shown) {
            ("/token", _) => ("200 OK", TOKEN.to_owned()),
            (_, None) => ("401 Unauthorized", String::new()),
            (_, Some(shown)) => ("200 OK", format!("you are {shown}")),
        };
        Verdict::Answer(format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ))
    })
}

fn authorization(headers: &[(String, String)]) -> Option<String> {
    let found = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    found.map(|(_, value)| value.clone())
}

/// What was shown to it in every request for `/whoami`.
fn shown(platform: &Proxy) -> Vec<Option<String>> {
    let requests = platform.requests().into_iter();
    let requests = requests.filter(|request| request.target == "/whoami");
    requests
        .map(|request| authorization(&request.headers))
        .collect()
}

fn bearer(token: &str) -> Option<String> {
    Some(format!("Bearer {token}"))
}

fn url(platform: &Proxy) -> String {
    format!("http://{}", platform.address())
}

struct User {
    machine: Machine,
    plugin: PathBuf,
    app: App,
}

impl User {
    fn new() -> Self {
        Self::with(hostile, MANIFEST)
    }

    fn with(plugin: fn(&Path, &str) -> PathBuf, manifest: &str) -> Self {
        let machine = Machine::new();
        Self {
            plugin: plugin(machine.home(), manifest),
            machine,
            app: App::small(),
        }
    }

    fn run(&self, command: &str, more: &[&str]) -> Finished {
        let mut line = vec![command, "-t", self.plugin.to_str().unwrap(), "-v"];
        line.extend(more);
        let finished = self.machine.run(line);
        self.nowhere(&finished);
        finished
    }

    /// What `login` says, in JSON.
    fn login(&self, platform: &Proxy, more: &[&str]) -> Finished {
        let url = url(platform);
        let line = ["--behaviour", "proper", "--url", &url, "--output", "json"];
        self.run("login", &[&line, more].concat())
    }

    /// A plan that asks the platform who it is.
    fn whoami(&self, platform: &Proxy) -> Finished {
        let url = url(platform);
        let app = self.app.path().to_str().unwrap();
        let line = ["-f", app, "--behaviour", "whoami", "--url", &url];
        self.run("plan", &[&line[..], &["--output", "json"]].concat())
    }

    fn saved(&self) -> PathBuf {
        let folder = self
            .machine
            .home()
            .join(".local/share/spin-deployer/secrets");
        folder.join("saved.json")
    }

    /// The token is in the file where it belongs, and neither in what was said nor in another file.
    #[track_caller]
    fn nowhere(&self, finished: &Finished) {
        assert!(!finished.to_string().contains(TOKEN), "{finished}");
        let mut folders = vec![self.machine.home().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(path);
                } else if path != self.saved() {
                    let text = fs::read(&path).unwrap();
                    let text = String::from_utf8_lossy(&text);
                    assert!(!text.contains(TOKEN), "{}", path.display());
                }
            }
        }
    }
}

#[test]
fn a_login_is_used_where_it_was_made_and_nowhere_else() {
    let (user, here, there) = (User::new(), platform(), platform());
    let report = user
        .login(&here, &["--expires", "2999-01-02T03:04:05Z"])
        .ok();
    let code = format!("Open {} and type the code ABCD-1234", url(&here));
    let report = report.says(&code).json();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["logged_in"], true);
    assert_eq!(report["account"], "ci-bot (token)");
    assert_eq!(report["expires"], "2999-01-02T03:04:05Z");
    assert_eq!(report["saved"][0]["option"], "token");
    assert_eq!(report["saved"][0]["origins"][0], url(&here));
    assert_eq!(report["store"]["path"], user.saved().to_str().unwrap());
    assert!(fs::read_to_string(user.saved()).unwrap().contains(TOKEN));

    let who = user.whoami(&here).ok().json();
    let said = who["changes"][0]["name"].as_str().unwrap();
    assert!(
        said.starts_with("200 you are Bearer spin-deployer-secret-"),
        "{said}"
    );
    assert_eq!(shown(&here), [bearer(TOKEN)]);

    user.whoami(&there).fails(3);
    assert_eq!(shown(&there), [None]);
}

#[test]
fn another_plugin_of_the_same_name_gets_nothing() {
    let (user, platform) = (User::new(), platform());
    user.login(&platform, &[]).ok();
    let folder = user.machine.home().join("other");
    fs::create_dir(&folder).unwrap();
    let other = hostile(&folder, &MANIFEST.replace("Has a login", "Has one too"));
    let user = User {
        plugin: other,
        ..user
    };
    user.whoami(&platform).fails(3);
    assert_eq!(shown(&platform), [None]);
}

#[test]
fn a_rule_that_leads_somewhere_else_too_gets_nothing() {
    let more = r#"
        [[options]]
        name = "mirror"
        type = "url"
        help = "Where it may go too"

        [[http]]
        to = "{mirror}"
        methods = ["GET"]
        sends = ["token"]
        why = "more"
    "#;
    let user = User::with(hostile, &format!("{MANIFEST}{more}"));
    let (here, there) = (platform(), platform());
    user.login(&here, &[]).ok();
    let (here_url, there_url) = (url(&here), url(&there));
    let app = user.app.path().to_str().unwrap();
    let line = ["-f", app, "--behaviour", "whoami", "--url", &here_url];
    let more = [&line[..], &["--mirror", &there_url]].concat();
    user.run("plan", &more).fails(3);
    user.run("plan", &line).ok();
    assert_eq!(shown(&here), [None, bearer(TOKEN)]);
}

#[test]
fn flag_and_variable_count_more_than_a_login() {
    let (mut user, platform) = (User::new(), platform());
    user.login(&platform, &[]).ok();
    user.machine
        .set("SPIN_DEPLOYER_HIPPO_TOKEN", "from-the-variable");
    user.whoami(&platform).ok();
    assert_eq!(shown(&platform), [bearer("from-the-variable")]);
}

#[test]
fn file_and_folder_are_the_users_alone_and_nothing_is_taken_from_others() {
    let (user, platform) = (User::new(), platform());
    user.login(&platform, &[]).ok();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let (file, saved) = (user.saved(), fs::read(user.saved()).unwrap());
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    for (path, open) in [(file.as_path(), 0o640), (file.parent().unwrap(), 0o750)] {
        let closed = mode(path);
        fs::set_permissions(path, fs::Permissions::from_mode(open)).unwrap();
        let refused = user.whoami(&platform).fails(2);
        refused
            .says("others may get at it")
            .says("renew them")
            .says("chmod");
        // Not before the user has typed anything.
        let before = platform.requests().len();
        user.login(&platform, &[]).fails(2);
        assert_eq!(platform.requests().len(), before);
        fs::set_permissions(path, fs::Permissions::from_mode(closed)).unwrap();
    }
    assert_eq!(shown(&platform), []);
    assert_eq!(fs::read(&file).unwrap(), saved);
    user.whoami(&platform).ok();
}

/// What the audit log has of secrets that were saved and removed.
fn secrets_in_the_log(user: &User) -> Vec<String> {
    let log = fs::read_to_string(user.machine.audit_log()).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines = lines.filter(|line: &serde_json::Value| line["origins"].is_array());
    let text = |line: &serde_json::Value, field| line[field].as_str().unwrap().to_owned();
    lines
        .map(|line| format!("{} {}", text(&line, "event"), text(&line, "option")))
        .collect()
}

#[test]
fn logging_out_removes_what_was_saved_for_that_place() {
    let (user, here, there) = (User::new(), platform(), platform());
    user.login(&here, &[]).ok();
    user.login(&there, &[]).ok();
    let (url_here, url_there) = (url(&here), url(&there));
    let out = user.run("logout", &["--url", &url_here]).ok();
    assert!(out.stdout.contains("Removed what was saved"), "{out}");
    assert!(
        out.stdout.contains(&url_here) && !out.stdout.contains(&url_there),
        "{out}"
    );
    assert!(
        out.stdout.contains("1 other secret is still saved"),
        "{out}"
    );
    let again = user
        .run("logout", &["--url", &url_here, "--output", "json"])
        .ok();
    assert_eq!(again.json()["removed"], serde_json::json!([]));
    assert_eq!(again.json()["left"], 1);
    user.whoami(&here).fails(3);
    user.whoami(&there).ok();
    // Without the place, for every place.
    user.run("logout", &[]).ok();
    let lines = [
        "saved token",
        "saved token",
        "removed token",
        "removed token",
    ];
    assert_eq!(secrets_in_the_log(&user), lines);
    assert!(!user.saved().exists());
    let nothing = user.run("logout", &[]).ok();
    assert!(nothing.stdout.contains("Nothing was saved"), "{nothing}");
    user.whoami(&there).fails(3);
}

#[test]
fn logging_out_everywhere_works_whatever_became_of_target_and_file() {
    let (user, platform) = (User::new(), platform());
    user.login(&platform, &[]).ok();
    fs::remove_file(&user.plugin).unwrap();
    let all = user
        .machine
        .run(["logout", "--all", "--output", "json"])
        .ok();
    assert_eq!(all.json()["removed"][0]["option"], "token");
    assert_eq!(secrets_in_the_log(&user), ["saved token", "removed token"]);
    assert!(!user.saved().exists());
    fs::write(user.saved(), "nonsense").unwrap();
    user.machine.run(["logout", "--all"]).ok();
    assert!(!user.saved().exists());
}

#[test]
fn who_is_not_known_reads_how_to_log_in() {
    let (user, platform) = (User::new(), platform());
    let login = format!(
        "log in: `spin-deployer login -t {} -f {} --behaviour whoami --url {}`",
        user.plugin.display(),
        user.app.path().display(),
        url(&platform)
    );
    let unknown = user.whoami(&platform).fails(3).says(&login);
    let error = &unknown.json()["error"];
    assert_eq!(error["message"], "nobody knows you");
    assert_eq!(error["help"], login);
}

#[test]
fn an_expired_login_is_not_used_and_said() {
    let (user, platform) = (User::new(), platform());
    user.login(&platform, &["--expires", "2001-02-03T04:05:06Z"])
        .ok();
    let expired = user.whoami(&platform).fails(3);
    expired
        .says("what was saved for --token expired at 2001-02-03T04:05:06Z")
        .says("log in again: `spin-deployer login -t ");
    assert_eq!(shown(&platform), [None]);
}

/// The same with a token that has to be there.
#[test]
fn a_login_that_has_to_be_there_is_asked_for_before_anything_is_sent() {
    let secret = "type = \"secret\"\nenv = \"SPIN_DEPLOYER_HIPPO_TOKEN\"";
    let manifest = MANIFEST.replace(secret, &format!("{secret}\nrequired = true"));
    let (user, platform) = (User::with(hostile, &manifest), platform());
    let missing = user.whoami(&platform).fails(3).says("needs a login");
    missing
        .says("log in: `spin-deployer login -t ")
        .says("SPIN_DEPLOYER_HIPPO_TOKEN");
    user.login(&platform, &["--expires", "2001-02-03T04:05:06Z"])
        .ok();
    user.whoami(&platform)
        .fails(3)
        .says("expired at 2001-02-03T04:05:06Z");
    assert_eq!(shown(&platform), []);
    user.login(&platform, &[]).ok();
    user.whoami(&platform).ok();
}

#[test]
fn what_must_not_be_saved_is_refused_and_nothing_is() {
    let platform = platform();
    let mut user = User::new();
    user.machine
        .set("SPIN_DEPLOYER_HIPPO_PASSWORD", "planted-password-88f1");
    let url = url(&platform);
    for (behaviour, code, says) in [
        ("greedy", 1, "wants `behaviour` saved, which is no secret"),
        ("large", 2, "more than 65536 bytes"),
        ("empty", 2, "`--token`"),
        ("twice", 1, "wants `token` saved twice"),
        ("many", 1, "wants 1000 secrets saved"),
        ("elsewhere", 5, "https://evil.example/device"),
        ("other-placeholder", 1, "stands for another secret"),
        ("refused", 3, "wrong password"),
    ] {
        let refused = user.run("login", &["--behaviour", behaviour, "--url", &url]);
        refused.fails(code).says(says);
        assert!(!user.saved().exists(), "{behaviour}");
    }
    let line = ["--behaviour", "proper", "--url", &url, "--expires", "soon"];
    user.run("login", &line).fails(1).says("expires at `soon`");
    assert!(!user.saved().exists());
}

#[test]
fn a_secret_that_the_user_gave_and_the_plugin_found_good_is_saved_as_it_is() {
    let (mut user, platform) = (User::new(), platform());
    user.machine.set("SPIN_DEPLOYER_HIPPO_TOKEN", TOKEN);
    let url = url(&platform);
    let line = ["--behaviour", "own-placeholder", "--url", &url];
    user.run("login", &line).ok();
    user.machine.set("SPIN_DEPLOYER_HIPPO_TOKEN", "");
    user.whoami(&platform).ok();
    assert_eq!(shown(&platform), [bearer(TOKEN)]);
}

const KEYED: &str = r#"
name = "keyed"
version = "0.1.0"
description = "Has no login"

[[options]]
name = "url"
type = "url"
required = true
help = "Where it may go"

[[options]]
name = "token"
type = "secret"
env = "SPIN_DEPLOYER_KEYED_TOKEN"
required = true
help = "What it shows there"

[[http]]
to = "{url}"
methods = ["GET"]
sends = ["token"]
why = "everything"
"#;

#[test]
fn without_a_login_of_its_own_the_secrets_are_given_once() {
    let (mut user, here, there) = (User::with(keyed, KEYED), platform(), platform());
    let url_here = url(&here);
    let app = user.app.path().to_str().unwrap().to_owned();
    let missing = user
        .run("login", &["--url", &url_here, "--no-input"])
        .fails(2);
    missing.says("--token").says("SPIN_DEPLOYER_KEYED_TOKEN");
    let plan = ["-f", &app, "--url", &url_here];
    let missing = user
        .run("plan", &plan)
        .fails(2)
        .says("SPIN_DEPLOYER_KEYED_TOKEN");
    missing.says("or save it: `spin-deployer login -t ");

    user.machine.set("SPIN_DEPLOYER_KEYED_TOKEN", TOKEN);
    let report = user
        .run("login", &["--url", &url_here, "--output", "json"])
        .ok()
        .json();
    assert_eq!(report["logged_in"], false);
    assert_eq!(report["account"], serde_json::Value::Null);
    assert_eq!(report["saved"][0]["option"], "token");
    user.machine.set("SPIN_DEPLOYER_KEYED_TOKEN", "");

    user.run("plan", &plan).ok();
    assert_eq!(shown(&here), [bearer(TOKEN)]);
    let elsewhere = ["-f", &app, "--url", &url(&there)];
    user.run("plan", &elsewhere).fails(2);
    assert_eq!(there.connections(), 0);
}

#[test]
fn a_target_without_login_and_secrets_says_so() {
    let machine = Machine::new();
    let local = machine.run(["login", "local"]).fails(6);
    local.says("target `local` knows no login");
    let oci = machine
        .run(["login", "oci", "--reference", "127.0.0.1:9/x/y"])
        .fails(6);
    oci.says("docker login");
}

#[test]
fn without_a_home_nothing_can_be_saved_and_nobody_is_asked() {
    let (mut user, platform) = (User::new(), platform());
    user.machine.wrap(&["env", "-u", "HOME"]);
    // Where the system knows a home without the variable there is a folder all the same.
    user.machine
        .set("SPIN_DEPLOYER_DATA_DIR", "/dev/null/nowhere");
    user.login(&platform, &[]).fails(1);
    assert_eq!(platform.connections(), 0);
}

/// The built-in plugin for a server that takes a name with a password, or a token.
#[test]
fn a_password_is_saved_with_its_name_and_instead_of_a_token() {
    let mut machine = Machine::new();
    let app = App::small();
    let server = ["--bindle-server", "http://127.0.0.1:9"];
    let run = |machine: &Machine, command: &str, more: &[&str]| {
        let target = [command, "-t", "bindle"];
        machine.run(target.iter().chain(&server).chain(more))
    };
    run(&machine, "login", &[])
        .fails(2)
        .says("nobody can be asked for --bindle-password or --bindle-token")
        .says("set BINDLE_USERNAME, and set BINDLE_PASSWORD; or set BINDLE_TOKEN");
    let options = |saved: &serde_json::Value| -> Vec<String> {
        let saved = saved.as_array().unwrap().iter();
        saved
            .map(|s| s["option"].as_str().unwrap().to_owned())
            .collect()
    };

    machine.set("BINDLE_TOKEN", TOKEN);
    let first = run(&machine, "login", &["--output", "json"]).ok().json();
    assert_eq!(options(&first["saved"]), ["bindle-token"]);
    machine.set("BINDLE_TOKEN", "");
    machine.set("BINDLE_PASSWORD", "planted-password-88f1");
    run(&machine, "login", &[])
        .fails(2)
        .says("needs --bindle-username with --bindle-password");
    machine.set("BINDLE_USERNAME", "me");
    let second = run(&machine, "login", &["--output", "json"]).ok().json();
    assert_eq!(
        options(&second["saved"]),
        ["bindle-username", "bindle-password"]
    );
    assert_eq!(options(&second["replaced"]), ["bindle-token"]);

    // Nobody listens there: nothing that could be typed is missing.
    machine.set("BINDLE_PASSWORD", "");
    machine.set("BINDLE_USERNAME", "");
    let folder = app.path().to_str().unwrap();
    run(&machine, "plan", &["-f", folder]).fails(7);
    let other = ["-f", folder, "--bindle-username", "other"];
    run(&machine, "plan", &other)
        .fails(2)
        .says("needs --bindle-password with --bindle-username");
    let out = run(&machine, "logout", &["--output", "json"]).ok().json();
    assert_eq!(options(&out["removed"]).len(), 2);
    assert_eq!(out["left"], 0);
}
