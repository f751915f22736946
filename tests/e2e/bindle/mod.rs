//! `-t bindle`, against the Bindle servers that people have: one file a promise.

mod access;
mod again;
mod app;
mod arrives;
mod broken;
mod many;
mod options;
mod refused;
mod together;

use std::ffi::OsString;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::harness::app::App;
use crate::harness::proxy::{Proxy, Request};
use crate::harness::run::{self, Finished, Machine};
use crate::harness::servers::{Bindle, Options, Release};

/// Servers of one kind, and somebody who can push to them.
struct Site {
    machine: Machine,
    release: Release,
    options: Options,
}

impl Site {
    /// 0.8 with files on disk: everybody may push, and half a parcel stays half a parcel.
    fn with_files() -> Self {
        Self::of(Release::V0_8, false)
    }

    /// 0.9 with its database, which knows this user's key.
    fn with_database() -> Self {
        Self::of(Release::V0_9, true)
    }

    fn of(release: Release, embedded_db: bool) -> Self {
        let mut machine = Machine::new();
        let mut creators = Vec::new();
        if matches!(release, Release::V0_9) {
            creators.push(create_key(&machine));
            machine.set("BINDLE_SIGNING_KEY", machine.home().join(KEY));
        }
        Self {
            machine,
            release,
            options: Options {
                embedded_db,
                creators,
                ..Options::default()
            },
        }
    }

    /// A server that has nothing yet.
    fn server(&self) -> Bindle {
        Bindle::start(self.release, &self.options)
    }
}

/// Where [`create_key`] puts it, in the home.
const KEY: &str = "key.pem";

/// A key to sign with, made as users make it. Its public half.
fn create_key(machine: &Machine) -> [u8; 32] {
    let made = machine.run(["key", "create", KEY, "--output", "json"]).ok();
    let made = made.json();
    let public = BASE64_STANDARD.decode(made["public_key"].as_str().unwrap());
    public.unwrap().try_into().unwrap()
}

/// The arguments of a command that reports in JSON.
fn line(command: &str, app: &App, server: &str, more: &[&str]) -> Vec<OsString> {
    let target = ["bindle", "--bindle-server", server];
    run::line(command, app.path(), &target, more)
}

fn deploy(machine: &Machine, app: &App, server: &str, more: &[&str]) -> Finished {
    machine.run(line("deploy", app, server, more))
}

/// `name/version` of what was pushed.
#[track_caller]
fn id(finished: &Finished) -> String {
    let report = finished.json();
    let id = report["release"]["artifact"].as_str();
    id.unwrap_or_else(|| panic!("no artifact\n{finished}"))
        .to_owned()
}

fn url(proxy: &Proxy) -> String {
    format!("http://{}", proxy.address())
}

fn is_upload(request: &Request) -> bool {
    request.method == "POST" && request.target.contains('@')
}

/// The file of [`app::small`].
fn is_big(request: &Request) -> bool {
    let length = ("content-length".to_owned(), "100000".to_owned());
    is_upload(request) && request.headers.contains(&length)
}

fn is_invoice(request: &Request) -> bool {
    request.method == "POST" && request.target == "/v1/_i"
}

fn uploads(proxy: &Proxy) -> usize {
    proxy.requests().iter().filter(|r| is_upload(r)).count()
}
