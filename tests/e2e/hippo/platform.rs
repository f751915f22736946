//! A platform, and somebody who deploys to it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::apps;
use crate::harness::app::App;
use crate::harness::run::{Finished, Machine, Running};
use crate::harness::servers::{Bindle, Hippo, Options, Release};
use crate::harness::terminal::Terminal;

/// The account that deploys. Nothing else here is called like its password.
pub(super) const USER: &str = "ada";
pub(super) const PASSWORD: &str = "planted-hippo-password-5e21";

/// How every token of the stand-in begins: `{"alg":"HS256"`, in base64.
pub(super) const TOKEN: &str = "eyJhbGciOiJIUzI1NiI";

/// Bindle and Hippo. Domains of its apps end with `localhost`, which the host knows without asking anybody.
pub(super) struct Platform {
    pub(super) bindle: Arc<Bindle>,
    pub(super) hippo: Arc<Hippo>,
    /// Whether paths are those of 0.18 and older.
    old: bool,
}

impl Platform {
    /// Hippo 0.20.
    pub(super) fn start() -> Self {
        Self::with(&[])
    }

    /// With more flags of `hippo-stand-in`.
    pub(super) fn with(flags: &[&str]) -> Self {
        let options = Options {
            // What a killed push leaves in files would be in the way of all that come after it.
            embedded_db: true,
            ..Options::default()
        };
        let bindle = Bindle::start(Release::V0_8, &options);
        let url = bindle.url();
        Self::of(bindle, &url, flags)
    }

    /// With a Bindle that Hippo reaches at that URL.
    pub(super) fn of(bindle: Bindle, url: &str, flags: &[&str]) -> Self {
        let account = format!("{USER}:{PASSWORD}");
        let ours = ["--user", &account, "--platform-domain", "localhost:{port}"];
        Self {
            hippo: Arc::new(Hippo::with(url, &[&ours, flags].concat())),
            bindle: Arc::new(bindle),
            old: flags.iter().any(|flag| ["0.12", "0.18"].contains(flag)),
        }
    }

    /// A token of the account.
    pub(super) fn token(&self) -> String {
        let path = match self.old {
            true => "/api/account/createtoken",
            false => "/api/auth-tokens",
        };
        let body = json!({ "userName": USER, "password": PASSWORD });
        let (status, answer) = self.hippo.ask("POST", path, "", &body);
        assert_eq!(status, 200);
        answer["token"].as_str().unwrap().to_owned()
    }

    /// What the API answers to a request that it does not refuse.
    #[track_caller]
    pub(super) fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.hippo.ask(method, path, &self.token(), body);
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {answer}"
        );
        answer
    }

    /// That there is one app of this name, with this version on its one channel, and that this runs. The channel.
    #[track_caller]
    pub(super) fn runs(&self, name: &str, version: &str) -> Value {
        let channel = self.runs_at_least(name, version);
        // A mark that something is still to be done.
        let mark = channel["rangeRule"].as_str();
        assert!(matches!(mark, None | Some("*")), "{channel:#}");
        channel
    }

    /// The same, where another run may have left its mark behind.
    #[track_caller]
    pub(super) fn runs_at_least(&self, name: &str, version: &str) -> Value {
        let state = self.hippo.state();
        let with = |list: &str, key: &str, value: &Value| -> Vec<Value> {
            let all = state[list].as_array().unwrap();
            all.iter().filter(|it| it[key] == *value).cloned().collect()
        };
        let apps = with("apps", "name", &json!(name));
        assert_eq!(apps.len(), 1, "{state:#}");
        let id = &apps[0]["id"];
        let channels = with("channels", "appId", id);
        assert_eq!(channels.len(), 1, "{state:#}");
        let channel = channels[0].clone();

        let revisions = with("revisions", "appId", id);
        let mut numbers: Vec<_> = revisions
            .iter()
            .map(|it| it["revisionNumber"].to_string())
            .collect();
        numbers.sort();
        numbers.dedup();
        assert_eq!(
            numbers.len(),
            revisions.len(),
            "one is there twice: {state:#}"
        );
        let active = with("revisions", "id", &channel["activeRevisionId"]);
        assert_eq!(active[0]["revisionNumber"], version, "{state:#}");
        let strategy = &channel["revisionSelectionStrategy"];
        assert_eq!(strategy, "UseSpecifiedRevision", "{state:#}");

        let bindle = format!("{name}/{version}");
        for list in ["jobs", "starts"] {
            let of_channel = with(list, "channelId", &channel["id"]);
            let last = of_channel.last().map(|it| &it["bindle"]);
            assert_eq!(last, Some(&json!(bindle)), "{list}: {state:#}");
        }
        let domain = channel["domain"].as_str().unwrap();
        assert_eq!(self.hippo.app(domain, "/"), (200, bindle));
        channel
    }

    /// What was ever started, where the same one after the other counts once.
    pub(super) fn started(&self) -> Vec<String> {
        let mut starts = self.hippo.starts();
        starts.dedup();
        starts
    }
}

/// A user with an app.
pub(super) struct User {
    pub(super) machine: Machine,
    pub(super) app: App,
}

impl User {
    /// With the account's name and password in the environment.
    pub(super) fn of(platform: &Platform) -> Self {
        let mut user = Self::nobody();
        user.goes_to(platform.hippo.url(), &platform.bindle.url());
        user.knows_the_password();
        user
    }

    /// Without anything in the environment.
    pub(super) fn nobody() -> Self {
        Self {
            machine: Machine::new(),
            app: apps::shop(),
        }
    }

    pub(super) fn goes_to(&mut self, hippo: &str, bindle: &str) {
        self.machine.set("HIPPO_URL", hippo);
        self.machine.set("BINDLE_SERVER_URL", bindle);
    }

    pub(super) fn knows_the_password(&mut self) {
        self.machine.set("HIPPO_USERNAME", USER);
        self.machine.set("HIPPO_PASSWORD", PASSWORD);
    }

    /// From now on only a token.
    pub(super) fn has_only(&mut self, token: &str) {
        self.machine.set("HIPPO_USERNAME", "");
        self.machine.set("HIPPO_PASSWORD", "");
        self.machine.set("HIPPO_TOKEN", token);
    }

    /// Makes the app another version.
    pub(super) fn changes(&self, version: &str) {
        apps::write(&self.app, "shop", version);
    }

    /// The command with the app and a JSON report.
    pub(super) fn line<'a>(&'a self, command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
        let app = self.app.path().to_str().unwrap();
        let line = ["-t", "hippo", "-f", app, "--output", "json"];
        [command, &line, more].concat()
    }

    pub(super) fn start(&self, command: &str, more: &[&str]) -> Running {
        // What is asked of the audit log is about the last run.
        drop(fs::remove_file(self.machine.audit_log()));
        self.machine.start(self.line(&[command], more))
    }

    #[track_caller]
    pub(super) fn run(&self, command: &str, more: &[&str]) -> Finished {
        self.told_nothing(self.start(command, more).finish())
    }

    #[track_caller]
    pub(super) fn deploy(&self, more: &[&str]) -> Finished {
        self.run("deploy", more)
    }

    /// At a terminal.
    pub(super) fn at_terminal(&self, command: &str, more: &[&str]) -> Terminal {
        Terminal::start(&self.machine, &self.line(&[command], more))
    }

    /// Methods and URLs of what was sent in the last run, to whomever, but for questions and logins.
    pub(super) fn wrote(&self) -> Vec<String> {
        let audit = fs::read_to_string(self.machine.audit_log()).unwrap();
        let lines = audit
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let requests = lines.filter(|line| line["event"] == "request");
        let shown = requests.map(|line| {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            format!("{} {}", text("method"), text("url"))
        });
        shown.filter(|line| is_write(line)).collect()
    }

    /// That neither the password nor any token is in what was said, nor in any file but the one where login saves.
    #[track_caller]
    pub(super) fn told_nothing(&self, finished: Finished) -> Finished {
        for secret in [PASSWORD, TOKEN] {
            assert!(!finished.to_string().contains(secret), "{finished}");
            hidden(self.machine.home(), secret);
        }
        finished
    }

    /// What login saved.
    pub(super) fn saved(&self) -> String {
        fs::read_to_string(self.machine.home().join(SAVED)).unwrap_or_default()
    }
}

const SAVED: &str = ".local/share/spin-deployer/secrets/saved.json";

/// Whether a request is neither a question nor a login. Begins with a method, ends with a path.
pub(super) fn is_write(line: &str) -> bool {
    let login = ["/api/auth-tokens", "/api/account/createtoken"];
    !line.starts_with("GET ") && !login.iter().any(|path| line.contains(path))
}

/// The release that a report of `deploy` names: the version of its bindle.
#[track_caller]
pub(super) fn version(deployed: &Finished) -> String {
    let report = deployed.json();
    let id = report["release"]["id"].as_str();
    id.unwrap_or_else(|| panic!("no release\n{deployed}"))
        .to_owned()
}

/// That no file below this folder has it, but for what was saved.
#[track_caller]
fn hidden(folder: &Path, secret: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            hidden(&path, secret);
        } else if !path.ends_with(SAVED) {
            let text = fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&text);
            assert!(!text.contains(secret), "{}", path.display());
        }
    }
}
