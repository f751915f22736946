//! Why a release is not ready: another one has taken its place, or what it wrote last, where the platform keeps it.

use std::time::Duration;

use spin_deployer_grants::Phase;
use spin_deployer_sandbox::Release;

use super::Deployer;
use super::run::{Called, Prepared};
use crate::policy::CallLimits;
use crate::{Code, Error, Event};

/// How many lines are asked for and shown.
const LINES: u32 = 20;
/// Among how many releases the one that was deployed is looked for.
const RELEASES: u32 = 20;
/// The longest line that is shown whole. In characters.
const LONGEST: usize = 1000;
/// The command has failed by then, and nobody waits long for what is only a help.
const TIME: Duration = Duration::from_secs(10);

impl Deployer {
    /// A release that is there and not ready, with what is deployed and what it wrote.
    pub(super) async fn unready(&self, error: Error, called: &Called<Release>) -> Error {
        let release = &called.value;
        let what = release.artifact.as_ref().unwrap_or(&release.id);
        let detail = error.detail.clone().unwrap_or_default();
        if error.code == Code::NotReady
            && let Some(other) = self.overtaken(called).await
        {
            let message = "deployed, and overtaken: another release is the active one by now";
            return Error {
                sent: true,
                ..Error::new(Code::Conflict, message)
            }
            .detail(format!("deployed was {what}, and active is {other}"))
            .help("somebody else deploys the same app: `history` lists the releases");
        }
        let log = match error.code {
            Code::NotReady => self.tail(&called.prepared).await,
            _ => Vec::new(),
        };
        Error {
            log: log.into(),
            ..error
        }
        .detail(format!("{detail}\ndeployed is {what}"))
    }

    /// The release that is active in place of this one, as far as the platform says so.
    async fn overtaken(&self, called: &Called<Release>) -> Option<String> {
        let prepared = &called.prepared;
        if !prepared.plugin.exports().releases {
            return None;
        }
        let short = self.short();
        let history = self.run(
            prepared,
            Phase::Status,
            "history",
            &short,
            |plugin, ports, limits| async move { plugin.history(ports, limits, RELEASES).await },
            |_, _| Ok(()),
        );
        let releases = history.await.ok()?.value;
        in_place_of(&called.value.id, &releases).map(str::to_owned)
    }

    /// The limits of a call that is only a help.
    pub(super) fn short(&self) -> CallLimits {
        let mut limits = self.limits.clone();
        limits.sandbox.wall = limits.sandbox.wall.min(TIME);
        limits.egress.time = limits.egress.time.min(TIME);
        limits
    }

    /// The last lines, oldest first. That they cannot be had is no error: there is one already.
    async fn tail(&self, prepared: &Prepared) -> Vec<String> {
        if !prepared.plugin.exports().logs {
            return Vec::new();
        }
        let short = self.short();
        let tail = self.run(
            prepared,
            Phase::Status,
            "tail",
            &short,
            |plugin, ports, limits| async move { plugin.tail(ports, limits, LINES).await },
            |_, _| Ok(()),
        );
        match tail.await {
            Ok(ran) => last(ran.value),
            Err(error) => {
                let note = format!("what the release wrote cannot be shown: {error}");
                self.observer.event(Event::Note(note));
                Vec::new()
            }
        }
    }
}

/// The active one of these, where the one that is `ours` is among them and is not active.
fn in_place_of<'a>(ours: &str, releases: &'a [Release]) -> Option<&'a str> {
    let mine = |release: &&Release| release.id == ours;
    if releases.iter().find(mine)?.active {
        return None;
    }
    let other = releases.iter().find(|release| release.active)?;
    Some(&other.id)
}

/// The last lines of what may be many and long.
fn last(mut lines: Vec<String>) -> Vec<String> {
    let most = LINES as usize;
    let mut lines = lines.split_off(lines.len().saturating_sub(most));
    for line in &mut lines {
        if let Some((end, _)) = line.char_indices().nth(LONGEST) {
            line.truncate(end);
            line.push('…');
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_lines_are_shown_and_none_is_long() {
        let all = (0..100).map(|n| n.to_string()).collect();
        let shown = last(all);
        assert_eq!((shown.len(), &*shown[0], &*shown[19]), (20, "80", "99"));
        assert_eq!(last(vec!["a".to_owned()]), ["a"]);
        let long = last(vec!["日".repeat(LONGEST + 1), "日".repeat(LONGEST)]);
        assert_eq!(long[0], format!("{}…", "日".repeat(LONGEST)));
        assert_eq!(long[1], "日".repeat(LONGEST));
    }

    #[test]
    fn only_a_release_that_the_platform_has_replaced_is_overtaken() {
        let release = |(id, active): (&str, bool)| Release {
            id: id.to_owned(),
            version: None,
            artifact: None,
            created: None,
            active,
            state: None,
            routes: Vec::new(),
            ready_when: Vec::new(),
        };
        for (known, expected) in [
            (vec![("3", true), ("2", false)], Some("3")),
            (vec![("2", true), ("1", false)], None),
            (vec![("3", false), ("2", false)], None),
            (vec![("3", true)], None),
            (vec![], None),
        ] {
            let known: Vec<_> = known.into_iter().map(release).collect();
            assert_eq!(in_place_of("2", &known), expected);
        }
    }
}
