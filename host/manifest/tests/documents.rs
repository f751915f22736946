//! A manifest is whole and consistent, or the author is told where it is not and what would be right.
#![allow(clippy::unwrap_used)]

use rstest::rstest;
use spin_deployer_manifest::{
    Follow, KeySource, Manifest, OptionKind, OptionValue, PlanEffect, RESERVED, RuleTarget,
};

const HEAD: &str = "name = \"hippo\"\nversion = \"0.1.0\"\ndescription = \"Deploys to Hippo\"\n";

const WHOLE: &str = r#"
name = "hippo"
version = "0.1.0"
description = "Deploys to a Hippo server"
license = "Apache-2.0"
homepage = "https://example.com/hippo"
spin-compatibility = ">=2.0, <5.0"

[app]
triggers = ["http"]
host-requirements = []
max-size = "100MiB"

[[options]]
name = "hippo-url"
env = "HIPPO_URL"
type = "url"
required = true
help = "Where Hippo is"

[[options]]
name = "hippo-token"
env = "HIPPO_TOKEN"
type = "secret"
conflicts-with = ["size"]
help = "A token of Hippo's"

[[options]]
name = "size"
type = "choice"
choices = ["small", "large"]
default = "small"
value-name = "SIZE"
help = "How large"

[[http]]
to = "{hippo-url}"
methods = ["GET", "POST"]
paths = ["/api/**"]
sends = ["hippo-token"]
plan = ["POST /api/auth-tokens"]
follows = ["location"]
why = "create the app"

[[http]]
to = "https://*.api.example.com:8443"
methods = ["GET"]
why = "ask"
"#;

#[test]
fn a_manifest_says_what_it_says() {
    let manifest: Manifest = WHOLE.parse().unwrap();
    assert_eq!(manifest.name.as_str(), "hippo");
    assert!(
        manifest
            .spin_compatibility
            .as_ref()
            .unwrap()
            .matches(&"4.1.0".parse().unwrap())
    );
    assert_eq!(manifest.app.triggers, Some(vec!["http".to_owned()]));
    assert_eq!(manifest.app.host_requirements, Some(vec![]));
    assert_eq!(manifest.app.max_size, Some(100 << 20));
    let [url, token, size] = manifest.options.as_slice() else {
        panic!()
    };
    assert_eq!(
        (&url.kind, url.required, url.env.as_deref()),
        (&OptionKind::Url, true, Some("HIPPO_URL"))
    );
    assert_eq!(token.conflicts_with, ["size".parse().unwrap()]);
    assert_eq!(
        size.kind,
        OptionKind::Choice(vec!["small".into(), "large".into()])
    );
    assert_eq!(size.default, Some(vec!["small".into()]));
    let [hippo, fixed] = manifest.http.as_slice() else {
        panic!()
    };
    assert_eq!(hippo.to, RuleTarget::Option("hippo-url".parse().unwrap()));
    assert_eq!(hippo.follows, [Follow::Location]);
    assert_eq!(
        hippo.plan,
        ["POST /api/auth-tokens".parse::<PlanEffect>().unwrap()]
    );
    assert_eq!(fixed.to.to_string(), "https://*.api.example.com:8443");
    assert!(fixed.paths[0].matches("/"));
}

#[test]
fn one_value_may_have_several_variables_in_an_order() {
    let text = WHOLE.replace(
        "env = \"HIPPO_URL\"",
        "env = [\"HIPPO_SERVER_URL\", \"HIPPO_URL\"]",
    );
    let manifest: Manifest = text.parse().unwrap();
    let url = manifest.option("hippo-url").unwrap();
    assert_eq!(url.env.as_deref(), Some("HIPPO_SERVER_URL"));
    let variables: Vec<&String> = url.variables().collect();
    assert_eq!(variables, ["HIPPO_SERVER_URL", "HIPPO_URL"]);
}

#[test]
fn what_a_login_needs_and_an_answer_hides() {
    let text = WHOLE.replace(
        "conflicts-with = [\"size\"]",
        "required-with = [\"size\"]\nlogin = true",
    );
    let hides = "follows = [\"location\"]\nhides = [\"/token\", \"/items/*/privateKey\"]";
    let text = text.replace("follows = [\"location\"]", hides);
    let manifest: Manifest = text.parse().unwrap();
    let [url, token, _] = manifest.options.as_slice() else {
        panic!()
    };
    assert_eq!((url.required_with.len(), url.login), (0, false));
    assert_eq!(token.required_with, ["size".parse().unwrap()]);
    assert!(token.login);
    let hidden: Vec<_> = manifest.http[0]
        .hides
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(hidden, ["/token", "/items/*/privateKey"]);
    assert!(manifest.http[1].hides.is_empty());
}

#[test]
fn the_least_manifest_asks_for_nothing() {
    let manifest: Manifest = HEAD.parse().unwrap();
    assert!(manifest.options.is_empty() && manifest.http.is_empty());
    assert_eq!(manifest.app, Default::default());
}

/// Changes the whole manifest in one place; the error has to say all of these.
#[rstest]
#[case::key("license =", "licence =", &["line 5", "unknown field `licence`", "`license`"])]
#[case::toml("version = \"0.1.0\"", "version = 0.1.0", &["line 3"])]
#[case::version("\"0.1.0\"", "\"one\"", &["line 3, column 11"])]
#[case::name("\"hippo\"", "\"Hippo\"", &["line 2, column 8", "`Hippo`", "lower-case"])]
#[case::range("\">=2.0, <5.0\"", "\"newest\"", &["line 7"])]
#[case::size("\"100MiB\"", "\"100MB\"", &["line 12", "`100MB`", "MiB"])]
#[case::large("\"100MiB\"", "\"99999999999GiB\"", &["line 12", "no size"])]
#[case::escape("\"Where Hippo is\"", "\"Where \\u001b[2J\"", &["line 19", "U+001B"])]
#[case::direction("\"create the app\"", "\"create \\u202e\"", &["line 43", "U+202E"])]
#[case::kind("\"secret\"", "\"password\"", &["line 24, column 8", "`password`", "`secret`", "`output-directory`"])]
#[case::reserved("\"hippo-token\"\nenv", "\"output\"\nenv", &["line 22, column 8", "`output`", "`target`"])]
#[case::twice("name = \"size\"", "name = \"hippo-url\"", &["line 29", "two options `hippo-url`"])]
#[case::variable("\"HIPPO_TOKEN\"", "\"hippo.token\"", &["line 23", "`hippo.token`", "capital"])]
#[case::variable_of_host("\"HIPPO_TOKEN\"", "\"SPIN_DEPLOYER_AUDIT_LOG\"", &["line 23", "belongs to the host"])]
#[case::variable_twice("\"HIPPO_TOKEN\"", "\"HIPPO_URL\"", &["`HIPPO_URL`", "twice"])]
#[case::variable_in_list("\"HIPPO_TOKEN\"", "[\"TOKEN\", \"hippo.token\"]", &["line 23", "`hippo.token`", "capital"])]
#[case::variable_of_host_in_list("\"HIPPO_TOKEN\"", "[\"TOKEN\", \"SPIN_DEPLOYER_YES\"]", &["line 23", "belongs to the host"])]
#[case::variable_in_two_lists("\"HIPPO_TOKEN\"", "[\"TOKEN\", \"HIPPO_URL\"]", &["`HIPPO_URL`", "twice"])]
#[case::variable_twice_in_list("\"HIPPO_TOKEN\"", "[\"TOKEN\", \"TOKEN\"]", &["line 23", "`TOKEN`", "twice"])]
#[case::no_variable("\"HIPPO_TOKEN\"", "[]", &["line 23", "capital"])]
#[case::conflict("[\"size\"]", "[\"sise\"]", &["line 25, column 19", "`sise`", "`conflicts-with`", "`size`"])]
#[case::own_conflict("[\"size\"]", "[\"hippo-token\"]", &["line 25", "conflict with itself"])]
#[case::choices("choices = [\"small\", \"large\"]\n", "", &["line 29", "`size`", "choices"])]
#[case::default("default = \"small\"", "default = \"medium\"", &["line 32", "`medium`", "`small` and `large`"])]
#[case::secret_default("\"HIPPO_TOKEN\"", "\"HIPPO_TOKEN\"\ndefault = \"abc\"", &["`hippo-token` is a secret"])]
#[case::key_default("type = \"secret\"\n", "type = \"signing-key\"\ndefault = \"key.pem\"\n", &["line 25", "`hippo-token` is a signing key", "remove the default"])]
#[case::sends_key("type = \"secret\"\n", "type = \"signing-key\"\n", &["line 40", "`hippo-token` is of type `signing-key`", "`secret` or `registry`"])]
#[case::required_default("required = true", "required = true\ndefault = \"https://example.com\"", &["required"])]
#[case::target("\"{hippo-url}\"", "\"{hippo}\"", &["line 37, column 6", "no option `hippo`", "`to`", "`hippo-url`"])]
#[case::target_kind("\"{hippo-url}\"", "\"{size}\"", &["line 37", "`size` is of type `choice`", "`registry`"])]
#[case::target_text("\"{hippo-url}\"", "\"hippo.example.com\"", &["line 37", "https://", "{reference}"])]
#[case::target_clear("\"{hippo-url}\"", "\"http://hippo.example.com\"", &["line 37", "not encrypted"])]
#[case::method("[\"GET\", \"POST\"]", "[\"GET\", \"post\"]", &["line 38", "`post`", "`POST`"])]
#[case::no_method("[\"GET\", \"POST\"]", "[]", &["line 38", "at least one of `methods`"])]
#[case::path("[\"/api/**\"]", "[\"api\"]", &["line 39", "`api`", "begin with `/`"])]
#[case::no_path("[\"/api/**\"]", "[]", &["line 39", "at least one of `paths`"])]
#[case::sends("sends = [\"hippo-token\"]", "sends = [\"size\"]", &["line 40", "`size`", "`secret` or `registry`"])]
#[case::plan("POST /api/auth-tokens", "PUT /api/auth-tokens", &["line 41", "allows no PUT"])]
#[case::plan_text("POST /api/auth-tokens", "POST", &["line 41", "`POST` is no effect"])]
#[case::plan_follow("POST /api/auth-tokens", "POST www-authenticate", &["line 41", "follows"])]
#[case::follows("[\"location\"]", "[\"redirect\"]", &["line 42", "`redirect`", "`www-authenticate` and `routes`"])]
#[case::required_with("conflicts-with = [\"size\"]", "required-with = [\"sise\"]", &["line 25, column 18", "`sise`", "`required-with`", "`size`"])]
#[case::required_with_itself("conflicts-with = [\"size\"]", "required-with = [\"hippo-token\"]", &["line 25", "`hippo-token` cannot be required together with `hippo-token`"])]
#[case::required_with_conflict("conflicts-with = [\"size\"]", "conflicts-with = [\"size\"]\nrequired-with = [\"size\"]", &["line 26", "cannot be required together with `size`"])]
#[case::required_anyway("required = true", "required = true\nrequired-with = [\"size\"]", &["line 19", "`hippo-url` is required in any case"])]
#[case::hides("follows = [\"location\"]", "hides = [\"token\"]", &["line 42", "`token`", "`/items/*/privateKey`"])]
#[case::hides_too_much("follows = [\"location\"]", &format!("hides = [{}]", "\"/a\", ".repeat(17)), &["line 42, column 106", "`hides` has at most 16"])]
fn a_mistake_is_told_with_its_place_and_the_way_out(
    #[case] from: &str,
    #[case] to: &str,
    #[case] says: &[&str],
) {
    assert_eq!(WHOLE.matches(from).count(), 1, "{from}");
    let error = WHOLE
        .replace(from, to)
        .parse::<Manifest>()
        .unwrap_err()
        .to_string();
    for part in says {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}

#[test]
fn no_option_takes_a_flag_of_the_host() {
    for name in RESERVED {
        let text = format!("{HEAD}[[options]]\nname = \"{name}\"\ntype = \"text\"\nhelp = \"\"\n");
        let error = text.parse::<Manifest>().unwrap_err().to_string();
        assert!(
            error.contains(&format!("cannot be called `{name}`")),
            "{error}"
        );
    }
}

#[rstest]
#[case(".deployer", true)]
#[case(".deployer/releases/oci", true)]
#[case(".", false)]
#[case("/tmp", false)]
#[case("dist", false)]
#[case(".deployer/../src", false)]
#[case(".deployer/", false)]
#[case(".deployer\\\\..\\\\src", false)]
fn a_default_output_directory_stays_in_the_folder_that_is_ours(
    #[case] path: &str,
    #[case] fine: bool,
) {
    let text = format!(
        "{HEAD}[[options]]\nname = \"to\"\ntype = \"output-directory\"\ndefault = \"{path}\"\nhelp = \"\"\n"
    );
    assert_eq!(text.parse::<Manifest>().is_ok(), fine);
}

#[rstest]
#[case("text", &["a b"], OptionValue::Text("a b".into()))]
#[case("number", &["-7"], OptionValue::Number(-7))]
#[case("flag", &[], OptionValue::Flag(true))]
#[case("flag", &["No"], OptionValue::Flag(false))]
#[case("list", &["a,b", "c"], OptionValue::List(vec!["a,b".into(), "c".into()]))]
#[case("list", &[], OptionValue::List(vec![]))]
#[case("pairs", &["a=b=c", "d="], OptionValue::Pairs(vec![("a".into(), "b=c".into()), ("d".into(), "".into())]))]
#[case("url", &["https://EXAMPLE.com./a?b"], OptionValue::Url("https://example.com/a?b".parse().unwrap()))]
#[case("url", &["http://0x7f.1:80"], OptionValue::Url("http://127.0.0.1/".parse().unwrap()))]
#[case("registry", &["ghcr.io/a/b:c"], OptionValue::Registry("ghcr.io/a/b:c".parse().unwrap()))]
#[case("secret", &["hunter2"], OptionValue::Secret("hunter2".to_owned().into()))]
#[case("signing-key", &["~/key.pem"], OptionValue::SigningKey(KeySource::File("~/key.pem".into())))]
#[case("signing-key", &["-----BEGIN PRIVATE KEY-----\nMC4C"], OptionValue::SigningKey(KeySource::Text("-----BEGIN PRIVATE KEY-----\nMC4C".to_owned().into())))]
#[case("signing-key", &["\n -----BEGIN X"], OptionValue::SigningKey(KeySource::Text("-----BEGIN X".to_owned().into())))]
#[case("file", &["../x"], OptionValue::File("../x".into()))]
#[case("directory", &["x"], OptionValue::Directory("x".into()))]
#[case("output-directory", &["x"], OptionValue::OutputDirectory("x".into()))]
fn a_value_becomes_what_its_option_says(
    #[case] kind: &str,
    #[case] given: &[&str],
    #[case] value: OptionValue,
) {
    assert_eq!(parse(kind, given), Ok(value));
}

#[rstest]
#[case("text", &[], "`--it` takes one value, and 0 are given")]
#[case("text", &["a", "b"], "`--it` takes one value, and 2 are given")]
#[case("number", &["1.5"], "`--it` cannot be `1.5`: it takes a whole number")]
#[case("number", &["9223372036854775808"], "64 bits")]
#[case("flag", &["perhaps"], "`true` or `false`")]
#[case("pairs", &["a"], "`--it` cannot be `a`: it takes `key=value`")]
#[case("pairs", &["=a"], "`key=value`")]
#[case("pairs", &["a=1", "a=2"], "the key `a` twice")]
#[case("url", &["example.com"], "`https://`")]
#[case("url", &["https://example.com/#x"], "without a fragment")]
#[case("url", &["https://example.com/a b"], "it takes a URL")]
#[case("url", &["https://exam\nple.com/"], "no host")]
#[case("url", &["https://example.com\\.evil.com/"], "it takes a URL")]
#[case("url", &["https:///example.com/"], "no host")]
#[case("registry", &["hello:v1"], "`--it`: `hello:v1` does not say which registry")]
#[case("secret", &[""], "`--it` is empty")]
#[case("signing-key", &[""], "`--it` is empty: it takes the path of a file with a private key")]
#[case("file", &[""], "`--it` is empty")]
fn a_value_that_does_not_fit_is_told_with_what_would(
    #[case] kind: &str,
    #[case] given: &[&str],
    #[case] says: &str,
) {
    let error = parse(kind, given).unwrap_err();
    assert!(error.contains(says), "{error}");
}

#[rstest]
#[case("url", "https://ci:hunter2@example.com/")]
#[case("url", "https://ci\\:hunter2@example.com/")]
#[case("url", "ci:hunter2@example.com")]
#[case("registry", "ci:hunter2@ghcr.io/a")]
fn a_password_in_an_address_is_not_repeated(#[case] kind: &str, #[case] text: &str) {
    let error = parse(kind, &[text]).unwrap_err();
    assert!(
        error.contains("user name or password") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn a_value_with_a_secret_shows_nothing_of_it() {
    assert!(!format!("{:?}", parse("secret", &["hunter2"])).contains("hunter2"));
    let two = parse("secret", &["hunter2", "hunter3"]).unwrap_err();
    assert!(!two.contains("hunter"), "{two}");
}

/// Whatever somebody put into the variable: a path is repeated where it cannot be read.
#[rstest]
#[case(
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp\n-----END PRIVATE KEY-----\n"
)]
#[case("  -----BEGIN EC PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp")]
#[case("MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC")]
#[case("MFECAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC")]
#[case("LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1DNENBUUF3QlFZREsyVndCQ0lFSU5UdWN0djVFMWhLMWJiWQ")]
#[case::quotes_of_a_file_of_variables(
    "\"-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp\\n-----END PRIVATE KEY-----\""
)]
#[case::quotes_without_the_first_line(
    "'MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC'"
)]
#[case::quotes_wrapped("\"LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1DNENBUUF3QlFZREsyVndCQ0lF\"")]
#[case::attributes_in_front(
    "Bag Attributes friendlyName: ci Key Attributes: <No Attributes> -----BEGIN PRIVATE KEY----- MC4CAQAwBQYDK2VwBCIE"
)]
#[case::comment_in_front(
    "# of the CI\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"
)]
#[case::seed("TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs=")]
#[case::seed_in_quotes("\"TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs=\"")]
#[case::pair(
    "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDA=="
)]
#[case::file_of_pairs("[[key]]\nlabel = \"ci\"\nkeypair = \"TM0Imyj/ltqdtsNG7BFO\"")]
fn a_key_is_never_taken_for_a_path_and_shown(#[case] text: &str) {
    let value = parse("signing-key", &[text]).unwrap();
    assert!(
        matches!(value, OptionValue::SigningKey(KeySource::Text(_))),
        "{value:?}"
    );
    let shown = format!("{value:?}");
    assert_eq!(shown, "SigningKey(Text(Secret(…)))");
}

fn parse(kind: &str, given: &[&str]) -> Result<OptionValue, String> {
    let text = format!("{HEAD}[[options]]\nname = \"it\"\ntype = \"{kind}\"\nhelp = \"\"\n");
    let manifest: Manifest = text.parse().unwrap();
    let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
    manifest
        .option("it")
        .unwrap()
        .parse(&given)
        .map_err(|e| format!("{e}"))
}
