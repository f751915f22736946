//! Which Spin this is, and whether the plugin is made for it: a release that it is not made for is an error, a
//! pre-release of which nobody can say a warning.

use std::process::{Command, Stdio};
use std::time::Duration;

use semver::{Version, VersionReq};
use spin_deployer_manifest::{Compatibility, Manifest};

use crate::loading::{Loader, blocking};
use crate::spin;
use crate::{Code, Error, Event, Observer};

/// The longest that Spin may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a version of Spin comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Flag,
    Variable,
    Binary,
}

/// Checks the range that the plugin declares, if it declares one. A version given by `flag` counts more than Spin's own
/// variable, and that more than what the binary says.
pub(crate) async fn check(
    loader: &Loader,
    manifest: &Manifest,
    flag: Option<&Version>,
) -> Result<(), Error> {
    let Some(range) = &manifest.spin_compatibility else {
        return Ok(());
    };
    let observer = &*loader.observer;
    let found = found(loader, flag).await?;
    match found {
        Some((version, said)) => judge(manifest, range, &version, said, observer),
        None => {
            observer.event(Event::Note(format!(
                "plugin `{}` is made for Spin {range}, and there is no Spin here to compare with; name one with --spin-version",
                manifest.name
            )));
            Ok(())
        }
    }
}

/// Which Spin it is, where one can be found.
pub(crate) async fn here(
    loader: &Loader,
    flag: Option<&Version>,
) -> Result<Option<Version>, Error> {
    Ok(found(loader, flag).await?.map(|(version, _)| version))
}

async fn found(loader: &Loader, flag: Option<&Version>) -> Result<Option<(Version, Said)>, Error> {
    Ok(match (flag, loader.environment.var("SPIN_VERSION")) {
        (Some(version), _) => Some((version.clone(), Said::Flag)),
        (None, Some(text)) => {
            let version = Version::parse(text).map_err(|error| {
                Error::new(
                    Code::Usage,
                    format!("SPIN_VERSION is `{text}`, which is no version"),
                )
                .detail(error.to_string())
                .help("Spin sets it; name the version with --spin-version where that is not so")
            })?;
            Some((version, Said::Variable))
        }
        (None, None) => ask(loader).await.map(|version| (version, Said::Binary)),
    })
}

fn judge(
    manifest: &Manifest,
    range: &VersionReq,
    version: &Version,
    said: Said,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let (name, own) = (&manifest.name, &manifest.version);
    match Compatibility::of(Some(range), version) {
        Compatibility::Fits => return Ok(()),
        Compatibility::Unproven => {
            observer.event(Event::Note(format!(
                "Spin {version} is a pre-release, and plugin `{name}` {own} is made for Spin {range}; it may not work"
            )));
            return Ok(());
        }
        Compatibility::Unfit => {}
    }
    let said = match said {
        Said::Flag => "--spin-version says so",
        Said::Variable => "SPIN_VERSION says so",
        Said::Binary => "`spin --version` says so",
    };
    Err(Error::new(
        Code::Incompatible,
        format!("plugin `{name}` {own} is made for Spin {range}, and this is Spin {version}"),
    )
    .detail(said)
    .help(format!(
        "use a version of the plugin for Spin {version}, or a Spin that is {range}; if the app runs on another Spin than \
         the one here, name that one with --spin-version"
    )))
}

/// What the Spin says that is here.
async fn ask(loader: &Loader) -> Option<Version> {
    let program = spin::any(&loader.environment)?;
    let child = loader.child.clone();
    let asked = blocking(move || {
        let mut command = Command::new(program);
        command
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Ok(child.run(&mut command).ok())
    });
    let Ok(answer) = tokio::time::timeout(PATIENCE, asked).await else {
        loader.child.end();
        return None;
    };
    let output = answer.ok()??;
    read(&String::from_utf8_lossy(&output.stdout))
}

/// `spin 4.0.2 (abc1234 2026-08-01)`.
fn read(text: &str) -> Option<Version> {
    let mut words = text.split_whitespace();
    (words.next()? == "spin").then_some(())?;
    Version::parse(words.next()?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;

    use rstest::rstest;

    use super::*;

    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Observer for Notes {
        fn event(&self, event: Event) {
            if let Event::Note(note) = event {
                self.0.lock().unwrap().push(note);
            }
        }
    }

    fn manifest(range: &str) -> Manifest {
        let text = "name = \"shelf\"\nversion = \"1.2.3\"\ndescription = \"d\"\n";
        format!("{text}spin-compatibility = \"{range}\"")
            .parse()
            .unwrap()
    }

    #[rstest]
    #[case(">=2.0, <5.0", "4.0.2", true, 0)]
    #[case(">=2.0, <5.0", "1.5.0", false, 0)]
    #[case(">=2.0, <5.0", "5.0.0", false, 0)]
    // Not a text comparison.
    #[case("<0.9", "0.10.0", false, 0)]
    #[case(">=0.9", "0.10.0", true, 0)]
    // A pre-release is outside of any range that does not name one.
    #[case(">=2.0, <5.0", "4.1.0-pre0", true, 1)]
    #[case(">=4.1.0-pre0", "4.1.0-pre0", true, 0)]
    #[case(">=5.0", "4.1.0-rc.1", true, 1)]
    fn a_release_has_to_match_and_a_pre_release_warns(
        #[case] range: &str,
        #[case] version: &str,
        #[case] runs: bool,
        #[case] notes: usize,
    ) {
        let (manifest, observer) = (manifest(range), Notes::default());
        let range = manifest.spin_compatibility.as_ref().unwrap();
        let version = version.parse().unwrap();
        let judged = judge(&manifest, range, &version, Said::Variable, &observer);
        assert_eq!(judged.is_ok(), runs);
        assert_eq!(observer.0.lock().unwrap().len(), notes);
        if let Err(error) = judged {
            assert_eq!(error.code, Code::Incompatible);
            for part in ["shelf", "1.2.3", &range.to_string(), &version.to_string()] {
                assert!(error.message.contains(part), "{error}");
            }
            assert!(error.help.unwrap().contains("--spin-version"));
        }
    }

    #[rstest]
    #[case("spin 4.0.2 (abc1234 2026-08-01)\n", Some("4.0.2"))]
    #[case("spin 4.1.0-pre0 (abc1234 2026-08-01)", Some("4.1.0-pre0"))]
    #[case("spinning 4.0.2", None)]
    #[case("spin", None)]
    #[case("", None)]
    fn spin_says_its_version(#[case] text: &str, #[case] version: Option<&str>) {
        assert_eq!(read(text).map(|v| v.to_string()).as_deref(), version);
    }
}
