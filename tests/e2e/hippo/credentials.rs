//! Who deploys, by flag, variable, file and login: SIP 001's table, a case a row.

use rstest::rstest;

use super::platform::{PASSWORD, Platform, User};
use crate::harness::proxy::Proxy;
use crate::harness::run::Finished;
use crate::harness::servers::address;

/// What comes of a row.
enum Then {
    /// A login with name and password, and what that gave is shown.
    LogsIn,
    /// The token of the row is shown, and nobody logs in.
    Shows,
    /// What was saved is shown, and nobody logs in.
    ShowsSaved,
    /// It ends with this exit code and says this, and nothing was sent.
    Ends(i32, &'static [&'static str]),
}

use Then::{Ends, LogsIn, Shows, ShowsSaved};

/// A platform behind a proxy, so that one sees who came with what.
struct Door {
    platform: Platform,
    proxy: Proxy,
    user: User,
    /// How many requests and connections do not count.
    before: (usize, usize),
}

impl Door {
    fn new(flags: &[&str]) -> Self {
        let platform = Platform::with(flags);
        let proxy = Proxy::to(address(platform.hippo.url()));
        let user = User::nobody();
        Self {
            platform,
            proxy,
            user,
            before: (0, 0),
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.proxy.address())
    }

    /// The text of a row with what it stands for: `{hippo}`, `{bindle}`, `{password}`, `{token}`.
    fn text(&self, row: &str, token: &str) -> String {
        row.replace("{hippo}", &self.url())
            .replace("{bindle}", &self.platform.bindle.url())
            .replace("{password}", PASSWORD)
            .replace("{token}", token)
    }

    /// Logins, and what was shown to everything else, each once.
    fn seen(&self) -> (usize, Vec<String>) {
        let requests = self.proxy.requests().split_off(self.before.0);
        let logins = requests.iter().filter(|r| r.target == "/api/auth-tokens");
        let mut shown: Vec<_> = requests
            .iter()
            .filter_map(|r| {
                let mut headers = r.headers.iter();
                headers.find(|(name, _)| name == "authorization")
            })
            .map(|(_, value)| value.clone())
            .collect();
        shown.dedup();
        (logins.count(), shown)
    }

    /// `login` with name and password in variables, which are taken away again; the command that it was.
    fn logs_in(&mut self) -> Finished {
        let place = (self.url(), self.platform.bindle.url());
        self.user.goes_to(&place.0, &place.1);
        self.user.knows_the_password();
        let login = self.user.run("login", &[]).ok();
        for name in ["HIPPO_URL", "HIPPO_USERNAME", "HIPPO_PASSWORD"] {
            self.user.machine.set(name, "");
        }
        self.before = (self.proxy.requests().len(), self.proxy.connections());
        login
    }
}

const URL: (&str, &str) = ("HIPPO_URL", "{hippo}");
const NAME: (&str, &str) = ("HIPPO_USERNAME", "ada");
const SECRET: (&str, &str) = ("HIPPO_PASSWORD", "{password}");
const HELD: (&str, &str) = ("HIPPO_TOKEN", "{token}");
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";
const WRONG: &str = "spin-deployer-e2e-wrong-token";

#[rstest]
#[case::all_in_flags(&["--hippo-url={hippo}", "--hippo-username=ada", "--hippo-password={password}"], &[], "", LogsIn)]
#[case::all_in_variables(&[], &[URL, NAME, SECRET], "", LogsIn)]
#[case::a_name_in_a_flag_and_a_password_in_a_variable(&["--hippo-username=ada"], &[URL, SECRET], "", LogsIn)]
#[case::place_and_name_in_the_file(&[], &[SECRET], "hippo-url = '{hippo}'\nhippo-username = 'ada'", LogsIn)]
#[case::a_token_in_a_flag(&["--hippo-token={token}"], &[URL], "", Shows)]
#[case::a_token_in_a_variable(&[], &[URL, HELD], "", Shows)]
#[case::a_token_and_a_name_in_flags(
    &["--hippo-token={token}", "--hippo-username=ada"], &[URL], "",
    Ends(2, &["--hippo-token and --hippo-username cannot be used together"])
)]
#[case::a_token_and_a_password_in_variables(
    &[], &[URL, HELD, SECRET], "",
    Ends(2, &["--hippo-token and --hippo-password cannot be used together"])
)]
#[case::a_token_in_a_variable_and_a_name_in_the_file(
    &[], &[URL, HELD], "hippo-username = 'ada'",
    Ends(2, &["--hippo-token and --hippo-username cannot be used together"])
)]
#[case::a_name_without_a_password(
    &["--hippo-username=ada"], &[URL], "",
    Ends(2, &["needs --hippo-password with --hippo-username", "HIPPO_PASSWORD"])
)]
#[case::a_password_without_a_name(
    &[], &[URL, SECRET], "",
    Ends(2, &["needs --hippo-username with --hippo-password", "HIPPO_USERNAME"])
)]
#[case::nothing(&[], &[URL], "", Ends(3, &["needs a login", "`spin-deployer login -t hippo", "HIPPO_TOKEN"]))]
#[case::no_place(&[], &[NAME, SECRET], "", Ends(2, &["needs --hippo-url", "HIPPO_URL"]))]
#[case::a_secret_in_the_file(
    &[], &[URL], "hippo-token = 'x'",
    Ends(2, &["holds a value for the secret `hippo-token`", "HIPPO_TOKEN"])
)]
#[case::a_flag_before_everything(
    &["--hippo-url={hippo}", "--hippo-username=ada"],
    &[("HIPPO_URL", NOWHERE), ("HIPPO_USERNAME", "eve"), SECRET],
    "hippo-url = 'http://127.0.0.1:9'\nhippo-username = 'mallory'",
    LogsIn
)]
#[case::a_variable_before_the_file(
    &[], &[URL, NAME, SECRET], "hippo-url = 'http://127.0.0.1:9'\nhippo-username = 'mallory'", LogsIn
)]
#[case::a_flag_before_a_variable(&["--hippo-token={token}"], &[URL, ("HIPPO_TOKEN", WRONG)], "", Shows)]
fn who_deploys_is_what_was_given(
    #[case] flags: &[&str],
    #[case] variables: &[(&str, &str)],
    #[case] file: &str,
    #[case] then: Then,
) {
    check(Door::new(&[]), flags, variables, file, &then);
}

#[rstest]
#[case::nothing_else(&[], &[URL], "", ShowsSaved)]
#[case::the_place_in_the_file(&[], &[], "hippo-url = '{hippo}'", ShowsSaved)]
#[case::a_token(&[], &[URL, HELD], "", Shows)]
#[case::name_and_password(&[], &[URL, NAME, SECRET], "", LogsIn)]
#[case::a_name_in_the_file(&[], &[URL, SECRET], "hippo-username = 'ada'", LogsIn)]
#[case::a_name_alone(
    &["--hippo-username=ada"], &[URL], "",
    Ends(2, &["needs --hippo-password with --hippo-username"])
)]
#[case::another_place(
    &[], &[("HIPPO_URL", NOWHERE)], "", Ends(3, &["needs a login"])
)]
fn what_was_saved_comes_last(
    #[case] flags: &[&str],
    #[case] variables: &[(&str, &str)],
    #[case] file: &str,
    #[case] then: Then,
) {
    let mut door = Door::new(&[]);
    let login = door.logs_in().json();
    assert_eq!(login["account"], "ada");
    assert_eq!(login["saved"][0]["option"], "hippo-token");
    // Hippo's half hour.
    assert!(login["expires"].as_str().unwrap().ends_with('Z'), "{login}");
    let saved_for = login["saved"][0]["origins"][0].as_str().unwrap().to_owned();
    assert!(door.user.saved().contains(&saved_for));
    check(door, flags, variables, file, &then);
}

#[track_caller]
fn check(mut door: Door, flags: &[&str], variables: &[(&str, &str)], file: &str, then: &Then) {
    let token = door.platform.token();
    let bindle = door.platform.bindle.url();
    door.user.machine.set("BINDLE_SERVER_URL", bindle);
    for (name, value) in variables {
        let value = door.text(value, &token);
        door.user.machine.set(name, value);
    }
    if !file.is_empty() {
        let table = format!("[targets.hippo]\nplugin = \"hippo\"\n{file}\n");
        door.user
            .app
            .write("deployer.toml", door.text(&table, &token));
    }
    let flags: Vec<_> = flags.iter().map(|flag| door.text(flag, &token)).collect();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let finished = door.user.run("plan", &flags);
    let (logins, shown) = door.seen();
    match then {
        LogsIn => {
            finished.ok();
            assert_eq!((logins, shown.len()), (1, 1));
            assert_ne!(shown[0], format!("Bearer {token}"));
        }
        Shows => {
            finished.ok();
            assert_eq!((logins, shown), (0, vec![format!("Bearer {token}")]));
        }
        ShowsSaved => {
            finished.ok();
            assert_eq!((logins, shown.len()), (0, 1));
            let (_, shown) = shown[0].split_once(' ').unwrap();
            assert!(door.user.saved().contains(shown));
        }
        Ends(code, says) => {
            let finished = finished.fails(*code);
            for text in *says {
                assert!(finished.stderr.contains(text), "{text:?}\n{finished}");
            }
            assert_eq!(finished.json()["error"]["sent"], false, "{finished}");
            assert_eq!(door.proxy.connections(), door.before.1, "somebody came");
        }
    }
}

const ASKS_NAME: &str = "Who deploys (--hippo-username)";
const ASKS_PASSWORD: &str = "The password of --hippo-username (--hippo-password)";

#[test]
fn a_password_that_is_missing_is_asked_for_at_a_terminal() {
    let platform = Platform::start();
    let mut user = User::nobody();
    user.goes_to(platform.hippo.url(), &platform.bindle.url());
    let mut deploy = user.at_terminal("deploy", &["--hippo-username", "ada"]);
    deploy.answers_secretly(ASKS_PASSWORD, PASSWORD);
    let deployed = user.told_nothing(deploy.finish()).ok();
    platform.runs("shop", &super::platform::version(&deployed));
    // It was for this run.
    assert_eq!(user.saved(), "");
}

#[test]
fn without_a_login_a_deploy_at_a_terminal_logs_in_and_goes_on() {
    let platform = Platform::start();
    let mut user = User::nobody();
    user.goes_to(platform.hippo.url(), &platform.bindle.url());
    let mut deploy = user.at_terminal("deploy", &[]);
    deploy.shows("needs a login");
    deploy.answers("Log in to hippo now?", "y");
    deploy.answers(ASKS_NAME, "ada");
    deploy.answers_secretly(ASKS_PASSWORD, PASSWORD);
    deploy.shows("Logged in to hippo until ");
    let deployed = user.told_nothing(deploy.finish()).ok();
    platform.runs("shop", &super::platform::version(&deployed));
    // The next one has what that saved, also where nobody can be asked.
    user.deploy(&[]).ok();
    let logins = platform.hippo.requests().into_iter();
    let logins = logins.filter(|line| line.starts_with("POST /api/auth-tokens"));
    assert_eq!(logins.count(), 1);
}

/// The stand-in says that its tokens ended before they were given out, and takes them for five minutes all the same.
#[test]
fn a_login_that_expired_is_asked_for_again_at_a_terminal_and_named_elsewhere() {
    let mut door = Door::new(&["--token-lifetime", "-10"]);
    door.logs_in();
    let url = door.url();
    door.user.machine.set("HIPPO_URL", url);
    let expired = door.user.deploy(&[]).fails(3);
    expired
        .says("the login for target `hippo` expired at ")
        .says("log in again: `spin-deployer login -t hippo");
    let mut deploy = door.user.at_terminal("deploy", &[]);
    deploy.shows("expired at ");
    deploy.answers("Log in to hippo now?", "y");
    deploy.answers(ASKS_NAME, "ada");
    deploy.answers_secretly(ASKS_PASSWORD, PASSWORD);
    // What it was given has expired already, as it says, and nobody is asked twice.
    let deploy = door.user.told_nothing(deploy.finish());
    deploy.fails(3);
}

#[test]
fn a_saved_token_that_hippo_takes_back_is_replaced_at_a_terminal() {
    let platform = Platform::start();
    let mut user = User::of(&platform);
    user.run("login", &[]).ok();
    user.has_only("");
    platform.hippo.expire_tokens();
    user.deploy(&[])
        .fails(3)
        .says("does not accept the token")
        .says("log in: `spin-deployer login -t hippo");
    let mut deploy = user.at_terminal("deploy", &[]);
    deploy.shows("does not accept the token that it was shown");
    deploy.answers("Log in to hippo now?", "y");
    deploy.answers(ASKS_NAME, "ada");
    deploy.answers_secretly(ASKS_PASSWORD, PASSWORD);
    let deployed = user.told_nothing(deploy.finish()).ok();
    platform.runs("shop", &super::platform::version(&deployed));
}

#[test]
fn a_wrong_password_is_said_so_and_nothing_is_changed() {
    let platform = Platform::start();
    let user = User::of(&platform);
    for name in ["ada", "nobody"] {
        let line = [
            "--hippo-username",
            name,
            "--hippo-password",
            "planted-wrong-7",
        ];
        let wrong = user.deploy(&line).fails(3);
        assert!(!wrong.to_string().contains("planted-wrong-7"), "{wrong}");
        wrong.says("does not accept the user name and password");
    }
    let wrote: Vec<_> = platform.hippo.requests();
    let wrote: Vec<_> = wrote
        .iter()
        .filter(|line| super::platform::is_write(line))
        .collect();
    assert!(wrote.is_empty(), "{wrote:?}");
    assert_eq!(
        platform.bindle.get("_q").1.matches("[[invoices]]").count(),
        0
    );
}

/// A name and password that come with the command are checked by `login` too, and a token is only looked at.
#[test]
fn login_saves_a_token_that_hippo_takes_and_no_other() {
    let platform = Platform::start();
    let mut user = User::of(&platform);
    let token = platform.token();
    user.has_only(&token);
    user.run("login", &[]).ok();
    assert!(user.saved().contains(&token));
    user.has_only(WRONG);
    user.run("login", &[]).fails(3);
    assert!(user.saved().contains(&token) && !user.saved().contains(WRONG));
    user.has_only("");
    user.run("logout", &[]).ok();
    user.deploy(&[]).fails(3);
}
