//! `login`: the plugin's own, or the user's answers, and what of it is saved.

use std::collections::BTreeSet;
use std::time::SystemTime;

use spin_deployer_egress::PLACEHOLDER_PREFIX;
use spin_deployer_grants::{Phase, Resolved, ValueSource, Values};
use spin_deployer_manifest::{OptionKind, OptionName, OptionSpec, OptionValue, Secret};
use spin_deployer_sandbox::{self as sandbox, Outcome};
use spin_deployer_store::{Binding, SavedSecret, SavedSecrets};

use super::{Called, Deployer};
use crate::logins::{self, binding, identity, origins, secrets, unusable};
use crate::report::{LoginReport, SCHEMA, SavedId, SecretStore};
use crate::{Code, Error, values};

/// The longest secret that is saved. In bytes.
const LONGEST_SECRET: usize = 64 << 10;
/// Of what the platform calls the user, in characters.
const LONGEST_ACCOUNT: usize = 200;
/// Shorter ones could be in any text by chance.
const SHORTEST_HIDDEN: usize = 8;

impl Deployer {
    /// Logs in where the plugin can, else asks for the plugin's secrets, and saves what comes of it.
    ///
    /// # Errors
    /// What an option, the sandbox, the plugin or the platform has against it; nowhere to save anything; or a plugin
    /// that has neither login nor secrets.
    pub async fn login(&self) -> Result<LoginReport, Error> {
        let store = self.usable_store()?;
        let (plugin, _) = self.load_plugin().await?;
        let own = plugin.exports().login;
        let (new, account, expires) = if own {
            self.ask_platform().await?
        } else {
            let typed = self.ask_user(self.logins(&plugin).now())?;
            (typed, None, None)
        };
        let saved = new.iter().map(|secret| secret.binding.clone());
        let saved: Vec<SavedId> = saved.map(Into::into).collect();
        if !new.is_empty() {
            store.put(new).map_err(unusable)?;
        }
        Ok(LoginReport {
            schema: SCHEMA,
            target: self.target.name.clone(),
            plugin: self.plugin_id(),
            logged_in: own,
            account,
            expires: expires.map(logins::time),
            saved,
            store: SecretStore {
                kind: "file",
                path: store.file(),
            },
        })
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

    async fn ask_platform(
        &self,
    ) -> Result<(Vec<SavedSecret>, Option<String>, Option<SystemTime>), Error> {
        let called = self
            .call(Phase::Login, "login", |plugin, ports, limits| async move {
                hidden(plugin.login(ports, limits).await)
            })
            .await?;
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
        Ok((new.collect(), account, expires))
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
                // What the user gave for this very option, which the plugin has found to be good.
                true => {
                    match (
                        called.seen.get(name),
                        called.prepared.values.get(&option.name),
                    ) {
                        (
                            Some(sandbox::Value::Secret(seen)),
                            Some(Resolved {
                                value: OptionValue::Secret(secret),
                                ..
                            }),
                        ) if seen == value => secret.clone(),
                        _ => {
                            return Err(self.wrong(format!("wants a placeholder saved as `{name}`, which stands for another secret")));
                        }
                    }
                }
            };
            new.push(self.bound(option, secret, &called.prepared.values)?);
        }
        Ok(new)
    }

    /// For a plugin without a login: its secrets, as they were given or as the user types them.
    fn ask_user(&self, mut logins: logins::Logins) -> Result<Vec<SavedSecret>, Error> {
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
        let mut values = values::resolve(
            &self.environment,
            &self.target,
            &self.request.given,
            &self.app_folder(),
            &mut logins,
            &*self.observer,
        )?;
        let mut missing = Vec::new();
        for option in secrets(manifest) {
            if values.contains_key(&option.name)
                || values::is_in_conflict(option, manifest, &values)
            {
                continue;
            }
            match self.observer.ask(option) {
                None => missing.push(option),
                Some(typed) if typed.is_empty() => {}
                Some(typed) => {
                    let value = OptionValue::Secret(self.parsed(option, &typed)?);
                    let source = ValueSource::Prompt;
                    values.insert(option.name.clone(), Resolved { value, source });
                }
            }
        }
        let mut new = Vec::new();
        for option in secrets(manifest) {
            if let Some(Resolved {
                value: OptionValue::Secret(secret),
                ..
            }) = values.get(&option.name)
            {
                new.push(self.bound(option, secret.clone(), &values)?);
            }
        }
        if !missing.is_empty() && (new.is_empty() || missing.iter().any(|option| option.required)) {
            return Err(self.unasked(&missing));
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

    /// Nobody can be asked.
    fn unasked(&self, missing: &[&OptionSpec]) -> Error {
        let names: Vec<_> = missing.iter().map(|o| format!("--{}", o.name)).collect();
        let ways = missing.iter().map(|option| match &option.env {
            Some(env) if self.target.may_read(env) => format!("set {env}"),
            _ => format!("pass --{} {}", option.name, option.kind.value_name()),
        });
        let ways: Vec<_> = ways.collect();
        Error::new(
            Code::Usage,
            format!("nobody can be asked for {}", names.join(", ")),
        )
        .help(ways.join(", or "))
    }

    fn wrong(&self, what: String) -> Error {
        let plugin = &self.target.manifest.name;
        Error::new(Code::Failed, format!("plugin `{plugin}` {what}"))
            .help("nothing was saved; this is a fault of the plugin")
    }
}

/// Takes what is about to be saved out of everything that is shown. The plugin knows it, for once, and may have
/// printed it.
fn hidden(mut outcome: Outcome<sandbox::Session>) -> Outcome<sandbox::Session> {
    let Ok(session) = &mut outcome.result else {
        return outcome;
    };
    let texts = [&mut outcome.stdout, &mut outcome.stderr];
    let texts = texts.into_iter().chain(session.account.as_mut());
    for text in texts.chain(session.expires.as_mut()) {
        for (name, value) in &session.saves {
            if value.len() >= SHORTEST_HIDDEN && text.contains(value.as_str()) {
                *text = text.replace(value.as_str(), &format!("({name})"));
            }
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_not_in_what_the_plugin_printed() {
        let outcome = hidden(Outcome {
            result: Ok(sandbox::Session {
                account: Some("me hunter2-hunter2".to_owned()),
                saves: vec![
                    ("token".to_owned(), "hunter2-hunter2".to_owned()),
                    ("short".to_owned(), "e".to_owned()),
                ],
                expires: None,
            }),
            stdout: "got hunter2-hunter2, hunter2-hunter2".to_owned(),
            stderr: "well".to_owned(),
        });
        assert_eq!(outcome.stdout, "got (token), (token)");
        assert_eq!(outcome.stderr, "well");
        let session = outcome.result.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(session.account.as_deref(), Some("me (token)"));
    }
}
