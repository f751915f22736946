use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{MANIFEST, World};

#[rstest]
#[case::before(false, 0)]
#[case::after(true, 1)]
fn a_request_fails_as_planned(#[case] after_save: bool, #[case] apps: usize) {
    let world = World::new();
    world.push("shop", "0.1.0", MANIFEST);
    let plan = json!({ "request": "POST /api/apps", "status": 503, "after_save": after_save });
    world.control("POST", "/fail", &plan);
    let body = json!({ "name": "a", "storageId": "shop" });
    assert_eq!(world.post("/api/apps", &body).0, 503);
    assert_eq!(world.state()["apps"].as_array().unwrap().len(), apps);
    // Once, where nothing else is said.
    assert_eq!(
        world.post("/api/apps", &body).0,
        if after_save { 400 } else { 200 }
    );
}

#[test]
fn requests_are_counted_as_they_are_listed() {
    let world = World::new();
    let seen = |world: &World| world.control("GET", "/requests", &Value::Null);
    let before = seen(&world).as_array().unwrap().len();
    world.control(
        "POST",
        "/fail",
        &json!({ "request": before + 2, "times": 2 }),
    );
    let statuses: Vec<_> = (0..4)
        .map(|_| world.get("/api/apps?pageSize=1").0)
        .collect();
    assert_eq!(statuses, [200, 500, 500, 200]);
    let last =
        json!({ "method": "GET", "path": "/api/apps", "query": "pageSize=1", "status": 500 });
    assert_eq!(seen(&world)[before + 2], last);
}

#[test]
fn a_plan_that_is_none_is_refused() {
    let call = crate::world::request("POST", "/fail", &json!({ "requests": 1 }));
    assert_eq!(World::new().hippo.control(&call).status(), 400);
}
