use hippo_stand_in::{Api, Doubt};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{MANIFEST, World};

#[rstest]
#[case(Api::V0_20, "POST", "/api/auth-tokens", true)]
#[case(Api::V0_20, "POST", "/api/account/createtoken", false)]
#[case(Api::V0_19, "GET", "/api/apps", true)]
#[case(Api::V0_18, "POST", "/api/auth-tokens", false)]
#[case(Api::V0_18, "GET", "/api/app", true)]
#[case(Api::V0_18, "PATCH", "/api/channel/x", true)]
#[case(Api::V0_18, "PUT", "/api/channel/x/desired-status", false)]
#[case(Api::V0_12, "PATCH", "/api/channel/x", false)]
fn a_hippo_has_its_own_paths(
    #[case] api: Api,
    #[case] method: &str,
    #[case] path: &str,
    #[case] there: bool,
) {
    let world = World::with(|settings| settings.api = api);
    let (status, _) = world.ask(method, path, &json!({}));
    assert_eq!(!matches!(status, 404 | 405), there, "{status}");
}

#[test]
fn an_unknown_path_may_be_the_web_page() {
    let world = World::with(|settings| settings.inferred = vec![Doubt::PathsShowThePage]);
    assert_eq!(world.get("/api/app").0, 200);
    assert_eq!(world.post("/api/app", &json!({})).0, 405);
}

#[rstest]
#[case(Api::V0_12, "text/plain")]
#[case(Api::V0_18, "application/json; charset=utf-8")]
#[case(Api::V0_20, "application/json; charset=utf-8")]
fn health_is_a_word_or_a_tree(#[case] api: Api, #[case] content_type: &str) {
    let world = World::with(|settings| settings.api = api);
    let call = crate::world::request("GET", "/healthz", &Value::Null);
    let answer = world.hippo.answer(&call);
    assert_eq!(answer.headers()["content-type"], content_type);
    if content_type == "text/plain" {
        assert_eq!(answer.body(), b"Healthy");
    } else {
        let health: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(health["Status"], "Healthy");
        assert_eq!(health["Subservices"][1]["ServiceName"], "Bindle");
    }
}

#[rstest]
#[case::numbers(Api::V0_18, &[], json!(0))]
#[case::names(Api::V0_18, &[Doubt::StrategiesAreNamed], json!("UseRangeRule"))]
#[case::old_names(Api::V0_12, &[], json!("UseRangeRule"))]
fn an_old_hippo_does_the_same_under_other_paths(
    #[case] api: Api,
    #[case] inferred: &[Doubt],
    #[case] strategy: Value,
) {
    let world = World::with(|settings| {
        settings.api = api;
        settings.inferred = inferred.to_vec();
    });
    world.push("shop", "0.1.0", MANIFEST);
    let (status, app) = world.post("/api/app", &json!({ "name": "a", "storageId": "shop" }));
    assert_eq!(status, 200);
    let body = json!({ "appId": app, "name": "live", "revisionSelectionStrategy": "UseRangeRule" });
    let (status, channel) = world.post("/api/channel", &body);
    assert_eq!(status, 200);
    assert_eq!(world.starts(), ["shop/0.1.0"]);
    let (_, item) = world.get(&format!("/api/channel/{}", channel.as_str().unwrap()));
    assert_eq!(item["revisionSelectionStrategy"], strategy);
    assert_eq!(item["domain"], "live.a.hippofactory.io");
    let (_, list) = world.get("/api/app");
    let key = if api == Api::V0_12 { "apps" } else { "items" };
    assert_eq!(list[key][0]["name"], "a");
}
