//! What was agreed to covers another version of the plugin, or the difference says why it does not.
#![allow(clippy::unwrap_used)]

use rstest::rstest;
use spin_deployer_manifest::{Ask, Manifest};

const HIPPO: &str = r#"
name = "hippo"
version = "0.1.0"
description = "Deploys to a Hippo server"
spin-compatibility = ">=2.0"

[[options]]
name = "hippo-url"
env = "HIPPO_URL"
type = "url"
help = "Where Hippo is"

[[options]]
name = "hippo-token"
env = "HIPPO_TOKEN"
type = "secret"
help = "A token"

[[options]]
name = "reference"
type = "registry"
help = "Where to push"

[[options]]
name = "size"
type = "choice"
choices = ["small", "large"]
help = "How large"

[[options]]
name = "to"
type = "output-directory"
default = ".deployer/out"
help = "Where to write"

[[http]]
to = "{hippo-url}"
methods = ["POST", "GET"]
paths = ["/api/**", "/login"]
sends = ["hippo-token"]
plan = ["POST /login"]
hides = ["/token"]
why = "create the app"

[[http]]
to = "{reference}"
methods = ["GET", "HEAD", "POST", "PUT"]
paths = ["/v2/**"]
sends = ["reference"]
follows = ["www-authenticate", "location"]
plan = ["POST www-authenticate"]
why = "push"

[[http]]
to = "https://*.api.example.com"
methods = ["GET"]
why = "ask"
"#;

fn ask(text: &str) -> Ask {
    Ask::of(&text.parse::<Manifest>().unwrap_or_else(|e| panic!("{e}")))
}

fn difference(old: &Ask, new: &Ask) -> Vec<String> {
    old.difference(new)
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// A change of the manifest, and all that is told of it.
#[rstest]
#[case::reason("why = \"ask\"", "why = \"ask again\"", &[])]
#[case::version("\">=2.0\"", "\">=4.0\"", &[])]
#[case::choice("[\"small\", \"large\"]", "[\"huge\"]", &[])]
#[case::order("[\"POST\", \"GET\"]", "[\"GET\", \"POST\"]", &[])]
#[case::host("https://*.api", "https://eu.api", &["- GET https://*.api.example.com/**"])]
#[case::other_host("https://*.api", "https://*.spi", &["+ GET https://*.spi.example.com/**", "- GET https://*.api.example.com/**"])]
#[case::other_port("api.example.com", "api.example.com:8443", &["+ GET https://*.api.example.com:8443/**", "- GET https://*.api.example.com/**"])]
#[case::method("[\"POST\", \"GET\"]", "[\"POST\", \"GET\", \"PUT\", \"DELETE\"]", &["+ PUT, DELETE {hippo-url}/api/**", "+ PUT, DELETE {hippo-url}/login"])]
#[case::fewer_methods("[\"GET\", \"HEAD\", \"POST\", \"PUT\"]", "[\"GET\", \"POST\"]", &["- HEAD, PUT {reference}/v2/**"])]
#[case::path("\"/api/**\"", "\"/api/apps/*\"", &["- GET, POST {hippo-url}/api/**"])]
#[case::other_path("\"/api/**\"", "\"/apis/*\"", &["+ GET, POST {hippo-url}/apis/*", "- GET, POST {hippo-url}/api/**"])]
#[case::no_secret("sends = [\"hippo-token\"]", "", &["- sends hippo-token to {hippo-url}"])]
#[case::secret("why = \"ask\"", "sends = [\"hippo-token\"]\nwhy = \"ask\"", &["+ sends hippo-token to https://*.api.example.com"])]
#[case::other_secret("sends = [\"hippo-token\"]", "sends = [\"hippo-token\", \"reference\"]", &["+ sends reference to {hippo-url}"])]
#[case::effect("plan = [\"POST /login\"]", "plan = [\"POST /**\"]", &["+ POST {hippo-url}/** even in a plan"])]
#[case::no_effect("plan = [\"POST /login\"]", "", &["- POST {hippo-url}/login even in a plan"])]
#[case::no_token_effect("plan = [\"POST www-authenticate\"]", "", &["- POST to the token service of {reference} even in a plan"])]
#[case::follow("plan = [\"POST /login\"]", "plan = [\"POST /login\"]\nfollows = [\"location\"]", &["+ follows location of {hippo-url}"])]
#[case::routes("\"www-authenticate\", \"location\"", "\"www-authenticate\", \"location\", \"routes\"", &["+ waits for the addresses that {reference} names"])]
#[case::no_follow("\"www-authenticate\", \"location\"", "\"www-authenticate\"", &["- follows location of {reference}"])]
#[case::sight("hides = [\"/token\"]", "", &["+ sees /token of the answer to GET, POST {hippo-url}/api/**", "+ sees /token of the answer to GET, POST {hippo-url}/login"])]
#[case::other_sight("[\"/token\"]", "[\"/items/*/key\"]", &["+ sees /token of the answer to GET, POST {hippo-url}/api/**", "+ sees /token of the answer to GET, POST {hippo-url}/login", "- sees /items/*/key of the answer to GET, POST {hippo-url}/api/**", "- sees /items/*/key of the answer to GET, POST {hippo-url}/login"])]
#[case::less_sight("why = \"ask\"", "hides = [\"/key\"]\nwhy = \"ask\"", &["- sees /key of the answer to GET https://*.api.example.com/**"])]
#[case::variable("\"HIPPO_TOKEN\"", "\"GITHUB_TOKEN\"", &["+ reads the variable GITHUB_TOKEN: --hippo-token", "- reads the variable HIPPO_TOKEN: --hippo-token"])]
#[case::default_place("type = \"url\"", "type = \"url\"\ndefault = \"https://example.com\"", &["+ chooses https://example.com where --hippo-url is not given"])]
#[case::other_default(".deployer/out", ".deployer/cache", &["+ chooses .deployer/cache where --to is not given", "- chooses .deployer/out where --to is not given"])]
#[case::file("type = \"choice\"\nchoices = [\"small\", \"large\"]", "type = \"file\"", &["+ reads a file: --size"])]
#[case::directory("type = \"choice\"\nchoices = [\"small\", \"large\"]", "type = \"directory\"", &["+ reads a directory: --size"])]
#[case::new_secret("type = \"choice\"\nchoices = [\"small\", \"large\"]", "type = \"secret\"", &["+ takes a secret: --size", "- sees --size, which was a secret"])]
#[case::signs("type = \"choice\"\nchoices = [\"small\", \"large\"]", "type = \"signing-key\"", &["+ signs with the key of --size", "- sees --size, which was a signing key"])]
#[case::writes("\"output-directory\"\ndefault = \".deployer/out\"", "\"directory\"", &["+ reads a directory: --to", "- writes to a directory: --to", "- chooses .deployer/out where --to is not given"])]
fn a_difference_says_what_is_new_and_what_is_gone(
    #[case] from: &str,
    #[case] to: &str,
    #[case] says: &[&str],
) {
    assert_eq!(HIPPO.matches(from).count(), 1, "{from}");
    let (old, new) = (ask(HIPPO), ask(&HIPPO.replace(from, to)));
    assert_eq!(difference(&old, &new), says);
    assert_eq!(
        old.covers(&new),
        !says.iter().any(|line| line.starts_with('+'))
    );
    assert_eq!(
        new.covers(&old),
        !says.iter().any(|line| line.starts_with('-'))
    );
}

#[test]
fn a_secret_that_becomes_text_is_seen_and_that_is_new() {
    let text = "name = \"x\"\nversion = \"0.1.0\"\ndescription = \"\"\n[[options]]\nname = \"token\"\ntype = \"secret\"\nhelp = \"\"\n";
    for kind in ["text", "list", "url", "registry", "file"] {
        let new = ask(&text.replace("secret", kind));
        let lines = difference(&ask(text), &new);
        assert_eq!(lines[0], "+ sees --token, which was a secret", "{kind}");
    }
}

#[test]
fn a_signing_key_that_becomes_text_is_seen_and_that_is_new() {
    let text = "name = \"x\"\nversion = \"0.1.0\"\ndescription = \"\"\n[[options]]\nname = \"key\"\ntype = \"signing-key\"\nhelp = \"\"\n";
    for kind in ["text", "list", "url", "registry", "file"] {
        let new = ask(&text.replace("signing-key", kind));
        let lines = difference(&ask(text), &new);
        assert_eq!(lines[0], "+ sees --key, which was a signing key", "{kind}");
    }
    // The same option of a version that had none is asked for by what it does.
    assert_eq!(ask(text).powers(), ["signs with the key of --key"]);
}

#[test]
fn a_rule_of_another_kind_of_option_is_not_the_same_rule() {
    let text = "name = \"x\"\nversion = \"0.1.0\"\ndescription = \"\"\n[[options]]\nname = \"at\"\ntype = \"registry\"\nhelp = \"\"\n[[http]]\nto = \"{at}\"\nmethods = [\"GET\"]\nwhy = \"\"\n";
    let (old, new) = (ask(text), ask(&text.replace("registry", "url")));
    assert_eq!(
        difference(&old, &new),
        [
            "+ takes a URL: --at",
            "- takes the credential of a registry: --at"
        ]
    );
}

/// Old rules that have each of these, and none that has both: the credential went to no token service before.
#[test]
fn what_two_rules_allowed_apart_one_rule_does_not_get_together() {
    let rules = |rules: &str| format!("{}{rules}", &HIPPO[..HIPPO.find("[[http]]").unwrap()]);
    let old = rules(
        r#"
        [[http]]
        to = "{reference}"
        methods = ["GET"]
        sends = ["reference"]
        why = ""
        [[http]]
        to = "{reference}"
        methods = ["GET"]
        follows = ["www-authenticate"]
        why = ""
        "#,
    );
    let new = rules(
        r#"
        [[http]]
        to = "{reference}"
        methods = ["GET"]
        sends = ["reference"]
        follows = ["www-authenticate"]
        why = ""
        "#,
    );
    assert_eq!(
        difference(&ask(&old), &ask(&new)),
        ["+ GET {reference}/** together with: sends reference, follows www-authenticate"]
    );
}

/// Hidden is what any rule hides that means the request, so that it does not matter which lets it out.
#[test]
fn what_one_rule_hides_stays_hidden_whichever_rule_lets_the_request_out() {
    let rules = |rules: &str| {
        ask(&format!(
            "{}{rules}",
            &HIPPO[..HIPPO.find("[[http]]").unwrap()]
        ))
    };
    let wide = "[[http]]\nto = \"{hippo-url}\"\nmethods = [\"GET\", \"POST\"]\nwhy = \"\"\n";
    let hiding = "[[http]]\nto = \"{hippo-url}\"\nmethods = [\"POST\"]\npaths = [\"/login\"]\nhides = [\"/token\"]\nwhy = \"\"\n";
    let both = rules(&format!("{wide}{hiding}"));
    assert_eq!(
        difference(&both, &rules(&format!("{hiding}{wide}"))),
        [""; 0]
    );
    assert_eq!(
        difference(&both, &rules(wide)),
        ["+ sees /token of the answer to POST {hippo-url}/login"]
    );
    assert_eq!(
        difference(&both, &rules(hiding)),
        ["- GET, POST {hippo-url}/**"]
    );
    // Another rule that hides it too, also of more.
    let wider = hiding.replace("\"/login\"", "\"/**\"");
    assert!(both.covers(&rules(&format!("{wide}{wider}"))));
}

/// Where an upload goes on, every method of its rule is allowed.
#[test]
fn an_upload_goes_on_by_no_method_that_its_rule_did_not_have() {
    let rules = |rules: &[&str]| {
        let rules: String = rules
            .iter()
            .map(|methods| {
                format!("[[http]]\nto = \"{{reference}}\"\nmethods = [{methods}]\nfollows = [\"location\"]\nwhy = \"\"\n")
            })
            .collect();
        ask(&format!(
            "{}{rules}",
            &HIPPO[..HIPPO.find("[[http]]").unwrap()]
        ))
    };
    let (old, new) = (
        rules(&["\"POST\"", "\"DELETE\""]),
        rules(&["\"POST\", \"DELETE\""]),
    );
    assert_eq!(
        difference(&old, &new),
        ["+ POST, DELETE {reference}/** together with: follows location"]
    );
    assert!(new.covers(&old));
}

/// A name and a password that are asked for at a login are asked for in the author's words.
#[test]
fn what_a_login_asks_for_is_asked_for_here_too() {
    let option = |name: &str, kind: &str, login: bool| {
        format!(
            "[[options]]\nname = \"{name}\"\ntype = \"{kind}\"\nlogin = {login}\nhelp = \"h\"\n"
        )
    };
    let with = |login: bool| {
        let options = [
            option("user", "text", login),
            option("word", "secret", login),
        ]
        .concat();
        ask(&format!(
            "name = \"a\"\nversion = \"0.1.0\"\ndescription = \"d\"\n{options}"
        ))
    };
    let (without, with) = (with(false), with(true));
    assert_eq!(
        difference(&without, &with),
        [
            "+ asks for --user to log in, and sees it",
            "+ asks for --word to log in, and uses it",
        ]
    );
    assert!(with.covers(&without) && !without.covers(&with));
    assert!(with.to_string().contains("login = true"));
    assert!(!without.to_string().contains("login"));
    assert_eq!(with.to_string().parse::<Ask>().unwrap(), with);
}

#[test]
fn what_nobody_agreed_to_yet_is_all_of_it() {
    let powers = ask(HIPPO).powers();
    assert_eq!(
        powers,
        [
            "takes a secret: --hippo-token",
            "reads the variable HIPPO_TOKEN: --hippo-token",
            "reads the variable HIPPO_URL: --hippo-url",
            "takes the credential of a registry: --reference",
            "writes to a directory: --to",
            "chooses .deployer/out where --to is not given",
            "GET https://*.api.example.com/**",
            "GET, POST {hippo-url}/api/**",
            "sends hippo-token to {hippo-url}",
            "GET, POST {hippo-url}/login",
            "POST {hippo-url}/login even in a plan",
            "GET, HEAD, POST, PUT {reference}/v2/**",
            "sends reference to {reference}",
            "follows location of {reference}",
            "follows www-authenticate of {reference}",
            "POST to the token service of {reference} even in a plan",
        ]
    );
    assert!(Ask::default().powers().is_empty());
}

const WRITTEN: &str = r#"[options.hippo-token]
type = "secret"
env = "HIPPO_TOKEN"

[options.hippo-url]
type = "url"
env = "HIPPO_URL"

[options.reference]
type = "registry"

[options.size]
type = "choice"

[options.to]
type = "output-directory"
default = ".deployer/out"

[[http]]
to = "https://*.api.example.com"
methods = ["GET"]
paths = ["/**"]

[[http]]
to = "{hippo-url}"
methods = ["GET", "POST"]
paths = ["/api/**", "/login"]
sends = ["hippo-token"]
plan = ["POST /login"]
hides = ["/token"]

[[http]]
to = "{reference}"
methods = ["GET", "HEAD", "POST", "PUT"]
paths = ["/v2/**"]
sends = ["reference"]
plan = ["POST www-authenticate"]
follows = ["location", "www-authenticate"]
"#;

#[test]
fn it_is_written_in_one_way_and_read_back() {
    let ask = ask(HIPPO);
    assert_eq!(ask.to_string(), WRITTEN);
    assert_eq!(WRITTEN.parse::<Ask>().unwrap(), ask);
    assert_eq!(Ask::default().to_string(), "");
    assert_eq!("".parse::<Ask>().unwrap(), Ask::default());
}

#[test]
fn it_is_a_table_of_another_document_too() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Lock {
        hippo: Ask,
    }
    let lock = toml::to_string(&Lock { hippo: ask(HIPPO) }).unwrap();
    assert!(
        lock.contains("[hippo.options.hippo-token]\ntype = \"secret\"\n"),
        "{lock}"
    );
    assert_eq!(toml::from_str::<Lock>(&lock).unwrap().hippo, ask(HIPPO));
    let broken = lock.replace("\"{hippo-url}\"", "\"{hippo}\"");
    let error = toml::from_str::<Lock>(&broken).err().unwrap().to_string();
    assert!(error.contains("no option `hippo` for `to`"), "{error}");
}

#[rstest]
#[case("type = \"url\"", "type = \"link\"", &["line 6, column 8", "`link`", "`registry`"])]
#[case("env = \"HIPPO_URL\"", "environment = \"HIPPO_URL\"", &["line 7", "unknown field `environment`"])]
#[case("\"HIPPO_URL\"", "\"HIPPO-URL\"", &["line 7, column 7", "`HIPPO-URL`"])]
#[case("type = \"choice\"", "type = \"choice\"\ndefault = \"small\"", &["line 14, column 11", "`choice`", "remove it"])]
#[case("to = \"{hippo-url}\"", "to = \"{size}\"", &["line 25, column 6", "`size`", "`registry`"])]
#[case("sends = [\"reference\"]", "sends = [\"referense\"]", &["line 36, column 10", "`referense`", "`reference`"])]
#[case("paths = [\"/v2/**\"]\n", "", &["line 32", "missing field `paths`"])]
#[case("[\"GET\", \"POST\"]", "[\"GET\"]", &["line 29", "allows no POST"])]
#[case("paths = [\"/**\"]", "paths = [\"/**\"]\nwhy = \"ask\"", &["line 23", "unknown field `why`"])]
fn a_mistake_in_it_is_told_with_its_place(
    #[case] from: &str,
    #[case] to: &str,
    #[case] says: &[&str],
) {
    assert_eq!(WRITTEN.matches(from).count(), 1, "{from}");
    let error = WRITTEN
        .replace(from, to)
        .parse::<Ask>()
        .unwrap_err()
        .to_string();
    for part in says {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}

#[test]
fn every_variable_of_an_option_is_asked_for() {
    let several = HIPPO.replace("\"HIPPO_TOKEN\"", "[\"HIPPO_TOKEN\", \"GITHUB_TOKEN\"]");
    let (old, new) = (ask(HIPPO), ask(&several));
    assert!(new.covers(&old) && !old.covers(&new));
    let difference: Vec<String> = old
        .difference(&new)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        difference,
        ["+ reads the variable GITHUB_TOKEN: --hippo-token"]
    );
    assert_eq!(new.to_string().parse::<Ask>().unwrap(), new);
    assert!(
        new.to_string()
            .contains("env = [\"HIPPO_TOKEN\", \"GITHUB_TOKEN\"]")
    );
}
