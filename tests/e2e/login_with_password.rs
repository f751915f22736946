//! User name and password become a token, which is saved and used. The plugin prints all that it sees, and neither the
//! password nor any token is in that.

use std::fs;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::harness::app::App;
use crate::harness::http1::{Head, copy_body};
use crate::harness::plugin::hostile;
use crate::harness::run::{Finished, Machine};
use crate::harness::terminal::Terminal;

const PASSWORD: &str = "planted-password-1b7d";
const TOKEN: &str = "planted-bought-token-";
const RIGHT: &str = r#"{"userName":"me","password":"planted-password-1b7d"}"#;
const NEVER: &str = "2999-01-02T03:04:05Z";

const MANIFEST: &str = r#"
name = "hippo"
version = "0.1.0"
description = "Logs in with a password"

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
name = "token"
type = "secret"
env = "SPIN_DEPLOYER_HIPPO_TOKEN"
required = true
conflicts-with = ["username", "password"]
help = "A token"

[[options]]
name = "username"
type = "text"
env = "SPIN_DEPLOYER_HIPPO_USERNAME"
login = true
help = "Who you are"

[[options]]
name = "password"
type = "secret"
env = "SPIN_DEPLOYER_HIPPO_PASSWORD"
login = true
required-with = ["username"]
help = "Your password"

[[http]]
to = "{url}"
methods = ["POST"]
paths = ["/api/auth-tokens"]
sends = ["password"]
plan = ["POST /api/auth-tokens"]
hides = ["/token"]
why = "log in"

[[http]]
to = "{url}"
methods = ["GET", "POST"]
sends = ["token"]
why = "everything else"
"#;

/// Gives out tokens for the right password, numbered, of which the last one is good, and repeats what it is shown.
struct Hippo {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    given: usize,
    good: bool,
    expires: &'static str,
    /// Bodies of the logins, and what was shown otherwise.
    logins: Vec<String>,
    shown: Vec<String>,
}

impl Hippo {
    fn start(expires: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            given: 0,
            good: true,
            expires,
            logins: Vec::new(),
            shown: Vec::new(),
        }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that went away in the middle is no failure of the service.
                drop(serve(stream, &shared));
            }
        });
        Self { address, state }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn revoke(&self) {
        self.state.lock().unwrap().good = false;
    }

    fn logins(&self) -> Vec<String> {
        self.state.lock().unwrap().logins.clone()
    }

    fn shown(&self) -> Vec<String> {
        self.state.lock().unwrap().shown.clone()
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let Some(head) = Head::read(&mut reader)? else {
        return Ok(());
    };
    let mut body = Vec::new();
    copy_body(&mut reader, &mut body, head.request_framing(), 64 * 1024)?;
    let answer = {
        let mut state = state.lock().unwrap();
        answer(
            &head,
            String::from_utf8_lossy(&body).into_owned(),
            &mut state,
        )
    };
    reader.get_mut().write_all(answer.as_bytes())
}

fn answer(head: &Head, body: String, state: &mut State) -> String {
    let (status, kind, body) = if head.start[1] == "/api/auth-tokens" {
        let right = body == RIGHT;
        state.logins.push(body.clone());
        if right {
            state.given += 1;
            state.good = true;
            let (token, expires) = (token(state.given), state.expires);
            let echo = format!(
                "{{\"echo\":\"{token}\",\"expiration\":\"{expires}\",\"token\":\"{token}\"}}"
            );
            (
                "200 OK",
                format!("application/json\r\nx-token: {token}"),
                echo,
            )
        } else {
            ("401 Unauthorized", "text/plain".to_owned(), body)
        }
    } else {
        let shown = head.header("authorization").unwrap_or_default().to_owned();
        state.shown.push(shown.clone());
        let known = state.good && shown == format!("Bearer {}", token(state.given));
        let status = if known { "200 OK" } else { "401 Unauthorized" };
        (status, "text/plain".to_owned(), format!("you are {shown}"))
    };
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn token(number: usize) -> String {
    format!("{TOKEN}{number:04}")
}

fn bearer(number: usize) -> String {
    format!("Bearer {}", token(number))
}

struct User {
    machine: Machine,
    plugin: PathBuf,
    app: App,
    url: String,
}

impl User {
    fn of(hippo: &Hippo) -> Self {
        Self::with(hippo, MANIFEST)
    }

    fn with(hippo: &Hippo, manifest: &str) -> Self {
        let machine = Machine::new();
        Self {
            plugin: hostile(machine.home(), manifest),
            machine,
            app: App::small(),
            url: hippo.url(),
        }
    }

    fn line<'a>(&'a self, command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let plugin = self.plugin.to_str().unwrap();
        let app = self.app.path().to_str().unwrap();
        let line = [
            "-t",
            plugin,
            "-v",
            "--output",
            "json",
            "--url",
            &self.url,
            "--behaviour",
            "hippo",
        ];
        [&[command, "-f", app], &line[..], more].concat()
    }

    fn run(&self, command: &str, more: &[&str]) -> Finished {
        self.told_nothing(self.machine.run(self.line(command, more)))
    }

    fn at_terminal(&self, command: &str, more: &[&str]) -> Terminal {
        Terminal::start(&self.machine, &self.line(command, more))
    }

    /// Where the password and tokens are not: in what was said, what the plugin saw, and the audit log.
    #[track_caller]
    fn told_nothing(&self, finished: Finished) -> Finished {
        let audit = fs::read_to_string(self.machine.audit_log()).unwrap_or_default();
        for secret in [PASSWORD, TOKEN] {
            assert!(!finished.to_string().contains(secret), "{finished}");
            assert!(!audit.contains(secret), "{audit}");
        }
        finished
    }

    fn saved(&self) -> String {
        let folder = self
            .machine
            .home()
            .join(".local/share/spin-deployer/secrets");
        fs::read_to_string(folder.join("saved.json")).unwrap_or_default()
    }
}

/// To a login in the middle of a command.
fn agree(terminal: &mut Terminal) {
    terminal.answers("Log in to ", "y");
}

#[test]
fn a_password_becomes_a_token_that_is_saved_and_used() {
    let hippo = Hippo::start(NEVER);
    let mut user = User::of(&hippo);
    user.machine.set("SPIN_DEPLOYER_HIPPO_PASSWORD", PASSWORD);
    let login = user.run("login", &["--username", "me"]).ok();
    // The plugin did see the answer.
    let login = login.says("\"token\":\"spin-deployer-secret-");
    assert_eq!(hippo.logins(), [RIGHT]);
    let report = login.json();
    assert_eq!(report["account"], "me");
    assert_eq!(report["expires"], NEVER);
    assert_eq!(report["saved"][0]["option"], "token");
    assert!(user.saved().contains(&token(1)), "{}", user.saved());
    assert!(!user.saved().contains(PASSWORD), "{}", user.saved());

    user.machine.set("SPIN_DEPLOYER_HIPPO_PASSWORD", "");
    let plan = user.run("plan", &[]).ok().json();
    assert_eq!((hippo.logins().len(), hippo.shown()), (1, vec![bearer(1)]));
    let said = plan["changes"][0]["name"].as_str().unwrap();
    assert!(
        said.starts_with("200 you are Bearer spin-deployer-secret-"),
        "{said}"
    );
}

#[test]
fn a_password_is_enough_without_a_login_and_nothing_is_saved() {
    let hippo = Hippo::start(NEVER);
    let mut user = User::of(&hippo);
    user.machine.set("SPIN_DEPLOYER_HIPPO_PASSWORD", PASSWORD);
    user.machine.set("SPIN_DEPLOYER_HIPPO_USERNAME", "me");
    user.run("plan", &[]).ok();
    assert_eq!(
        (hippo.logins(), hippo.shown()),
        (vec![RIGHT.to_owned()], vec![bearer(1)])
    );
    assert_eq!(user.saved(), "");
    let audit = fs::read_to_string(user.machine.audit_log()).unwrap();
    let used = format!("\"secrets\":[\"/token of {}\"]", hippo.url());
    assert!(
        audit.contains("\"secrets\":[\"password\"]") && audit.contains(&used),
        "{audit}"
    );
}

#[test]
fn what_is_missing_is_named_where_nobody_can_be_asked() {
    let hippo = Hippo::start("2001-02-03T04:05:06Z");
    let mut user = User::of(&hippo);
    let login = user.run("login", &[]).fails(2);
    login
        .says("nobody can be asked for --username, --password")
        .says("pass --username VALUE or set SPIN_DEPLOYER_HIPPO_USERNAME, and set SPIN_DEPLOYER_HIPPO_PASSWORD");
    for command in ["login", "plan"] {
        let missing = user.run(command, &["--username", "me"]).fails(2);
        missing
            .says("--password")
            .says("SPIN_DEPLOYER_HIPPO_PASSWORD");
    }
    user.run("plan", &[])
        .fails(3)
        .says("needs a login")
        .says("log in: `spin-deployer login -t ");
    assert_eq!(hippo.logins(), [""; 0]);

    // Both conflict with a token, wherever they come from.
    user.machine.set("SPIN_DEPLOYER_HIPPO_PASSWORD", PASSWORD);
    user.run("plan", &["--username", "me", "--token", "planted"])
        .fails(2);
    user.run("login", &["--username", "me"]).ok();
    user.machine.set("SPIN_DEPLOYER_HIPPO_PASSWORD", "");
    let expired = user.run("plan", &[]).fails(3);
    expired
        .says("expired at 2001-02-03T04:05:06Z")
        .says("log in again: `spin-deployer login -t ");
    assert_eq!(hippo.shown(), [""; 0]);
}

#[test]
fn a_command_at_a_terminal_logs_in_and_goes_on() {
    let hippo = Hippo::start(NEVER);
    let user = User::of(&hippo);
    let no_input = user.at_terminal("plan", &["--no-input"]);
    user.told_nothing(no_input.finish()).fails(3);

    let mut plan = user.at_terminal("plan", &[]);
    plan.shows("needs a login");
    agree(&mut plan);
    plan.shows("--username is asked for by plugin `hippo`, and is seen by it");
    plan.answers("Who you are (--username)", "me");
    let fate = format!(
        "--password is asked for by plugin `hippo`, and goes to {}",
        hippo.url()
    );
    plan.shows(&fate);
    plan.answers_secretly("Your password (--password)", PASSWORD);
    plan.shows("Logged in to ");
    plan.shows(" until 2999-01-02T03:04:05Z, saved in ");
    plan.shows("; plugin `hippo` calls you me");
    let plan = user.told_nothing(plan.finish()).ok();
    assert!(
        plan.json()["changes"][0]["name"]
            .as_str()
            .unwrap()
            .starts_with("200 ")
    );
    assert_eq!(
        (hippo.logins(), hippo.shown()),
        (vec![RIGHT.to_owned()], vec![bearer(1)])
    );
    assert!(user.saved().contains(&token(1)));

    // The next one does not ask, and without a terminal there is nothing to ask either.
    user.told_nothing(user.at_terminal("plan", &[]).finish())
        .ok();
    user.run("plan", &[]).ok();
    assert_eq!(hippo.logins().len(), 1);

    hippo.revoke();
    user.run("plan", &[])
        .fails(3)
        .says("hippo does not know this token");
    let mut plan = user.at_terminal("plan", &[]);
    plan.shows("plugin `hippo` says: hippo does not know this token");
    agree(&mut plan);
    plan.answers("Who you are (--username)", "me");
    plan.answers_secretly("Your password (--password)", PASSWORD);
    user.told_nothing(plan.finish()).ok();
    assert_eq!(hippo.shown().last(), Some(&bearer(2)));
    assert!(user.saved().contains(&token(2)) && !user.saved().contains(&token(1)));
}

#[test]
fn a_wrong_password_is_asked_for_once_and_changes_nothing() {
    let hippo = Hippo::start(NEVER);
    let user = User::of(&hippo);
    let mut plan = user.at_terminal("plan", &[]);
    agree(&mut plan);
    plan.answers("Who you are (--username)", "me");
    plan.answers_secretly("Your password (--password)", "planted-password-wrong");
    let plan = user.told_nothing(plan.finish()).fails(3);
    assert!(
        !plan.to_string().contains("planted-password-wrong"),
        "{plan}"
    );
    plan.says("wrong user name or password");
    assert_eq!((hippo.logins().len(), hippo.shown().len()), (1, 0));
    assert_eq!(user.saved(), "");

    // One that comes with the command is not asked for again: it would count more than any login.
    let mut plan = user.at_terminal("plan", &["--username", "me"]);
    plan.answers_secretly("Your password (--password)", "planted-password-wrong");
    user.told_nothing(plan.finish()).fails(3);
    assert_eq!(hippo.logins().len(), 2);
}

/// An expired login is told before anything is sent, and what was asked for already is not asked for again.
#[test]
fn an_expired_login_is_renewed_on_the_spot() {
    let hippo = Hippo::start("2001-02-03T04:05:06Z");
    let mut user = User::of(&hippo);
    user.machine.set("SPIN_DEPLOYER_HIPPO_PASSWORD", PASSWORD);
    user.run("login", &["--username", "me"]).ok();
    user.machine.set("SPIN_DEPLOYER_HIPPO_PASSWORD", "");
    hippo.state.lock().unwrap().expires = NEVER;
    let line = user.line("plan", &[]);
    let line: Vec<&str> = line
        .into_iter()
        .filter(|word| *word != "--url" && *word != user.url)
        .collect();
    let mut plan = Terminal::start(&user.machine, &line);
    plan.answers("Where it may go (--url)", &user.url);
    plan.shows("expired at 2001-02-03T04:05:06Z");
    agree(&mut plan);
    plan.answers("Who you are (--username)", "me");
    plan.answers_secretly("Your password (--password)", PASSWORD);
    user.told_nothing(plan.finish()).ok();
    assert_eq!(hippo.shown(), [bearer(2)]);
}

#[test]
fn what_a_platform_gave_is_not_saved_for_another_place() {
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
    let hippo = Hippo::start(NEVER);
    let mut user = User::with(&hippo, &format!("{MANIFEST}{more}"));
    user.machine.set("SPIN_DEPLOYER_HIPPO_PASSWORD", PASSWORD);
    let mirror = ["--username", "me", "--mirror", "http://127.0.0.1:9"];
    let refused = user.run("login", &mirror).fails(1);
    refused.says(&format!(
        "wants what {} gave saved as `token`, which may go to http://127.0.0.1:9",
        hippo.url()
    ));
    assert_eq!(user.saved(), "");
    user.run("login", &["--username", "me"]).ok();
}

/// Also where the user's shell allows them.
#[cfg(target_os = "linux")]
#[test]
fn a_crash_would_leave_no_secret_in_a_core_dump() {
    let hippo = Hippo::start(NEVER);
    let mut user = User::of(&hippo);
    let allow = "ulimit -S -c $(ulimit -H -c) && exec \"$@\"";
    user.machine.wrap(&["sh", "-c", allow, "sh"]);
    let mut plan = user.at_terminal("plan", &[]);
    plan.shows("Log in to ");
    let limits = fs::read_to_string(format!("/proc/{}/limits", plan.id())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let soft = line.unwrap().split_whitespace().nth(4).unwrap();
    assert_eq!(soft, "0", "{limits}");
}
