use hippo_stand_in::AppInfo;
use serde_json::{Value, json};

use crate::world::{MANIFEST, World, read, request};

fn ask(world: &World, host: &str, path: &str) -> (u16, Value) {
    let mut call = request("GET", path, &Value::Null);
    call.headers_mut().insert("host", host.parse().unwrap());
    read(world.hippo.app(&call))
}

const INFO: &str = "/.well-known/spin/info";

#[test]
fn an_app_says_what_was_started_last() {
    let world = World::with(|settings| settings.platform_domain = "example:8000".to_owned());
    world.push("team/shop", "0.1.0+q1", MANIFEST);
    let app = world.app("shop", "team/shop");
    assert_eq!(ask(&world, "shop.example:8000", INFO).0, 404);
    world.channel(&app, "live");
    let (status, info) = ask(&world, "shop.example:8000", INFO);
    assert_eq!(status, 200);
    let expected =
        json!({ "name": "team/shop", "version": "0.1.0+q1", "bindle_version": "0.1.0+q1" });
    assert_eq!(info, expected);
    assert_eq!(ask(&world, "other.example:8000", INFO).0, 404);
    assert_eq!(
        ask(&world, "shop.example:8000", "/.well-known/spin/health").0,
        200
    );
}

#[test]
fn an_old_app_has_only_its_health() {
    let world = World::with(|settings| settings.app_info = AppInfo::Missing);
    world.push("shop", "0.1.0", MANIFEST);
    world.channel(&world.app("shop", "shop"), "live");
    assert_eq!(ask(&world, "shop.hippofactory.io", INFO).0, 404);
    assert_eq!(
        ask(
            &world,
            "shop.hippofactory.io:80",
            "/.well-known/spin/health"
        )
        .0,
        200
    );
}

#[test]
fn an_app_that_is_not_there_yet_is_pending() {
    let world = World::with(|settings| settings.app_start_delay = u64::MAX);
    world.push("shop", "0.1.0", MANIFEST);
    let channel = world.channel(&world.app("shop", "shop"), "live");
    assert_eq!(ask(&world, "shop.hippofactory.io", INFO).0, 404);
    let (_, page) = world.get("/api/channel-statuses");
    assert_eq!(
        page["items"],
        json!([{ "channelId": channel, "status": "Pending" }])
    );
}

#[test]
fn logs_are_what_the_test_wrote() {
    let world = World::new();
    world.push("shop", "0.1.0", MANIFEST);
    let channel = world.channel(&world.app("shop", "shop"), "live");
    world.control(
        "POST",
        "/logs",
        &json!({ "channelId": channel, "lines": ["one", "two"] }),
    );
    let (_, logs) = world.get(&format!("/api/channels/{channel}/logs"));
    assert_eq!(logs, json!({ "logs": ["one", "two"] }));
}
