//! Why a release is not ready: what it wrote last, where the platform keeps it.

use std::time::Duration;

use spin_deployer_grants::Phase;
use spin_deployer_sandbox::Release;

use super::Deployer;
use super::run::{Called, Prepared};
use crate::{Code, Error, Event};

/// How many lines are asked for and shown.
const LINES: u32 = 20;
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

    /// The last lines, oldest first. That they cannot be had is no error: there is one already.
    async fn tail(&self, prepared: &Prepared) -> Vec<String> {
        if !prepared.plugin.exports().logs {
            return Vec::new();
        }
        let mut limits = self.limits.clone();
        limits.sandbox.wall = limits.sandbox.wall.min(TIME);
        limits.egress.time = limits.egress.time.min(TIME);
        let tail = self.run(
            prepared,
            Phase::Status,
            "tail",
            &limits,
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
}
