//! Servers before 0.19.

use spin_deployer_hippo::{Credentials, Error, Hippo, Released, Wanted};

use crate::runner::{Turns, run};
use crate::server::{Api, Doubt, Server, URL, shop};

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
        run(server.user().rollback(&shop("1.0.0"))).unwrap();
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

/// What made its own and what did not take it are not told apart: a domain may look like Hippo's.
#[test]
fn a_domain_that_looks_like_hippos_is_kept_unless_hippo_does_not_take_it() {
    let theirs = "spin-deploy.shop.hippofactory.io";
    for (before, after, taken) in [
        (
            "spin-deploy.shop.example.com",
            "spin-deploy.shop.example.com",
            false,
        ),
        ("spin-deploy.shop.example.com", theirs, true),
        (theirs, theirs, false),
        ("Shop.localhost:8088", theirs, false),
    ] {
        for api in OLD {
            let server = Server::new(api);
            run(deploy(&server, "1.0.0")).unwrap();
            server.channels.borrow_mut()[0].domain = before.into();
            if taken {
                let mut other = server.channels.borrow()[0].clone();
                (other.id, other.app) = ("ch-other".into(), "app-other".into());
                server.channels.borrow_mut().push(other);
            }
            run(deploy(&server, "1.0.1")).unwrap();
            let channels = server.channels.borrow();
            let ours = channels.iter().find(|it| it.app != "app-other").unwrap();
            assert_eq!(ours.domain, after);
        }
    }
}

/// With a domain and a certificate of its own.
fn owned(api: Api) -> Server {
    let server = Server::new(api);
    let certificate = ("cert-1".to_owned(), "shop-cert".to_owned());
    server.certificates.borrow_mut().push(certificate);
    run(deploy(&server, "1.0.0")).unwrap();
    {
        let channel = &mut server.channels.borrow_mut()[0];
        channel.domain = "shop.example.com".into();
        channel.certificate = Some("cert-1".into());
    }
    server.forget_requests();
    server
}

#[test]
fn a_domain_and_a_certificate_are_to_be_named_where_they_could_be_lost() {
    for api in OLD {
        let server = owned(api);
        let hippo = server.user();
        // Nothing is made anew.
        run(deploy(&server, "1.0.0")).unwrap();
        for error in [
            run(hippo.survey(&shop("1.0.1"))).map(drop).unwrap_err(),
            run(hippo.release(&shop("1.0.1"), |_| {}))
                .map(drop)
                .unwrap_err(),
        ] {
            let Error::Unnamed {
                domain,
                certificate,
                ..
            } = &error
            else {
                panic!("{error}")
            };
            let named = (domain.as_deref(), certificate.as_deref());
            assert_eq!(named, (Some("shop.example.com"), Some("shop-cert")));
        }
        run(deploy(&server, "1.0.0")).unwrap();
        let error = run(hippo.rollback(&shop("1.0.1"))).unwrap_err();
        assert!(matches!(error, Error::Unnamed { .. }), "{error}");
        assert_eq!(server.channels.borrow().len(), 1);
    }
}

#[test]
fn what_was_named_is_there_whenever_the_run_is_killed() {
    for api in OLD {
        for turns in 0.. {
            let server = owned(api);
            let wanted = Wanted {
                domain: Some("shop.example.com".into()),
                certificate: Some("shop-cert".into()),
                ..shop("1.0.1")
            };
            let hippo = server.user();
            let deploy = async || {
                hippo.survey(&wanted).await?;
                hippo.release(&wanted, |_| {}).await
            };
            let mut first = Turns::new(deploy());
            let done = first.take(turns);
            drop(first);
            run(deploy()).unwrap();
            server.is_tidy("1.0.1");
            let channel = server.channels.borrow()[0].clone();
            assert_eq!(channel.domain, "shop.example.com");
            assert_eq!(channel.certificate.as_deref(), Some("cert-1"));
            if done {
                assert!(turns > 8);
                break;
            }
        }
    }
}

/// Wherever the run ends. What it made without Nomad was not started.
#[test]
fn without_nomad_the_next_run_starts_it() {
    for doubts in [vec![], vec![Doubt::DeleteStopsFirst]] {
        for turns in 0.. {
            let server = Server::new(Api::Paged);
            server.doubts.replace(doubts.clone());
            server.nomad.set(false);
            let hippo = server.user();
            let wanted = shop("1.0.0");
            let mut first = Turns::new(hippo.release(&wanted, |_| {}));
            let done = first.take(turns);
            drop(first);
            server.nomad.set(true);
            run(deploy(&server, "1.0.0")).unwrap();
            server.is_tidy("1.0.0");
            if done {
                assert!(turns > 8);
                break;
            }
        }
    }
}

/// Nothing takes a mark away there.
#[test]
fn without_nomad_and_marks_a_channel_that_stays_is_told_of() {
    let server = Server::new(Api::Whole);
    server.nomad.set(false);
    let error = run(server.user().release(&shop("1.0.0"), |_| {})).unwrap_err();
    assert!(matches!(error, Error::Broken { .. }), "{error}");
    assert!(server.channels.borrow().is_empty());

    server.doubts.replace(vec![Doubt::DeleteStopsFirst]);
    let error = run(server.user().release(&shop("1.0.0"), |_| {})).unwrap_err();
    assert!(matches!(error, Error::Unclear { .. }), "{error}");
    assert_eq!(server.channels.borrow().len(), 1);
}

#[test]
fn marks_that_cannot_be_taken_away_are_not_left() {
    let server = Server::new(Api::Paged);
    server.doubts.replace(vec![Doubt::PatchIsWrapped]);
    for version in ["1.0.0", "1.0.1"] {
        run(deploy(&server, version)).unwrap();
        server.is_tidy(version);
    }
    server.forget_requests();
    run(deploy(&server, "1.0.1")).unwrap();
    assert!(server.writes().is_empty());
}

#[test]
fn variables_are_a_reason_before_anything_is_pushed() {
    for api in OLD {
        let server = Server::new(api);
        run(deploy(&server, "1.0.0")).unwrap();
        server.channels.borrow_mut()[0].environment = vec![("B".into(), "2".into())];
        server.forget_requests();
        let error = run(server.user().survey(&shop("1.0.1"))).unwrap_err();
        assert!(matches!(error, Error::Old(_)));
        run(deploy(&server, "1.0.0")).unwrap();
        assert!(server.writes().is_empty());
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
