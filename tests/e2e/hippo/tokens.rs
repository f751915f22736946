//! Hippo's tokens live for half an hour and may end in the middle: shown at every request of a deploy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::apps;
use super::platform::{Platform, User, version};
use crate::harness::proxy::{Moment, Proxy, Then, Verdict};
use crate::harness::servers::address;

/// No token that Hippo has given out is taken any more once the nth request is answered.
fn ends_at(platform: &Platform, n: usize) -> (Proxy, Arc<AtomicBool>) {
    let hippo = platform.hippo.clone();
    let ended = Arc::<AtomicBool>::default();
    let seen = ended.clone();
    let proxy = Proxy::with(address(hippo.url()), move |r| {
        if r.number != n {
            return Verdict::Forward;
        }
        let (hippo, seen) = (hippo.clone(), seen.clone());
        let end = move || {
            hippo.expire_tokens();
            seen.store(true, Ordering::SeqCst);
            Then::Continue
        };
        Verdict::At(Moment::BeforeAnswer, Box::new(end))
    });
    (proxy, ended)
}

#[test]
fn with_a_password_a_token_that_ends_in_the_middle_is_replaced() {
    let platform = Platform::start();
    let user = User::of(&platform);
    for n in 1.. {
        let name = format!("shop{n}");
        apps::write(&user.app, &name, "0.1.0");
        user.deploy(&[]).ok();
        apps::write(&user.app, &name, "0.2.0");
        let (proxy, ended) = ends_at(&platform, n);
        let url = format!("http://{}", proxy.address());
        let deployed = user.deploy(&["--hippo-url", &url]).ok();
        platform.runs(&name, &version(&deployed));
        if !ended.load(Ordering::SeqCst) {
            assert!(n > 8, "{n} requests");
            return;
        }
    }
}

#[test]
fn a_token_that_ends_in_the_middle_ends_the_deploy_and_the_next_one_completes_it() {
    let platform = Platform::start();
    let mut user = User::of(&platform);
    for n in 1.. {
        let name = format!("shop{n}");
        apps::write(&user.app, &name, "0.1.0");
        user.has_only(&platform.token());
        user.deploy(&[]).ok();
        apps::write(&user.app, &name, "0.2.0");
        let (proxy, ended) = ends_at(&platform, n);
        let url = format!("http://{}", proxy.address());
        let deployed = user.deploy(&["--hippo-url", &url]);
        // What comes after the last write is a look at the state, which is nothing to fail for.
        if deployed.status.success() {
            platform.runs(&name, &version(&deployed));
        } else {
            deployed
                .fails(3)
                .says("does not accept the token")
                .says("the variable HIPPO_TOKEN was used, and counts more than a login");
            user.has_only(&platform.token());
            let deployed = user.deploy(&[]).ok();
            platform.runs(&name, &version(&deployed));
        }
        if !ended.load(Ordering::SeqCst) {
            assert!(n > 8, "{n} requests");
            return;
        }
    }
}
