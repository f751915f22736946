//! Lists of many pages, and lists that do not end.

use serde_json::json;
use spin_deployer_hippo::{Credentials, Error, Hippo, LONGEST_ANSWER};

use crate::runner::run;
use crate::server::{Api, Server, URL, shop};

/// `isLastPage` never comes true for a search, because the total is that of all apps.
#[test]
fn an_app_is_found_on_a_later_page() {
    let server = Server::new(Api::Plural);
    for number in 0..120 {
        server.add_app(&format!("other-{number}"), "other");
        server.add_app(&format!("shop-{number}"), "shop");
    }
    let id = server.add_app("shop", "shop");
    for number in 0..1030 {
        server.add_revision(&id, &format!("0.0.{number}"));
    }
    server.add_revision(&id, "1.0.0");
    run(server.user().release(&shop("1.0.0"), |_| {})).unwrap();
    assert_eq!(server.revisions.borrow().len(), 1031);
    assert_eq!(server.channels.borrow().len(), 1);
    assert_eq!(server.job().0, "1.0.0");
}

/// What is the first of the second page when the first one is read is the last of the first when the second one is.
#[test]
fn a_revision_that_moves_to_a_page_that_was_read_is_not_registered_again() {
    for moves in [0, 1, 2] {
        let server = Server::new(Api::Plural);
        let id = server.add_app("shop", "shop");
        for number in 0..500 {
            server.add_revision(&id, &format!("0.0.{number}"));
        }
        server.add_revision(&id, "1.0.0");
        server.add_revision(&id, "2.0.0");
        server.moves.set(moves);
        run(server.user().release(&shop("1.0.0"), |_| {})).unwrap();
        assert_eq!(server.revisions.borrow().len(), 502);
        server.is_tidy("1.0.0");
    }
}

/// Nobody is asked for ever about what is not there.
#[test]
fn a_server_that_counts_what_it_does_not_show_is_believed_to_have_shown_all() {
    let server = Server::new(Api::Plural);
    let id = server.add_app("shop", "shop");
    server.add_revision(&id, "1.0.0");
    let items = json!([{ "id": "r-1", "appId": id, "revisionNumber": "1.0.0" }]);
    let page = json!({ "items": items, "totalItems": 70, "pageSize": 500 }).to_string();
    for _ in 0..20 {
        server.script(
            "GET /base/api/revisions",
            200,
            "application/json",
            page.as_str(),
        );
    }
    let (_, revisions) = run(server.user().removal("shop", "shop")).unwrap().unwrap();
    assert_eq!(revisions.len(), 1);
    assert!(server.scripted.borrow().len() > 10);
}

/// A page that is shorter than it says, because the server makes none as long as that.
#[test]
fn what_the_count_still_has_is_asked_for() {
    let server = Server::new(Api::Plural);
    let id = server.add_app("shop", "shop");
    for from in [0, 2, 4] {
        let item = |n| json!({ "id": format!("r-{n}"), "appId": id, "revisionNumber": format!("1.0.{n}") });
        let items: Vec<_> = (from..usize::min(from + 2, 5)).map(item).collect();
        let page = json!({ "items": items, "totalItems": 5, "pageSize": 500 }).to_string();
        server.script("GET /base/api/revisions", 200, "application/json", page);
    }
    let (_, revisions) = run(server.user().removal("shop", "shop")).unwrap().unwrap();
    assert_eq!(revisions.len(), 5);
}

/// Up to 0.17 everything comes at once.
#[test]
fn a_long_list_is_read() {
    let server = Server::new(Api::Whole);
    let id = server.add_app("shop", "shop");
    for number in 0..20_000 {
        server.add_revision(&id, &format!("0.0.{number}"));
    }
    let (_, revisions) = run(server.user().removal("shop", "shop")).unwrap().unwrap();
    assert_eq!(revisions.len(), 20_000);
}

#[test]
fn a_place_where_no_hippo_is_is_said_so() {
    let server = Server::new(Api::Plural);
    run(server.user().log_in()).unwrap();
    let token = || Credentials::Token("token-1".into());
    let hippo = Hippo::new(&server, "https://hippo.test/base/elsewhere", token());
    let error = run(hippo.removal("shop", "shop")).unwrap_err();
    assert!(matches!(error, Error::Nonsense { .. }), "{error}");
    for request in ["GET /base/api/apps?", "GET /base/api/app?"] {
        server.script(
            request,
            200,
            "text/html",
            "<html>a page for every path</html>",
        );
    }
    let error = run(Hippo::new(&server, URL, token()).removal("shop", "shop")).unwrap_err();
    assert!(matches!(error, Error::Nonsense { .. }), "{error}");
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
    assert!(
        run(server.user().removal("shop", "shop"))
            .unwrap()
            .is_some()
    );
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
    assert!(
        run(server.user().removal("shop", "shop"))
            .unwrap()
            .is_none()
    );
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
    let error = run(server.user().removal("shop", "shop")).unwrap_err();
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
        let error = run(server.user().removal("shop", "shop")).unwrap_err();
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
        " ".repeat(LONGEST_ANSWER + 1),
    );
    let error = run(server.user().removal("shop", "shop")).unwrap_err();
    let Error::Transport { source, .. } = error else {
        panic!("{error}")
    };
    assert!(source.reason.contains("16 MiB"));
}
