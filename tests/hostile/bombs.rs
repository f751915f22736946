//! More than is allowed, of everything: each ends by its own limit, which the user reads with its flag.

use std::fs;

use super::attempt::{Attempt, soon};
use super::components::starting;
use super::listener::Listener;
use crate::harness::app::hello_wasm;
use crate::harness::run::Finished;
use crate::harness::sha256;

fn ends(behaviour: &str, flag: &str, value: &str) -> Finished {
    let digest = sha256(&hello_wasm());
    let attempt = Attempt::new().behaving(behaviour).with("--digest", digest);
    soon(|| attempt.with(flag, value).run())
}

#[test]
fn an_endless_loop() {
    ends("loop", "--max-compute", "200ms")
        .fails(70)
        .says("exceeded its computing time limit of 0.2 s")
        .says("--max-compute");
}

#[test]
fn an_endless_loop_of_host_calls() {
    ends("host-calls", "--timeout", "500ms")
        .fails(70)
        .says("exceeded its time limit of 0.5 s")
        .says("--timeout");
}

#[test]
fn an_endless_sleep() {
    let attempt = Attempt::new()
        .behaving("sleep")
        .with("--milliseconds", "3600000");
    let ended = soon(|| attempt.with("--timeout", "500ms").run());
    ended.fails(70).says("exceeded its time limit of 0.5 s");
}

#[test]
fn a_memory_bomb() {
    ends("memory", "--max-memory", "32MiB")
        .fails(70)
        .says("exceeded its memory limit of 32 MiB")
        .says("--max-memory");
}

#[test]
fn bombs_of_handles_streams_random_bytes_and_headers() {
    for (behaviour, said) in [
        ("resources", "exceeded its open resources limit of 1024"),
        ("streams", "exceeded its open contents limit of 128"),
        ("random", "limit of 64 KiB"),
        ("data", "limit of 32 MiB"),
        ("fields", "limit of 64 KiB"),
    ] {
        ends(behaviour, "--max-compute", "30s")
            .fails(70)
            .says("plugin `hostile` exceeded its")
            .says(said);
    }
}

#[test]
fn crashes() {
    for (behaviour, said) in [
        ("panic", "it panicked or aborted"),
        ("trap", "it panicked or aborted"),
        ("exit", "it exited with status 1 instead of answering"),
        ("overflow", "as after a stack overflow"),
    ] {
        let crashed = ends(behaviour, "--max-compute", "30s").fails(70);
        crashed
            .says("plugin `hostile` crashed")
            .says(said)
            .says("fault of the plugin");
    }
}

/// Memory and tables that a component asks for before its first instruction.
#[test]
fn memories_and_tables_of_a_component() {
    let memory = "exceeded its memory limit of 256 MiB";
    let bombs = [
        ("(memory 5000)".to_owned(), 1, memory),
        ("(memory 1024)".to_owned(), 5, memory),
        ("(table 0x4000000 funcref)".to_owned(), 1, memory),
        ("(table 0x1000000 funcref)".to_owned(), 3, memory),
        (
            "(memory 1) (func $f (loop $l (drop (memory.grow (i32.const 1))) (br $l))) (start $f)".to_owned(),
            1,
            "exceeded its",
        ),
        (
            "(table 1 funcref) (func $f (loop $l (drop (table.grow (ref.null func) (i32.const 1000))) (br $l))) (start $f)"
                .to_owned(),
            1,
            "exceeded its",
        ),
    ];
    for (module, instances, said) in bombs {
        let attempt = Attempt::component(&starting(&module, instances));
        attempt
            .with("--max-compute", "1s")
            .run()
            .fails(70)
            .says(said);
    }
    let attempt = Attempt::component(&starting("(memory 4)", 3));
    let fits = attempt.run();
    assert!(!fits.stderr.contains("exceeded"), "{fits}");
}

#[test]
fn memories_of_64_bits() {
    for memory in ["(memory i64 1)", "(memory i64 0x100000000)"] {
        let attempt = Attempt::component(&starting(memory, 1));
        attempt
            .run()
            .fails(6)
            .says("plugin `hostile` cannot be loaded");
    }
}

#[test]
fn a_stack_bomb() {
    let module = "(func $f (call $f)) (start $f)";
    let attempt = Attempt::component(&starting(module, 1));
    attempt
        .run()
        .fails(70)
        .says("plugin `hostile` crashed")
        .says("its stack overflowed");
    // Frames of many values, which are few for their depth.
    let locals = "(local i64 i64 i64 i64 i64 i64 i64 i64)".repeat(1000);
    let module = format!("(func $f {locals} (call $f)) (start $f)");
    let attempt = Attempt::component(&starting(&module, 1));
    attempt.run().fails(70).says("its stack overflowed");
}

/// A component has things of its own too, of which the host keeps the table.
#[test]
fn a_bomb_of_its_own_handles() {
    let component = r#"
        (type $thing (resource (rep i32)))
        (core func $new (canon resource.new $thing))
        (core instance $things (export "new" (func $new)))
        (core module $many
            (import "things" "new" (func $new (param i32) (result i32)))
            (func $f (loop $l (drop (call $new (i32.const 1))) (br $l)))
            (start $f))
        (core instance (instantiate $many (with "things" (instance $things))))
    "#;
    let attempt = Attempt::component(&super::components::with(component));
    attempt
        .run()
        .fails(70)
        .says("exceeded its handles limit of 4096");
}

/// A module with one function: variables that each loop of many may have changed.
fn tangled(variables: usize, loops: usize) -> String {
    let changes: String = (0..variables)
        .map(|n| format!("local.get {n} i32.const 1 i32.add local.set {n} "))
        .collect();
    format!(
        "(func (local {}) {} {changes} {})",
        "i32 ".repeat(variables),
        "loop ".repeat(loops),
        "local.get 0 br_if 0 end ".repeat(loops)
    )
}

/// Nothing of it runs: compiling it is what would take hours and all memory.
#[test]
fn a_bomb_for_the_compiler() {
    let large = format!("(func {})", "i32.const 1 drop ".repeat(400_000));
    for (module, said) in [
        (tangled(10_000, 10_000), "10000 variables in 10000 blocks"),
        (large, "one of its functions is larger than 1 MiB"),
        ("(func)".repeat(250_001), "more than 250000 functions"),
    ] {
        let attempt = Attempt::component(&starting(&module, 1));
        soon(|| attempt.run())
            .fails(6)
            .says("plugin `hostile` cannot be loaded")
            .says(said);
    }
    let types = "(type (list u8))".repeat(100_001);
    let attempt = Attempt::component(&super::components::with(&types));
    soon(|| attempt.run())
        .fails(6)
        .says("more than 100000 types");
}

#[test]
fn a_compilation_without_end() {
    let attempt = Attempt::component(&starting(&tangled(900, 1_000), 1));
    let attempt = attempt.with("--max-compile", "500ms");
    soon(|| attempt.run())
        .fails(70)
        .says("plugin `hostile` exceeded its compiling time limit of 0.5 s")
        .says("--max-compile");
}

#[test]
fn an_output_bomb() {
    let flooded = Attempt::new().behaving("flood").flag("-v").run().ok();
    assert!(flooded.stderr.contains("[cut after 1 MiB]"));
    assert!(flooded.stderr.len() < 4 << 20, "{}", flooded.stderr.len());
    // Nobody asked for it.
    let quiet = Attempt::new().behaving("flood").run().ok();
    assert!(quiet.stderr.len() < 4096, "{}", quiet.stderr.len());
}

/// What a plugin shows while it runs ends up in the log of a runner.
#[test]
fn a_log_bomb() {
    for behaviour in ["flood-steps", "flood-codes"] {
        let server = Listener::start();
        let attempt = Attempt::naming(&server.url("/")).behaving(behaviour);
        let flooded = attempt.run().ok();
        assert!(flooded.stderr.contains("not shown"), "{behaviour}");
        assert!(
            flooded.stderr.len() < 2 << 20,
            "{behaviour}: {}",
            flooded.stderr.len()
        );
    }
}

#[test]
fn a_bomb_of_requests() {
    let trap = Listener::trap("127.0.0.1:0");
    let attempt = Attempt::new()
        .behaving("flood-requests")
        .with("--authority", trap.address().to_string())
        .with("--max-requests", "300");
    let ended = attempt.run();
    assert!(ended.stderr.len() < 200_000, "{}", ended.stderr.len());
    let log = fs::read_to_string(attempt.machine.audit_log()).unwrap();
    let lines = log
        .lines()
        .filter(|line| line.contains("\"request\""))
        .count();
    assert!((300..310).contains(&lines), "{lines}");
    assert!(log.contains("300 requests"), "{log}");
    trap.heard_nothing();
}

#[test]
fn a_report_without_end() {
    let reported = Attempt::new()
        .behaving("flood-changes")
        .with("--output", "json")
        .run();
    reported.fails(70).says("limit of 32 MiB");
}
