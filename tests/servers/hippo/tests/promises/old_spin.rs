//! What `spin deploy` of old did, request by request: it looks at the first page only, registers what Hippo imported, and
//! starts nothing that it changes. A deployer that does the same is to fail here.

use hippo_stand_in::Doubt;
use serde_json::{Value, json};

use crate::world::{MANIFEST, World};

/// A deploy of something new.
fn deploy(world: &World, version: &str) -> Result<(), (&'static str, u16)> {
    world.push("shop", version, MANIFEST);
    deploy_existing(world, version)
}

/// A deploy of a bindle that is there, as far as it gets: the request that was refused, and its status.
fn deploy_existing(world: &World, version: &str) -> Result<(), (&'static str, u16)> {
    let item = |path: &str, fits: &dyn Fn(&Value) -> bool| {
        let (_, page) = world.get(path);
        let items = page["items"].as_array().unwrap().clone();
        items.into_iter().find(|it| fits(it))
    };
    let Some(app) = item("/api/apps", &|it| it["name"] == "shop") else {
        let body = json!({ "name": "shop", "storageId": "shop" });
        let (status, app) = world.post("/api/apps", &body);
        if status != 200 {
            return Err(("POST /api/apps", status));
        }
        let body = json!({
            "appId": app, "name": "spin-deploy", "revisionSelectionStrategy": "UseRangeRule", "rangeRule": version,
        });
        let (status, _) = world.post("/api/channels", &body);
        return match status {
            200 => Ok(()),
            status => Err(("POST /api/channels", status)),
        };
    };
    let status = world.register("shop", version);
    if status != 201 {
        return Err(("POST /api/revisions", status));
    }
    let of_app = |it: &Value| it["appId"] == app["id"];
    let channel = item("/api/channels", &|it| {
        of_app(it) && it["name"] == "spin-deploy"
    })
    .unwrap();
    let revision = item("/api/revisions", &|it| {
        of_app(it) && it["revisionNumber"] == version
    });
    let Some(revision) = revision else {
        return Err(("GET /api/revisions", 200));
    };
    let body = json!({
        "revisionSelectionStrategy": "UseSpecifiedRevision", "activeRevisionId": revision["id"],
    });
    let path = format!("/api/channels/{}", channel["id"].as_str().unwrap());
    match world.ask("PATCH", &path, &body).0 {
        204 => Ok(()),
        status => Err(("PATCH /api/channels", status)),
    }
}

fn runs(world: &World) -> Value {
    world.state()["jobs"][0]["bindle"].clone()
}

#[test]
fn its_later_deploys_succeed_and_do_not_run() {
    let world = World::new();
    for version in ["0.1.0", "0.2.0", "0.3.0"] {
        assert_eq!(deploy(&world, version), Ok(()));
    }
    assert_eq!(runs(&world), "shop/0.1.0");
    let world = World::with(|settings| settings.inferred = vec![Doubt::PatchStarts]);
    for version in ["0.1.0", "0.2.0", "0.3.0"] {
        assert_eq!(deploy(&world, version), Ok(()));
    }
    assert_eq!(runs(&world), "shop/0.3.0");
}

#[test]
fn the_same_again_is_registered_twice_and_breaks_the_rules_of_others() {
    let world = World::new();
    assert_eq!(deploy(&world, "0.1.0"), Ok(()));
    // Of the channel that the first one made too, which has a rule until it is changed.
    let again = deploy_existing(&world, "0.1.0");
    assert_eq!(again, Err(("POST /api/revisions", 500)));
    let revisions = world.state()["revisions"].as_array().unwrap().len();
    assert_eq!(revisions, 2);
}

#[test]
fn an_app_behind_fifty_others_is_made_again_and_refused() {
    let world = World::new();
    assert_eq!(deploy(&world, "0.1.0"), Ok(()));
    for n in 0..50 {
        world.app(&format!("a-{n}"), "shop");
    }
    assert_eq!(deploy(&world, "0.2.0"), Err(("POST /api/apps", 400)));
}

#[test]
fn a_revision_behind_fifty_others_is_not_found() {
    let world = World::new();
    for n in 0..50 {
        world.push("shop", &format!("0.0.{n}"), MANIFEST);
    }
    assert_eq!(deploy_existing(&world, "0.0.0"), Ok(()));
    assert_eq!(deploy(&world, "0.2.0"), Err(("GET /api/revisions", 200)));
}
