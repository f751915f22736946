//! Nomad, as far as Hippo knows it: a job a channel.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::failure::Failure;

/// Which channel runs what, and everything that was ever started.
pub(crate) struct Scheduler {
    /// Whether it can be reached.
    pub(crate) up: bool,
    delay: Duration,
    jobs: Vec<Job>,
    starts: Vec<Start>,
}

/// What a channel runs.
struct Job {
    channel: Uuid,
    bindle: String,
    since: Instant,
    /// What it ran before, which answers until the new one does.
    before: Option<String>,
    logs: Vec<String>,
}

struct Start {
    channel: Uuid,
    bindle: String,
    cause: &'static str,
}

/// What is to be seen of a job.
pub(crate) struct Seen<'a> {
    /// Whether the last one that was started answers by now.
    pub(crate) ready: bool,
    /// What answers.
    pub(crate) bindle: Option<&'a str>,
    pub(crate) logs: &'a [String],
}

impl Scheduler {
    pub(crate) fn new(up: bool, delay: Duration) -> Self {
        Self {
            up,
            delay,
            jobs: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// # Errors
    ///
    /// 500 where it cannot be reached, and nothing was started.
    pub(crate) fn start(
        &mut self,
        channel: Uuid,
        bindle: &str,
        cause: &'static str,
    ) -> Result<(), Failure> {
        self.reach()?;
        self.starts.push(Start {
            channel,
            bindle: bindle.to_owned(),
            cause,
        });
        let ready = |job: &Job| job.since.elapsed() >= self.delay;
        match self.jobs.iter_mut().find(|job| job.channel == channel) {
            Some(job) => {
                if ready(job) {
                    job.before = Some(job.bindle.clone());
                }
                bindle.clone_into(&mut job.bindle);
                job.since = Instant::now();
            }
            None => self.jobs.push(Job {
                channel,
                bindle: bindle.to_owned(),
                since: Instant::now(),
                before: None,
                logs: Vec::new(),
            }),
        }
        Ok(())
    }

    /// # Errors
    ///
    /// 500 where it cannot be reached. A job that is not there is gone.
    pub(crate) fn delete(&mut self, channel: Uuid) -> Result<(), Failure> {
        self.reach()?;
        self.jobs.retain(|job| job.channel != channel);
        Ok(())
    }

    /// # Errors
    ///
    /// 500 where it cannot be reached.
    pub(crate) fn reach(&self) -> Result<(), Failure> {
        match self.up {
            true => Ok(()),
            false => Err(Failure::Broken("Nomad cannot be reached".to_owned())),
        }
    }

    pub(crate) fn seen(&self, channel: Uuid) -> Option<Seen<'_>> {
        let job = self.jobs.iter().find(|job| job.channel == channel)?;
        let ready = job.since.elapsed() >= self.delay;
        let before = job.before.as_deref();
        Some(Seen {
            ready,
            bindle: if ready { Some(&job.bindle) } else { before },
            logs: &job.logs,
        })
    }

    /// Channels with a job, the last started last.
    pub(crate) fn channels(&self) -> Vec<Uuid> {
        let mut jobs: Vec<_> = self.jobs.iter().collect();
        jobs.sort_by_key(|job| job.since);
        jobs.into_iter().map(|job| job.channel).collect()
    }

    /// More lines of what a channel's app writes; of all apps where no channel is named.
    pub(crate) fn write(&mut self, channel: Option<Uuid>, lines: &[String]) {
        let named = |job: &&mut Job| channel.is_none_or(|channel| channel == job.channel);
        for job in self.jobs.iter_mut().filter(named) {
            job.logs.extend_from_slice(lines);
        }
    }

    pub(crate) fn jobs_shown(&self) -> Value {
        let jobs = self.jobs.iter();
        jobs.map(|job| json!({ "channelId": job.channel, "bindle": job.bindle }))
            .collect()
    }

    pub(crate) fn starts_shown(&self) -> Value {
        let starts = self.starts.iter();
        starts
            .map(|start| {
                json!({ "channelId": start.channel, "bindle": start.bindle, "cause": start.cause })
            })
            .collect()
    }
}
