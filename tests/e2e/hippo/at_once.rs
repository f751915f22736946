//! Two deploys of one app at once: one of them runs afterwards, and whoever did not win is told or followed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rstest::rstest;

use super::platform::{Platform, User, is_write};
use crate::harness::proxy::{Moment, Proxy, Then, Verdict};
use crate::harness::run::Finished;
use crate::harness::servers::address;

/// A deploy to this app. It waits for nothing: whoever is overtaken only then would wait in vain.
const TO: [&str; 3] = ["--readiness-timeout", "0", "--name"];

/// What a deploy of this app would be called on Hippo.
fn number(user: &User, name: &str) -> String {
    let plan = user.run("plan", &["--name", name]).ok().json();
    let changes = plan["changes"].as_array().unwrap();
    let revision = changes.iter().find(|it| it["kind"] == "revision").unwrap();
    revision["name"].as_str().unwrap().to_owned()
}

/// Whether it won; where not, it is told that somebody else did.
#[track_caller]
fn won(finished: &Finished) -> bool {
    match finished.status.code() {
        Some(0) => true,
        Some(9) => {
            let said = finished.json()["error"]["message"].to_string();
            assert!(said.contains("at the same time"), "{finished}");
            false
        }
        _ => panic!("{finished}"),
    }
}

/// That one of the two runs, and it is the one that was not told otherwise.
#[track_caller]
fn one_runs(platform: &Platform, name: &str, runs: &[(Finished, String)]) {
    let of_app = |bindle: &String| bindle.starts_with(&format!("{name}/"));
    let starts: Vec<_> = platform.hippo.starts().into_iter().filter(of_app).collect();
    let last = starts.last().unwrap();
    let winner = runs
        .iter()
        .find(|(_, number)| *last == format!("{name}/{number}"))
        .unwrap_or_else(|| panic!("{last}"));
    match runs.iter().all(|(finished, _)| won(finished)) {
        true => platform.runs(name, &winner.1),
        false => platform.runs_at_least(name, &winner.1),
    };
    assert!(runs.iter().any(|(finished, _)| won(finished)));
    for (finished, number) in runs {
        assert!(won(finished) || *number != winner.1, "{finished}");
    }
}

/// The whole of another deploy at every request that changes something.
#[rstest]
#[case::of_an_app_that_is_new(&[], false, Moment::Before)]
#[case::of_an_app_that_is_new_unheard(&[], false, Moment::BeforeAnswer)]
#[case::of_an_app_that_runs(&[], true, Moment::Before)]
#[case::of_an_app_that_runs_unheard(&[], true, Moment::BeforeAnswer)]
#[case::of_an_app_that_runs_on_0_18(&["--api", "0.18"], true, Moment::Before)]
#[case::of_an_app_that_runs_on_0_12_unheard(&["--api", "0.12"], true, Moment::BeforeAnswer)]
fn a_deploy_in_the_middle_of_another_leaves_one_of_them(
    #[case] flags: &[&str],
    #[case] earlier: bool,
    #[case] moment: Moment,
) {
    let platform = Platform::with(flags);
    let [user, other] = [(); 2].map(|()| User::of(&platform));
    let other = Arc::new(other);
    other.changes("0.3.0");
    for n in 1.. {
        let name = format!("shop{n}");
        if earlier {
            user.changes("0.1.0");
            user.deploy(&["--name", &name]).ok();
        }
        user.changes("0.2.0");
        let numbers = [&user, &*other].map(|user| number(user, &name));

        let (writes, inner) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let (seen, result, by, of) = (writes.clone(), inner.clone(), other.clone(), name.clone());
        let proxy = Proxy::with(address(platform.hippo.url()), move |r| {
            let is_it = is_write(&format!("{} {}", r.method, r.target))
                && seen.fetch_add(1, Ordering::SeqCst) + 1 == n;
            if !is_it {
                return Verdict::Forward;
            }
            let (result, by, of) = (result.clone(), by.clone(), of.clone());
            let act = move || {
                let finished = by.start("deploy", &[&TO[..], &[&of]].concat()).finish();
                *result.lock().unwrap() = Some(finished);
                Then::Continue
            };
            Verdict::At(moment, Box::new(act))
        });
        let url = format!("http://{}", proxy.address());
        let outer = user.deploy(&[&TO[..], &[&name, "--hippo-url", &url]].concat());
        let Some(inner) = inner.lock().unwrap().take() else {
            outer.ok();
            assert!(n > 2, "{n}");
            return;
        };
        let [first, second] = numbers;
        one_runs(&platform, &name, &[(outer, first), (inner, second)]);
    }
}

#[test]
fn two_deploys_at_once_leave_one_of_them() {
    let platform = Platform::start();
    let users = [(); 2].map(|()| User::of(&platform));
    for (round, app) in ["new", "new2", "new", "new2"].into_iter().enumerate() {
        for (user, which) in users.iter().zip(1..) {
            user.changes(&format!("0.{round}.{which}"));
        }
        let numbers: Vec<_> = users.iter().map(|user| number(user, app)).collect();
        let running: Vec<_> = users
            .iter()
            .map(|user| user.start("deploy", &[&TO[..], &[app]].concat()))
            .collect();
        let runs: Vec<_> = running
            .into_iter()
            .map(crate::harness::run::Running::finish)
            .zip(numbers)
            .collect();
        one_runs(&platform, app, &runs);
    }
}

/// Of one version there is nothing to win.
#[rstest]
#[case::as_it_was_read(&[])]
#[case::active_revision_goes(&["--inferred", "active-revision-goes"])]
#[case::of_0_18(&["--api", "0.18"])]
fn one_version_twice_at_once_is_registered_once(#[case] flags: &[&str]) {
    let platform = Platform::with(flags);
    let users = [(); 2].map(|()| User::of(&platform));
    for app in ["new", "new2"] {
        let number = number(&users[0], app);
        let running =
            [&users[0], &users[1]].map(|user| user.start("deploy", &[&TO[..], &[app]].concat()));
        for run in running {
            run.finish().ok();
        }
        platform.runs(app, &number);
    }
}
