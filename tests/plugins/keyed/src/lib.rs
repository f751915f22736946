//! A plugin without a login of its own: its `plan` shows its token to the place of the option `url`.

#[path = "../../hostile/src/small.rs"]
mod small;

wit_bindgen::generate!({
    path: "../../../wit/0.2",
    world: "spin-deployer:api/publisher",
    with: {
        "wasi:io/error@0.2.12": wasip2::io::error,
        "wasi:io/poll@0.2.12": wasip2::io::poll,
        "wasi:io/streams@0.2.12": wasip2::io::streams,
    },
    generate_all,
});

use exports::spin_deployer::api::deployer::{Change, Error, Guest, Release};
use spin_deployer::api::failures::Failure;
use spin_deployer::api::options::{self, Value};
use spin_deployer::api::types::Action;
use wasip2::http::types::Method;

struct Keyed;

impl Guest for Keyed {
    fn plan() -> Result<Vec<Change>, Error> {
        let Some(Value::Text(url)) = options::get("url") else {
            panic!("no url");
        };
        let token = match options::get("token") {
            Some(Value::Secret(placeholder)) => Some(placeholder),
            _ => None,
        };
        let failure = |message: String| Failure {
            message,
            detail: None,
            hint: Some("ask for a token".into()),
        };
        match small::ask(&Method::Get, &url, "/whoami", token.as_deref()) {
            Ok((401, _)) => Err(Error::Unauthenticated(failure("nobody knows you".into()))),
            Ok((status, body)) => Ok(vec![Change {
                action: Action::Keep,
                kind: "line".into(),
                name: format!("{status} {body}"),
                detail: None,
                bytes: None,
            }]),
            Err(why) => Err(Error::Failed(failure(why))),
        }
    }

    fn deploy() -> Result<Release, Error> {
        Err(Self::plan().unwrap_err())
    }
}

export!(Keyed);
