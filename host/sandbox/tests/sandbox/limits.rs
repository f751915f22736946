//! Each limit ends the plugin that breaks it, and is reported by its own name.

use std::time::{Duration, Instant};

use spin_deployer_sandbox::{CallError, LimitKind, Limits, Verified};

use crate::support::{ENGINE, World, hostile};

/// A broken limit comes back long before this.
const SOON: Duration = Duration::from_secs(30);

async fn broken(world: &World) -> (LimitKind, String) {
    let began = Instant::now();
    let outcome = world.plan().await;
    assert!(began.elapsed() < SOON, "took {:?}", began.elapsed());
    match outcome.result {
        Err(CallError::Limit(limit)) => (limit.kind, limit.to_string()),
        other => panic!("{other:?}\n{}", outcome.stderr),
    }
}

fn world(behaviour: &str, limits: Limits) -> World {
    World {
        limits,
        ..World::new(behaviour)
    }
}

#[tokio::test]
async fn an_endless_loop_ends_with_its_computing_time() {
    let limits = Limits {
        compute: Duration::from_millis(200),
        ..Limits::default()
    };
    let (kind, said) = broken(&world("loop", limits)).await;
    assert_eq!(kind, LimitKind::Compute);
    assert_eq!(said, "exceeded its computing time limit of 0.2 s");
}

#[tokio::test]
async fn waiting_is_not_computing() {
    let limits = Limits {
        compute: Duration::from_millis(400),
        ..Limits::default()
    };
    let report = world("sleep", limits)
        .with("milliseconds", "900")
        .report()
        .await;
    assert_eq!(report, ["slept"]);
}

#[tokio::test]
async fn endless_host_calls_end_with_the_calls_time() {
    let limits = Limits {
        wall: Duration::from_millis(300),
        ..Limits::default()
    };
    let (kind, said) = broken(&world("host-calls", limits)).await;
    assert_eq!(kind, LimitKind::Wall);
    assert_eq!(said, "exceeded its time limit of 0.3 s");
}

#[tokio::test]
async fn an_hours_sleep_ends_with_the_calls_time() {
    let limits = Limits {
        wall: Duration::from_millis(300),
        ..Limits::default()
    };
    let (kind, _) = broken(&world("sleep", limits).with("milliseconds", "3600000")).await;
    assert_eq!(kind, LimitKind::Wall);
}

#[tokio::test]
async fn other_work_goes_on_while_a_plugin_computes() {
    // One thread for everything: without a yield at each tick the loop would be alone on it until its limit.
    let limits = Limits {
        compute: Duration::from_secs(20),
        ..Limits::default()
    };
    let world = world("loop", limits);
    // Compiled before the clock starts.
    hostile();
    tokio::select! {
        outcome = world.plan() => panic!("{:?}", outcome.result),
        () = tokio::time::sleep(Duration::from_millis(300)) => {}
    }
}

#[tokio::test]
async fn a_memory_bomb_is_told_from_a_crash() {
    let limits = Limits {
        memory: 64 << 20,
        ..Limits::default()
    };
    let (kind, said) = broken(&world("memory", limits)).await;
    assert_eq!(kind, LimitKind::Memory);
    assert_eq!(said, "exceeded its memory limit of 64 MiB");
}

/// A component of several core instances, each within the limit. What it exports is never reached.
fn many(definition: &str, instances: usize) -> String {
    let instances = "(core instance (instantiate $m))".repeat(instances);
    format!(
        r#"(component
            (core module $m {definition})
            {instances}
            (core module $f (func (export "f")))
            (core instance $i (instantiate $f))
            (func $f (canon lift (core func $i "f")))
            (instance $deployer (export "plan" (func $f)) (export "deploy" (func $f)))
            (export "spin-deployer:api/deployer@0.2.0" (instance $deployer)))"#
    )
}

#[tokio::test]
async fn many_memories_and_tables_have_one_limit_together() {
    let world = World::new("look");
    // 64 MiB each: four fit into 256 MiB, five do not. 16 Mi references of 8 bytes each: 128 MiB.
    for (definition, fits) in [("(memory 1024)", 4), ("(table 0x1000000 funcref)", 2)] {
        let refused = async |instances| {
            let wasm = wat::parse_str(many(definition, instances)).unwrap();
            let code = ENGINE.compile(&wasm, &Limits::default()).unwrap();
            let plugin = ENGINE.load(Verified::new(&code).unwrap()).unwrap();
            let outcome = plugin.plan(world.ports(), Limits::default()).await;
            matches!(outcome.result, Err(CallError::Limit(limit)) if limit.kind == LimitKind::Memory)
        };
        assert!(!refused(fits).await, "{fits} x {definition}");
        assert!(refused(fits + 1).await, "{} x {definition}", fits + 1);
    }
}

#[tokio::test]
async fn things_of_the_host_are_counted() {
    let (kind, said) = broken(&World::new("resources")).await;
    assert_eq!(kind, LimitKind::Resources);
    assert_eq!(said, "exceeded its open resources limit of 1024");
}

#[tokio::test]
async fn handles_are_counted() {
    let limits = Limits {
        resources: 100_000,
        ..Limits::default()
    };
    let (kind, _) = broken(&world("resources", limits)).await;
    assert_eq!(kind, LimitKind::Handles);
}

#[tokio::test]
async fn contents_that_are_read_are_counted() {
    assert_eq!(broken(&World::new("streams")).await.0, LimitKind::Streams);
}

#[tokio::test]
async fn random_bytes_data_and_headers_are_bounded() {
    assert_eq!(broken(&World::new("random")).await.0, LimitKind::Random);
    assert_eq!(broken(&World::new("data")).await.0, LimitKind::HostCallData);
    assert_eq!(
        broken(&World::new("fields")).await.0,
        LimitKind::HeaderFields
    );
}

#[tokio::test]
async fn a_flood_of_output_is_cut_and_the_plugin_goes_on() {
    let outcome = World::new("flood").plan().await;
    assert_eq!(outcome.result.unwrap()[0].name, "printed");
    for text in [outcome.stdout, outcome.stderr] {
        let note = "\n[cut after 1 MiB]\n";
        assert!(text.ends_with(note), "…{}", &text[text.len() - 40..]);
        assert_eq!(text.len(), (1 << 20) + note.len());
    }
}

#[tokio::test]
async fn crashes_are_told_apart() {
    let crash = async |behaviour| {
        let outcome = World::new(behaviour).plan().await;
        match outcome.result {
            Err(CallError::Crash(how)) => (how, outcome.stderr),
            other => panic!("{other:?}"),
        }
    };
    let (how, stderr) = crash("panic").await;
    assert_eq!(how, "it panicked or aborted");
    assert!(stderr.contains("no plan"), "{stderr}");
    assert_eq!(crash("trap").await.0, "it panicked or aborted");
    assert_eq!(
        crash("exit").await.0,
        "it exited with status 1 instead of answering"
    );
    assert_eq!(
        crash("overflow").await.0,
        "it reached outside of its memory, as after a stack overflow"
    );
}
