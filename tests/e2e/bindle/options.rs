//! Every way to say where it goes, and under which version.

use rstest::rstest;

use super::app::{missing, small};
use super::{KEY, Site, create_key, deploy, id, url};
use crate::harness::proxy::{Proxy, Verdict};
use crate::harness::run::Machine;
use crate::harness::servers::{Bindle, Options, Release};

#[rstest]
fn the_server_is_named_with_its_path_or_without(
    #[values("--bindle-server", "BINDLE_SERVER_URL", "BINDLE_URL")] by: &str,
    #[values("", "/", "/v1", "/v1/")] path: &str,
) {
    let server = Bindle::start(Release::V0_8, &Options::default());
    let url = format!("http://{}{path}", server.address());
    let app = small();
    let mut line: Vec<_> = ["deploy", "-t", "bindle", "--output", "json", "-f"].into();
    line.push(app.path().to_str().unwrap());
    let mut machine = Machine::new();
    match by.starts_with("--") {
        true => line.extend([by, &url]),
        false => machine.set(by, &url),
    }
    let pushed = machine.run(line).ok();
    assert_eq!(missing(&server, &id(&pushed)), Some(0));
}

/// As behind a server that has other things too.
#[rstest]
fn the_server_may_lie_below_a_path(
    #[values("/bindle", "/tools/bindle/v1", "/tools/bindle/v1/")] path: &'static str,
) {
    let site = Site::with_database();
    let server = site.server();
    let page = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let proxy = Proxy::with(server.address(), move |request| {
        match request.target.strip_prefix(path.trim_end_matches('/')) {
            Some(rest) => Verdict::To(format!("/v1{rest}")),
            None => Verdict::Answer(page.to_owned()),
        }
    });
    let pushed = deploy(
        &site.machine,
        &small(),
        &format!("{}{path}", url(&proxy)),
        &[],
    )
    .ok();
    assert_eq!(missing(&server, &id(&pushed)), Some(0));
}

#[test]
fn the_newer_variable_wins() {
    let server = Bindle::start(Release::V0_8, &Options::default());
    let app = small();
    let mut machine = Machine::new();
    machine.set("BINDLE_URL", "http://127.0.0.1:9/v1");
    machine.set("BINDLE_SERVER_URL", server.url());
    let path = app.path().to_str().unwrap();
    let pushed = machine
        .run(["deploy", "-t", "bindle", "--output", "json", "-f", path])
        .ok();
    assert_eq!(missing(&server, &id(&pushed)), Some(0));
}

#[rstest]
#[case::own(&["--buildinfo", "ci.42"], &[], "small/0.1.0+ci.42")]
#[case::none(&["--no-buildinfo"], &[], "small/0.1.0")]
#[case::none_by_variable(&[], &[("SPIN_DEPLOY_NO_BUILDINFO", "true")], "small/0.1.0")]
#[case::version(&["--app-version", "2.0.0-rc.1", "--buildinfo", "x"], &[], "small/2.0.0-rc.1+x")]
#[case::name(&["--name", "other", "--no-buildinfo"], &[], "other/0.1.0")]
fn the_bindle_is_called_what_the_user_says(
    #[case] more: &[&str],
    #[case] variables: &[(&str, &str)],
    #[case] expected: &str,
) {
    let server = Bindle::start(Release::V0_8, &Options::default());
    let mut machine = Machine::new();
    for (name, value) in variables {
        machine.set(name, *value);
    }
    let pushed = deploy(&machine, &small(), &server.url(), more).ok();
    assert_eq!(id(&pushed), expected);
    assert_eq!(missing(&server, expected), Some(0));
}

#[rstest]
#[case::file(false)]
#[case::text(true)]
fn the_key_comes_from_a_variable_too(#[case] text: bool) {
    let mut machine = Machine::new();
    let options = Options {
        creators: vec![create_key(&machine)],
        ..Options::default()
    };
    let server = Bindle::start(Release::V0_9, &options);
    let file = machine.home().join(KEY);
    match text {
        true => machine.set("BINDLE_SIGNING_KEY", std::fs::read_to_string(file).unwrap()),
        false => machine.set("BINDLE_SIGNING_KEY", file),
    }
    let pushed = deploy(&machine, &small(), &server.url(), &[]).ok();
    assert_eq!(missing(&server, &id(&pushed)), Some(0));
}

#[test]
fn the_options_of_a_table_of_deployer_toml_count() {
    let site = Site::with_database();
    let server = site.server();
    let app = small();
    let table = format!(
        "[targets.production]\nplugin = \"bindle\"\nbindle-server = \"{}\"\nbuildinfo = \"table\"\n",
        server.url()
    );
    app.write("deployer.toml", table);
    let path = app.path().to_str().unwrap();
    let line = ["deploy", "-t", "production", "--output", "json", "-f", path];
    let pushed = site.machine.run(line).ok();
    assert_eq!(id(&pushed), "small/0.1.0+table");
}
