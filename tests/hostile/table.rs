//! `docs/security.md` lists threats and the tests that look after them: each of these tests exists, and each of ours is
//! there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Functions and files of the table, paths from the repository's root.
fn named() -> BTreeSet<(String, String)> {
    let document = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let table = document.split("## Threats and tests").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    // The header of the table and the line below it are no rows.
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let tests = rows.flat_map(|row| {
        row.trim_end_matches(" |")
            .rsplit(" | ")
            .next()
            .unwrap()
            .split("<br>")
    });
    tests
        .map(|test| match test.split('`').collect::<Vec<_>>()[..] {
            ["", function, " in ", file, ""] if file.starts_with("tests/") => {
                (function.to_owned(), file.to_owned())
            }
            ["", function, " in ", file, ""] => (function.to_owned(), format!("host/{file}")),
            _ => panic!("no `test` in `file`: {test}"),
        })
        .collect()
}

#[test]
fn every_test_that_the_documentation_names_exists() {
    for (function, file) in named() {
        let source =
            fs::read_to_string(root().join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(
            source.contains(&format!("fn {function}(")),
            "{file} has no {function}"
        );
    }
}

#[test]
fn every_attempt_is_in_the_documentation() {
    let named = named();
    for entry in fs::read_dir(root().join("tests/hostile")).unwrap() {
        let file = format!(
            "tests/hostile/{}",
            entry.unwrap().file_name().to_str().unwrap()
        );
        if file.ends_with("/table.rs") {
            continue;
        }
        let source = fs::read_to_string(root().join(&file)).unwrap();
        for test in source.split("#[test]\nfn ").skip(1) {
            let function = test.split('(').next().unwrap().to_owned();
            assert!(
                named.contains(&(function.clone(), file.clone())),
                "{function} of {file} is in no row"
            );
        }
    }
}
