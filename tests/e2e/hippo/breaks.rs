//! Whatever ends in the middle is completed by the same command: shown at every request that a command sends, to Hippo and
//! to Bindle. What a dead network does to a push is in `bindle`, what a dead Hippo does in `down`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rstest::rstest;
use rustix::process::{Pid, Signal};

use super::apps;
use super::platform::{Platform, User, version};
use crate::harness::proxy::{Moment, Proxy, Then, Verdict};
use crate::harness::run::signal;
use crate::harness::servers::{Fault, address};

/// What is done when the process is killed.
#[derive(Clone, Copy)]
enum Command {
    Deploy(&'static [&'static str]),
    Rollback,
    Destroy,
}

/// Hippo and Bindle, where whoever sends the nth request is killed once it is answered, before it hears of it. So the nth is
/// all that was done: what is killed before a request is killed after the one before.
struct Deadly {
    hippo: Proxy,
    bindle: Proxy,
    process: Arc<OnceLock<Pid>>,
    came: Arc<AtomicUsize>,
}

impl Deadly {
    fn at(platform: &Platform, n: usize) -> Self {
        let (process, came) = (
            Arc::<OnceLock<Pid>>::default(),
            Arc::<AtomicUsize>::default(),
        );
        let proxy = |url: &str| {
            let (process, came) = (process.clone(), came.clone());
            Proxy::with(address(url), move |_| {
                if came.fetch_add(1, Ordering::SeqCst) + 1 != n {
                    return Verdict::Forward;
                }
                let process = process.clone();
                let kill = move || {
                    signal(*process.wait(), Signal::KILL);
                    Then::Cut
                };
                Verdict::At(Moment::BeforeAnswer, Box::new(kill))
            })
        };
        Self {
            hippo: proxy(platform.hippo.url()),
            bindle: proxy(&platform.bindle.url()),
            process,
            came,
        }
    }
}

#[rstest]
#[case::the_first_deploy(&[], &[], Command::Deploy(&["--channel-env", "A=1"]), 15)]
#[case::a_later_deploy(&[], &["0.1.0"], Command::Deploy(&["--channel-env", "A=1"]), 15)]
#[case::a_later_deploy_to_0_18(&["--api", "0.18"], &["0.1.0"], Command::Deploy(&[]), 15)]
#[case::a_later_deploy_to_0_12(&["--api", "0.12"], &["0.1.0"], Command::Deploy(&[]), 15)]
#[case::a_rollback(&[], &["0.1.0", "0.2.0"], Command::Rollback, 6)]
#[case::a_destroy(&[], &["0.1.0", "0.2.0"], Command::Destroy, 5)]
fn what_is_killed_at_any_request_is_completed_by_the_same_command(
    #[case] flags: &[&str],
    #[case] earlier: &[&str],
    #[case] command: Command,
    #[case] fewest: usize,
) {
    let platform = Platform::with(flags);
    let user = User::of(&platform);
    for n in 1.. {
        // Of its own, so that each is as if it were the first.
        let name = format!("shop{n}");
        let mut first = String::new();
        for (wanted, nth) in earlier.iter().zip(0..) {
            apps::write(&user.app, &name, wanted);
            let deployed = user.deploy(&[]).ok();
            if nth == 0 {
                first = version(&deployed);
            }
        }
        if let Command::Deploy(_) = command {
            apps::write(&user.app, &name, "0.9.0");
        }
        let line: Vec<&str> = match command {
            Command::Deploy(more) => more.to_vec(),
            Command::Rollback => vec![&first],
            Command::Destroy => vec!["--yes"],
        };
        let verb = match command {
            Command::Deploy(_) => "deploy",
            Command::Rollback => "rollback",
            Command::Destroy => "destroy",
        };

        let deadly = Deadly::at(&platform, n);
        let [hippo, bindle] = [&deadly.hippo, &deadly.bindle].map(|it| it.address());
        let (hippo, bindle) = (format!("http://{hippo}"), format!("http://{bindle}"));
        let places = ["--hippo-url", &hippo, "--bindle-server", &bindle];
        let running = user.start(verb, &[&line[..], &places].concat());
        deadly.process.set(running.pid()).unwrap();
        let killed = user.told_nothing(running.finish());
        let reached = deadly.came.load(Ordering::SeqCst) >= n;
        if reached {
            killed.killed_by(Signal::KILL);
        } else {
            killed.ok();
        }

        let again = user.run(verb, &line).ok();
        match command {
            Command::Deploy(more) => {
                let channel = platform.runs(&name, &version(&again));
                if !more.is_empty() {
                    assert_eq!(channel["environmentVariables"]["A"], "1");
                }
            }
            Command::Rollback => {
                platform.runs(&name, &first);
            }
            Command::Destroy => {
                let state = platform.hippo.state();
                assert!(!state["apps"].to_string().contains(&name), "{state:#}");
                assert!(!state["jobs"].to_string().contains(&name), "{state:#}");
            }
        }
        if !reached {
            assert!(n > fewest, "{n} requests");
            return;
        }
    }
}

/// What fails with a 500 although it was done, and the same where nothing was done.
#[rstest]
#[case::an_app("POST /api/apps", "", &[])]
#[case::a_channel("POST /api/channels", "", &[])]
#[case::a_revision("POST /api/revisions", "0.1.0", &[])]
#[case::a_change_of_a_channel("PATCH /api/channels/{id}", "0.1.0", &[])]
#[case::a_start("PUT /api/channels/{id}/desired-status", "0.1.0", &[])]
#[case::an_old_app("POST /api/app", "", &["--api", "0.18"])]
#[case::an_old_channel("POST /api/channel", "", &["--api", "0.18"])]
#[case::an_old_channel_anew("POST /api/channel", "0.1.0", &["--api", "0.12"])]
#[case::an_old_revision("POST /api/revision", "0.1.0", &["--api", "0.12"])]
#[case::an_old_channel_that_goes("DELETE /api/channel/{id}", "0.1.0", &["--api", "0.12"])]
fn a_500_after_the_row_was_saved_is_recognised_and_one_before_is_made_good_by_the_next_run(
    #[case] request: &str,
    #[case] earlier: &str,
    #[case] flags: &[&str],
) {
    for after_save in [true, false] {
        let platform = Platform::with(flags);
        let user = User::of(&platform);
        let mut id = String::new();
        if !earlier.is_empty() {
            user.changes(earlier);
            let number = version(&user.deploy(&[]).ok());
            let channel = platform.runs("shop", &number);
            id = channel["id"].as_str().unwrap().to_owned();
        }
        user.changes("0.9.0");
        let request = request.replace("{id}", &id);
        platform.hippo.fail(&Fault {
            request: &request,
            times: 1,
            status: 500,
            after_save,
        });
        let broken = user.deploy(&[]);
        let failed = format!("{request} 500");
        assert!(platform.hippo.requests().contains(&failed), "{broken}");
        // Whether an app was started twice or not at all nobody can tell from a status.
        if after_save && !request.starts_with("PUT ") {
            let number = version(&broken.ok());
            platform.runs("shop", &number);
            continue;
        }
        let broken = broken.fails(1);
        broken.says("could not do it, and does not say why");
        let number = version(&user.deploy(&[]).ok());
        platform.runs("shop", &number);
    }
}
