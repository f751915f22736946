//! A run that ends anywhere, and the run after it.

use spin_deployer_hippo::{Error, Released};

use crate::runner::{Turns, run};
use crate::server::{Api, Fault, Server, shop};

async fn deploy(server: &Server, version: &str) -> Result<Released, Error> {
    let hippo = server.user();
    let mut wanted = shop(version);
    wanted.environment = vec![("KEY".into(), "value".into())];
    hippo.survey(&wanted).await?;
    hippo.release(&wanted, |_| {}).await
}

/// What a server is like before the run that breaks.
fn server(earlier: &[&str]) -> Server {
    let server = Server::new(Api::Plural);
    for version in earlier {
        run(deploy(&server, version)).unwrap();
    }
    server.forget_requests();
    server
}

const BEFORE: [&[&str]; 2] = [&[], &["1.0.0+q0", "1.0.0+q1"]];

#[test]
fn killed_anywhere_the_next_run_completes_it() {
    for earlier in BEFORE {
        let mut turns = 0;
        loop {
            let server = server(earlier);
            let mut first = Turns::new(deploy(&server, "1.1.0+q2"));
            let done = first.take(turns);
            drop(first);
            run(deploy(&server, "1.1.0+q2")).unwrap();
            server.is_tidy("1.1.0+q2");
            assert_eq!(server.channels.borrow()[0].environment.len(), 1);
            if done {
                break;
            }
            turns += 1;
        }
        assert!(turns > 8, "it was killed {turns} times");
    }
}

#[test]
fn broken_anywhere_the_same_run_or_the_next_one_completes_it() {
    for earlier in BEFORE {
        for fault in [Fault::Lost, Fault::Unanswered, Fault::SavedAndBroken] {
            for request in 1.. {
                let server = server(earlier);
                server.faults.borrow_mut().insert(request, fault);
                if run(deploy(&server, "1.1.0+q2")).is_err() {
                    run(deploy(&server, "1.1.0+q2")).unwrap();
                }
                server.is_tidy("1.1.0+q2");
                // The fault was beyond the end.
                if !server.faults.borrow().is_empty() {
                    assert!(request > 8, "it broke {request} times");
                    break;
                }
            }
        }
    }
}

#[test]
fn a_500_after_the_row_was_saved_is_not_taken_for_a_failure() {
    for post in [
        "POST /base/api/apps",
        "POST /base/api/revisions",
        "POST /base/api/channels",
    ] {
        let server = server(&[]);
        run(deploy(&server, "1.0.0")).unwrap();
        let at = server
            .requests
            .borrow()
            .iter()
            .position(|r| r == post)
            .unwrap()
            + 1;
        let server = self::server(&[]);
        server.faults.borrow_mut().insert(at, Fault::SavedAndBroken);
        run(deploy(&server, "1.0.0")).unwrap();
        server.is_tidy("1.0.0");
    }
}

#[test]
fn without_nomad_the_channel_is_made_and_the_next_run_starts_it() {
    let server = server(&[]);
    let hippo = server.user();
    server.nomad.set(false);
    let error = run(hippo.release(&shop("1.0.0"), |_| {})).unwrap_err();
    let error = run(hippo.diagnosed(error));
    assert!(
        matches!(&error, Error::Broken { health: Some(health), .. } if health.ailing == ["Nomad"])
    );
    assert_eq!(server.channels.borrow().len(), 1);
    server.nomad.set(true);
    run(deploy(&server, "1.0.0")).unwrap();
    server.is_tidy("1.0.0");
}
