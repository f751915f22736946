//! Deploys a Spin application to a Hippo server.
//!
//! Hippo runs bindles, so the app goes to a Bindle server first; that is `spin_deployer_sdk::bindle`. Hippo's API is spoken
//! by `spin-deployer-hippo`. What is here is what the user sees: options, steps, plan, releases and errors.

mod errors;
mod plan;
mod release;
mod routes;
mod target;

use spin_deployer_hippo::{Credentials, Stage};
use spin_deployer_sdk::{
    Action, Change, Deployer, Error, Login, Logs, Release, Releases, Result, Session, Step, app,
};

use target::{Bindles, Target, storage_id};

struct Hippo;

spin_deployer_sdk::export!(Hippo: deployer, releases, logs, login);

impl Deployer for Hippo {
    async fn plan() -> Result<Vec<Change>> {
        let target = Target::named()?;
        let bindles = Bindles::named()?;
        let wanted = target.wanted(&bindles.bindle)?;
        let survey = target.survey(&wanted).await?;
        let mut changes = bindles.plan().await?;
        changes.extend(plan::changes(&wanted, &survey));
        Ok(changes)
    }

    async fn deploy() -> Result<Release> {
        let target = Target::named()?;
        let bindles = Bindles::named()?;
        let wanted = target.wanted(&bindles.bindle)?;
        let survey = target.survey(&wanted).await?;
        bindles.push().await?;
        let released = match survey.released(&wanted) {
            Some(unchanged) => unchanged,
            None => {
                let mut steps = Steps::new(&wanted.version, &wanted.channel);
                let released = target
                    .hippo
                    .release(&wanted, |stage| steps.begin(stage))
                    .await;
                let released = target.told(released).await;
                let released = released.map_err(errors::after_push)?;
                steps.end();
                released
            }
        };
        let routes = routes::of_app(&app::locked());
        let is_http = !routes.is_empty();
        Ok(target.release(&released, &wanted.storage_id, &routes, is_http))
    }
}

impl Releases for Hippo {
    async fn history(limit: u32) -> Result<Vec<Release>> {
        let target = Target::named()?;
        let history = target.hippo.history(&app::name(), &target.channel).await;
        let Some(history) = target.told(history).await? else {
            return Ok(Vec::new());
        };
        Ok(target.releases(&history, limit))
    }

    async fn rollback(id: String) -> Result<Release> {
        let target = Target::named()?;
        let step = Step::start(&format!("Run {id} on channel {}", target.channel));
        let wanted = target.earlier(id)?;
        let released = target.hippo.rollback(&wanted).await;
        let released = target.told(released).await?;
        step.done();
        let routes = routes::of_revision(&released.revision);
        let is_http = routes::is_http(&released.revision);
        Ok(target.release(&released, &wanted.storage_id, &routes, is_http))
    }

    async fn removal() -> Result<Vec<Change>> {
        let target = Target::named()?;
        let removal = target.hippo.removal(&app::name(), &storage_id()).await;
        let Some((app, revisions)) = target.told(removal).await? else {
            return Ok(Vec::new());
        };
        Ok(plan::removal(&app, &revisions))
    }

    async fn destroy() -> Result<Vec<String>> {
        let target = Target::named()?;
        let removal = target.hippo.removal(&app::name(), &storage_id()).await;
        let Some((app, revisions)) = target.told(removal).await? else {
            return Ok(Vec::new());
        };
        let step = Step::start(&format!("Remove {}", app.name));
        let removed = target.hippo.destroy(&app).await;
        target.told(removed).await?;
        step.done_with("its bindles stay where they are");
        let removed = plan::removal(&app, &revisions).into_iter();
        let removed = removed.filter(|change| change.action == Action::Delete);
        Ok(removed
            .map(|change| format!("{} {}", change.kind, change.name))
            .collect())
    }
}

impl Logs for Hippo {
    async fn tail(lines: u32) -> Result<Vec<String>> {
        let target = Target::named()?;
        let lines = usize::try_from(lines).unwrap_or(usize::MAX);
        let logs = target
            .hippo
            .logs(&app::name(), &target.channel, lines)
            .await;
        target.told(logs).await
    }
}

impl Login for Hippo {
    async fn login() -> Result<Session> {
        let target = Target::place()?;
        let saved = |token| vec![("hippo-token".to_owned(), token)];
        match &target.credentials {
            Credentials::Password(user, _) => {
                let token = target.told(target.hippo.log_in().await).await?;
                Ok(Session {
                    account: Some(user.clone()),
                    saves: saved(token.token),
                    expires: token.expiration,
                })
            }
            Credentials::Token(token) => {
                target.told(target.hippo.check_access().await).await?;
                Ok(Session {
                    account: None,
                    saves: saved(token.clone()),
                    expires: None,
                })
            }
            Credentials::None => Err(Error::invalid_option(
                "hippo-username",
                "Hippo asks for a user name and a password",
            )
            .hint("set HIPPO_USERNAME and HIPPO_PASSWORD, or HIPPO_TOKEN")),
        }
    }
}

/// The line that is shown for what of a release is being done.
struct Steps<'a> {
    version: &'a str,
    channel: &'a str,
    current: Option<Step>,
}

impl<'a> Steps<'a> {
    fn new(version: &'a str, channel: &'a str) -> Self {
        Self {
            version,
            channel,
            current: None,
        }
    }

    fn begin(&mut self, stage: Stage) {
        self.end();
        self.current = Some(Step::start(&match stage {
            Stage::Register => format!("Register revision {}", self.version),
            Stage::Activate => format!("Run it on channel {}", self.channel),
        }));
    }

    fn end(&mut self) {
        if let Some(step) = self.current.take() {
            step.done();
        }
    }
}
