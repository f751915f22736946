//! A part of the platform is down: exit code 7 with the name of that part, and once it is back the same command completes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;

use super::platform::{Platform, User, is_write, version};
use crate::harness::proxy::{Moment, Proxy, Then, Verdict};
use crate::harness::servers::{Bindle, Options, Release, address, free_address};

/// What was asked of Hippo and changes something.
fn writes(platform: &Platform) -> Vec<String> {
    let requests = platform.hippo.requests().into_iter();
    requests.filter(|line| is_write(line)).collect()
}

#[test]
fn hippo_is_not_there() {
    let listen = free_address();
    let mut user = User::nobody();
    let bindle = Bindle::start(Release::V0_8, &Options::default());
    user.goes_to(&format!("http://{listen}"), &bindle.url());
    user.knows_the_password();
    user.deploy(&[])
        .fails(7)
        .says(&format!("{listen} cannot be reached"))
        .says("is the Hippo server running, and its name right?");
    let url = bindle.url();
    let platform = Platform::of(bindle, &url, &["--listen", &listen.to_string()]);
    let number = version(&user.deploy(&[]).ok());
    platform.runs("shop", &number);
}

#[test]
fn bindle_is_not_there() {
    let listen = free_address();
    let directory = Options {
        listen: Some(listen),
        ..Options::default()
    };
    let mut user = User::nobody();
    // Hippo names Bindle before the user's own question does.
    let elsewhere = Bindle::start(Release::V0_8, &Options::default());
    let platform = Platform::of(elsewhere, &format!("http://{listen}/v1"), &[]);
    user.goes_to(platform.hippo.url(), &format!("http://{listen}"));
    user.knows_the_password();
    let down = user.deploy(&[]).fails(7);
    down.says("is not well, so nothing was changed")
        .says("Hippo says that Bindle is not healthy");
    assert_eq!(writes(&platform), [""; 0]);

    let _bindle = Bindle::start(Release::V0_8, &directory);
    let number = version(&user.deploy(&[]).ok());
    platform.runs("shop", &number);
}

#[test]
fn bindle_is_not_where_the_user_looks_for_it() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let nowhere = free_address();
    let down = user.deploy(&["--bindle-server", &format!("http://{nowhere}")]);
    down.fails(7)
        .says(&format!("{nowhere} cannot be reached"))
        .says("is the Bindle server running, and its name right?");
    assert_eq!(writes(&platform), [""; 0]);

    // Another Bindle than Hippo's: nothing is down there.
    let other = Bindle::start(Release::V0_8, &Options::default());
    let unseen = user.deploy(&["--bindle-server", &other.url()]).fails(1);
    unseen
        .says("does not find the app's bindle")
        .says("Storage ID not found in bindle server")
        .says("either Hippo has another Bindle server than --bindle-server");
    let number = version(&user.deploy(&[]).ok());
    platform.runs("shop", &number);
}

#[test]
fn nomad_is_down() {
    let platform = Platform::with(&["--nomad", "down"]);
    let user = User::of(&platform);
    let down = user.deploy(&[]).fails(7);
    let down = down
        .says("is not well, so nothing was changed")
        .says("Hippo says that Nomad is not healthy");
    assert_eq!(down.json()["error"]["code"], "unavailable");
    assert_eq!(writes(&platform), [""; 0]);
    // What only reads says what it can.
    user.run("status", &[]).ok();
    platform.hippo.nomad(true);
    let number = version(&user.deploy(&[]).ok());
    platform.runs("shop", &number);
}

/// The nth request that changes something finds that part down.
fn goes_down(
    platform: &Platform,
    hits: impl Fn(&str) -> bool + Send + Sync + 'static,
    down: impl Fn() + Send + Sync + 'static,
) -> Proxy {
    let down = Arc::new(down);
    Proxy::with(address(platform.hippo.url()), move |r| {
        if !hits(&format!("{} {}", r.method, r.target)) {
            return Verdict::Forward;
        }
        let down = down.clone();
        let act = move || {
            down();
            Then::Continue
        };
        Verdict::At(Moment::Before, Box::new(act))
    })
}

/// What stands for the server does not say what of it is down.
#[test]
fn an_old_hippo_without_nomad_is_not_written_to() {
    let platform = Platform::with(&["--nomad", "down", "--api", "0.12"]);
    let user = User::of(&platform);
    let down = user.deploy(&[]).fails(7);
    down.says("not healthy, and not what is: its Nomad or its Bindle server");
    assert_eq!(writes(&platform), [""; 0]);
}

#[rstest]
#[case::a_new_channel("POST /api/channels", false, &[])]
#[case::a_start("PUT /api/channels", true, &[])]
#[case::a_new_channel_of_0_18("POST /api/channel", false, &["--api", "0.18"])]
#[case::a_new_channel_of_0_18_that_stays(
    "POST /api/channel",
    false,
    &["--api", "0.18", "--inferred", "delete-stops-first"]
)]
#[case::a_new_channel_of_0_12("POST /api/channel", false, &["--api", "0.12"])]
fn nomad_goes_down_in_the_middle(
    #[case] hit: &'static str,
    #[case] earlier: bool,
    #[case] flags: &[&str],
) {
    let platform = Platform::with(flags);
    let user = User::of(&platform);
    if earlier {
        user.deploy(&[]).ok();
        user.changes("0.2.0");
    }
    let hippo = platform.hippo.clone();
    let proxy = goes_down(
        &platform,
        move |line| line.starts_with(hit),
        move || hippo.nomad(false),
    );
    let url = format!("http://{}", proxy.address());
    let down = user.deploy(&["--hippo-url", &url]).fails(7);
    let down = down.says("could not do it: Hippo says that");
    assert_eq!(down.json()["error"]["sent"], true);
    platform.hippo.nomad(true);
    let number = version(&user.deploy(&[]).ok());
    platform.runs("shop", &number);
}

#[test]
fn bindle_goes_down_behind_hippo_in_the_middle() {
    for (hit, earlier) in [("POST /api/apps", false), ("POST /api/revisions", true)] {
        let bindle = Bindle::start(Release::V0_8, &Options::default());
        let up = Arc::new(AtomicBool::new(true));
        let seen = up.clone();
        let behind = Proxy::cutting(address(&bindle.url()), Moment::Before, move |_| {
            !seen.load(Ordering::SeqCst)
        });
        let url = format!("http://{}/v1", behind.address());
        let platform = Platform::of(bindle, &url, &[]);
        let user = User::of(&platform);
        if earlier {
            user.deploy(&[]).ok();
            user.changes("0.2.0");
        }
        let switch = up.clone();
        let proxy = goes_down(
            &platform,
            move |line| line.starts_with(hit),
            move || switch.store(false, Ordering::SeqCst),
        );
        let url = format!("http://{}", proxy.address());
        let down = user.deploy(&["--hippo-url", &url]);
        if earlier {
            // The row is there, and what Hippo wanted to know of the bindle is not needed to run it.
            down.ok();
        } else {
            down.fails(7)
                .says("could not do it: Hippo says that Bindle is not healthy");
        }
        up.store(true, Ordering::SeqCst);
        let number = version(&user.deploy(&[]).ok());
        platform.runs("shop", &number);
    }
}

#[test]
fn hippo_goes_away_in_the_middle() {
    let platform = Platform::start();
    let user = User::of(&platform);
    let gone = Arc::new(AtomicBool::new(false));
    let proxy = Proxy::cutting(
        address(platform.hippo.url()),
        Moment::BeforeAnswer,
        move |r| {
            let is_it = r.method == "POST" && r.target == "/api/channels";
            gone.fetch_or(is_it, Ordering::SeqCst) || is_it
        },
    );
    let url = format!("http://{}", proxy.address());
    let away = user.deploy(&["--hippo-url", &url]).fails(7);
    let away = away.says("does not hold").says("run it again");
    assert_eq!(away.json()["error"]["sent"], true);
    let number = version(&user.deploy(&[]).ok());
    platform.runs("shop", &number);
}

#[test]
fn hippo_that_is_busy_for_a_moment_is_waited_for() {
    let platform = Platform::start();
    let user = User::of(&platform);
    for request in ["GET /api/apps", "POST /api/auth-tokens"] {
        platform.hippo.fail(&crate::harness::servers::Fault {
            request,
            times: 1,
            status: 503,
            after_save: false,
        });
        user.changes(&format!("0.{}.0", request.len()));
        let deployed = user.deploy(&[]);
        let number = version(&deployed.ok());
        platform.runs("shop", &number);
    }
}
