use hippo_stand_in::{Api, Doubt};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{MANIFEST, World, errors};

#[rstest]
#[case::empty("", "shop", "Name")]
#[case::dot("a.b", "shop", "Name")]
#[case::slash("a/b", "shop", "Name")]
#[case::long(&"a".repeat(129), "shop", "Name")]
#[case::taken("taken", "shop", "Name")]
#[case::no_storage("free", "", "StorageId")]
#[case::not_in_bindle("free", "sho", "StorageId")]
fn an_app_is_checked(#[case] name: &str, #[case] storage: &str, #[case] property: &str) {
    let world = World::new();
    world.push("shop", "0.1.0", MANIFEST);
    world.app("taken", "shop");
    let (status, answer) = world.post("/api/apps", &json!({ "name": name, "storageId": storage }));
    assert_eq!((status, errors(&answer)), (400, vec![property.to_owned()]));
    assert_eq!(answer["title"], "One or more validation errors occurred.");
}

#[test]
fn a_storage_after_the_first_fifty_hits_is_not_found() {
    let world = World::new();
    for number in 0..50 {
        world.push(&format!("a-{number}-shop"), "0.1.0", MANIFEST);
    }
    world.push("shop", "0.1.0", MANIFEST);
    let (status, answer) = world.post("/api/apps", &json!({ "name": "a", "storageId": "shop" }));
    assert_eq!(
        (status, errors(&answer)),
        (400, vec!["StorageId".to_owned()])
    );
}

#[test]
fn a_new_app_has_every_revision_that_bindle_has() {
    let world = World::new();
    world.push("team/shop", "0.1.0+q1", MANIFEST);
    world.push("team/shop", "0.2.0+q2", MANIFEST);
    world.push("team/shop-b", "0.3.0", MANIFEST);
    world.app("shop", "team/shop");
    let (_, page) = world.get("/api/revisions");
    let items = page["items"].as_array().unwrap();
    let mut numbers: Vec<_> = items
        .iter()
        .map(|it| it["revisionNumber"].as_str().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["0.1.0+q1", "0.2.0+q2"]);
    assert_eq!(items[0]["components"][0]["name"], "front");
    assert_eq!(items[0]["components"][0]["route"], "/...");
    assert_eq!(items[0]["type"], "http");
}

#[rstest]
#[case::known(Api::V0_19, "", &[], 201)]
#[case::description(Api::V0_19, "description = \"d\"", &[], 201)]
#[case::stores(Api::V0_19, "keyValueStores = [\"default\"]", &[], 500)]
#[case::hosts(Api::V0_19, "allowedHttpHosts = []", &[], 500)]
#[case::hosts_if_known(Api::V0_19, "allowedHttpHosts = []", &[Doubt::HostsAreKnown], 201)]
#[case::newer_hippo(Api::V0_20, "keyValueStores = [\"default\"]", &[], 201)]
fn a_manifest_is_read_key_by_key(
    #[case] api: Api,
    #[case] line: &str,
    #[case] inferred: &[Doubt],
    #[case] expected: u16,
) {
    let world = World::with(|settings| {
        settings.api = api;
        settings.inferred = inferred.to_vec();
    });
    world.push("shop", "0.1.0", MANIFEST);
    world.app("shop", "shop");
    let id = "id = \"front\"\n";
    world.push(
        "shop",
        "0.2.0",
        &MANIFEST.replace(id, &format!("{id}{line}\n")),
    );
    assert_eq!(world.register("shop", "0.2.0"), expected);
    // The row is there all the same.
    world.revision("0.2.0");
}

#[test]
fn a_key_that_only_bindle_knows_breaks_the_revision_and_the_answer_says_nothing() {
    let world = World::new();
    world.push("shop", "0.1.0", MANIFEST);
    world.app("shop", "shop");
    world.push_with("shop", "0.2.0", MANIFEST, "origin = \"here\"");
    let body = json!({ "appStorageId": "shop", "revisionNumber": "0.2.0" });
    let (status, answer) = world.post("/api/revisions", &body);
    assert_eq!(status, 500);
    assert_eq!(
        answer["title"],
        "An error occurred while processing your request."
    );
    assert_eq!(answer["detail"], Value::Null);
    world.revision("0.2.0");
    // And from now on everybody who looks for that name.
    let (status, _) = world.post(
        "/api/apps",
        &json!({ "name": "other", "storageId": "shop" }),
    );
    assert_eq!(status, 500);
    assert_eq!(world.state()["apps"].as_array().unwrap().len(), 1);
}

#[test]
fn a_revision_that_bindle_does_not_have_is_500_and_stays() {
    let world = World::new();
    world.push("shop", "0.1.0", MANIFEST);
    world.app("shop", "shop");
    assert_eq!(world.register("shop", "0.2.0"), 500);
    world.revision("0.2.0");
}

#[test]
fn a_revision_that_was_yanked_is_imported_and_breaks_the_request() {
    let world = World::new();
    world.push("shop", "0.1.0", MANIFEST);
    world.yank("shop", "0.1.0");
    let body = json!({ "name": "a", "storageId": "shop" });
    assert_eq!(world.post("/api/apps", &body).0, 500);
    world.revision("0.1.0");
    assert_eq!(world.state()["apps"][0]["name"], "a");
}

#[test]
fn a_revision_needs_an_app_and_no_dot() {
    let world = World::new();
    world.push("shop.v2", "0.1.0", MANIFEST);
    assert_eq!(world.register("shop", "0.1.0"), 404);
    world.app("shop", "shop.v2");
    assert_eq!(world.register("shop.v2", "0.1.0"), 400);
}

#[test]
fn a_revision_that_is_there_twice_breaks_the_rule_of_every_channel() {
    let world = World::new();
    world.push("shop", "0.1.0", MANIFEST);
    let app = world.app("shop", "shop");
    assert_eq!(world.register("shop", "0.1.0"), 201);
    let body = json!({ "appId": app, "name": "live", "revisionSelectionStrategy": "UseRangeRule" });
    assert_eq!(world.post("/api/channels", &body).0, 500);
    assert_eq!(world.state()["channels"], json!([]));
}

#[rstest]
#[case::the_last_one_registered(&[], "0.1.0")]
#[case::the_highest(&[Doubt::RuleSeesAll], "0.2.0")]
fn a_rule_sees_only_the_revision_that_comes(#[case] inferred: &[Doubt], #[case] active: &str) {
    let world = World::with(|settings| settings.inferred = inferred.to_vec());
    world.push("shop", "0.2.0", MANIFEST);
    let app = world.app("shop", "shop");
    let channel = world.channel(&app, "live");
    world.push("shop", "0.1.0", MANIFEST);
    assert_eq!(world.register("shop", "0.1.0"), 201);
    let (_, item) = world.get(&format!("/api/channels/{channel}"));
    assert_eq!(item["activeRevision"]["revisionNumber"], active);
}
