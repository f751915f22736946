//! Others on the same Hippo and Bindle, more of them than a page has.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::json;

use super::platform::{Platform, User, version};
use crate::harness::sha256;

/// More than a page, which is 50.
const MANY: usize = 60;

/// Pushes `shop` in its present version, without Hippo.
fn push(user: &User) {
    let app = user.app.path().to_str().unwrap();
    let line = ["deploy", "-t", "bindle", "-f", app];
    user.machine.run(line).ok();
}

#[rstest]
#[case::of_0_20(&[])]
#[case::with_capped_pages(&["--inferred", "pages-are-capped"])]
#[case::with_revisions_that_move(&["--inferred", "pages-are-capped", "--inferred", "revisions-move"])]
#[case::where_search_ignores_case(&["--inferred", "search-ignores-case"])]
#[case::of_0_18(&["--api", "0.18"])]
#[case::of_0_12(&["--api", "0.12"])]
fn an_app_is_found_among_many_with_their_revisions_and_channels(#[case] flags: &[&str]) {
    let platform = Platform::with(flags);
    let user = User::of(&platform);
    push(&user);
    let old = flags.iter().any(|flag| ["0.18", "0.12"].contains(flag));
    let (apps, channels) = match old {
        true => ("/api/app", "/api/channel"),
        false => ("/api/apps", "/api/channels"),
    };
    for n in 0..MANY {
        // Their names have ours in them, and come before it in a list.
        let name = if n == 0 {
            "SHOP".to_owned()
        } else {
            format!("a-shop-{n}")
        };
        let app = json!({ "name": name, "storageId": "shop" });
        let app = platform.ask("POST", apps, &app);
        let channel = json!({ "appId": app, "name": "spin-deploy", "revisionSelectionStrategy": "UseRangeRule" });
        platform.ask("POST", channels, &channel);
    }
    let mut numbers = Vec::new();
    for wanted in ["0.1.0", "0.2.0"] {
        user.changes(wanted);
        let number = version(&user.deploy(&[]).ok());
        platform.runs("shop", &number);
        numbers.push(number);
    }
    user.deploy(&[]).ok();
    assert_eq!(user.wrote(), [""; 0]);
    let state = platform.hippo.state();
    assert_eq!(state["apps"].as_array().unwrap().len(), MANY + 1);
    assert_eq!(state["channels"].as_array().unwrap().len(), MANY + 1);

    let back = user.run("rollback", &[&numbers[0]]).ok();
    assert_eq!(back.json()["releases"][0]["id"], numbers[0].as_str());
    platform.runs("shop", &numbers[0]);
    user.run("destroy", &["--yes"]).ok();
    let state = platform.hippo.state();
    assert_eq!(state["apps"].as_array().unwrap().len(), MANY);
    assert_eq!(state["channels"].as_array().unwrap().len(), MANY);
}

/// The invoice of a bindle with one small manifest, which is pushed with it.
fn put(platform: &Platform, name: &str, version: &str) {
    const MANIFEST: &str = "[trigger]\ntype = \"http\"\nbase = \"/\"\n";
    let digest = sha256(MANIFEST.as_bytes()).split_off("sha256:".len());
    let invoice = format!(
        "bindleVersion = \"1.0.0\"\n[bindle]\nname = \"{name}\"\nversion = \"{version}\"\n[[parcel]]\n[parcel.label]\n\
         sha256 = \"{digest}\"\nmediaType = \"application/vnd.fermyon.spin+toml\"\nname = \"spin.toml\"\nsize = {}\n",
        MANIFEST.len()
    );
    let (status, text) = platform.bindle.post("_i", None, &invoice);
    if status == 202 {
        let path = format!("_i/{name}/{version}@{digest}");
        assert_eq!(platform.bindle.post(&path, None, MANIFEST).0, 200);
    } else {
        assert_eq!(status, 201, "{text}");
    }
}

/// Hippo imports the first 50 of them with the app, and ours is not among those.
#[rstest]
#[case::as_it_was_read(&[])]
#[case::with_revisions_that_move(&["--inferred", "pages-are-capped", "--inferred", "revisions-move"])]
fn a_revision_that_hippo_does_not_import_is_registered_once(#[case] flags: &[&str]) {
    let platform = Platform::with(flags);
    let user = User::of(&platform);
    for n in 0..MANY {
        put(&platform, "shop", &format!("0.0.{n}"));
    }
    user.changes("9.0.0");
    let number = version(&user.deploy(&[]).ok());
    platform.runs("shop", &number);
    let history = |more: &[&str]| -> Vec<String> {
        let report = user.run("history", more).ok().json();
        let all = report["releases"].as_array().unwrap().clone();
        let id = |it: &serde_json::Value| it["id"].as_str().unwrap().to_owned();
        all.iter().map(id).collect()
    };
    let newest = history(&[]);
    assert_eq!(newest.len(), 20);
    if flags.is_empty() {
        assert_eq!(newest[0], number);
    }
    let all = history(&["--limit", "1000"]);
    let different: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (51, 51));

    // A revision that is on no first page runs again.
    let back = all.last().unwrap();
    let rolled = user
        .run("rollback", &[back, "--readiness-timeout", "0"])
        .ok();
    assert_eq!(rolled.json()["releases"][0]["id"], back.as_str());
    platform.runs("shop", back);
}

#[test]
fn an_app_that_hippo_cannot_see_behind_fifty_others_is_told_so() {
    let platform = Platform::start();
    let user = User::of(&platform);
    for n in 0..MANY {
        put(&platform, &format!("a-shop-{n}"), "0.1.0");
    }
    let unseen = user.deploy(&[]).fails(1);
    unseen
        .says("does not find the app's bindle")
        .says("more than 50 bindles there have the app's name in theirs")
        .says("with --name");
    let number = version(&user.deploy(&["--name", "emporium"]).ok());
    platform.runs("emporium", &number);
}
