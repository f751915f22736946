//! `files` give a component what Spin gives it, and nothing from outside of the app whoever wrote the manifest.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::Fixture;
use rstest::rstest;

fn site() -> Fixture {
    Fixture::new()
        .with("assets/a.txt", "a")
        .with("assets/img/b.png", "b")
        .with("assets/img/secret.key", "s")
        .with("data/c.json", "c")
        .with(".deployer/index.json", "{}")
        .with("../outside.txt", "outside")
}

#[rstest]
#[case::glob("files = [\"assets/**/*\"]\nexclude_files = [\"*.key\"]", &["assets/a.txt", "assets/img/b.png"])]
#[case::glob_of_files_only("files = [\"assets/*\"]", &["assets/a.txt"])]
#[case::file("files = [\"data/c.json\"]", &["data/c.json"])]
#[case::dot("files = [\"./data/./c.json\"]", &["data/c.json"])]
#[case::back_and_forth("files = [\"data/../data/*.json\"]", &["data/c.json"])]
#[case::directory_is_doubled("files = [\"data\"]", &["data/data/c.json"])]
#[case::directory_with_slash("files = [\"data/\"]", &["data/data/c.json"])]
#[case::placed_directory("files = [{ source = \"data\", destination = \"/x\" }]", &["x/c.json"])]
#[case::placed_at_the_root("files = [{ source = \"data\", destination = \"/\" }]", &["c.json"])]
#[case::placed_file("files = [{ source = \"data/c.json\", destination = \"/k/named.json\" }]", &["k/named.json"])]
#[case::a_named_file_is_not_excluded(
    "files = [\"assets/img/secret.key\", \"assets/img/*.key\"]\nexclude_files = [\"*.key\"]",
    &["assets/img/secret.key"]
)]
#[case::exclusion_is_by_the_path_in_the_app(
    "files = [{ source = \"assets\", destination = \"/\" }]\nexclude_files = [\"assets/img/*\"]",
    &["a.txt"]
)]
#[case::what_was_deployed_before_is_no_part_of_it(
    "files = [\"*/*.json\", \".deployer/*\"]",
    &["data/c.json"]
)]
#[case::twice_the_same("files = [\"data/*\", \"data/c.json\"]", &["data/c.json"])]
fn files_land_where_spin_puts_them(#[case] fields: &str, #[case] expected: &[&str]) {
    let files = site().component(fields).files();
    assert_eq!(
        files.keys().map(String::as_str).collect::<Vec<_>>(),
        expected
    );
}

#[rstest]
#[case::parent("files = [\"../outside.txt\"]", "outside-app")]
#[case::parent_glob("files = [\"../*.txt\"]", "outside-app")]
#[case::hidden_parent("files = [\"assets/../../outside.txt\"]", "outside-app")]
#[case::parent_behind_a_wildcard("files = [\"*/../../*.txt\"]", "outside-app")]
#[case::wildcard_for_the_parent("files = [\".*/*.txt\"]", "outside-app")]
#[case::absolute("files = [\"/etc/hostname\"]", "outside-app")]
#[case::placed_parent(
    "files = [{ source = \"../outside.txt\", destination = \"/x\" }]",
    "outside-app"
)]
#[case::placed_absolute(
    "files = [{ source = \"/etc/hostname\", destination = \"/x\" }]",
    "outside-app"
)]
#[case::destination(
    "files = [{ source = \"assets\", destination = \"/../../etc\" }]",
    "outside-guest"
)]
#[case::ends_in_parent("files = [\"assets/..\"]", "file-pattern")]
#[case::ends_in_dot("files = [\".\"]", "file-pattern")]
#[case::no_pattern("files = [\"a**/x\"]", "file-pattern")]
#[case::no_exclude_pattern("exclude_files = [\"[\"]", "file-pattern")]
#[case::missing("files = [\"nope\"]", "missing-file")]
#[case::missing_source(
    "files = [{ source = \"nope\", destination = \"/n\" }]",
    "missing-file"
)]
#[case::directory_for_a_file(
    "files = [{ source = \"data/c.json\", destination = \"/\" }]",
    "file-destination"
)]
#[case::slash_after_a_file(
    "files = [{ source = \"data/c.json\", destination = \"/x/\" }]",
    "file-destination"
)]
#[case::file_and_directory(
    "files = [{ source = \"data/c.json\", destination = \"/x\" }, { source = \"data\", destination = \"/x\" }]",
    "file-twice"
)]
fn what_cannot_be_is_refused(#[case] fields: &str, #[case] code: &str) {
    let error = site().component(fields).error();
    assert_eq!(error.code, code, "{error}");
    assert!(error.line.is_some_and(|line| line > 8), "{error}");
}

#[rstest]
#[case::nothing("files = [\"nope/*\"]", &["no-match"])]
#[case::only_directories("files = [\"assets/**\"]", &["no-match"])]
#[case::everything_excluded("files = [\"data/*\"]\nexclude_files = [\"*\"]", &["no-match"])]
#[case::double_name("files = [\"data\"]", &["doubled-directory"])]
#[case::relative_destination("files = [{ source = \"data\", destination = \"x\" }]", &["relative-destination"])]
#[case::key("files = [\"assets/img/secret.key\"]", &["looks-secret"])]
#[case::key_in_a_wildcard("files = [\"assets/**/*\"]", &["looks-secret"])]
#[case::hidden("files = [\"hidden/**/*\"]", &["hidden-files"])]
#[case::hidden_and_meant("files = [\"hidden/.well-known/*\"]", &[])]
#[case::everything("files = [\"*\"]\nexclude_files = [\".*\"]", &["whole-folder"])]
#[case::two_for_one_place(
    "files = [{ source = \"data/c.json\", destination = \"/x\" }, { source = \"assets/a.txt\", destination = \"/x\" }]",
    &["file-twice"]
)]
fn what_is_probably_not_meant_is_warned_about(#[case] fields: &str, #[case] codes: &[&str]) {
    let fixture = site().with("hidden/.well-known/x", "").component(fields);
    assert_eq!(fixture.warnings(), codes);
}

#[cfg(unix)]
mod links_and_other_files {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::Command;

    use super::*;

    fn linked(target: &str, link: &str) -> Fixture {
        let fixture = site();
        symlink(target, fixture.app().join(link)).unwrap();
        fixture
    }

    #[rstest]
    #[case("assets/**/*")]
    #[case("assets/link")]
    #[case("assets/*")]
    fn a_link_that_leads_out_is_refused(#[case] pattern: &str) {
        for target in ["../../outside.txt", "/etc/hostname", "../.."] {
            let fixture =
                linked(target, "assets/link").component(&format!("files = [\"{pattern}\"]"));
            assert_eq!(fixture.error().code, "outside-app", "{target}");
        }
    }

    #[test]
    fn a_wasm_that_is_a_link_out_is_refused() {
        let fixture = site().with("../other.wasm", common::WASM);
        fs::remove_file(fixture.app().join("app.wasm")).unwrap();
        symlink("../other.wasm", fixture.app().join("app.wasm")).unwrap();
        assert_eq!(fixture.component("").error().code, "outside-app");
    }

    #[test]
    fn an_excluded_link_out_does_no_harm() {
        let fixture = linked("/etc", "assets/link")
            .component("files = [\"assets/**/*\"]\nexclude_files = [\"assets/link\", \"*.key\"]");
        assert_eq!(fixture.files().len(), 2);
    }

    #[test]
    fn a_link_that_stays_inside_is_followed() {
        let fixture = linked("../data", "assets/link")
            .component("files = [\"assets/link/*\", \"assets/link/c.json\"]");
        assert_eq!(
            fixture.files(),
            BTreeMap::from([("assets/link/c.json".into(), "c".into())])
        );
    }

    #[rstest]
    #[case("..")]
    #[case(".")]
    fn a_loop_of_directories_ends(#[case] target: &str) {
        let fixture = linked(target, "assets/loop").component("files = [\"assets/**/*\"]");
        assert_eq!(fixture.refused()[0].code, "directory-loop");
    }

    #[test]
    fn a_link_to_itself_ends() {
        let fixture = linked("loop", "assets/loop").component("files = [\"assets/loop\"]");
        assert_eq!(fixture.error().code, "directory-loop");
    }

    #[test]
    fn a_link_to_nothing_is_left_out_with_a_word() {
        let fixture = linked("nowhere", "data/link").component("files = [\"data/*\"]");
        assert_eq!(
            (fixture.files().len(), fixture.warnings()),
            (1, vec!["missing-file"])
        );
    }

    #[test]
    fn a_pipe_is_refused_by_name_and_left_out_of_a_pattern() {
        let fixture = site();
        assert!(
            Command::new("mkfifo")
                .arg(fixture.app().join("data/pipe"))
                .status()
                .unwrap()
                .success()
        );
        let fixture = fixture.component("files = [\"data/pipe\"]");
        assert_eq!(fixture.error().code, "not-a-file");
        let fixture = fixture.component("files = [\"data/*\"]");
        assert_eq!(
            (fixture.files().len(), fixture.warnings()),
            (1, vec!["not-a-file"])
        );
    }

    #[test]
    fn a_name_that_is_not_utf8_is_an_error() {
        let fixture = site();
        fs::write(
            fixture
                .app()
                .join("data")
                .join(OsStr::from_bytes(b"\xff.txt")),
            "x",
        )
        .unwrap();
        assert_eq!(
            fixture.component("files = [\"data/*\"]").error().code,
            "not-utf8"
        );
    }

    #[rstest]
    #[case("line\nbreak.txt")]
    #[case("a\\..\\b.txt")]
    fn a_name_that_not_every_platform_reads_alike_is_an_error(#[case] name: &str) {
        let fixture = site().with(&format!("data/{name}"), "x");
        let fixture = fixture.component("files = [\"data/*\"]");
        assert_eq!(fixture.error().code, "invalid-name");
        let fixture = fixture.component("files = [\"data/*\"]\nexclude_files = [\"*.txt\"]");
        assert_eq!(fixture.files().len(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error() {
        let fixture = site().component("files = [\"data/*\"]");
        let file = fixture.app().join("data/c.json");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
        // Root reads everything, so there is nothing to see for root.
        if fs::read(&file).is_err() {
            assert_eq!(fixture.error().code, "unreadable");
        }
    }
}
