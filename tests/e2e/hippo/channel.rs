//! What of a channel the user says: its variables, domain and certificate; and a bindle that is there already.

use rstest::rstest;
use serde_json::{Value, json};

use super::platform::{Platform, User, version};
use crate::harness::proxy::{Moment, Proxy, Then, Verdict};
use crate::harness::servers::address;

/// No domain that the user gives leads anywhere here.
const NO_WAIT: [&str; 2] = ["--readiness-timeout", "0"];

fn deploy(user: &User, more: &[&str]) -> String {
    version(&user.deploy(&[&NO_WAIT, more].concat()).ok())
}

#[test]
fn variables_replace_those_that_the_channel_has_and_stay_without_any() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let variables = |expected: Value| {
        let state = platform.hippo.state();
        assert_eq!(state["channels"][0]["environmentVariables"], expected);
    };
    let number = deploy(&user, &["--channel-env", "A=1", "--channel-env", "B=x=y,z"]);
    platform.runs("shop", &number);
    variables(json!({ "A": "1", "B": "x=y,z" }));
    user.changes("0.2.0");
    deploy(&user, &[]);
    variables(json!({ "A": "1", "B": "x=y,z" }));
    let starts = platform.hippo.starts().len();
    deploy(&user, &["--channel-env", "C=3"]);
    variables(json!({ "C": "3" }));
    assert!(
        platform.hippo.starts().len() > starts,
        "nothing was started"
    );
    deploy(&user, &["--channel-env", "C=3"]);
    assert_eq!(user.wrote(), [""; 0]);
}

#[rstest]
#[case::as_it_was_read(&[])]
#[case::patch_fails_as_400(&["--inferred", "patch-fails-as400"])]
fn a_variable_that_hippo_does_not_take_is_explained(#[case] flags: &[&str]) {
    let platform = Platform::with(flags);
    let user = User::of(&platform);
    let long = format!("{}=1", "A".repeat(33));
    user.deploy(&["--channel-env", &long])
        .fails(1)
        .says("with PostgreSQL a key of --channel-env has at most 32 characters");
    let number = version(&user.deploy(&["--channel-env", "A=1"]).ok());
    platform.runs("shop", &number);
}

#[test]
fn a_domain_is_set_kept_and_changed() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let domain = |expected: &str| {
        let state = platform.hippo.state();
        assert_eq!(state["channels"][0]["domain"], expected);
    };
    let deployed = user.deploy(&[&NO_WAIT[..], &["--channel-domain", "shop.example.com"]].concat());
    let report = deployed.ok().json();
    let route = &report["release"]["routes"][0];
    assert_eq!(route["url"], "http://shop.example.com/");
    domain("shop.example.com");
    user.changes("0.2.0");
    deploy(&user, &[]);
    domain("shop.example.com");
    deploy(&user, &["--channel-domain", "store.example.com"]);
    domain("store.example.com");
    deploy(&user, &["--channel-domain", "store.example.com"]);
    assert_eq!(user.wrote(), [""; 0]);
}

/// Hippo checks that when a channel is made, and not when it is changed.
#[rstest]
#[case::for_a_channel_that_is_new(false)]
#[case::for_a_channel_that_is_there(true)]
fn a_domain_of_another_channel_is_not_taken_away(#[case] there: bool) {
    let platform = Platform::start();
    let user = User::of(&platform);
    deploy(
        &user,
        &["--name", "other", "--channel-domain", "shop.example.com"],
    );
    if there {
        deploy(&user, &[]);
    }
    let before = platform.hippo.state()["channels"].clone();
    let taken = user
        .deploy(&["--channel-domain", "shop.example.com"])
        .fails(9);
    taken
        .says("another channel on 127.0.0.1")
        .says("has the domain of --channel-domain");
    assert_eq!(platform.hippo.state()["channels"], before);
    user.run("plan", &["--channel-domain", "shop.example.com"])
        .fails(9);
}

const KEY: &str = "planted-private-key-of-a-certificate";

/// A certificate that somebody added in Hippo.
fn certificate(platform: &Platform, name: &str) -> Value {
    let body = json!({ "name": name, "publicKey": "public", "privateKey": KEY });
    platform.ask("POST", "/api/certificates", &body)
}

#[test]
fn a_certificate_is_found_by_its_name_and_its_key_is_seen_nowhere() {
    let platform = Platform::start();
    let user = User::of(&platform);
    for n in 0..60 {
        certificate(&platform, &format!("another-{n}"));
    }
    let id = certificate(&platform, "wildcard");
    for more in [
        &["--channel-certificate", "wildcard"][..],
        &[],
        &["--channel-certificate", "wildcard"],
    ] {
        let deployed = user.deploy(more).ok();
        platform.runs("shop", &version(&deployed));
        let state = platform.hippo.state();
        assert_eq!(state["channels"][0]["certificateId"], id);
        let audit = std::fs::read_to_string(user.machine.audit_log()).unwrap();
        assert!(!deployed.to_string().contains(KEY) && !audit.contains(KEY));
    }
    assert_eq!(user.wrote(), [""; 0]);
}

#[test]
fn a_certificate_that_is_not_there_is_an_error_with_those_that_are() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let unknown = || user.deploy(&["--channel-certificate", "wildcard"]).fails(2);
    unknown()
        .says("--channel-certificate: ")
        .says("has no certificate `wildcard`")
        .says("it has none at all");
    certificate(&platform, "other");
    unknown().says("it has other");
    assert_eq!(user.wrote(), [""; 0]);
}

#[rstest]
#[case::a_channel(&["--channel", "my channel"], "--channel: `my channel` has ` ` in it")]
#[case::a_domain(&["--channel-domain", "Shop.example.com"], "--channel-domain: `Shop.example.com` is no domain")]
#[case::a_domain_with_a_port(&["--channel-domain", "shop.example.com:80"], "--channel-domain: ")]
#[case::a_place(&["--hippo-url", "http://127.0.0.1:9/?x"], "--hippo-url: ")]
#[case::no_pair(&["--channel-env", "A"], "channel-env")]
fn what_hippo_never_takes_is_said_before_anything_is_sent(
    #[case] flags: &[&str],
    #[case] says: &str,
) {
    let platform = Platform::start();
    let user = User::of(&platform);
    let refused = user.deploy(flags).fails(2).says(says);
    assert_eq!(refused.json()["error"]["sent"], false);
    assert_eq!(platform.hippo.requests(), [""; 0]);
}

#[rstest]
#[case::a_dot("shop.example", "has `.` in it")]
#[case::a_slash("acme/shop", "has `/` in it")]
fn a_name_that_is_none_on_hippo_is_said_before_anything_is_sent(
    #[case] name: &str,
    #[case] says: &str,
) {
    let platform = Platform::start();
    let user = User::of(&platform);
    let refused = user.deploy(&["--name", name]).fails(6);
    refused
        .says(&format!(
            "Hippo runs no app of the name `{name}`: it {says}"
        ))
        .says("--name");
    assert_eq!(platform.hippo.requests(), [""; 0]);
}

#[test]
fn a_channel_whose_name_is_too_long_is_said_before_anything_is_sent() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let refused = user.deploy(&["--channel", &"a".repeat(65)]).fails(2);
    refused
        .says("--channel: ")
        .says("is longer than 64 characters");
    assert_eq!(platform.hippo.requests(), [""; 0]);
}

/// At a moment when the bindle was pushed.
fn at_the_channel(
    platform: &Platform,
    then: impl Fn() -> Verdict + Send + Sync + 'static,
) -> Proxy {
    Proxy::with(address(platform.hippo.url()), move |r| {
        match (r.method.as_str(), r.target.as_str()) {
            ("POST", "/api/channels") => then(),
            _ => Verdict::Forward,
        }
    })
}

#[test]
fn a_complaint_of_hippo_names_our_option() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let body = r#"{"title":"One or more validation errors occurred.","status":400,"errors":{"Domain":["is not to our taste"]}}"#;
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let proxy = at_the_channel(&platform, move || Verdict::Answer(answer.clone()));
    let url = format!("http://{}", proxy.address());
    let domain = ["--channel-domain", "shop.example.com"];
    let refused = user.deploy(&[&domain[..], &["--hippo-url", &url]].concat());
    // Wrong usage is what nothing was sent of.
    let refused = refused.fails(4);
    let refused = refused.says("does not take --channel-domain: is not to our taste");
    assert_eq!(refused.json()["error"]["sent"], true);
    assert!(!user.wrote().is_empty());
}

#[test]
fn a_domain_that_is_taken_in_the_middle_is_a_conflict() {
    let platform = Platform::start();
    let user = User::of(&platform);
    deploy(&user, &["--name", "other"]);
    let channel = platform.hippo.state()["channels"][0]["id"].clone();
    let (hippo, token) = (platform.hippo.clone(), platform.token());
    let proxy = at_the_channel(&platform, move || {
        let (hippo, token, channel) = (hippo.clone(), token.clone(), channel.clone());
        let take = move || {
            let path = format!("/api/channels/{}", channel.as_str().unwrap());
            let domain = json!({ "domain": "shop.example.com" });
            assert_eq!(hippo.ask("PATCH", &path, &token, &domain).0, 204);
            Then::Continue
        };
        Verdict::At(Moment::Before, Box::new(take))
    });
    let url = format!("http://{}", proxy.address());
    let domain = ["--channel-domain", "shop.example.com"];
    let taken = user.deploy(&[&domain[..], &["--hippo-url", &url]].concat());
    let taken = taken.fails(9);
    taken.says("has the domain of --channel-domain");
}

/// Before 0.19 another revision is another channel, and what that is not told it does not have.
#[test]
fn an_old_hippo_is_told_domain_and_certificate_each_time() {
    let platform = Platform::with(&["--api", "0.18"]);
    let user = User::of(&platform);
    let body = json!({ "name": "wildcard", "publicKey": "public", "privateKey": KEY });
    let id = platform.ask("POST", "/api/certificate", &body);
    let named = [
        "--channel-domain",
        "shop.example.com",
        "--channel-certificate",
        "wildcard",
    ];
    let first = deploy(&user, &named);
    user.changes("0.2.0");
    let before = platform.hippo.state();
    for command in ["plan", "deploy"] {
        user.run(command, &[])
            .fails(2)
            .says("--channel-domain shop.example.com --channel-certificate wildcard");
        assert_eq!(user.wrote(), [""; 0]);
    }
    assert_eq!(platform.hippo.state(), before);
    deploy(&user, &named);
    user.run("rollback", &[&first]).fails(2);
    user.run(
        "rollback",
        &[&[first.as_str()][..], &named[..], &NO_WAIT[..]].concat(),
    )
    .ok();
    let channel = platform.runs("shop", &first);
    assert_eq!(
        (&channel["domain"], &channel["certificateId"]),
        (&json!("shop.example.com"), &id)
    );
}

#[test]
fn a_bindle_that_is_there_is_deployed_without_a_push() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let existing = ["--deploy-existing-bindle"];
    let lacking = user.deploy(&existing).fails(1);
    lacking
        .says("has no shop/0.1.0+q")
        .says("leave out --deploy-existing-bindle");
    assert_eq!(user.wrote(), [""; 0]);

    let app = user.app.path().to_str().unwrap();
    user.machine.run(["deploy", "-t", "bindle", "-f", app]).ok();
    let plan = user.run("plan", &existing).ok().json();
    assert_eq!(plan["changes"][0]["action"], "keep");
    let deployed = user.deploy(&existing).ok();
    platform.runs("shop", &version(&deployed));
    let bindle = platform.bindle.url();
    let wrote = user.wrote();
    assert!(
        !wrote.iter().any(|line| line.contains(&bindle)),
        "{wrote:?}"
    );
}
