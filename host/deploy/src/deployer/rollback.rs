//! `rollback`, and what somebody may have meant who named a release that is not there.

use spin_deployer_grants::Phase;

use super::Deployer;
use super::run::Prepared;
use crate::report::{Release, ReleasesReport};
use crate::target::nearest;
use crate::{Code, Error};

/// Among how many releases one is looked for.
const RELEASES: u32 = 100;

impl Deployer {
    /// Makes an earlier release the active one again.
    ///
    /// # Errors
    /// As [`Self::deploy`].
    pub async fn rollback(&self, id: &str) -> Result<ReleasesReport, Error> {
        let mut prepared = self.prepare(Phase::Rollback).await?;
        let id = id.to_owned();
        let run = {
            let id = id.clone();
            move |plugin: spin_deployer_sandbox::Plugin, ports, limits| {
                let id = id.clone();
                async move { plugin.rollback(ports, limits, &id).await }
            }
        };
        let ran = self
            .run_or_log_in(&mut prepared, Phase::Rollback, "rollback", run)
            .await;
        match ran {
            Ok(ran) => Ok(self.releases(vec![Release::from(ran.value)])),
            Err(error) if matches!(error.code, Code::Failed | Code::Usage) => {
                Err(self.corrected(error, &id, &prepared).await)
            }
            Err(error) => Err(error),
        }
    }

    /// The error with the release that was most likely meant, where this one is not there.
    async fn corrected(&self, error: Error, id: &str, prepared: &Prepared) -> Error {
        let short = self.short();
        let history = self.run(
            prepared,
            Phase::Status,
            "history",
            &short,
            |plugin, ports, limits| async move { plugin.history(ports, limits, RELEASES).await },
            |_, _| Ok(()),
        );
        let Ok(history) = history.await else {
            return error;
        };
        let ids: Vec<&str> = history.value.iter().map(|r| r.id.as_str()).collect();
        match meant(id, &ids) {
            Some(other) => {
                let help = error.help.iter().map(|help| format!("\n{help}"));
                let help = format!("did you mean `{other}`?{}", help.collect::<String>());
                error.help(help)
            }
            None => error,
        }
    }
}

/// The only one that begins so, or else the one that is most like it. `None` where it is one of them.
fn meant<'a>(id: &str, ids: &[&'a str]) -> Option<&'a str> {
    if ids.contains(&id) {
        return None;
    }
    let begun: Vec<&str> = ids
        .iter()
        .copied()
        .filter(|other| other.starts_with(id))
        .collect();
    match begun[..] {
        [only] => Some(only),
        [] => nearest(id, ids.iter().copied()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn a_release_is_known_by_its_beginning_and_with_a_typing_mistake() {
        let ids = ["9f2c-11", "9f30-12", "abcdef-13"];
        for (typed, expected) in [
            ("9f2", Some("9f2c-11")),
            ("9f", None),
            ("abcdfe-13", Some("abcdef-13")),
            ("abcdef-13", None),
            ("7", None),
        ] {
            assert_eq!(meant(typed, &ids), expected, "{typed}");
        }
    }
}
