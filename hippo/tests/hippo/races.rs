//! Two runs at once, in every order of their requests that switches twice.

use spin_deployer_hippo::{Error, Released};

use crate::runner::{Turns, run};
use crate::server::{Api, Doubt, Server, shop};

async fn deploy(server: &Server, version: &str) -> Result<Released, Error> {
    let hippo = server.user();
    // One token for both: the server in memory knows the last one only.
    hippo.release(&shop(version), |_| {}).await
}

/// Every Hippo, with what of it may be the other way.
const ALL: [(Api, &[Doubt]); 4] = [
    (Api::Plural, &[]),
    (Api::Plural, &[Doubt::ActiveRevisionGoes]),
    (Api::Paged, &[]),
    (Api::Whole, &[]),
];

fn interleaved((api, doubts): (Api, &[Doubt]), first: &str, second: &str, earlier: bool) {
    for before in 0.. {
        let mut all = false;
        for between in 0.. {
            let server = Server::new(api);
            server.doubts.replace(doubts.to_vec());
            if earlier {
                run(deploy(&server, "0.9.0")).unwrap();
            }
            let mut a = Turns::new(deploy(&server, first));
            let mut b = Turns::new(deploy(&server, second));
            let a_done = a.take(before);
            let b_done = b.take(between);
            all = a_done;
            let (a, b) = (a.finish(), b.finish());
            let overtaken = |r: &Result<Released, Error>| matches!(r, Err(Error::Overtaken { .. }));
            let order = format!("{before} then {between}");
            for result in [&a, &b] {
                assert!(result.is_ok() || overtaken(result), "{order}: {result:?}");
            }
            assert!(a.is_ok() || b.is_ok(), "{order}: nobody won");
            let (running, _) = server.job();
            if first == second {
                assert!(a.is_ok() && b.is_ok(), "{order}: {a:?} {b:?}");
            }
            // Whoever was told that it did not win did not.
            if overtaken(&a) {
                assert_eq!(running, second, "{order}");
            }
            if overtaken(&b) {
                assert_eq!(running, first, "{order}");
            }
            if overtaken(&a) || overtaken(&b) {
                // Whoever is overtaken leaves a mark, lest it took away one that meant something.
                run(deploy(&server, &running)).unwrap();
            }
            server.is_tidy(&running);
            if b_done {
                break;
            }
        }
        if all {
            assert!(before > 4);
            break;
        }
    }
}

#[test]
fn two_versions_leave_one_of_them_running_and_the_other_run_is_told() {
    for hippo in ALL {
        interleaved(hippo, "1.0.0+q1", "1.0.0+q2", false);
        interleaved(hippo, "1.0.0+q1", "1.0.0+q2", true);
    }
}

#[test]
fn one_version_twice_is_registered_once() {
    for hippo in ALL {
        interleaved(hippo, "1.0.0+q1", "1.0.0+q1", false);
        interleaved(hippo, "1.0.0+q1", "1.0.0+q1", true);
    }
}

/// The mark that the second left is not the first's to take away.
#[test]
fn what_is_killed_beside_another_run_is_completed_by_the_next_one() {
    for (api, doubts) in ALL {
        for before in 0.. {
            let mut all = false;
            for between in 0.. {
                let server = Server::new(api);
                server.doubts.replace(doubts.to_vec());
                run(deploy(&server, "0.9.0")).unwrap();
                let mut a = Turns::new(deploy(&server, "1.0.0+q1"));
                let mut b = Turns::new(deploy(&server, "1.0.0+q2"));
                all = a.take(before);
                let b_done = b.take(between);
                drop(b);
                drop(a.finish());
                run(deploy(&server, "1.0.0+q2")).unwrap();
                server.is_tidy("1.0.0+q2");
                if b_done {
                    break;
                }
            }
            if all {
                assert!(before > 4);
                break;
            }
        }
    }
}
