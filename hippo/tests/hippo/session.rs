//! Who is asking, and for how long.

use spin_deployer_hippo::{Credentials, Error, Hippo};

use crate::runner::run;
use crate::server::{Api, Server, URL, shop};

#[test]
fn a_password_gives_a_token() {
    let server = Server::new(Api::Plural);
    let token = run(server.user().log_in()).unwrap();
    assert_eq!(token.token, "token-1");
    assert_eq!(token.expiration.as_deref(), Some("2022-10-21T15:04:05Z"));
    assert_eq!(
        server.bodies.borrow()[0],
        serde_json::json!({ "userName": "ada", "password": "secret" })
    );
}

#[test]
fn an_old_server_has_its_login_elsewhere() {
    for status in [404, 405] {
        let server = Server::new(Api::Whole);
        server.script(
            "POST /base/api/auth-tokens",
            status,
            "text/html",
            "<html>nothing here</html>",
        );
        assert_eq!(run(server.user().log_in()).unwrap().token, "token-1");
        assert_eq!(
            server.requests.borrow()[1],
            "POST /base/api/account/createtoken"
        );
    }
}

#[test]
fn a_login_that_fails_says_why() {
    let server = Server::new(Api::Plural);
    let wrong = Credentials::Password("ada".into(), "guess".into());
    let error = run(Hippo::new(&server, URL, wrong).log_in()).unwrap_err();
    let Error::Login(failure) = error else {
        panic!("{error}")
    };
    assert_eq!(failure.said, "Login failed. Credentials are not valid.");
    assert_eq!(server.requests.borrow().len(), 1);
}

#[test]
fn what_is_no_hippo_is_no_login() {
    let server = Server::new(Api::Plural);
    for path in ["POST /base/api/auth-tokens", "POST /base/api/account"] {
        server.script(path, 200, "text/html", "<html>welcome</html>");
    }
    let error = run(server.user().log_in()).unwrap_err();
    assert!(matches!(error, Error::Nonsense { came, .. } if came.contains("welcome")));
}

#[test]
fn nothing_to_show_is_said_before_anything_is_asked() {
    let server = Server::new(Api::Plural);
    let error = run(Hippo::new(&server, URL, Credentials::None).history("shop", "c")).unwrap_err();
    assert!(matches!(error, Error::Anonymous));
    assert!(server.requests.borrow().is_empty());
}

#[test]
fn a_token_that_ends_in_the_middle_is_replaced_by_another_one() {
    for life in 1..12 {
        let server = Server::new(Api::Plural);
        server.token_life.set(life);
        run(server.user().release(&shop("1.0.0"), |_| {})).unwrap();
        server.is_tidy("1.0.0");
        assert_eq!(
            server.logins.get() > 1,
            server
                .requests
                .borrow()
                .iter()
                .filter(|r| !r.contains("auth-tokens"))
                .count()
                > life
        );
    }
}

#[test]
fn a_token_without_a_password_is_not_replaced() {
    let server = Server::new(Api::Plural);
    run(server.user().log_in()).unwrap();
    server.token.set((1, 3));
    let hippo = Hippo::new(&server, URL, Credentials::Token("token-1".into()));
    let error = run(hippo.release(&shop("1.0.0"), |_| {})).unwrap_err();
    assert!(matches!(error, Error::Unauthorized(_)), "{error}");
    assert_eq!(server.logins.get(), 1);
}

#[test]
fn a_server_that_refuses_every_token_is_asked_for_one_more_only() {
    let server = Server::new(Api::Plural);
    server.token_life.set(0);
    let error = run(server.user().history("shop", "c")).unwrap_err();
    assert!(matches!(error, Error::Unauthorized(_)), "{error}");
    assert_eq!(server.logins.get(), 2);
}
