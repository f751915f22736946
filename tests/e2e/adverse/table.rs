//! Every command, with what it needs in a [`World`](super::world::World).

use super::world::bare;

/// A line of each; it ends well, but for the last one.
pub(super) const COMMANDS: [&str; 34] = [
    "deploy",
    "deploy -t demo",
    "plan",
    "status",
    "history",
    "rollback 1",
    "destroy --yes",
    "login -t demo",
    "logout -t demo",
    "logout --all",
    "inspect",
    "targets",
    "key create new.pem",
    "key show sign.pem",
    "completions bash",
    "plugins install other.wasm --yes",
    "plugins install demo@0.2.0 --yes",
    "plugins upgrade --yes",
    "plugins uninstall demo",
    "plugins list",
    "plugins list --offline",
    "plugins search author",
    "plugins show demo",
    "plugins verify",
    "plugins fetch",
    "plugins fetch --vendor vendor",
    "plugins new shelf",
    "plugins check other.wasm",
    "plugins pack component.wasm",
    "catalog add more catalog",
    "catalog list",
    "catalog remove acme",
    "catalog build catalog",
    PUSH,
];

/// To where nobody listens.
pub(super) const PUSH: &str = "plugins push other.wasm 127.0.0.1:9/acme/other";

/// Its exit code where nothing is missing.
pub(super) fn code(line: &str) -> i32 {
    match line {
        PUSH => 7,
        _ => 0,
    }
}

#[test]
fn no_command_is_missing() {
    let machine = bare();
    for group in ["", "plugins ", "catalog "] {
        let line = format!("{group}--help");
        let help = machine.run(line.split(' ')).ok().stdout;
        let commands = help.split("Commands:\n").nth(1).unwrap();
        let commands = commands.split("\n\n").next().unwrap();
        let names: Vec<&str> = commands
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert!(names.len() > 3, "{help}");
        for name in names {
            let begin = format!("{group}{name} ");
            assert!(
                COMMANDS
                    .iter()
                    .any(|line| format!("{line} ").starts_with(&begin)),
                "no line for `{begin}`"
            );
        }
    }
}
