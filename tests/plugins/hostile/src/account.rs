//! Logging in, well and badly, and using what was saved.

use wasip2::http::types::Method;

use crate::exports::spin_deployer::api::login::Session;
use crate::signing;
use crate::small::{ask, send};
use crate::spin_deployer::api::failures::{Error, Failure};
use crate::spin_deployer::api::options::{self, Value};
use crate::spin_deployer::api::progress;

/// What the option `behaviour` says; where that is about something else, who it always is.
pub fn login() -> Result<Session, Error> {
    let saves = |name: &str, value: &str| session(vec![(name.into(), value.into())]);
    match text("behaviour").as_deref() {
        Some("proper") => proper(),
        Some("hippo") => hippo_login(),
        Some("greedy") => Ok(saves("behaviour", "planted-not-a-secret")),
        Some("large") => Ok(saves("token", &"x".repeat((64 << 10) + 1))),
        Some("empty") => Ok(saves("token", "")),
        Some("twice") => Ok(session(vec![("token".into(), "a".into()); 2])),
        Some("many") => Ok(session(vec![("token".into(), "a".into()); 1000])),
        Some("elsewhere") => {
            progress::device_code("https://evil.example/device", "ABCD");
            Ok(saves("token", "s3cret"))
        }
        // Bound to this option, it would go where this option's secret goes.
        Some("other-placeholder") => Ok(saves("token", &secret("password").unwrap())),
        Some("own-placeholder") => Ok(saves("token", &secret("token").unwrap())),
        Some("sign") => Err(Error::Failed(failure(&signing::as_told()))),
        // What it does, and then it wants something saved.
        Some("stranger" | "turncoat") => {
            crate::script::run()?;
            Ok(saves("token", "planted-by-a-login"))
        }
        Some("refused") => Err(Error::Unauthenticated(failure("wrong password"))),
        _ => Ok(saves("token", "s3cret")),
    }
}

/// Shows a code, gets a token, prints it, and says when it expires.
fn proper() -> Result<Session, Error> {
    let url = text("url").unwrap();
    progress::device_code(&url, "ABCD-1234");
    let (_, token) =
        ask(&Method::Post, &url, "/token", None).map_err(|why| Error::Failed(failure(&why)))?;
    println!("the token is {token}");
    eprintln!("token {token}");
    Ok(Session {
        account: Some(format!("ci-bot {token}")),
        expires: text("expires"),
        ..session(vec![("token".into(), token)])
    })
}

/// Nobody that it knows, and the words of the option `known` for it.
pub fn stranger() -> Error {
    let words = text("known");
    Error::Unauthenticated(failure(words.as_deref().unwrap_or("who are you?")))
}

/// Says who it is to the place of the option `url`, with what it has.
pub fn whoami() -> Result<Vec<String>, Error> {
    let token = secret("token");
    let answer = ask(
        &Method::Get,
        &text("url").unwrap(),
        "/whoami",
        token.as_deref(),
    );
    match answer {
        Ok((401, _)) => Err(Error::Unauthenticated(failure("nobody knows you"))),
        Ok((status, body)) => Ok(vec![format!("{status} {body}")]),
        Err(why) => Err(Error::Failed(failure(&why))),
    }
}

/// As a plugin for Hippo: with the token that it has, or with one that it buys.
pub fn hippo() -> Result<Vec<String>, Error> {
    let token = match text("username") {
        Some(_) => buy()?.0,
        None => secret("token").unwrap(),
    };
    println!("with {token}");
    match ask(&Method::Get, &text("url").unwrap(), "/whoami", Some(&token)) {
        Ok((401, _)) => Err(Error::Unauthenticated(failure(
            "hippo does not know this token",
        ))),
        Ok((status, body)) => Ok(vec![format!("{status} {body}")]),
        Err(why) => Err(Error::Failed(failure(&why))),
    }
}

fn hippo_login() -> Result<Session, Error> {
    let (token, expires) = buy()?;
    Ok(Session {
        account: text("username"),
        expires: Some(expires),
        ..session(vec![("token".into(), token)])
    })
}

/// A token and when it expires, for user name and password. Prints all that it sees.
fn buy() -> Result<(String, String), Error> {
    let (user, password) = (text("username").unwrap(), secret("password").unwrap());
    println!("as {user} with {password}");
    let body = format!(r#"{{"userName":"{user}","password":"{password}"}}"#);
    let headers = [("content-type", "application/json".to_owned())];
    let url = text("url").unwrap();
    let answer = send(&Method::Post, &url, "/api/auth-tokens", &headers, &body);
    let (status, headers, body) = answer.map_err(|why| Error::Failed(failure(&why)))?;
    println!("{status}\n{headers}\n{body}");
    eprintln!("{status}\n{headers}\n{body}");
    if status == 401 {
        let failure = failure("wrong user name or password");
        return Err(Error::Unauthenticated(failure));
    }
    let field = |name: &str| {
        let (_, rest) = body.split_once(&format!("\"{name}\":\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    Ok((field("token").unwrap(), field("expiration").unwrap()))
}

fn session(saves: Vec<(String, String)>) -> Session {
    Session {
        account: Some("ci-bot".into()),
        saves,
        expires: None,
    }
}

fn text(name: &str) -> Option<String> {
    match options::get(name) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn secret(name: &str) -> Option<String> {
    match options::get(name) {
        Some(Value::Secret(placeholder)) => Some(placeholder),
        _ => None,
    }
}

fn failure(message: &str) -> Failure {
    Failure {
        message: message.into(),
        detail: None,
        hint: None,
    }
}
