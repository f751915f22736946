//! What the stand-in is started with.

use clap::ValueEnum;

/// Which Hippo it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Api {
    /// Singular paths, lists without pages
    #[value(name = "0.12")]
    V0_12,
    /// Singular paths, pages, PATCH
    #[value(name = "0.18")]
    V0_18,
    /// Plural paths
    #[value(name = "0.19")]
    V0_19,
    /// Another formula of domains, unknown keys of spin.toml ignored
    #[value(name = "0.20")]
    V0_20,
}

/// Whether the scheduler below it can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Nomad {
    /// It can.
    Up,
    /// It cannot: whatever starts or stops an app answers 500.
    Down,
}

/// What the deployed app says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AppInfo {
    /// Its name and version, as Spin 0.7 and later
    Shown,
    /// 404, as older ones
    Missing,
    /// What the app itself answers, as those older ones do where it has a route for everything
    App,
}

/// Where Hippo was read and not run, and it may be either way: naming one takes the other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Doubt {
    /// PATCH of a channel starts its app. Otherwise it changes the row and nothing runs
    PatchStarts,
    /// PUT of a channel starts its app. Otherwise only after a desired status was set
    PutStarts,
    /// POST of a revision starts no channel whose rule it matches. Otherwise it does
    RevisionWaits,
    /// A new revision is weighed against all others of the app. Otherwise it alone counts, even where it is lower
    RuleSeesAll,
    /// POST of an account answers JSON to everybody. Otherwise text, without quotes, to who does not accept JSON
    AccountIsJson,
    /// No page has more than 50 items. Otherwise as many as were asked for
    PagesAreCapped,
    /// `searchText` ignores case. Otherwise not
    SearchIgnoresCase,
    /// Before 0.20, `allowedHttpHosts` in a manifest is known. Otherwise it is not, and the answer is 500
    HostsAreKnown,
    /// A key of an environment variable may be longer than 32. Otherwise it is as with PostgreSQL: 500
    KeysAreLong,
    /// In 0.18, strategies are named in answers. Otherwise they are numbers
    StrategiesAreNamed,
    /// An unknown path shows the web page. Otherwise 404
    PathsShowThePage,
    /// DELETE of a channel stops its app first, and keeps the row where that fails. Otherwise the row goes first, and the app stays
    DeleteStopsFirst,
    /// DELETE of a revision takes it from the channels that run it. Otherwise the database refuses, and the answer is 500
    ActiveRevisionGoes,
    /// While the revisions are read page by page, one moves, each second time. Otherwise their order stays
    RevisionsMove,
    /// A PATCH that fails inside answers 400, about the fields that were left out. Otherwise 500
    PatchFailsAs400,
    /// In 0.18, PATCH takes `{"value": …}` only. Otherwise plain values
    PatchIsWrapped,
}

/// What the stand-in is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which Hippo.
    pub api: Api,
    /// Where Bindle is, with `/v1`.
    pub bindle: String,
    /// Accounts that are there from the start: name and password.
    pub users: Vec<(String, String)>,
    /// Seconds that a token is said to be good for.
    pub token_lifetime: i64,
    /// Seconds that a token is taken after it has expired.
    pub clock_skew: i64,
    /// What generated domains end with.
    pub platform_domain: String,
    /// Not Hippo's: what every generated domain is, where no name leads to this machine.
    pub only_domain: Option<String>,
    /// Whether apps can be started and stopped at first.
    pub nomad: Nomad,
    /// What apps say of themselves.
    pub app_info: AppInfo,
    /// Milliseconds until an app that was started answers.
    pub app_start_delay: u64,
    /// Where it is the other way.
    pub inferred: Vec<Doubt>,
}

impl Settings {
    /// Hippo 0.20 with that Bindle, everything else as its own program has it without flags.
    #[must_use]
    pub fn new(bindle: &str) -> Self {
        Self {
            api: Api::V0_20,
            bindle: bindle.trim_end_matches('/').to_owned(),
            users: Vec::new(),
            token_lifetime: 30 * 60,
            clock_skew: 5 * 60,
            platform_domain: "hippofactory.io".to_owned(),
            only_domain: None,
            nomad: Nomad::Up,
            app_info: AppInfo::Shown,
            app_start_delay: 0,
            inferred: Vec::new(),
        }
    }

    /// Whether it is the other way here.
    pub(crate) fn other(&self, doubt: Doubt) -> bool {
        self.inferred.contains(&doubt)
    }
}
