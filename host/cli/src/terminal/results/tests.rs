use spin_deployer_deploy::report::{
    Action, Change, DeployReport, PlanReport, PluginId, Release, ReleasesReport, Route, SCHEMA,
    Transferred,
};

use super::*;

fn plugin() -> PluginId {
    PluginId {
        name: "oci".into(),
        version: "0.1.0".into(),
        digest: "sha256:00".into(),
    }
}

fn hello() -> AppId {
    AppId {
        name: "hello".into(),
        version: Some("1.0.0".into()),
        fingerprint: "f".into(),
    }
}

fn example(id: &str, active: bool) -> Release {
    Release {
        id: id.into(),
        version: None,
        artifact: Some(format!("x@sha256:{}", "ab".repeat(32))),
        created: None,
        active,
        state: None,
        routes: vec![Route {
            name: "main".into(),
            url: "https://example.com/".into(),
        }],
    }
}

fn change(action: Action, name: &str, bytes: Option<u64>) -> Change {
    Change {
        action,
        kind: "layer".into(),
        name: name.into(),
        detail: None,
        bytes,
    }
}

#[test]
fn a_plan_lines_up_and_adds_up() {
    let changes = vec![
        change(
            Action::Upload,
            &format!("sha256:{}", "ab".repeat(32)),
            Some(1_500_000),
        ),
        change(Action::Upload, "b", Some(500_000)),
        change(Action::Keep, "c", Some(9_000_000)),
    ];
    let report = PlanReport {
        schema: SCHEMA,
        target: "prod".into(),
        plugin: plugin(),
        app: hello(),
        changes,
        effects: vec!["POST https://hippo.example.com/**/api/auth-tokens".into()],
        sent: vec!["POST https://hippo.example.com/api/auth-tokens".into()],
        findings: vec![],
    };
    assert_eq!(
        planned(&report),
        "Plan for hello 1.0.0 on prod\n  \
         ^ upload  layer  sha256:abababababab    1.50 MB\n  \
         ^ upload  layer  b                    500.00 kB\n  \
         = keep    layer  c                      9.00 MB\n\
         2 to upload (2.00 MB), 1 to keep\n\
         To ask, the plan itself sent\n  \
         POST https://hippo.example.com/api/auth-tokens\n"
    );
    // What only might have been sent is in the document.
    let quiet = planned(&PlanReport {
        sent: vec![],
        ..report
    });
    assert!(!quiet.contains("hippo"), "{quiet}");
}

#[test]
fn a_deploy_says_what_the_next_command_needs_in_full() {
    let transferred = Transferred {
        bytes: 2_000_000,
        skipped_bytes: 1_000,
        requests: 7,
    };
    let report = DeployReport {
        schema: SCHEMA,
        target: "prod".into(),
        plugin: plugin(),
        app: hello(),
        release: example("3", true),
        transferred,
        ready: Some(true),
        seconds: 1.25,
        lock: None,
        findings: vec![],
    };
    let digest = "ab".repeat(32);
    assert_eq!(
        deployed(&report),
        format!(
            "Deployed hello 1.0.0 to prod in 1.2 s\n  \
             release   3\n  \
             artifact  x@sha256:{digest}\n  \
             route     main https://example.com/\n  \
             sent      2.00 MB in 7 requests, 1.00 kB skipped\n  \
             ready     yes\n"
        )
    );
}

#[test]
fn history_marks_the_active_release_and_cannot_be_drawn_over() {
    let report = ReleasesReport {
        schema: SCHEMA,
        target: "prod".into(),
        plugin: plugin(),
        releases: vec![example("2\n*  9", false), example("1", true)],
    };
    assert_eq!(
        history(&report),
        "   ID          ARTIFACT\n   \
         2\\u{a}*  9  x@sha256:abababababab\n\
         *  1           x@sha256:abababababab\n"
    );
}

#[test]
fn the_platforms_own_word_for_a_state_is_shown_and_cannot_draw() {
    let state = |state: &str| Release {
        state: Some(state.into()),
        artifact: None,
        routes: vec![],
        ..example("1", true)
    };
    let report = |releases| ReleasesReport {
        schema: SCHEMA,
        target: "prod".into(),
        plugin: plugin(),
        releases,
    };
    assert_eq!(
        history(&report(vec![state("running"), state("\u{1b}[2Jdead\n")])),
        "   ID  STATE\n*  1   running\n*  1   \\u{1b}[2Jdead\\u{a}\n"
    );
    assert_eq!(
        status(&report(vec![state("pending\n  release  2")])),
        "Active on prod\n  release  1\n  state    pending\\u{a}  release  2\n"
    );
}

#[test]
fn what_will_be_removed_is_listed_as_a_plan() {
    let changes = [
        change(Action::Delete, "a\nb", None),
        change(Action::Keep, "c", None),
    ];
    assert_eq!(
        removal("prod", Some(&changes)),
        "Destroy on prod\n  - delete  layer  a\\u{a}b\n  = keep    layer  c\n1 to delete, 1 to keep\n"
    );
}

#[test]
fn nothing_there_is_said_so() {
    let report = ReleasesReport {
        schema: SCHEMA,
        target: "prod".into(),
        plugin: plugin(),
        releases: vec![],
    };
    assert_eq!(history(&report), "No release on prod\n");
    assert_eq!(status(&report), "No active release on prod\n");
}
