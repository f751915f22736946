//! What runs, what ran before, back to it, and away with all of it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::platform::{Platform, User, is_write, version};
use crate::harness::servers::{Bindle, Options, Release};

fn releases(user: &User, command: &str) -> Vec<Value> {
    let report = user.run(command, &[]).ok().json();
    report["releases"].as_array().unwrap().clone()
}

fn ids(releases: &[Value]) -> Vec<&str> {
    let ids = releases.iter().map(|it| it["id"].as_str().unwrap());
    ids.collect()
}

/// Both deployed, the second runs.
fn two(user: &User) -> [String; 2] {
    ["0.1.0", "0.2.0"].map(|wanted| {
        user.changes(wanted);
        version(&user.deploy(&[]).ok())
    })
}

#[test]
fn status_and_history_show_what_is_there_and_change_nothing() {
    let platform = Platform::start();
    let user = User::of(&platform);
    assert_eq!(releases(&user, "status"), [Value::Null; 0]);
    assert_eq!(releases(&user, "history"), [Value::Null; 0]);
    let [first, second] = two(&user);
    let before = platform.hippo.requests().len();
    let status = releases(&user, "status");
    assert_eq!(ids(&status), [&second]);
    assert_eq!(
        (&status[0]["active"], &status[0]["state"]),
        (&json!(true), &json!("running"))
    );
    assert_eq!(status[0]["artifact"], format!("shop/{second}"));
    let domain = platform.runs("shop", &second)["domain"].clone();
    let url = format!("http://{}/", domain.as_str().unwrap());
    assert_eq!(
        status[0]["routes"],
        json!([{ "name": "front", "url": url }])
    );

    let history = releases(&user, "history");
    assert_eq!(ids(&history), [&second, &first]);
    assert_eq!(history[1]["active"], false);
    assert_eq!(history[1]["state"], Value::Null);
    let requests = platform.hippo.requests().split_off(before);
    assert!(!requests.iter().any(|line| is_write(line)), "{requests:?}");
    // Another channel, which is not there.
    let other = user.run("status", &["--channel", "other"]).ok().json();
    assert_eq!(other["releases"], json!([]));
}

#[test]
fn a_rollback_runs_the_earlier_one_again() {
    for flags in [&[][..], &["--api", "0.18"], &["--api", "0.12"]] {
        let platform = Platform::with(flags);
        let user = User::of(&platform);
        let [first, second] = two(&user);
        let back = user.run("rollback", &[&first]).ok().json();
        assert_eq!(back["releases"][0]["id"], first.as_str());
        platform.runs("shop", &first);
        let bindles = [&first, &second, &first].map(|number| format!("shop/{number}"));
        assert_eq!(platform.started(), bindles);
        let history = releases(&user, "history");
        let active: Vec<_> = history.iter().filter(|it| it["active"] == true).collect();
        assert_eq!(active.len(), 1);
        assert_eq!(active[0]["id"], first.as_str());

        assert_eq!(back["releases"][0]["artifact"], format!("shop/{first}"));

        // Where it is there already, nothing is written; and forward it goes with a deploy. The beginning of its number will do.
        user.run("rollback", &["0.1.0"]).ok();
        assert_eq!(user.wrote(), [""; 0]);
        assert_eq!(version(&user.deploy(&[]).ok()), second);
        platform.runs("shop", &second);
    }
}

#[test]
fn a_rollback_to_what_is_not_there_names_what_is() {
    let platform = Platform::start();
    let user = User::of(&platform);
    user.run("rollback", &["0.0.1"])
        .fails(1)
        .says("there is no app `shop`");
    let [first, second] = two(&user);
    let unknown = user.run("rollback", &["0.0.1"]).fails(1);
    unknown
        .says("there is no revision `0.0.1`")
        .says(&format!("there are {second}, {first}"));
    let unknown = user
        .run("rollback", &[&first, "--channel", "other"])
        .fails(1);
    unknown.says("the app `shop` has no channel `other`");
    platform.runs("shop", &second);
}

#[test]
fn a_destroy_removes_what_it_showed_and_leaves_the_bindles() {
    for flags in [&[][..], &["--api", "0.18"], &["--api", "0.12"]] {
        let platform = Platform::with(flags);
        let user = User::of(&platform);
        let [first, second] = two(&user);
        user.deploy(&["--channel", "preview"]).ok();

        let shown = user.run("destroy", &[]).fails(2);
        let shown = shown.says("add --yes");
        for line in ["spin-deploy", "preview", &first, &second, "shop"] {
            assert!(shown.stderr.contains(line), "{line}\n{shown}");
        }
        assert_eq!(user.wrote(), [""; 0]);

        let gone = user.run("destroy", &["--yes"]).ok().json();
        let mut removed: Vec<_> = gone["removed"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap().to_owned())
            .collect();
        removed.sort();
        let mut expected = vec![
            "app shop".to_owned(),
            "channel preview".to_owned(),
            "channel spin-deploy".to_owned(),
            format!("revision {first}"),
            format!("revision {second}"),
        ];
        expected.sort();
        assert_eq!(removed, expected);
        let state = platform.hippo.state();
        for list in ["apps", "channels", "revisions", "jobs"] {
            assert_eq!(state[list], json!([]), "{list}");
        }
        for number in [&first, &second] {
            let (status, _) = platform.bindle.get(&format!("_i/shop/{number}"));
            assert_eq!(status, 200);
        }

        // Nothing is left to remove, and a deploy begins anew with what Bindle has.
        let nothing = user.run("destroy", &[]).ok().json();
        assert_eq!(nothing["removed"], json!([]));
        assert_eq!(version(&user.deploy(&[]).ok()), second);
        platform.runs("shop", &second);
    }
}

#[test]
fn a_destroy_without_nomad_says_so_and_is_completed_by_the_next_one() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let number = version(&user.deploy(&[]).ok());
    platform.hippo.nomad(false);
    let down = user.run("destroy", &["--yes"]).fails(7);
    down.says("could not do it: Hippo says that Nomad is not healthy");
    platform.hippo.nomad(true);
    platform.runs("shop", &number);
    user.run("destroy", &["--yes"]).ok();
    assert_eq!(platform.hippo.state()["apps"], json!([]));
}

/// Somebody else's app has the name.
#[test]
fn an_app_of_another_bindle_is_not_touched() {
    let platform = Platform::start();
    let user = User::of(&platform);
    version(&user.deploy(&["--name", "other"]).ok());
    let app = json!({ "name": "shop", "storageId": "other" });
    platform.ask("POST", "/api/apps", &app);
    let before = platform.hippo.state();
    for (command, more) in [
        ("deploy", vec![]),
        ("destroy", vec!["--yes"]),
        ("rollback", vec!["0.1.0"]),
    ] {
        let taken = user.run(command, &more).fails(9);
        taken
            .says("has an app `shop` already, which runs the bindle `other`")
            .says("--name");
    }
    assert_eq!(platform.hippo.state(), before);
}

/// Hippo imports what a push that was killed left, and cannot read it.
#[test]
fn half_a_bindle_is_shown_as_one_and_last() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let first = version(&user.deploy(&[]).ok());
    let invoice = format!(
        "bindleVersion = \"1.0.0\"\n[bindle]\nname = \"shop\"\nversion = \"9.0.0\"\n[[parcel]]\n[parcel.label]\n\
         sha256 = \"{}\"\nmediaType = \"application/vnd.fermyon.spin+toml\"\nname = \"spin.toml\"\nsize = 1\n",
        "0".repeat(64)
    );
    assert_eq!(platform.bindle.post("_i", None, &invoice).0, 202);
    let (status, _) = platform.hippo.ask(
        "POST",
        "/api/revisions",
        &platform.token(),
        &json!({ "appStorageId": "shop", "revisionNumber": "9.0.0" }),
    );
    assert_eq!(status, 500);
    let history = releases(&user, "history");
    assert_eq!(ids(&history), [&first, "9.0.0"]);
    assert_eq!(history[1]["state"], "unreadable");
    assert_eq!(history[0]["state"], "running");
}

/// A server that takes signed bindles of one user only: Hippo reads there without saying who it is.
#[test]
fn a_signed_bindle_of_a_user_is_deployed() {
    let mut user = User::nobody();
    let made = user
        .machine
        .run(["key", "create", "key.pem", "--output", "json"])
        .ok();
    let made = made.json();
    let key = BASE64_STANDARD.decode(made["public_key"].as_str().unwrap());
    let options = Options {
        user: Some(("bob", "planted-bindle-password-93")),
        creators: vec![key.unwrap().try_into().unwrap()],
        ..Options::default()
    };
    let bindle = Bindle::start(Release::V0_9, &options);
    let url = bindle.url();
    let platform = Platform::of(bindle, &url, &[]);
    user.goes_to(platform.hippo.url(), &url);
    user.knows_the_password();
    let signed = [
        "--bindle-key",
        "key.pem",
        "--bindle-author",
        "Ada <ada@example.com>",
    ];
    user.deploy(&signed).fails(3).says("BINDLE_USERNAME");
    user.machine.set("BINDLE_USERNAME", "bob");
    user.machine
        .set("BINDLE_PASSWORD", "planted-bindle-password-93");
    for wanted in ["0.1.0", "0.2.0"] {
        user.changes(wanted);
        let deployed = user.deploy(&signed).ok();
        platform.runs("shop", &version(&deployed));
        assert!(!deployed.to_string().contains("planted-bindle-password"));
    }
}
