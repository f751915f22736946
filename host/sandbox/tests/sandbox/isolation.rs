//! A plugin sees nothing of the machine.

use crate::support::World;

#[tokio::test]
async fn there_is_no_environment_no_argument_no_input_and_no_file() {
    // Cargo sets plenty of variables for this very process.
    assert!(std::env::vars().count() > 5);
    let report = World::new("look").report().await;
    assert_eq!(
        report,
        [
            "arguments 0",
            "environment 0",
            "input Ok(0) \"\"",
            "terminal false",
            "preopens 0",
            "root false",
            "passwd false",
            "unknown option false",
        ]
    );
}

#[tokio::test]
async fn what_it_prints_is_kept_apart() {
    let outcome = World::new("print").plan().await;
    outcome.result.unwrap();
    assert_eq!(
        (&*outcome.stdout, &*outcome.stderr),
        ("to stdout\n", "to stderr\n")
    );
}
