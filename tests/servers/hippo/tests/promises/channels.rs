use hippo_stand_in::{Api, Doubt, Nomad};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{MANIFEST, World, errors};

const NOBODY: &str = "11111111-1111-1111-1111-111111111111";

/// An app with the revisions 0.1.0 and 0.2.0 and a channel at 0.2.0, which was started once.
fn deployed(inferred: &[Doubt]) -> (World, String) {
    let world = World::with(|settings| settings.inferred = inferred.to_vec());
    world.push("shop", "0.1.0", MANIFEST);
    world.push("shop", "0.2.0", MANIFEST);
    let app = world.app("shop", "shop");
    let channel = world.channel(&app, "live");
    assert_eq!(world.starts(), ["shop/0.2.0"]);
    (world, channel)
}

fn specified(world: &World, number: &str) -> Value {
    json!({
        "revisionSelectionStrategy": "UseSpecifiedRevision",
        "activeRevisionId": world.revision(number),
    })
}

#[rstest]
#[case::no_name(json!({}), "Name")]
#[case::dot(json!({ "name": "a.b" }), "Name")]
#[case::taken(json!({ "name": "live" }), "Name")]
#[case::port(json!({ "name": "a", "domain": "a.example:80" }), "Domain")]
#[case::one_label(json!({ "name": "a", "domain": "localhost" }), "Domain")]
#[case::upper_case(json!({ "name": "a", "domain": "A.example" }), "Domain")]
#[case::domain_taken(json!({ "name": "a", "domain": "shop.hippofactory.io" }), "Domain")]
#[case::no_rule(json!({ "name": "a", "rangeRule": "" }), "RangeRule")]
#[case::rule_and_revision(json!({ "name": "a", "activeRevisionId": NOBODY }), "ActiveRevisionId")]
#[case::neither(
    json!({ "name": "a", "revisionSelectionStrategy": "UseSpecifiedRevision" }),
    "ActiveRevisionId"
)]
#[case::no_strategy(
    json!({ "name": "a", "revisionSelectionStrategy": "Latest" }),
    "revisionSelectionStrategy"
)]
fn a_channel_is_checked(#[case] mut body: Value, #[case] property: &str) {
    let (world, _) = deployed(&[]);
    body["appId"] = world.state()["apps"][0]["id"].clone();
    let (status, answer) = world.post("/api/channels", &body);
    assert_eq!((status, errors(&answer)), (400, vec![property.to_owned()]));
}

#[test]
fn what_a_channel_names_must_be_there() {
    let (world, channel) = deployed(&[]);
    let app = &world.state()["apps"][0]["id"];
    let body = json!({
        "appId": app, "name": "a", "revisionSelectionStrategy": "UseSpecifiedRevision", "activeRevisionId": NOBODY,
    });
    let (status, answer) = world.post("/api/channels", &body);
    assert_eq!(status, 404);
    assert_eq!(
        answer["detail"],
        format!("Entity \"Revision\" ({NOBODY}) was not found.")
    );
    // PATCH asks nobody, and the database refuses.
    let path = format!("/api/channels/{channel}");
    let body = json!({ "activeRevisionId": NOBODY });
    assert_eq!(world.ask("PATCH", &path, &body).0, 500);
}

#[rstest]
#[case::dashes(Api::V0_20, ["my-shop.hippofactory.io", "beta-1-my-shop.hippofactory.io"])]
#[case::verbatim(Api::V0_19, ["Live.My_Shop.hippofactory.io", "Beta_1.My_Shop.hippofactory.io"])]
fn a_domain_is_made_of_the_names(#[case] api: Api, #[case] expected: [&str; 2]) {
    let world = World::with(|settings| settings.api = api);
    world.push("shop", "0.1.0", MANIFEST);
    let app = world.app("My_Shop", "shop");
    for (name, expected) in ["Live", "Beta_1"].into_iter().zip(expected) {
        let channel = world.channel(&app, name);
        let (_, item) = world.get(&format!("/api/channels/{channel}"));
        assert_eq!(item["domain"], expected);
    }
}

#[rstest]
#[case::as_read(&[], 0)]
#[case::the_other_way(&[Doubt::PatchStarts], 1)]
fn patch_changes_the_row_and_starts_nothing(#[case] inferred: &[Doubt], #[case] more: usize) {
    let (world, channel) = deployed(inferred);
    let body = specified(&world, "0.1.0");
    assert_eq!(
        world
            .ask("PATCH", &format!("/api/channels/{channel}"), &body)
            .0,
        204
    );
    assert_eq!(world.starts()[1..], vec!["shop/0.1.0"; more]);
    let (_, item) = world.get(&format!("/api/channels/{channel}"));
    assert_eq!(item["activeRevision"]["revisionNumber"], "0.1.0");
    assert_eq!(item["revisionSelectionStrategy"], "UseSpecifiedRevision");
}

#[test]
fn a_desired_status_starts_what_the_channel_was_changed_to_and_posts_the_job_twice() {
    let (world, channel) = deployed(&[]);
    let body = specified(&world, "0.1.0");
    world.ask("PATCH", &format!("/api/channels/{channel}"), &body);
    let path = format!("/api/channels/{channel}/desired-status");
    let want = |id: &str, status: &str| {
        let body = json!({ "channelId": id, "desiredStatus": status });
        world.ask("PUT", &path, &body).0
    };
    assert_eq!(want(NOBODY, "Running"), 400);
    assert_eq!(want(&channel, "Restarted"), 400);
    assert_eq!(want(&channel, "Running"), 204);
    assert_eq!(world.starts()[1..], ["shop/0.1.0", "shop/0.1.0"]);
    let status = || {
        let (_, page) = world.get(&format!("/api/channel-statuses?channelId={channel}"));
        page["items"][0]["status"].clone()
    };
    assert_eq!(status(), "Running");
    assert_eq!(want(&channel, "Dead"), 204);
    assert_eq!(status(), "Dead");
    assert_eq!(
        world.get("/api/channel-statuses").1["items"][0]["status"],
        "Unknown"
    );
}

#[test]
fn running_may_be_asked_for_again() {
    let (world, channel) = deployed(&[]);
    let path = format!("/api/channels/{channel}/desired-status");
    for status in ["Running", "Running", "Dead", "Running"] {
        let body = json!({ "channelId": channel, "desiredStatus": status });
        assert_eq!(world.ask("PUT", &path, &body).0, 204);
    }
    assert_eq!(world.starts().len(), 1 + 2 * 3);
}

#[rstest]
#[case::as_read(&[], 0)]
#[case::the_other_way(&[Doubt::DeleteStopsFirst], 1)]
fn without_the_scheduler_a_channel_goes_and_its_app_stays(
    #[case] inferred: &[Doubt],
    #[case] left: usize,
) {
    let (world, channel) = deployed(inferred);
    world.control("POST", "/nomad", &json!({ "up": false }));
    let path = format!("/api/channels/{channel}");
    assert_eq!(world.ask("DELETE", &path, &Value::Null).0, 500);
    let state = world.state();
    assert_eq!(state["channels"].as_array().unwrap().len(), left);
    assert_eq!(state["jobs"].as_array().unwrap().len(), 1);
}

#[rstest]
#[case::as_read(&[], 500)]
#[case::the_other_way(&[Doubt::ActiveRevisionGoes], 204)]
fn a_revision_that_runs_is_not_deleted(#[case] inferred: &[Doubt], #[case] expected: u16) {
    let (world, _) = deployed(inferred);
    let delete = |number: &str| {
        let path = format!("/api/revisions/{}", world.revision(number));
        world.ask("DELETE", &path, &Value::Null).0
    };
    assert_eq!(delete("0.2.0"), expected);
    assert_eq!(delete("0.1.0"), 204);
    let active = &world.state()["channels"][0]["activeRevisionId"];
    assert_eq!(active.is_null(), expected == 204);
}

#[rstest]
#[case::as_read(&[], 500)]
#[case::the_other_way(&[Doubt::PatchFailsAs400], 400)]
fn a_patch_that_fails_inside_may_complain_about_what_is_left_out(
    #[case] inferred: &[Doubt],
    #[case] expected: u16,
) {
    let (world, channel) = deployed(inferred);
    let body = json!({ "rangeRule": "*", "activeRevisionId": NOBODY });
    let path = format!("/api/channels/{channel}");
    let (status, answer) = world.ask("PATCH", &path, &body);
    assert_eq!(status, expected);
    if status == 400 {
        assert_eq!(errors(&answer), ["Name", "Domain", "CertificateId"]);
    }
}

#[rstest]
#[case::as_read(Api::V0_18, &[], 204)]
#[case::the_other_way(Api::V0_18, &[Doubt::PatchIsWrapped], 400)]
#[case::later(Api::V0_19, &[Doubt::PatchIsWrapped], 204)]
#[case::before(Api::V0_12, &[], 405)]
fn a_patch_has_plain_values(#[case] api: Api, #[case] inferred: &[Doubt], #[case] expected: u16) {
    let world = World::with(|settings| {
        (settings.api, settings.inferred) = (api, inferred.to_vec());
    });
    world.push("shop", "0.1.0", MANIFEST);
    let s = if api < Api::V0_19 { "" } else { "s" };
    let app = json!({ "name": "shop", "storageId": "shop" });
    let (_, app) = world.post(&format!("/api/app{s}"), &app);
    let body = json!({ "appId": app, "name": "live", "revisionSelectionStrategy": "UseRangeRule" });
    let (_, channel) = world.post(&format!("/api/channel{s}"), &body);
    let path = format!("/api/channel{s}/{}", channel.as_str().unwrap());
    let body = json!({ "rangeRule": "*" });
    assert_eq!(world.ask("PATCH", &path, &body).0, expected);
}

#[rstest]
#[case::as_read(&[], 0)]
#[case::the_other_way(&[Doubt::PutStarts], 1)]
fn put_starts_nothing_before_a_status_was_wanted(#[case] inferred: &[Doubt], #[case] more: usize) {
    let (world, channel) = deployed(inferred);
    let mut body = specified(&world, "0.1.0");
    body["id"] = json!(channel);
    body["name"] = json!("live");
    let path = format!("/api/channels/{channel}");
    let (status, answer) = world.ask("PUT", &path, &body);
    assert_eq!((status, errors(&answer)), (400, vec!["Domain".to_owned()]));
    body["domain"] = json!("shop.example");
    assert_eq!(world.ask("PUT", &path, &body).0, 204);
    assert_eq!(world.starts().len(), 1 + more);
    let want = json!({ "channelId": channel, "desiredStatus": "Running" });
    world.ask("PUT", &format!("{path}/desired-status"), &want);
    let before = world.starts().len();
    assert_eq!(world.ask("PUT", &path, &body).0, 204);
    assert_eq!(world.starts().len(), before + 1);
}

#[rstest]
#[case::as_read(&[], 1)]
#[case::the_other_way(&[Doubt::RevisionWaits], 0)]
fn a_revision_starts_the_channels_whose_rule_it_matches(
    #[case] inferred: &[Doubt],
    #[case] more: usize,
) {
    let (world, _) = deployed(inferred);
    world.push("shop", "0.3.0", MANIFEST);
    assert_eq!(world.register("shop", "0.3.0"), 201);
    assert_eq!(world.starts()[1..], vec!["shop/0.3.0"; more]);
}

#[test]
fn patch_takes_plain_values_and_leaves_what_is_absent() {
    let (world, channel) = deployed(&[]);
    let path = format!("/api/channels/{channel}");
    let wrapped = json!({ "rangeRule": { "value": "*" } });
    assert_eq!(world.ask("PATCH", &path, &wrapped).0, 400);
    let one = json!({ "environmentVariables": [{ "key": "A", "value": "1" }] });
    let two = json!({ "environmentVariables": [{ "key": "B", "value": "2" }] });
    for body in [one, two, json!({ "rangeRule": null })] {
        assert_eq!(world.ask("PATCH", &path, &body).0, 204);
    }
    let channel = &world.state()["channels"][0];
    assert_eq!(channel["environmentVariables"], json!({ "B": "2" }));
    assert_eq!(channel["rangeRule"], Value::Null);
    assert_eq!(channel["domain"], "shop.hippofactory.io");
    let long = json!({ "environmentVariables": [{ "key": "K".repeat(33), "value": "" }] });
    assert_eq!(world.ask("PATCH", &path, &long).0, 500);
}

#[test]
fn where_the_scheduler_is_down_the_row_stays_and_the_answer_is_500() {
    let world = World::with(|settings| settings.nomad = Nomad::Down);
    world.push("shop", "0.1.0", MANIFEST);
    let app = world.app("shop", "shop");
    let body = json!({ "appId": app, "name": "live", "revisionSelectionStrategy": "UseRangeRule" });
    assert_eq!(world.post("/api/channels", &body).0, 500);
    // Which the next try runs into.
    let (status, answer) = world.post("/api/channels", &body);
    assert_eq!((status, errors(&answer)), (400, vec!["Name".to_owned()]));
    assert_eq!(
        world
            .ask("DELETE", &format!("/api/apps/{app}"), &Value::Null)
            .0,
        500
    );
    let (status, health) = world.get("/healthz");
    assert_eq!((status, &health["Status"]), (503, &json!("Unhealthy")));
    world.control("POST", "/nomad", &json!({ "up": true }));
    assert_eq!(world.get("/healthz").0, 200);
    assert_eq!(
        world
            .ask("DELETE", &format!("/api/apps/{app}"), &Value::Null)
            .0,
        204
    );
    assert_eq!(world.state()["channels"], json!([]));
}
