//! `login`: the plugin's own, or the user's answers, and what of it is saved.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use spin_deployer_egress::{Audience, PLACEHOLDER_PREFIX, Vault};
use spin_deployer_grants::{Phase, Resolved, ValueSource, Values};
use spin_deployer_manifest::{OptionKind, OptionName, OptionSpec, OptionValue, Secret};
use spin_deployer_sandbox::{self as sandbox, Outcome, Plugin};
use spin_deployer_store::{Binding, SavedSecret, SavedSecrets};

use super::Deployer;
use super::run::Called;
use crate::audit::Line;
use crate::logins::{self, binding, identity, origins, secrets, unusable};
use crate::report::{LoginReport, SCHEMA, SavedId, SecretStore};
use crate::{Code, Error, Event, compatibility, questions, values};

/// The longest secret that is saved. In bytes.
const LONGEST_SECRET: usize = 64 << 10;
/// Of what the platform calls the user, in characters.
const LONGEST_ACCOUNT: usize = 200;

/// Of what a plugin says before the host asks something: more could look like more than that. In characters.
const LONGEST_REASON: usize = 200;

/// What came of a plugin's own login.
struct LoggedIn {
    new: Vec<SavedSecret>,
    account: Option<String>,
    expires: Option<SystemTime>,
}

impl Deployer {
    /// Logs in where the plugin can, else asks for the plugin's secrets, and saves what comes of it.
    ///
    /// # Errors
    /// What an option, the sandbox, the plugin or the platform has against it; nowhere to save anything; or a plugin
    /// that has neither login nor secrets.
    pub async fn login(&self) -> Result<LoginReport, Error> {
        let store = self.usable_store()?;
        let (plugin, compiled) = self.load_plugin().await?;
        let own = plugin.exports().login;
        let LoggedIn {
            new,
            account,
            expires,
        } = if own {
            let spin_version = self.request.spin_version.as_ref();
            compatibility::check(&self.loader, &self.target.manifest, spin_version).await?;
            self.ask_platform(plugin, compiled).await?
        } else {
            LoggedIn {
                new: self.ask_user(&plugin)?,
                account: None,
                expires: None,
            }
        };
        let saved = new.iter().map(|secret| secret.binding.clone());
        let saved: Vec<SavedId> = saved.map(Into::into).collect();
        let replaced = self.save(&store, new)?;
        Ok(LoginReport {
            schema: SCHEMA,
            target: self.target.name.clone(),
            plugin: self.plugin_id(),
            logged_in: own,
            account,
            expires: expires.map(logins::time),
            saved,
            replaced,
            store: SecretStore {
                kind: "file",
                path: store.file(),
            },
        })
    }

    /// Logs in because a command cannot go on without, if the user wants that, and saves what comes of it for the command to
    /// find. The plugin does nothing before the user has said yes. Returns whether they have.
    ///
    /// # Errors
    /// As [`Self::login`].
    pub(super) async fn log_in_meanwhile(&self, plugin: &Plugin, why: &str) -> Result<bool, Error> {
        self.logged_in.store(true, Ordering::Relaxed);
        let store = self.usable_store()?;
        self.observer.event(Event::Login(why.to_owned()));
        let question = format!("Log in to {} now?", self.target.name);
        if !self.observer.confirm(&question) {
            return Ok(false);
        }
        let login = self.ask_platform(plugin.clone(), false).await?;
        let account = login.account.map(|account| {
            let plugin = &self.target.manifest.name;
            format!("; plugin `{plugin}` calls you {account}")
        });
        let until = login
            .expires
            .map(|at| format!(" until {}", logins::time(at)));
        let saved = match login.new.is_empty() {
            true => String::new(),
            false => format!(", saved in {}", store.file().display()),
        };
        self.save(&store, login.new)?;
        self.observer.event(Event::Login(format!(
            "Logged in to {}{}{saved}{}",
            self.target.name,
            until.unwrap_or_default(),
            account.unwrap_or_default()
        )));
        Ok(true)
    }

    /// Words of the plugin's, marked as such where the host is about to ask for a password.
    pub(super) fn says(&self, words: &str) -> String {
        let plugin = &self.target.manifest.name;
        let mut said: String = words.chars().take(LONGEST_REASON).collect();
        if said.len() < words.len() {
            said.push('…');
        }
        format!("plugin `{plugin}` says: {said}")
    }

    /// Saves secrets, each with a line in the audit log before it is there. Returns what is not saved any more, because
    /// it cannot be used together with them.
    fn save(&self, store: &SavedSecrets, new: Vec<SavedSecret>) -> Result<Vec<SavedId>, Error> {
        if new.is_empty() {
            return Ok(Vec::new());
        }
        for secret in &new {
            self.audit
                .line(&Line::Saved(&secret.binding.clone().into()));
        }
        self.audit.complete()?;
        let now: Vec<Binding> = new.iter().map(|secret| secret.binding.clone()).collect();
        store.put(new).map_err(unusable)?;
        let replaced = store.remove(|old| {
            let same_place =
                |new: &&Binding| new.plugin == old.plugin && new.origins == old.origins;
            let mut here = now.iter().filter(same_place);
            here.any(|new| self.conflict(&new.option, &old.option))
        });
        let replaced = replaced.map_err(unusable)?.removed.into_iter();
        let replaced: Vec<SavedId> = replaced.map(Into::into).collect();
        for old in &replaced {
            self.audit.line(&Line::Removed(old));
        }
        Ok(replaced)
    }

    /// Whether two options cannot be used together, whichever of the two says so.
    fn conflict(&self, one: &str, other: &str) -> bool {
        let says = |one: &str, other: &str| {
            let option = self.target.manifest.option(one);
            option.is_some_and(|o| o.conflicts_with.iter().any(|name| name.as_str() == other))
        };
        says(one, other) || says(other, one)
    }

    /// Known to be usable before anybody types a password for nothing.
    fn usable_store(&self) -> Result<SavedSecrets, Error> {
        let store = logins::store(&self.environment).ok_or_else(|| {
            Error::new(
                Code::Usage,
                "there is no folder where secrets could be saved",
            )
            .help("set HOME, or name a folder with SPIN_DEPLOYER_DATA_DIR")
        })?;
        store.all().map_err(unusable)?;
        Ok(store)
    }

    async fn ask_platform(&self, plugin: Plugin, compiled: bool) -> Result<LoggedIn, Error> {
        let (app, _) = self.load_app(Phase::Login).await?;
        let resolved = self.resolve(Phase::Login, &plugin)?;
        let prepared = self.prepared((plugin, compiled), app, Vec::new(), resolved)?;
        let most = self.target.manifest.options.len();
        let ran = self
            .run(
                &prepared,
                Phase::Login,
                "login",
                &self.limits,
                |plugin, ports, limits| async move { plugin.login(ports, limits).await },
                |outcome, vault| hide(outcome, most, vault),
            )
            .await?;
        let called = Called {
            value: ran.value,
            session: ran.session,
            vault: ran.vault,
            seen: ran.seen,
            prepared,
        };
        let new = self.checked(&called)?;
        let session = called.value;
        let expires = session.expires.map(|text| {
            humantime::parse_rfc3339(&text).map_err(|_| {
                self.wrong(format!(
                    "says that the login expires at `{text}`, which is no time"
                ))
                .detail("the contract has RFC 3339, UTC: 2026-01-02T03:04:05Z")
            })
        });
        let expires = expires.transpose()?;
        let account = session
            .account
            .map(|account| account.chars().take(LONGEST_ACCOUNT).collect::<String>());
        let new = new.into_iter().map(|secret| SavedSecret {
            account: account.clone(),
            expires,
            ..secret
        });
        Ok(LoggedIn {
            new: new.collect(),
            account: account.clone(),
            expires,
        })
    }

    /// What the plugin wants to be saved, if it may all be saved.
    fn checked(&self, called: &Called<sandbox::Session>) -> Result<Vec<SavedSecret>, Error> {
        let saves = &called.value.saves;
        let most = self.target.manifest.options.len();
        if saves.len() > most {
            let number = saves.len();
            return Err(self.wrong(format!(
                "wants {number} secrets saved, and has {most} options"
            )));
        }
        let mut names = BTreeSet::new();
        let mut new = Vec::new();
        for (name, value) in saves {
            let Some(option) = secrets(&self.target.manifest).find(|o| o.name.as_str() == name)
            else {
                return Err(self.wrong(format!(
                    "wants `{name}` saved, which is no secret of its manifest"
                )));
            };
            if !names.insert(name) {
                return Err(self.wrong(format!("wants `{name}` saved twice")));
            }
            let secret = match value.contains(PLACEHOLDER_PREFIX) {
                false => self.parsed(option, value)?,
                true => self.stood_for(option, value, called)?,
            };
            new.push(self.bound(option, secret, &called.prepared.values)?);
        }
        Ok(new)
    }

    /// What is saved where the plugin says a placeholder.
    fn stood_for(
        &self,
        option: &OptionSpec,
        placeholder: &str,
        called: &Called<sandbox::Session>,
    ) -> Result<Secret, Error> {
        let name = &option.name;
        // What the user gave for this very option, which the plugin has found to be good.
        let seen = called.seen.get(name.as_str());
        if let Some(Resolved {
            value: OptionValue::Secret(secret),
            ..
        }) = called.prepared.values.get(name)
            && matches!(seen, Some(sandbox::Value::Secret(seen)) if seen == placeholder)
        {
            return Ok(secret.clone());
        }
        // What the platform gave, hidden from the plugin: for that platform, and so it stays.
        let Some((secret, from)) = called.vault.hidden(placeholder) else {
            return Err(self.wrong(format!(
                "wants a placeholder saved as `{name}`, which stands for another secret"
            )));
        };
        let from = from.to_string();
        let places = origins(&self.target.manifest, &called.prepared.values, name);
        if let Some(other) = places.iter().find(|place| **place != from) {
            return Err(self.wrong(format!(
                "wants what {from} gave saved as `{name}`, which may go to {other}"
            )));
        }
        self.parsed(option, secret.expose())
    }

    /// For a plugin without a login: its secrets, as they were given or as the user types them.
    fn ask_user(&self, plugin: &Plugin) -> Result<Vec<SavedSecret>, Error> {
        let manifest = &self.target.manifest;
        if secrets(manifest).next().is_none() {
            let message = format!(
                "target `{}` knows no login, and has no secrets to save",
                self.target.name
            );
            let error = Error::new(Code::Incompatible, message);
            let registry = manifest
                .options
                .iter()
                .any(|o| o.kind == OptionKind::Registry);
            return Err(match registry {
                true => error.help(
                    "the credential of a registry is taken from where `docker login`, `podman login` or \
                     `spin registry login` keeps it",
                ),
                false => error,
            });
        }
        let (logins, mut values) = self.resolve(Phase::Login, plugin)?;
        let mut missing = Vec::new();
        for option in secrets(manifest) {
            if values.contains_key(&option.name)
                || values::is_in_conflict(option, manifest, &values)
            {
                continue;
            }
            questions::announce(&*self.observer, &self.target, &values, option);
            match self.observer.ask(option) {
                None => missing.push(option),
                Some(typed) if typed.is_empty() => {}
                Some(typed) => {
                    let value = OptionValue::Secret(self.parsed(option, &typed)?);
                    let source = ValueSource::Prompt;
                    values.insert(option.name.clone(), Resolved { value, source });
                    let (environment, target) = (&self.environment, &self.target);
                    let questions = &self.questions;
                    // A password is nobody's without a name.
                    values::complete(environment, target, &logins, questions, &mut values)?;
                }
            }
        }
        let mut new = Vec::new();
        for option in secrets(manifest) {
            let Some(Resolved {
                value: OptionValue::Secret(secret),
                ..
            }) = values.get(&option.name)
            else {
                continue;
            };
            let bound = self.bound(option, secret.clone(), &values)?;
            for other in logins::companions(manifest, &option.name) {
                if let Some(Resolved {
                    value: OptionValue::Text(text),
                    ..
                }) = values.get(&other.name)
                {
                    let mut with = bound.clone();
                    with.binding.option = other.name.to_string();
                    with.secret = Secret::new(text.clone());
                    new.push(with);
                }
            }
            new.push(bound);
        }
        let required: Vec<_> = missing.iter().copied().filter(|o| o.required).collect();
        if !required.is_empty() {
            return Err(values::unasked(&self.target, &required));
        }
        if new.is_empty() && !missing.is_empty() {
            let groups = missing.iter().map(|secret| {
                let with = logins::companions(manifest, &secret.name);
                let with = with.filter(|other| !values.contains_key(&other.name));
                with.chain(std::iter::once(*secret)).collect()
            });
            let groups: Vec<Vec<_>> = groups.collect();
            return Err(values::unasked_any(&self.target, &groups));
        }
        match new.is_empty() {
            true => Err(Error::new(
                Code::Failed,
                "nothing was typed, and nothing was saved",
            )),
            false => Ok(new),
        }
    }

    fn parsed(&self, option: &OptionSpec, value: &str) -> Result<Secret, Error> {
        let too_long = value.len() > LONGEST_SECRET;
        match option.parse(&[value.to_owned()]) {
            Ok(OptionValue::Secret(secret)) if !too_long => Ok(secret),
            Ok(_) => Err(Error::new(
                Code::Usage,
                format!(
                    "the secret `{}` has more than {LONGEST_SECRET} bytes",
                    option.name
                ),
            )),
            Err(error) => Err(Error::new(Code::Usage, error.to_string())),
        }
    }

    /// A secret with whose it is, and with the places that the user has just named for it.
    fn bound(
        &self,
        option: &OptionSpec,
        secret: Secret,
        values: &Values,
    ) -> Result<SavedSecret, Error> {
        Ok(SavedSecret {
            binding: self.binding(&option.name, values)?,
            secret,
            account: None,
            expires: None,
        })
    }

    fn binding(&self, option: &OptionName, values: &Values) -> Result<Binding, Error> {
        let origins = origins(&self.target.manifest, values, option);
        if origins.is_empty() {
            let message = format!("there is no place where `{option}` may go, so it is not saved");
            return Err(Error::new(Code::Usage, message).help(
                "a secret goes where a rule of the plugin's manifest leads that has it in `sends`, to a place that you \
                 named: name it",
            ));
        }
        Ok(binding(&identity(&self.target), option, origins))
    }

    fn wrong(&self, what: String) -> Error {
        let plugin = &self.target.manifest.name;
        Error::new(Code::Failed, format!("plugin `{plugin}` {what}"))
            .help("nothing was saved; this is a fault of the plugin")
    }
}

/// Makes secrets of what is about to be saved, and takes them out of everything that is shown: a plugin that knows them,
/// for once, may have printed them. `most`: more are not saved anyway.
fn hide(outcome: &mut Outcome<sandbox::Session>, most: usize, vault: &Vault) -> Result<(), Error> {
    let mut texts = vec![&mut outcome.stdout, &mut outcome.stderr];
    if let Ok(session) = &mut outcome.result {
        for (name, value) in session.saves.iter().take(most) {
            if !value.contains(PLACEHOLDER_PREFIX) {
                let kept = vault.insert(name, Secret::new(value.clone()), Audience::Rules);
                kept.map_err(|e| Error::new(Code::Failed, e.to_string()))?;
            }
        }
        texts.extend(session.account.as_mut());
        texts.extend(session.expires.as_mut());
    }
    for text in texts {
        *text = vault.redacted(std::mem::take(text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_not_in_what_the_plugin_printed() {
        let vault = Vault::default();
        let typed = Secret::new("what-was-typed".to_owned());
        vault
            .insert("password", typed, Audience::Rules)
            .unwrap_or_else(|e| panic!("{e}"));
        let mut outcome = Outcome {
            result: Ok(sandbox::Session {
                account: Some("me hunter2-hunter2".to_owned()),
                saves: vec![
                    ("token".to_owned(), "hunter2-hunter2".to_owned()),
                    ("short".to_owned(), "e".to_owned()),
                ],
                expires: None,
            }),
            stdout: "got hunter2-hunter2, aHVudGVyMi1odW50ZXIy".to_owned(),
            stderr: "well, what-was-typed".to_owned(),
        };
        hide(&mut outcome, 2, &vault).unwrap_or_else(|e| panic!("{e}"));
        assert!(
            outcome.stdout.starts_with("got (token), "),
            "{}",
            outcome.stdout
        );
        assert!(
            !outcome.stdout.contains("aHVudGVyMi1odW50ZX"),
            "{}",
            outcome.stdout
        );
        assert_eq!(outcome.stderr, "well, (password)");
        let session = outcome.result.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(session.account.as_deref(), Some("me (token)"));
    }
}
