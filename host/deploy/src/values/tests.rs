use std::borrow::Cow;
use std::time::Instant;

use super::*;
use crate::Event;

const MANIFEST: &str = r#"
    name = "demo"
    version = "0.1.0"
    description = "For tests"
    options = [
        { name = "place", type = "text", env = ["SPIN_DEPLOYER_DEMO_PLACE", "SPIN_DEPLOYER_DEMO_OLD"], default = "here", help = "Where" },
        { name = "needed", type = "text", env = "SPIN_DEPLOYER_DEMO_NEEDED", required = true, help = "What" },
        { name = "tag", type = "list", env = "SPIN_DEPLOYER_DEMO_TAGS", help = "More tags" },
        { name = "force", type = "flag", env = "SPIN_DEPLOYER_DEMO_FORCE", help = "Really" },
        { name = "token", type = "secret", env = "SPIN_DEPLOYER_DEMO_TOKEN", conflicts-with = ["user"], help = "A token" },
        { name = "user", type = "text", env = "GITHUB_TOKEN", help = "Who" },
        { name = "key", type = "signing-key", env = "SPIN_DEPLOYER_DEMO_KEY", help = "A key" },
    ]
"#;

/// Answers every question with its answer, if it has one.
struct Answers(Option<&'static str>);

impl Observer for Answers {
    fn event(&self, _: Event) {}

    fn ask(&self, _: &OptionSpec) -> Option<String> {
        self.0.map(str::to_owned)
    }
}

fn resolve_with(
    given: &[(&str, &str)],
    vars: &[(&str, &str)],
    settings: &str,
    answer: Option<&'static str>,
) -> Result<Values, Error> {
    let answers = Answers(answer);
    resolve_of(MANIFEST, given, vars, settings, &answers, false)
}

/// `login`: for the plugin's own.
fn resolve_of(
    manifest: &str,
    given: &[(&str, &str)],
    vars: &[(&str, &str)],
    settings: &str,
    observer: &dyn Observer,
    login: bool,
) -> Result<Values, Error> {
    let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
    let vars: BTreeMap<_, _> = vars.iter().map(own).collect();
    let environment = Environment {
        directories: spin_deployer_store::Directories::from_vars(&vars),
        vars,
        cwd: "/cwd".into(),
        started: Instant::now(),
    };
    let target = Target {
        name: "staging".to_owned(),
        manifest: manifest.parse().unwrap(),
        digest: String::new(),
        wasm: Cow::Borrowed(&[]),
        bundled: false,
        settings: toml::from_str(settings).unwrap(),
        folder: "/app".into(),
    };
    let given = given
        .iter()
        .map(|(k, v)| ((*k).to_owned(), vec![(*v).to_owned()]))
        .collect();
    let logins = Logins::of(&environment, &target, &given, None, login);
    resolve(
        &environment,
        &target,
        &given,
        Path::new("/app"),
        &mut if login { logins.now() } else { logins },
        observer,
    )
}

fn text(values: &Values, name: &str) -> String {
    match &values[name].value {
        OptionValue::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let needed = ("needed", "x");
    let variable = [("SPIN_DEPLOYER_DEMO_PLACE", "variable")];
    let file = "place = 'file'";
    for (given, vars, settings, place) in [
        (
            &[needed, ("place", "flag")][..],
            &variable[..],
            file,
            "flag",
        ),
        (&[needed], &variable, file, "variable"),
        (&[needed], &[], file, "file"),
        (&[needed], &[("SPIN_DEPLOYER_DEMO_PLACE", "")], "", "here"),
    ] {
        let values = resolve_with(given, vars, settings, None).unwrap();
        assert_eq!(text(&values, "place"), place);
    }
}

#[test]
fn the_first_variable_with_a_value_counts() {
    let older = ("SPIN_DEPLOYER_DEMO_OLD", "older");
    for (first, place) in [("newer", "newer"), ("", "older")] {
        let vars = [older, ("SPIN_DEPLOYER_DEMO_PLACE", first)];
        let values = resolve_with(&[("needed", "x")], &vars, "", None).unwrap();
        assert_eq!(text(&values, "place"), place);
    }
}

#[test]
fn what_is_missing_is_asked_for_and_named_where_nobody_can_be_asked() {
    let values = resolve_with(&[], &[], "", Some("typed")).unwrap();
    assert_eq!(text(&values, "needed"), "typed");
    let error = resolve_with(&[], &[], "", None).unwrap_err();
    assert_eq!(error.code, Code::Usage);
    assert!(error.message.contains("--needed"), "{error}");
    assert!(error.help.unwrap().contains("SPIN_DEPLOYER_DEMO_NEEDED"));
}

const HIPPO: &str = r#"
    name = "demo"
    version = "0.1.0"
    description = "For tests"
    options = [
        { name = "password", type = "secret", env = "SPIN_DEPLOYER_DEMO_PASSWORD", login = true, required-with = ["user"], help = "Yours" },
        { name = "user", type = "text", env = "SPIN_DEPLOYER_DEMO_USER", login = true, required-with = ["team"], help = "Who" },
        { name = "team", type = "text", help = "Whose" },
        { name = "token", type = "secret", required = true, conflicts-with = ["user", "password"], help = "A token" },
    ]
"#;

/// Answers `typed` and remembers what was asked for.
#[derive(Default)]
struct Asked(std::sync::Mutex<Vec<String>>);

impl Observer for Asked {
    fn event(&self, _: Event) {}

    fn ask(&self, option: &OptionSpec) -> Option<String> {
        assert!(option.required, "nothing would do as well");
        self.0.lock().unwrap().push(option.name.to_string());
        Some("typed".to_owned())
    }
}

/// Also where what makes it needed is declared later, and only asked for.
#[test]
fn what_is_required_with_another_is_asked_for_where_that_has_a_value() {
    let asked = |given: &[(&str, &str)], login| {
        let observer = Asked::default();
        resolve_of(HIPPO, given, &[], "", &observer, login).unwrap();
        observer.0.into_inner().unwrap()
    };
    let none = [""; 0];
    assert_eq!(asked(&[("user", "me")], false), ["password"]);
    assert_eq!(asked(&[("team", "us")], false), ["user", "password"]);
    assert_eq!(asked(&[("user", "me"), ("password", "x")], false), none);
    // A token or a user.
    assert_eq!(asked(&[], false), ["token"]);
    assert_eq!(asked(&[("token", "x")], false), none);
    // What a login gets is not asked for, and what it needs is.
    assert_eq!(asked(&[], true), ["password", "user"]);
    assert_eq!(asked(&[("user", "me")], true), ["password"]);
    assert_eq!(asked(&[("token", "x")], true), none);
}

#[test]
fn what_is_required_with_another_is_named_where_nobody_can_be_asked() {
    let wrong = |given: &[(&str, &str)], login| {
        let error = resolve_of(HIPPO, given, &[], "", &Answers(None), login).unwrap_err();
        assert_eq!(error.code, Code::Usage);
        (error.message, error.help.unwrap())
    };
    let (message, help) = wrong(&[("user", "me")], false);
    assert_eq!(message, "target `staging` needs --password with --user");
    assert_eq!(
        help,
        "pass --password SECRET, or set SPIN_DEPLOYER_DEMO_PASSWORD"
    );
    let (message, help) = wrong(&[], true);
    assert_eq!(message, "nobody can be asked for --password, --user");
    assert_eq!(
        help,
        "set SPIN_DEPLOYER_DEMO_PASSWORD, and pass --user VALUE or set SPIN_DEPLOYER_DEMO_USER"
    );
}

#[test]
fn a_secret_has_no_place_in_the_file() {
    let error =
        resolve_with(&[("needed", "x")], &[], "token = 'hunter2-hunter2'", None).unwrap_err();
    assert_eq!(error.code, Code::Usage);
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn a_key_itself_is_taken_from_its_variable_and_from_nowhere_else() {
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n";
    let given = |value: &'static str| [("needed", "x"), ("key", value)];
    let file = format!("key = '''{PEM}'''");
    for (given, settings) in [(&given(PEM)[..], ""), (&[("needed", "x")], &*file)] {
        let error = resolve_with(given, &[], settings, None).unwrap_err();
        assert_eq!(error.code, Code::Usage);
        let said = format!("{error:?}");
        assert!(said.contains("SPIN_DEPLOYER_DEMO_KEY"), "{said}");
        assert!(!said.contains("planted"), "{said}");
    }
    let vars = [("SPIN_DEPLOYER_DEMO_KEY", PEM)];
    let values = resolve_with(&[("needed", "x")], &vars, "", None).unwrap();
    let shown = format!("{:?}", values["key"].value);
    assert_eq!(shown, "SigningKey(Text(Secret(…)))");
    // A path starts where it was written, and may come from anywhere.
    for (given, settings, path) in [
        (&given("k.pem")[..], "", "/cwd/k.pem"),
        (&[("needed", "x")], "key = 'k.pem'", "/app/k.pem"),
    ] {
        let values = resolve_with(given, &[], settings, None).unwrap();
        let expected = OptionValue::SigningKey(KeySource::File(path.into()));
        assert_eq!(values["key"].value, expected);
    }
}

#[test]
fn a_private_key_in_a_variable_is_for_who_signs_or_does_not_see_it() {
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n";
    for (name, seen) in [
        ("SPIN_DEPLOYER_DEMO_PLACE", true),
        ("SPIN_DEPLOYER_DEMO_TAGS", true),
        ("SPIN_DEPLOYER_DEMO_TOKEN", false),
        ("SPIN_DEPLOYER_DEMO_KEY", false),
    ] {
        let result = resolve_with(&[("needed", "x")], &[(name, PEM)], "", None);
        assert_eq!(result.is_err(), seen, "{name}");
        let Err(error) = result else { continue };
        assert_eq!(error.code, Code::Usage);
        assert!(error.message.contains(name), "{error}");
        assert!(!format!("{error:?}").contains("planted"), "{error:?}");
    }
    // What the user gives it on purpose it gets.
    let values = resolve_with(&[("needed", PEM)], &[], "", None).unwrap();
    assert_eq!(text(&values, "needed"), PEM);
}

#[test]
fn options_that_conflict_are_refused_wherever_they_come_from() {
    let given = [("needed", "x"), ("user", "me")];
    let error = resolve_with(
        &given,
        &[("SPIN_DEPLOYER_DEMO_TOKEN", "hunter2-hunter2")],
        "",
        None,
    )
    .unwrap_err();
    assert!(
        error.message.contains("--token") && error.message.contains("--user"),
        "{error}"
    );
}

#[test]
fn an_unknown_option_in_the_file_gets_the_nearest() {
    let error = resolve_with(&[("needed", "x")], &[], "plase = 'x'", None).unwrap_err();
    assert!(error.help.unwrap().contains("`place`"));
}

#[test]
fn a_plugin_reads_no_variable_but_its_own() {
    let vars = [("GITHUB_TOKEN", "somebody else's")];
    let values = resolve_with(&[("needed", "x")], &vars, "", None).unwrap();
    assert!(!values.contains_key("user"));
}

#[test]
fn variables_carry_lists_and_flags() {
    let vars = [
        ("SPIN_DEPLOYER_DEMO_NEEDED", "x"),
        ("SPIN_DEPLOYER_DEMO_TAGS", "a,b"),
        ("SPIN_DEPLOYER_DEMO_FORCE", "0"),
    ];
    let values = resolve_with(&[], &vars, "", None).unwrap();
    let value = |name: &str| format!("{:?}", values[name].value);
    assert_eq!(value("tag"), r#"List(["a", "b"])"#);
    assert_eq!(value("force"), "Flag(false)");
}
