//! One plugin with many faults. `plan` and `deploy` do what the option `behaviour` says and report what they saw.

mod account;
mod bombs;
mod files;
mod requests;
mod script;
mod sights;
mod signing;
mod small;

wit_bindgen::generate!({
    path: "../../../wit/0.2",
    world: "spin-deployer:api/platform",
    with: {
        "wasi:io/error@0.2.12": wasip2::io::error,
        "wasi:io/poll@0.2.12": wasip2::io::poll,
        "wasi:io/streams@0.2.12": wasip2::io::streams,
    },
    generate_all,
});

use exports::spin_deployer::api::{deployer, login, logs, releases};
use spin_deployer::api::failures::{Error, Failure};
use spin_deployer::api::options::{self, Value};
use spin_deployer::api::types::{Action, Change, Expectation, Probe, Release, Route};

struct Hostile;

impl deployer::Guest for Hostile {
    fn plan() -> Result<Vec<Change>, Error> {
        Ok(behave()?.into_iter().map(line).collect())
    }

    /// Reports what it saw as its routes.
    fn deploy() -> Result<Release, Error> {
        let seen = behave()?;
        Ok(Release {
            routes: seen.into_iter().map(route).collect(),
            ready_when: waiting(),
            ..release("deployed")
        })
    }
}

fn behave() -> Result<Vec<String>, Error> {
    let report = match option("behaviour").as_str() {
        "look" => sights::look(),
        "print" => sights::print(),
        "app" => sights::app(),
        "loop" => bombs::endless(),
        "host-calls" => bombs::host_calls(),
        "sleep" => bombs::sleep(),
        "memory" => bombs::memory(),
        "resources" => bombs::resources(),
        "streams" => bombs::streams(),
        "random" => bombs::random(),
        "data" => bombs::data(),
        "fields" => bombs::fields(),
        "flood" => bombs::flood(),
        "panic" => panic!("no plan"),
        "trap" => bombs::trap(),
        "exit" => std::process::exit(3),
        "overflow" => vec![bombs::overflow(&[0; 64]).to_string()],
        "fetch" => requests::fetch(),
        "insist" => requests::insist()?,
        "splice" => requests::splice(),
        "read" => requests::read(),
        "abandon" => requests::abandon(),
        "files" => files::all(),
        "steps" => sights::steps(),
        "steps-trap" => sights::steps_and_trap(),
        "device-code" => sights::device_code(),
        "whoami" => account::whoami()?,
        "hippo" => account::hippo()?,
        "stranger" => return Err(account::stranger()),
        "device-code-elsewhere" => sights::device_code_elsewhere(),
        "flood-steps" => sights::flood_steps(),
        "flood-codes" => sights::flood_codes(),
        "flood-requests" => requests::flood(),
        "flood-changes" => sights::flood_changes(),
        "script" => script::run()?,
        "sign" => vec![signing::as_told()],
        "sign-much" => signing::much(),
        "fail" => return Err(failures()),
        other => panic!("unknown behaviour {other}"),
    };
    Ok(report)
}

impl releases::Guest for Hostile {
    fn history(limit: u32) -> Result<Vec<Release>, Error> {
        if signing::is_wanted() {
            return Ok(vec![release(&signing::as_told())]);
        }
        if option_or("behaviour", "") == "stranger" {
            return Err(account::stranger());
        }
        Ok((0..limit).map(|n| release(&n.to_string())).collect())
    }

    fn rollback(id: String) -> Result<Release, Error> {
        if signing::is_wanted() {
            return Ok(release(&signing::as_told()));
        }
        Ok(release(&id))
    }

    /// The lines of the option `removes`, where it is given; the app where it is not.
    fn removal() -> Result<Vec<Change>, Error> {
        match option_or("behaviour", "").as_str() {
            "script" => drop(script::run()?),
            "stranger" => return Err(account::stranger()),
            _ => {}
        }
        let things = option_or("removes", "app");
        Ok(things.lines().map(removed).collect())
    }

    fn destroy() -> Result<Vec<String>, Error> {
        if signing::is_wanted() {
            return Ok(vec![signing::as_told()]);
        }
        if option_or("behaviour", "") == "turncoat" {
            return Err(account::stranger());
        }
        Ok(vec!["app".into()])
    }
}

impl logs::Guest for Hostile {
    /// As many lines as were asked for, or what the option `log` says.
    fn tail(lines: u32) -> Result<Vec<String>, Error> {
        match option_or("log", "").as_str() {
            "" => Ok((0..lines).map(|n| format!("line {n}")).collect()),
            "fail" => Err(failures()),
            "loop" => bombs::endless(),
            "script" => script::run(),
            "many" => Ok((0..10_000).map(|n| format!("line {n}")).collect()),
            text => Ok(text.lines().map(str::to_owned).collect()),
        }
    }
}

impl login::Guest for Hostile {
    fn login() -> Result<login::Session, Error> {
        account::login()
    }
}

export!(Hostile);

/// The text of an option.
fn option(name: &str) -> String {
    match options::get(name) {
        Some(Value::Text(text) | Value::Path(text)) => text,
        other => panic!("option {name} is {other:?}"),
    }
}

/// The same of one that need not be given.
fn option_or(name: &str, default: &str) -> String {
    match options::get(name) {
        Some(Value::Text(text)) => text,
        _ => default.to_owned(),
    }
}

fn failures() -> Error {
    let failure = Failure {
        message: "no such channel".into(),
        detail: Some("404".into()),
        hint: Some("create it".into()),
    };
    match option_or("kind", "").as_str() {
        "invalid-option" => Error::InvalidOption(("channel".into(), failure)),
        "unauthenticated" => Error::Unauthenticated(failure),
        "forbidden" => Error::Forbidden(failure),
        "not-found" => Error::NotFound(failure),
        "conflict" => Error::Conflict(failure),
        "unsupported-app" => Error::UnsupportedApp(failure),
        "unavailable" => Error::Unavailable(failure),
        _ => Error::Failed(failure),
    }
}

/// What the host is to wait for: the option `probe`, and `otherwise`, where they are given.
fn waiting() -> Vec<Probe> {
    let Some(Value::Text(url)) = options::get("probe") else {
        return vec![];
    };
    let otherwise = match options::get("otherwise") {
        Some(Value::Text(url)) => Some(url),
        _ => None,
    };
    let expect = Expectation::Json(("/version".into(), "never".into()));
    vec![Probe {
        url,
        expect,
        otherwise,
    }]
}

fn route(text: String) -> Route {
    Route {
        name: text,
        url: String::new(),
    }
}

fn line(text: String) -> Change {
    Change {
        action: Action::Keep,
        kind: "line".into(),
        name: text,
        detail: None,
        bytes: None,
    }
}

fn removed(name: &str) -> Change {
    Change {
        action: Action::Delete,
        kind: "thing".into(),
        ..line(name.into())
    }
}

fn release(id: &str) -> Release {
    Release {
        id: id.into(),
        version: None,
        artifact: None,
        created: None,
        active: true,
        state: match option_or("state", "") {
            state if state.is_empty() => None,
            state => Some(state),
        },
        routes: vec![],
        ready_when: vec![],
    }
}
