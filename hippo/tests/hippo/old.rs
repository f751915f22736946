//! Servers before 0.19.

use spin_deployer_hippo::{Credentials, Error, Hippo, Released};

use crate::runner::{Turns, run};
use crate::server::{Api, Server, URL, shop};

const OLD: [Api; 2] = [Api::Paged, Api::Whole];

async fn deploy(server: &Server, version: &str) -> Result<Released, Error> {
    let hippo = server.user();
    hippo.survey(&shop(version)).await?;
    hippo.release(&shop(version), |_| {}).await
}

#[test]
fn every_release_runs() {
    for api in OLD {
        let server = Server::new(api);
        for version in ["1.0.0", "1.0.1", "1.0.2"] {
            let released = run(deploy(&server, version)).unwrap();
            assert_eq!(released.status, None);
            server.is_tidy(version);
        }
        server.forget_requests();
        run(deploy(&server, "1.0.2")).unwrap();
        assert!(server.writes().is_empty());
        run(server.user().rollback("shop", "spin-deploy", "1.0.0")).unwrap();
        server.is_tidy("1.0.0");
    }
}

#[test]
fn killed_anywhere_the_next_run_completes_it() {
    for api in OLD {
        for turns in 0.. {
            let server = Server::new(api);
            run(deploy(&server, "1.0.0")).unwrap();
            let mut first = Turns::new(deploy(&server, "1.1.0"));
            let done = first.take(turns);
            drop(first);
            run(deploy(&server, "1.1.0")).unwrap();
            server.is_tidy("1.1.0");
            if done {
                assert!(turns > 8);
                break;
            }
        }
    }
}

#[test]
fn a_domain_of_its_own_is_kept_and_one_that_hippo_does_not_take_is_not_sent() {
    for (before, after) in [
        ("shop.example.com", "shop.example.com"),
        ("Shop.localhost:8088", "spin-deploy.shop.hippofactory.io"),
    ] {
        let server = Server::new(Api::Paged);
        run(deploy(&server, "1.0.0")).unwrap();
        server.channels.borrow_mut()[0].domain = before.into();
        run(deploy(&server, "1.0.1")).unwrap();
        assert_eq!(server.channels.borrow()[0].domain, after);
    }
}

#[test]
fn an_environment_is_neither_set_nor_lost() {
    let server = Server::new(Api::Whole);
    run(deploy(&server, "1.0.0")).unwrap();
    let mut wanted = shop("1.0.1");
    wanted.environment = vec![("A".into(), "1".into())];
    server.forget_requests();
    let error = run(server.user().survey(&wanted)).unwrap_err();
    assert!(matches!(error, Error::Old(_)));
    server.channels.borrow_mut()[0].environment = vec![("B".into(), "2".into())];
    let error = run(deploy(&server, "1.0.1")).unwrap_err();
    assert!(matches!(error, Error::Old(_)));
    assert_eq!(server.channels.borrow().len(), 1);
}

#[test]
fn a_token_alone_finds_out_which_server_it_is() {
    for (status, body) in [(404, ""), (200, "<html>a page for every path</html>")] {
        let server = Server::new(Api::Whole);
        run(server.user().log_in()).unwrap();
        server.script("GET /base/api/apps?", status, "text/html", body);
        let hippo = Hippo::new(&server, URL, Credentials::Token("token-1".into()));
        run(hippo.release(&shop("1.0.0"), |_| {})).unwrap();
        server.is_tidy("1.0.0");
    }
}
