//! The commit that is packed: its name, its time, and whether the work tree has more than it.

use anyhow::{Context as _, Result, ensure};

use crate::shell::Shell;

/// How many changed files a refusal names.
const NAMED: usize = 10;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    id: String,
    /// Seconds since 1970.
    pub(crate) seconds: u64,
    /// The same time, as RFC 3339 writes it.
    pub(crate) time: String,
    /// Files that are not as committed, as `git status` lists them: ignored ones are not.
    changes: Vec<String>,
}

impl Commit {
    pub(crate) fn of(shell: &Shell) -> Result<Self> {
        let ask = |arguments: &[&str]| {
            shell.ask("git", arguments).with_context(|| {
                format!(
                    "`git {}` fails here: this packs a commit, so it needs git and a clone",
                    arguments.join(" ")
                )
            })
        };
        let log = ask(&["log", "-1", "--format=%H%n%ct%n%cI"])?;
        let status = ask(&["status", "--porcelain"])?;
        Self::read(&log, &status)
    }

    fn read(log: &str, status: &str) -> Result<Self> {
        let mut lines = log.lines();
        let mut line = || lines.next().context("git names no commit");
        Ok(Self {
            id: line()?.to_owned(),
            seconds: line()?.parse().context("git tells no time")?,
            time: line()?.to_owned(),
            changes: status.lines().map(str::to_owned).collect(),
        })
    }

    /// # Errors
    /// Where the work tree is not what is committed.
    pub(crate) fn check(&self) -> Result<()> {
        let named = self.changes.iter().take(NAMED);
        let named: String = named.map(|line| format!("\n  {line}")).collect();
        let more = match self.changes.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("\n  and {more} more"),
        };
        ensure!(
            self.changes.is_empty(),
            "this is not what is committed:{named}{more}\n\
             commit it, or pack it with --dirty for yourself: nobody could make the same again"
        );
        Ok(())
    }

    /// Its id, marked where more than it was packed.
    pub(crate) fn name(&self) -> String {
        let mark = if self.changes.is_empty() {
            ""
        } else {
            "-dirty"
        };
        format!("{}{mark}", self.id)
    }

    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self::read("c0ffee\n1700000000\n2023-11-14T22:13:20Z", "").unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_work_tree_is_packed_under_the_name_of_its_commit() {
        let commit = Commit::example();
        commit.check().unwrap();
        assert_eq!(commit.name(), "c0ffee");
        assert_eq!(commit.seconds, 1_700_000_000);
    }

    #[test]
    fn what_is_not_committed_is_refused_by_its_name() {
        let status = (0..12).map(|n| format!(" M src/{n}.rs\n"));
        let commit = Commit::read("c0ffee\n1\n-", &status.collect::<String>()).unwrap();
        let refused = commit.check().unwrap_err().to_string();
        assert!(refused.contains(" M src/9.rs\n  and 2 more\n"), "{refused}");
        assert!(refused.contains("--dirty"), "{refused}");
        assert_eq!(commit.name(), "c0ffee-dirty");
    }
}
