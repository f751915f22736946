//! What starts the components: in the locked application a list over all of it, in a bindle one thing of each component.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::Unsupported;
use crate::locked::{self, Locked, text};
use crate::manifest::{AppTrigger, Executor, Trigger};

/// What of the triggers can be said.
#[derive(Debug)]
pub(crate) struct Triggers {
    pub(crate) app: AppTrigger,
    /// By component; who has none is never started.
    pub(crate) components: BTreeMap<String, Trigger>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Redis,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        match name {
            "http" => Some(Self::Http),
            "redis" => Some(Self::Redis),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Redis => "redis",
        }
    }
}

/// What of the triggers can be said, `None` where that is nothing; what cannot be said is added to `unsupported`.
pub(crate) fn triggers(app: &Locked, unsupported: &mut Vec<Unsupported>) -> Option<Triggers> {
    let kind = kind(app, unsupported)?;
    let mut reading = Reading {
        kind,
        address: None,
        unsupported,
    };
    let settings = settings(app, kind);
    for setting in settings.keys() {
        let known = match kind {
            Kind::Http => "base",
            Kind::Redis => "address",
        };
        if setting != known && setting != "type" {
            reading.unsupported.push(Unsupported::TriggerSetting {
                kind: kind.name().to_owned(),
                setting: setting.clone(),
            });
        }
    }
    reading.address = text(&settings, "address");
    let mut components = BTreeMap::new();
    let of_kind = app.triggers.iter();
    for trigger in of_kind.filter(|trigger| trigger.trigger_type == kind.name()) {
        let config = &trigger.trigger_config;
        let Some(component) = config.get("component").and_then(Value::as_str) else {
            reading
                .unsupported
                .push(Unsupported::NoComponent(trigger.id.clone()));
            continue;
        };
        if components.contains_key(component) {
            let twice = Unsupported::SeveralTriggers(component.to_owned());
            if !reading.unsupported.contains(&twice) {
                reading.unsupported.push(twice);
            }
            continue;
        }
        if let Some(read) = reading.trigger(trigger) {
            components.insert(component.to_owned(), read);
        }
    }
    let app = match kind {
        Kind::Http => AppTrigger::Http {
            base: text(&settings, "base").unwrap_or_else(|| "/".to_owned()),
        },
        Kind::Redis => AppTrigger::Redis {
            address: reading.address?,
        },
    };
    (!components.is_empty()).then_some(Triggers { app, components })
}

/// The type that the app's triggers have, or the first of those that can be.
fn kind(app: &Locked, unsupported: &mut Vec<Unsupported>) -> Option<Kind> {
    let mut seen = BTreeSet::new();
    let types = app.triggers.iter().map(|t| t.trigger_type.as_str());
    let types: Vec<&str> = types.filter(|name| seen.insert(*name)).collect();
    let (known, unknown): (Vec<&str>, Vec<&str>) =
        types.iter().partition(|name| Kind::named(name).is_some());
    unsupported.extend(
        unknown
            .iter()
            .map(|name| Unsupported::TriggerType((*name).to_owned())),
    );
    if known.len() > 1 {
        unsupported.push(Unsupported::SeveralTypes(known.join(" and ")));
    }
    known.first().and_then(|name| Kind::named(name))
}

/// What the app says of all its triggers of a type, in the words of today or of older locked applications.
fn settings(app: &Locked, kind: Kind) -> Map<String, Value> {
    let of_kind = app
        .metadata
        .get("triggers")
        .and_then(|t| t.get(kind.name()));
    let only = app
        .metadata
        .get("trigger")
        .filter(|trigger| trigger.get("type").and_then(Value::as_str) == Some(kind.name()));
    of_kind
        .or(only)
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

struct Reading<'a> {
    kind: Kind,
    /// Of the Redis that all triggers listen to.
    address: Option<String>,
    unsupported: &'a mut Vec<Unsupported>,
}

impl Reading<'_> {
    fn trigger(&mut self, trigger: &locked::Trigger) -> Option<Trigger> {
        let known: &[&str] = match self.kind {
            Kind::Http => &["component", "route", "executor"],
            Kind::Redis => &["component", "channel", "address"],
        };
        for key in trigger.trigger_config.keys() {
            if !known.contains(&key.as_str()) {
                self.refuse(trigger, format!("there is no `{key}`"));
            }
        }
        match self.kind {
            Kind::Http => self.http(trigger),
            Kind::Redis => self.redis(trigger),
        }
    }

    fn http(&mut self, trigger: &locked::Trigger) -> Option<Trigger> {
        let config = &trigger.trigger_config;
        let Some(route) = config.get("route").and_then(Value::as_str) else {
            self.refuse(
                trigger,
                "a route that nobody reaches from outside does not exist there",
            );
            return None;
        };
        if route.split('/').any(|segment| segment.starts_with(':')) {
            self.refuse(
                trigger,
                format!("the route `{route}` has parameters, which would be taken literally there"),
            );
        }
        Some(Trigger::Http {
            route: route.to_owned(),
            executor: self.executor(trigger),
        })
    }

    /// `None` for the one that is meant where nothing is said.
    fn executor(&mut self, trigger: &locked::Trigger) -> Option<Executor> {
        let executor = trigger.trigger_config.get("executor")?;
        let config = executor.as_object().cloned().unwrap_or_default();
        match text(&config, "type").as_deref() {
            Some("http" | "spin") if config.len() == 1 => None,
            Some("wagi")
                if config
                    .keys()
                    .all(|key| ["type", "entrypoint", "argv"].contains(&key.as_str())) =>
            {
                Some(Executor::Wagi {
                    entrypoint: text(&config, "entrypoint"),
                    argv: text(&config, "argv"),
                })
            }
            _ => {
                self.refuse(trigger, format!("there is no executor {executor}"));
                None
            }
        }
    }

    fn redis(&mut self, trigger: &locked::Trigger) -> Option<Trigger> {
        let config = &trigger.trigger_config;
        let Some(channel) = text(config, "channel") else {
            self.refuse(trigger, "it names no channel");
            return None;
        };
        match (text(config, "address"), &self.address) {
            (None, None) => {
                self.refuse(trigger, "it names no address, and neither does the app");
                return None;
            }
            (Some(address), None) => self.address = Some(address),
            (Some(own), Some(of_all)) if own != *of_all => {
                self.refuse(
                    trigger,
                    format!("all triggers listen to one Redis there, and it is not `{own}`"),
                );
                return None;
            }
            _ => {}
        }
        let address = self.address.clone().unwrap_or_default();
        for (key, value) in [("channel", &channel), ("address", &address)] {
            if value.contains("{{") {
                self.refuse(
                    trigger,
                    format!(
                        "the {key} comes from a variable, which would be taken literally there"
                    ),
                );
            }
        }
        Some(Trigger::Redis { channel })
    }

    fn refuse(&mut self, trigger: &locked::Trigger, what: impl Into<String>) {
        self.unsupported.push(Unsupported::Trigger {
            trigger: trigger.id.clone(),
            what: what.into(),
        });
    }
}
