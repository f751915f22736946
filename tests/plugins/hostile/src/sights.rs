//! What there is to see, and what there is to show.

use std::io::Read as _;

use crate::option;
use crate::spin_deployer::api::failures::Error;
use crate::spin_deployer::api::progress::{Step, device_code as show};
use crate::spin_deployer::api::{app, options};

pub fn look() -> Vec<String> {
    let mut input = String::new();
    let read = std::io::stdin().read_to_string(&mut input);
    vec![
        format!("arguments {}", std::env::args().count()),
        format!("environment {}", std::env::vars().count()),
        format!("input {read:?} {input:?}"),
        format!(
            "terminal {}",
            std::io::IsTerminal::is_terminal(&std::io::stdout())
        ),
        format!(
            "preopens {}",
            wasip2::filesystem::preopens::get_directories().len()
        ),
        format!("root {}", std::fs::read_dir("/").is_ok()),
        format!("passwd {}", std::fs::read("/etc/passwd").is_ok()),
        format!("unknown option {:?}", options::get("nobody").is_some()),
    ]
}

pub fn print() -> Vec<String> {
    println!("to stdout");
    eprintln!("to stderr");
    vec![]
}

pub fn app() -> Vec<String> {
    let mut seen = vec![
        format!("name {}", app::name()),
        format!("version {:?}", app::version()),
        format!("locked {}", app::locked()),
        format!("fingerprint {}", app::fingerprint()),
    ];
    for component in app::components() {
        seen.push(format!(
            "component {} {}",
            component.id, component.wasm_size
        ));
        let archive = app::archive(&component.id).unwrap();
        seen.push(format!("archive {} {}", archive.digest(), archive.size()));
        seen.push(format!(
            "bytes {:?}",
            archive.bytes().map(|b| b.len()).map_err(message)
        ));
        for length in [8, u64::MAX] {
            let head = archive.head(length).map(|b| b.len()).map_err(message);
            seen.push(format!("head {head:?}"));
        }
        let past = archive.read(archive.size(), Some(1)).err().map(message);
        seen.push(format!("past the end {past:?}"));
    }
    let unknown = app::open("sha256:00").err().map(message);
    seen.push(format!("unknown {unknown:?}"));
    seen.push(format!(
        "no archive {:?}",
        app::archive("nobody").err().map(message)
    ));
    seen
}

pub fn steps() -> Vec<String> {
    let done = Step::new("Push layers");
    done.expect(10);
    done.skip(4);
    done.detail("half way");
    done.done(Some("4 skipped"));
    done.detail("not heard");
    drop(Step::new("Dropped"));
    let long = Step::new(&"x".repeat(10_000));
    long.done(None);
    std::mem::forget(Step::new("Forgotten"));
    vec![]
}

pub fn steps_and_trap() -> ! {
    let _step = Step::new("Interrupted");
    core::arch::wasm32::unreachable()
}

pub fn device_code() -> Vec<String> {
    show(&option("url"), "ABCD");
    vec!["shown".into()]
}

/// The same at the place of the option `authority`.
pub fn device_code_elsewhere() -> Vec<String> {
    show(&option("authority"), "ABCD");
    vec!["shown".into()]
}

/// Steps without end, each with a label of its own.
pub fn flood_steps() -> Vec<String> {
    for n in 0..50_000 {
        let step = Step::new(&format!("{n} {}", "x".repeat(400)));
        step.done(Some(&"y".repeat(400)));
    }
    vec!["flooded".into()]
}

/// The same of codes to type, at a place where it may send the user.
pub fn flood_codes() -> Vec<String> {
    for n in 0..50_000 {
        show(&option("url"), &format!("{n} {}", "x".repeat(400)));
    }
    vec!["flooded".into()]
}

/// More lines than anybody reads.
pub fn flood_changes() -> Vec<String> {
    vec!["x".repeat(1000); 100_000]
}

fn message(error: Error) -> String {
    match error {
        Error::NotFound(failure) | Error::Failed(failure) => failure.message,
        other => format!("{other:?}"),
    }
}
