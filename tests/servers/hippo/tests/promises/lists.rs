use hippo_stand_in::Doubt;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{MANIFEST, World};

fn apps(names: &[&str]) -> World {
    let world = World::new();
    world.push("shop", "0.1.0", MANIFEST);
    for name in names {
        world.app(name, "shop");
    }
    world
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect()
}

#[rstest]
#[case::all("", &["a-one", "b-one", "c-two"], true)]
#[case::first("?pageSize=2", &["a-one", "b-one"], false)]
#[case::last("?pageSize=2&pageIndex=1", &["c-two"], true)]
#[case::past_the_end_is_not_the_last("?pageSize=2&pageIndex=2", &[], false)]
#[case::backwards("?isSortedAscending=false&pageSize=1", &["c-two"], false)]
#[case::a_search_counts_everything("?searchText=one", &["a-one", "b-one"], false)]
#[case::case_counts("?searchText=ONE", &[], false)]
fn a_page_of_apps(#[case] query: &str, #[case] expected: &[&str], #[case] last: bool) {
    let world = apps(&["b-one", "a-one", "c-two"]);
    let (status, page) = world.get(&format!("/api/apps{query}"));
    assert_eq!(status, 200);
    assert_eq!(names(&page), expected);
    assert_eq!(
        (&page["isLastPage"], &page["totalItems"]),
        (&json!(last), &json!(3))
    );
}

#[test]
fn a_search_for_channels_counts_what_it_finds() {
    let world = apps(&["a"]);
    let app = world.state()["apps"][0]["id"].as_str().unwrap().to_owned();
    world.channel(&app, "live");
    world.channel(&app, "beta");
    let (_, page) = world.get("/api/channels?searchText=live");
    assert_eq!(
        (&page["isLastPage"], &page["totalItems"]),
        (&json!(true), &json!(1))
    );
}

#[rstest]
#[case::as_read(&[], 3)]
#[case::the_other_way(&[Doubt::RevisionsMove], 2)]
fn a_revision_may_move_while_they_are_read(#[case] inferred: &[Doubt], #[case] different: usize) {
    let world = World::with(|settings| settings.inferred = inferred.to_vec());
    for version in ["0.1.0", "0.2.0", "0.3.0"] {
        world.push("shop", version, MANIFEST);
    }
    world.app("shop", "shop");
    let read = || {
        let page = |n| {
            world
                .get(&format!("/api/revisions?pageSize=1&pageIndex={n}"))
                .1
        };
        let ids = (0..3).map(|n| page(n)["items"][0]["id"].to_string());
        ids.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(read(), different);
    assert_eq!(read(), 3);
}

#[rstest]
#[case("?sortBy=name", 500)]
#[case("?sortBy=StorageId", 200)]
#[case("?pageSize=many", 400)]
#[case("?pageIndex=-1", 500)]
fn a_list_is_asked_in_its_own_words(#[case] query: &str, #[case] status: u16) {
    assert_eq!(apps(&[]).get(&format!("/api/apps{query}")).0, status);
}

#[rstest]
#[case::default("", &[], 50)]
#[case::more("?pageSize=60", &[], 55)]
#[case::capped("?pageSize=60", &[Doubt::PagesAreCapped], 50)]
fn a_page_has_fifty_items_unless_more_are_asked_for(
    #[case] query: &str,
    #[case] inferred: &[Doubt],
    #[case] items: usize,
) {
    let world = World::with(|settings| settings.inferred = inferred.to_vec());
    world.push("shop", "0.1.0", MANIFEST);
    world.app("shop", "shop");
    for _ in 1..55 {
        world.register("shop", "0.1.0");
    }
    let (_, page) = world.get(&format!("/api/revisions{query}"));
    assert_eq!(page["items"].as_array().unwrap().len(), items);
    assert_eq!(page["totalItems"], 55);
}

#[test]
fn an_app_shows_the_description_of_the_revision_that_sorts_last() {
    let world = World::new();
    world.push("shop", "0.9.0", MANIFEST);
    world.push("shop", "0.10.0", MANIFEST);
    world.app("a", "shop");
    let (_, page) = world.get("/api/apps");
    assert_eq!(page["items"][0]["storageId"], "shop");
    assert_eq!(page["items"][0]["description"], "of 0.9.0");
    assert_eq!(page["items"][0]["channels"], json!([]));
    assert_eq!(
        world.get("/api/storages?searchText=sh").1["items"],
        json!(["shop"])
    );
}

#[test]
fn certificates_have_a_name_each_and_show_their_key() {
    let world = World::new();
    let body = json!({ "name": "a", "publicKey": "P", "privateKey": "K" });
    assert_eq!(world.post("/api/certificates", &body).0, 200);
    assert_eq!(world.post("/api/certificates", &body).0, 400);
    let (_, page) = world.get("/api/certificates");
    assert_eq!(page["items"][0]["privateKey"], "K");
}
