//! Lists of many pages, and lists that do not end.

use serde_json::json;
use spin_deployer_hippo::Error;

use crate::runner::run;
use crate::server::{Api, Server, shop};

/// `isLastPage` never comes true for a search, because the total is that of all apps.
#[test]
fn an_app_is_found_on_a_later_page() {
    let server = Server::new(Api::Plural);
    for number in 0..120 {
        server.add_app(&format!("other-{number}"), "other");
        server.add_app(&format!("shop-{number}"), "shop");
    }
    let id = server.add_app("shop", "shop");
    for number in 0..130 {
        server.add_revision(&id, &format!("0.0.{number}"));
    }
    server.add_revision(&id, "1.0.0");
    run(server.user().release(&shop("1.0.0"), |_| {})).unwrap();
    assert_eq!(server.revisions.borrow().len(), 131);
    assert_eq!(server.channels.borrow().len(), 1);
    assert_eq!(server.job().0, "1.0.0");
}

fn page(from: usize, count: usize, size: usize) -> String {
    let items: Vec<_> = (from..from + count)
        .map(|n| json!({ "id": format!("a-{n}"), "name": format!("x{n}"), "storageId": "x" }))
        .collect();
    json!({ "items": items, "totalItems": 9999, "pageSize": size, "isLastPage": false }).to_string()
}

#[test]
fn a_server_that_gives_smaller_pages_is_read_to_the_end() {
    let server = Server::new(Api::Plural);
    let app = json!({ "id": "a-9", "name": "shop", "storageId": "shop" });
    let last = json!({ "items": [app], "pageSize": 2 }).to_string();
    server.script("GET /base/api/apps", 200, "application/json", page(0, 2, 2));
    server.script("GET /base/api/apps", 200, "application/json", page(2, 2, 2));
    server.script("GET /base/api/apps", 200, "application/json", last);
    assert!(run(server.user().removal("shop")).unwrap().is_some());
}

#[test]
fn a_server_that_gives_the_same_page_for_ever_is_not_asked_for_ever() {
    let server = Server::new(Api::Plural);
    for _ in 0..3 {
        server.script(
            "GET /base/api/apps",
            200,
            "application/json",
            page(0, 50, 50),
        );
    }
    assert!(run(server.user().removal("shop")).unwrap().is_none());
    assert_eq!(server.scripted.borrow().len(), 1);
}

#[test]
fn a_list_without_end_ends() {
    let server = Server::new(Api::Plural);
    for number in 0..300 {
        server.script(
            "GET /base/api/apps",
            200,
            "application/json",
            page(number * 50, 50, 50),
        );
    }
    let error = run(server.user().removal("shop")).unwrap_err();
    assert!(
        matches!(error, Error::Endless { pages: 200, .. }),
        "{error}"
    );
}

#[test]
fn what_is_no_list_is_said_so() {
    for body in [
        "[]",
        "{}",
        "7",
        r#"{"items":[{"id":"../admin","name":"shop"}]}"#,
    ] {
        let server = Server::new(Api::Plural);
        server.script("GET /base/api/apps", 200, "application/json", body);
        let error = run(server.user().removal("shop")).unwrap_err();
        assert!(matches!(error, Error::Nonsense { .. }), "{body}: {error}");
    }
}

#[test]
fn an_answer_without_end_is_not_read() {
    let server = Server::new(Api::Plural);
    server.script(
        "GET /base/api/apps",
        200,
        "application/json",
        " ".repeat(2 << 20),
    );
    let error = run(server.user().removal("shop")).unwrap_err();
    let Error::Transport { source, .. } = error else {
        panic!("{error}")
    };
    assert!(source.reason.contains("1 MiB"));
}
