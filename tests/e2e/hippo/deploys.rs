//! Every deploy really runs, whichever Hippo it is, and one that changes nothing writes nothing.

use rstest::rstest;

use super::platform::{Platform, User, is_write, version};

/// The first three, the third again, and a channel of its own.
#[rstest]
#[case::as_it_was_read(&[])]
#[case::patch_starts(&["--inferred", "patch-starts"])]
#[case::pages_are_capped(&["--inferred", "pages-are-capped"])]
#[case::search_ignores_case(&["--inferred", "search-ignores-case"])]
#[case::paths_show_the_page(&["--inferred", "paths-show-the-page"])]
#[case::of_0_19(&["--api", "0.19"])]
#[case::of_0_19_with_hosts(&["--api", "0.19", "--inferred", "hosts-are-known"])]
#[case::of_0_18(&["--api", "0.18"])]
#[case::of_0_18_with_names(&["--api", "0.18", "--inferred", "strategies-are-named"])]
#[case::of_0_18_with_wrapped_values(&["--api", "0.18", "--inferred", "patch-is-wrapped"])]
#[case::of_0_18_with_a_page(&["--api", "0.18", "--inferred", "paths-show-the-page"])]
#[case::of_0_12(&["--api", "0.12"])]
#[case::of_0_12_with_a_page(&["--api", "0.12", "--inferred", "paths-show-the-page"])]
fn every_deploy_runs_and_the_same_again_writes_nothing(#[case] flags: &[&str]) {
    let platform = Platform::with(flags);
    let mut user = User::of(&platform);
    let mut bindles = Vec::new();
    for wanted in ["0.1.0", "0.2.0", "0.2.1"] {
        user.changes(wanted);
        let deployed = user.deploy(&[]).ok();
        let number = version(&deployed);
        assert!(number.starts_with(&format!("{wanted}+q")), "{number}");
        let channel = platform.runs("shop", &number);
        assert_eq!(channel["name"], "spin-deploy");
        bindles.push(format!("shop/{number}"));
        assert_eq!(platform.started(), bindles);

        let report = deployed.json();
        let route = &report["release"]["routes"][0];
        let domain = channel["domain"].as_str().unwrap();
        assert_eq!(route["url"], format!("http://{domain}/"));
        assert_eq!(report["release"]["artifact"], format!("shop/{number}"));
        assert_eq!(report["ready"], true);
        let state = &report["release"]["state"];
        let old = flags.iter().any(|flag| ["0.18", "0.12"].contains(flag));
        assert_eq!(state.as_str(), (!old).then_some("running"));
    }
    // With a password, and with a token, from which nobody can tell which Hippo it is.
    let token = platform.token();
    for _ in 0..2 {
        let before = platform.hippo.requests().len();
        let starts = platform.hippo.starts().len();
        user.deploy(&[]).ok();
        let requests = platform.hippo.requests().split_off(before);
        let writes: Vec<_> = requests.iter().filter(|line| is_write(line)).collect();
        // Asked of a path that this Hippo does not have.
        assert!(writes.is_empty(), "{writes:?}");
        assert_eq!(user.wrote(), [""; 0]);
        assert_eq!(platform.hippo.starts().len(), starts);
        user.has_only(&token);
    }
}

#[test]
fn each_channel_runs_what_was_deployed_to_it() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let first = version(&user.deploy(&[]).ok());
    user.changes("0.2.0");
    let preview = user.deploy(&["--channel", "preview"]).ok();
    let second = version(&preview);
    // The first channel of an app has the app's name only.
    let routes = preview.json()["release"]["routes"].to_string();
    assert!(
        routes.contains("http://preview-shop.localhost:"),
        "{routes}"
    );
    assert_eq!(
        platform.started(),
        [format!("shop/{first}"), format!("shop/{second}")]
    );
    let state = platform.hippo.state();
    assert_eq!(state["apps"].as_array().unwrap().len(), 1);
    assert_eq!(state["channels"].as_array().unwrap().len(), 2);
    assert_eq!(state["jobs"].as_array().unwrap().len(), 2);
    let status = |more: &[&str]| user.run("status", more).ok().json()["releases"][0]["id"].clone();
    assert_eq!(status(&[]), first.as_str());
    assert_eq!(status(&["--channel", "preview"]), second.as_str());
}

/// What stands there is what `spin deploy` of old left: the channel has a rule, and Hippo imported the revision.
#[rstest]
#[case::as_it_was_read(&[])]
#[case::revision_waits(&["--inferred", "revision-waits"])]
#[case::rule_sees_all(&["--inferred", "rule-sees-all"])]
#[case::of_0_19(&["--api", "0.19"])]
fn an_app_that_spin_deployed_goes_on_with_a_fixed_revision(#[case] flags: &[&str]) {
    let platform = Platform::with(flags);
    let user = User::of(&platform);
    let place = ["-t", "bindle"];
    let pushed = user.machine.run(
        [
            &["deploy", "-f", user.app.path().to_str().unwrap()],
            &place[..],
        ]
        .concat(),
    );
    pushed.ok();
    let app = serde_json::json!({ "name": "shop", "storageId": "shop" });
    let app = platform.ask("POST", "/api/apps", &app);
    let channel = serde_json::json!({
        "appId": app, "name": "spin-deploy", "revisionSelectionStrategy": "UseRangeRule", "rangeRule": "*",
    });
    platform.ask("POST", "/api/channels", &channel);
    let plan = user.run("plan", &[]).ok().json();
    let plan = plan["changes"].to_string();
    assert!(plan.contains("and no other by itself"), "{plan}");
    let first = version(&user.deploy(&[]).ok());
    platform.runs("shop", &first);
    for wanted in ["0.2.0", "0.1.1"] {
        user.changes(wanted);
        let number = version(&user.deploy(&[]).ok());
        platform.runs("shop", &number);
    }
}

#[test]
fn a_plan_shows_what_a_deploy_does_and_changes_nothing() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let plan = |expected: &[(&str, &str)]| {
        let before = (platform.hippo.state(), platform.hippo.requests().len());
        let report = user.run("plan", &[]).ok().json();
        let changes = report["changes"].as_array().unwrap().clone();
        let text = |it: &serde_json::Value, name: &str| it[name].as_str().unwrap().to_owned();
        let shown: Vec<_> = changes
            .iter()
            .map(|it| (text(it, "action"), text(it, "kind")))
            .filter(|(_, kind)| kind != "parcel")
            .collect();
        let shown: Vec<_> = shown
            .iter()
            .map(|(a, k)| (a.as_str(), k.as_str()))
            .collect();
        assert_eq!(shown, expected, "{report:#}");
        assert_eq!(platform.hippo.state(), before.0);
        assert_eq!(user.wrote(), [""; 0]);
        let requests = platform.hippo.requests().split_off(before.1);
        assert!(!requests.iter().any(|line| is_write(line)), "{requests:?}");
    };
    plan(&[
        ("create", "bindle"),
        ("create", "app"),
        ("create", "revision"),
        ("create", "channel"),
    ]);
    user.deploy(&[]).ok();
    plan(&[
        ("keep", "bindle"),
        ("keep", "app"),
        ("keep", "revision"),
        ("keep", "channel"),
    ]);
    user.run("plan", &["--detailed-exitcode"]).ok();
    user.changes("0.2.0");
    plan(&[
        ("create", "bindle"),
        ("keep", "app"),
        ("create", "revision"),
        ("update", "channel"),
        ("update", "start"),
    ]);
    user.run("plan", &["--detailed-exitcode"]).fails(2);
}

/// It is being started, and would be started once more by another start.
#[test]
fn an_app_that_is_still_starting_is_left_to_it() {
    let platform = Platform::with(&["--app-start-delay", "600000"]);
    let user = User::of(&platform);
    let deployed = user.deploy(&["--readiness-timeout", "0"]).ok();
    assert_eq!(deployed.json()["release"]["state"], "pending");
    let starts = platform.hippo.starts();
    user.deploy(&["--readiness-timeout", "0"]).ok();
    assert_eq!(user.wrote(), [""; 0]);
    assert_eq!(platform.hippo.starts(), starts);
}

/// Nomad lost it, or somebody stopped it.
#[test]
fn an_app_that_was_stopped_is_started_again() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let number = version(&user.deploy(&[]).ok());
    let channel = platform.runs("shop", &number);
    let id = channel["id"].as_str().unwrap();
    let dead = serde_json::json!({ "channelId": id, "desiredStatus": "Dead" });
    platform.ask("PUT", &format!("/api/channels/{id}/desired-status"), &dead);
    assert_eq!(platform.hippo.state()["jobs"], serde_json::json!([]));
    let status = user.run("status", &[]).ok().json();
    assert_eq!(status["releases"][0]["state"], "dead");
    let deployed = user.deploy(&[]).ok();
    assert_eq!(deployed.json()["release"]["state"], "running");
    platform.runs("shop", &number);
    let wrote = user.wrote();
    assert!(
        wrote.iter().all(|it| it.ends_with("/desired-status")),
        "{wrote:?}"
    );
}
