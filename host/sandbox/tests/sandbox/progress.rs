//! What the user watches.

use std::sync::atomic::Ordering;

use spin_deployer_sandbox::{CallError, StepEvent};

use crate::support::World;

#[tokio::test]
async fn a_step_that_is_not_done_has_failed() {
    let world = World::new("steps");
    world.report().await;
    let steps = world.screen.steps.lock().unwrap();
    let of = |wanted| {
        steps
            .iter()
            .filter(|(id, _)| *id == wanted)
            .map(|(_, e)| e.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of(0),
        [
            StepEvent::Started("Push layers".into()),
            StepEvent::Expect(10),
            StepEvent::Skip(4),
            StepEvent::Detail("half way".into()),
            StepEvent::Done(Some("4 skipped".into())),
        ]
    );
    assert_eq!(
        of(1),
        [StepEvent::Started("Dropped".into()), StepEvent::Failed]
    );
    let long = "x".repeat(500) + "…";
    assert_eq!(of(2), [StepEvent::Started(long), StepEvent::Done(None)]);
    assert_eq!(
        of(3),
        [StepEvent::Started("Forgotten".into()), StepEvent::Failed]
    );
    assert_eq!(world.screen.started.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_crash_fails_the_step_it_happened_in() {
    let world = World::new("steps-trap");
    assert!(matches!(
        world.plan().await.result,
        Err(CallError::Crash(_))
    ));
    let steps = world.screen.steps.lock().unwrap();
    assert_eq!(
        *steps,
        [
            (0, StepEvent::Started("Interrupted".into())),
            (0, StepEvent::Failed)
        ]
    );
}

#[tokio::test]
async fn a_login_address_that_is_refused_ends_the_call() {
    let shown = World::new("device-code").with("url", "https://login.example/device");
    assert_eq!(shown.report().await, ["shown"]);
    let world = World::new("device-code").with("url", "https://evil.example/");
    match world.plan().await.result {
        Err(CallError::Refused(why)) => assert!(why.contains("https://evil.example/"), "{why}"),
        other => panic!("{other:?}"),
    }
}
