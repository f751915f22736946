//! Which version of a plugin it is going to be.

use std::{fmt, str::FromStr};

use semver::{Version, VersionReq};
use spin_deployer_manifest::{Compatibility, NameError, PluginName};

use crate::index::Release;

/// Of the versions there are, so many are named in an error.
const NAMED: usize = 5;

/// What somebody asks for: `NAME`, `NAME@1.2.0` or `NAME@1.2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Which plugin.
    pub name: PluginName,
    /// Which of its versions.
    pub wanted: Wanted,
}

/// Which versions are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Any, but no pre-release.
    Newest,
    /// `1.2.0`: this one and no other, be it a pre-release.
    Exactly(Version),
    /// `1.2`, `>=1, <3`: the newest of them; a pre-release where the range names one of the same version.
    Within(VersionReq),
}

/// A text that asks for no plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not a name.
    #[error("{0}")]
    Name(#[from] NameError),
    /// Neither a version nor a range.
    #[error(
        "`{0}` is no version and no range of versions: write `{1}@1.2.0` for that one, `{1}@1.2` for the newest 1.x from 1.2 on, or `{1}` for the newest"
    )]
    Version(String, PluginName),
}

impl FromStr for Request {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let name: PluginName = name.parse()?;
        let wanted = match version {
            None => Wanted::Newest,
            Some(text) => match (Version::parse(text), VersionReq::parse(text)) {
                (Ok(version), _) => Wanted::Exactly(version),
                (_, Ok(range)) => Wanted::Within(range),
                _ => return Err(RequestError::Version(text.to_owned(), name)),
            },
        };
        Ok(Self { name, wanted })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wanted {
            Wanted::Newest => write!(f, "{}", self.name),
            Wanted::Exactly(version) => write!(f, "{}@{version}", self.name),
            Wanted::Within(range) => write!(f, "{}@{range}", self.name),
        }
    }
}

impl Wanted {
    fn takes(&self, version: &Version) -> bool {
        match self {
            Self::Newest => version.pre.is_empty(),
            Self::Exactly(wanted) => wanted == version,
            Self::Within(range) => range.matches(version),
        }
    }
}

/// The version that it is going to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice<'a> {
    /// Which one.
    pub release: &'a Release,
    /// The newest one that was asked for, where that is another one, made for another Spin.
    pub passed_over: Option<&'a Release>,
}

/// Why there is no such version. Each says what to type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoChoice {
    /// No version is the one that was asked for.
    #[error("there is no `{request}` in the catalog, only {available}; {}", install(.request, Some(.instead)))]
    NoSuchVersion {
        /// What was asked for.
        request: Box<Request>,
        /// What there is, the newest of it.
        available: String,
        /// The newest for the Spin here, or the newest of all.
        instead: Version,
    },
    /// All that there is are pre-releases, and none was named.
    #[error("plugin `{}` has only pre-releases, and those are installed by name: {available}; {}", .request.name, install(.request, Some(.instead)))]
    OnlyPreReleases {
        /// What was asked for.
        request: Box<Request>,
        /// What there is, the newest of it.
        available: String,
        /// The newest for the Spin here, or the newest of all.
        instead: Version,
    },
    /// A plugin of no version at all, which no catalog has.
    #[error("plugin `{0}` has no version")]
    NoVersions(PluginName),
    /// All that was asked for is made for another Spin.
    #[error("no `{request}` is made for Spin {spin}: {made_for}; {}", install(.request, .instead.as_ref()))]
    Incompatible {
        /// What was asked for.
        request: Box<Request>,
        /// The Spin here.
        spin: Version,
        /// Each version that was asked for and its range, the newest of them.
        made_for: String,
        /// The newest version that is made for this Spin, where there is one.
        instead: Option<Version>,
    },
}

fn install(request: &Request, instead: Option<&Version>) -> String {
    let name = &request.name;
    match instead {
        Some(version) => format!("this one can be had: `spin-deployer plugins install {name}@{version}`"),
        None => "use a Spin that it is made for; if the app runs on another Spin than the one here, name that one with --spin-version".to_owned(),
    }
}

/// The newest of `releases` that is asked for and made for `spin`.
///
/// For a pre-release of Spin the range says little: then it is the newest version whose range has the release that it
/// leads to, or the newest of all.
///
/// # Errors
/// When there is none.
pub fn choose<'a>(
    request: &Request,
    releases: &'a [Release],
    spin: Option<&Version>,
) -> Result<Choice<'a>, NoChoice> {
    let mut sorted: Vec<&Release> = releases.iter().collect();
    sorted.sort_by(|one, two| two.version.cmp(&one.version));
    let asked: Vec<&Release> = sorted
        .iter()
        .copied()
        .filter(|release| request.wanted.takes(&release.version))
        .collect();
    let Some(&newest) = asked.first() else {
        return Err(none(request, &sorted, spin));
    };
    let chosen = match spin {
        None => newest,
        Some(spin) => {
            nearest(&asked, spin).ok_or_else(|| incompatible(request, &sorted, &asked, spin))?
        }
    };
    Ok(Choice {
        release: chosen,
        passed_over: (chosen != newest).then_some(newest),
    })
}

/// Of versions, newest first, the one for this Spin.
fn nearest<'a>(asked: &[&'a Release], spin: &Version) -> Option<&'a Release> {
    let release = Version::new(spin.major, spin.minor, spin.patch);
    let made_for = |candidate: &&&Release| {
        let of = |spin| Compatibility::of(candidate.spin_compatibility.as_ref(), spin);
        of(spin) == Compatibility::Fits || of(&release) == Compatibility::Fits
    };
    match asked.iter().find(made_for) {
        None if !spin.pre.is_empty() => asked.first().copied(),
        found => found.copied(),
    }
}

fn none(request: &Request, sorted: &[&Release], spin: Option<&Version>) -> NoChoice {
    let stable = stable(sorted);
    let all = if stable.is_empty() { sorted } else { &stable };
    let Some(newest) = all.first() else {
        return NoChoice::NoVersions(request.name.clone());
    };
    let instead = spin.and_then(|spin| nearest(all, spin)).unwrap_or(newest);
    let (request, instead) = (Box::new(request.clone()), instead.version.clone());
    let available = some(sorted.iter().map(|release| release.version.to_string()));
    match request.wanted {
        Wanted::Newest => NoChoice::OnlyPreReleases {
            request,
            available,
            instead,
        },
        _ => NoChoice::NoSuchVersion {
            request,
            available,
            instead,
        },
    }
}

fn incompatible(
    request: &Request,
    sorted: &[&Release],
    asked: &[&Release],
    spin: &Version,
) -> NoChoice {
    let made_for = |release: &&Release| {
        let range = release.spin_compatibility.as_ref()?;
        Some(format!("{} is made for Spin {range}", release.version))
    };
    NoChoice::Incompatible {
        request: Box::new(request.clone()),
        spin: spin.clone(),
        made_for: some(asked.iter().filter_map(made_for)),
        instead: nearest(&stable(sorted), spin).map(|release| release.version.clone()),
    }
}

fn stable<'a>(releases: &[&'a Release]) -> Vec<&'a Release> {
    let stable = |release: &&Release| release.version.pre.is_empty();
    releases.iter().copied().filter(stable).collect()
}

/// The first of them, and how many more there are.
fn some(texts: impl Iterator<Item = String>) -> String {
    let mut texts: Vec<String> = texts.collect();
    let more = texts.len().saturating_sub(NAMED);
    texts.truncate(NAMED);
    match more {
        0 => texts.join(", "),
        more => format!("{} and {more} more", texts.join(", ")),
    }
}
