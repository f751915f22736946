//! Which dependency answers which import, and what is said when none does.

use rstest::rstest;
use spin_deployer_compose::{Dependency, compose};

use crate::support::{component, dependency, exports, imports};

const APP: &str = "
    package a:app;
    world it {
        import a:b/one@0.1.0;
        import a:b/two@0.1.0;
        import a:c/one;
        import plain: interface { run: func() -> u32; }
        export start: func();
    }
    package a:b@0.1.0 { interface one { run: func() -> u32; } interface two { run: func() -> u32; } }
    package a:c { interface one { run: func() -> u32; } }
";

/// Answers all that `APP` asks for, and one thing of another type.
const ALL: &str = "
    package a:all;
    world it {
        export a:b/one@0.1.0;
        export a:b/two@0.1.0;
        export a:c/one;
        export plain: interface { run: func() -> u32; }
        export wrong: interface { run: func() -> string; }
    }
    package a:b@0.1.0 { interface one { run: func() -> u32; } interface two { run: func() -> u32; } }
    package a:c { interface one { run: func() -> u32; } }
";

#[rstest]
#[case(&["a:b/one@0.1.0"], &["a:b/two@0.1.0", "a:c/one", "plain"])]
#[case(&["a:b/one"], &["a:b/two@0.1.0", "a:c/one", "plain"])]
#[case(&["a:b@0.1.0"], &["a:c/one", "plain"])]
#[case(&["a:b"], &["a:c/one", "plain"])]
#[case(&["plain"], &["a:b/one@0.1.0", "a:b/two@0.1.0", "a:c/one"])]
#[case(&["a:b/one", "a:b/two", "a:c", "plain"], &[])]
fn a_dependency_answers_the_imports_of_its_name(#[case] names: &[&str], #[case] left: &[&str]) {
    let all = component(ALL);
    let dependencies: Vec<_> = names.iter().map(|name| dependency(name, &all)).collect();
    let composed = compose("app", &component(APP), &dependencies).unwrap();
    let imports: Vec<_> = imports(&composed).into_iter().collect();
    assert_eq!(imports, left);
    assert_eq!(
        exports(&composed).into_iter().collect::<Vec<_>>(),
        ["start"]
    );
}

#[test]
fn an_export_of_another_name_answers_when_it_is_named() {
    let all = component(ALL);
    let dependency = Dependency {
        export: Some("plain"),
        ..dependency("a:c/one", &all)
    };
    let composed = compose("app", &component(APP), &[dependency]).unwrap();
    assert!(!imports(&composed).contains("a:c/one"));
}

#[rstest]
#[case(
    "a:d",
    None,
    "`a:d` is for no import of the component, which has `a:b/one@0.1.0`, `a:b/two@0.1.0`, `a:c/one`, `plain`"
)]
#[case("a:b/one@0.2.0", None, "is for no import")]
#[case("a:", None, "`a:` is no name of a dependency; write `words`")]
#[case(
    "plain",
    Some("nothing"),
    "has no export `nothing` for the import `plain`, but has `a:b/one@0.1.0`"
)]
#[case(
    "plain",
    Some("wrong"),
    "export `wrong` of dependency `plain` does not fit the import `plain`: "
)]
fn what_does_not_fit_is_said(#[case] name: &str, #[case] export: Option<&str>, #[case] part: &str) {
    let all = component(ALL);
    let dependency = Dependency {
        export,
        ..dependency(name, &all)
    };
    let error = compose("app", &component(APP), &[dependency])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("component `app` cannot be composed: "),
        "{error}"
    );
    assert!(error.contains(part), "{error}");
}

#[test]
fn two_dependencies_for_one_import_are_a_conflict_and_all_problems_are_told() {
    let all = component(ALL);
    let names = ["a:b", "a:b/one", "a:nothing", "a:c@1.0.0"];
    let dependencies = names.map(|name| dependency(name, &all));
    let error = compose("app", &component(APP), &dependencies).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.problems.len(), 3, "{text}");
    let conflict = "import `a:b/one@0.1.0` is what the dependencies `a:b`, `a:b/one` are for";
    assert!(text.contains(conflict), "{text}");
    assert!(
        text.contains("`a:nothing` is for no") && text.contains("`a:c@1.0.0` is for no"),
        "{text}"
    );
}
