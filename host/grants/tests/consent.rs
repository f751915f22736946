//! What a user agreed to once holds for every version that asks for no more, and for no other.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{FIXED, HIPPO, decide, manifest, values};
use http::Method;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use spin_deployer_grants::{Grant, Phase, Policies, Refusal, Rule, ValueSource};
use spin_deployer_manifest::{Ask, Manifest};

fn agreed(manifest: &Manifest, given: &[(&str, &str, ValueSource)], ask: &Ask) -> Grant {
    let values = values(manifest, given);
    Grant::agreed(manifest, &values, ask, &Policies::default()).unwrap()
}

#[test]
fn a_fixed_place_and_a_default_are_granted_to_who_agreed_to_them() {
    let manifest = manifest(&[HIPPO, FIXED].concat());
    let default = [(
        "hippo-url",
        "https://hippo.example.com/base",
        ValueSource::Default,
    )];
    let grant = agreed(&manifest, &default, &Ask::of(&manifest));
    for url in [
        "https://eu.api.example.com/x",
        "https://hippo.example.com/api/x",
    ] {
        assert!(decide(&grant, Phase::Deploy, "GET", url).is_ok(), "{url}");
    }
    // They are the author's choice all the same: no reason to look for them in a private network.
    assert!(!grant.names_host(&"hippo.example.com".parse().unwrap()));
}

#[test]
fn another_version_that_asks_for_more_is_told_what_and_gets_nothing() {
    let (old, new) = (manifest(HIPPO), manifest(&[HIPPO, FIXED].concat()));
    let refused = Grant::agreed(
        &new,
        &values(&new, &[]),
        &Ask::of(&old),
        &Policies::default(),
    );
    let lines: Vec<String> = refused
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(lines, ["+ GET https://*.api.example.com/**"]);
}

#[test]
fn only_this_machine_is_spoken_to_in_the_clear_because_the_author_says_so() {
    let manifest = manifest(
        "[[http]]\nto = \"{hippo-url}\"\nmethods = [\"GET\"]\nwhy = \"\"\n[[http]]\nto = \"http://127.0.0.1:3000\"\nmethods = [\"GET\"]\nwhy = \"\"\n",
    );
    let url = "http://hippo.example.com";
    let default = [("hippo-url", url, ValueSource::Default)];
    let grant = agreed(&manifest, &default, &Ask::of(&manifest));
    let refusal = decide(&grant, Phase::Deploy, "GET", &format!("{url}/")).unwrap_err();
    assert!(matches!(refusal, Refusal::NotNamed { .. }));
    assert!(decide(&grant, Phase::Deploy, "GET", "http://127.0.0.1:3000/").is_ok());
    assert!(grant.names_host(&"127.0.0.1".parse().unwrap()));
}

#[test]
fn what_was_agreed_to_is_under_the_policy() {
    let manifest = manifest(FIXED);
    let policy = "schema = 1\nhttp.to = []".parse().unwrap();
    let policies = Policies::default().with("policy.toml", policy);
    let grant = Grant::agreed(
        &manifest,
        &values(&manifest, &[]),
        &Ask::of(&manifest),
        &policies,
    );
    let refusal = decide(
        &grant.unwrap(),
        Phase::Deploy,
        "GET",
        "https://eu.api.example.com/",
    )
    .unwrap_err();
    assert!(matches!(refusal, Refusal::Policy { granted: true, .. }));
}

/// One `[[http]]` table; each list is of texts of its key.
#[derive(Debug, Clone)]
struct Asked {
    to: &'static str,
    methods: Vec<&'static str>,
    paths: Vec<&'static str>,
    sends: Vec<&'static str>,
    follows: Vec<&'static str>,
    effects: Vec<&'static str>,
}

/// A place and what it covers, itself first.
const PLACES: [&[&str]; 5] = [
    &["{hippo-url}"],
    &["{reference}"],
    &[
        "https://*.example.com",
        "https://*.api.example.com",
        "https://eu.api.example.com",
    ],
    &["https://*.api.example.com", "https://eu.api.example.com"],
    &["https://eu.api.example.com"],
];
const PATHS: [&[&str]; 7] = [
    &["/**", "/v2/**", "/v2/*", "/**/b", "/v2/"],
    &["/v2/**", "/v2/*/b", "/v2/*", "/v2/a", "/v2/"],
    &["/v2/*", "/v2/a"],
    &["/**/b", "/v2/*/b", "/x/b"],
    &["/v2/*/b"],
    &["/v2/a"],
    &["/b"],
];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const SECRETS: [&str; 2] = ["token", "reference"];
const FOLLOWS: [&str; 2] = ["location", "www-authenticate"];
const EFFECTS: [&str; 4] = [
    "POST /v2/**",
    "PUT /v2/a",
    "PUT /**",
    "POST www-authenticate",
];

fn rule() -> impl Strategy<Value = Asked> {
    (
        select(&PLACES[..]),
        subsequence(&METHODS[..], 1..=3),
        subsequence(&PATHS[..], 1..=3),
        subsequence(&SECRETS[..], 0..=2),
        subsequence(&FOLLOWS[..], 0..=2),
        subsequence(&EFFECTS[..], 0..=2),
    )
        .prop_map(|(to, methods, paths, sends, follows, effects)| Asked {
            to: to[0],
            methods,
            paths: paths.iter().map(|paths| paths[0]).collect(),
            sends,
            follows,
            effects,
        })
}

/// Something narrower in each of its parts, by these choices. One that follows an upload keeps its methods or less.
fn narrowed(rule: &Asked, choices: &[usize]) -> Asked {
    let one = |all: &[&[&'static str]], text: &'static str, choice: usize| {
        let family = all.iter().find(|family| family[0] == text);
        family.map_or(text, |family| family[choice % family.len()])
    };
    let some = |all: &[&'static str], choice: usize| {
        let kept = all
            .iter()
            .enumerate()
            .filter(|(index, _)| choice >> index & 1 == 0);
        kept.map(|(_, text)| *text).collect::<Vec<_>>()
    };
    let mut methods = some(&rule.methods, choices[0]);
    if methods.is_empty() {
        methods.push(rule.methods[0]);
    }
    Asked {
        to: one(&PLACES, rule.to, choices[1]),
        methods,
        paths: rule
            .paths
            .iter()
            .map(|path| one(&PATHS, path, choices[2]))
            .collect(),
        sends: some(&rule.sends, choices[3]),
        follows: some(&rule.follows, choices[4]),
        effects: some(&rule.effects, choices[5]),
    }
}

fn text(rules: &[Asked]) -> String {
    let list = |items: &[&str]| format!("{items:?}");
    let rules = rules.iter().map(|rule| {
        let method = |effect: &&&str| rule.methods.contains(&effect.split(' ').next().unwrap());
        let token = |effect: &&&str| {
            !effect.ends_with("www-authenticate") || rule.follows.contains(&"www-authenticate")
        };
        let effects: Vec<&str> = rule.effects.iter().filter(method).filter(token).copied().collect();
        format!(
            "[[http]]\nto = {:?}\nmethods = {}\npaths = {}\nsends = {}\nfollows = {}\nplan = {}\nwhy = \"\"\n",
            rule.to,
            list(&rule.methods),
            list(&rule.paths),
            list(&rule.sends),
            list(&rule.follows),
            list(&effects),
        )
    });
    rules.collect()
}

fn allows(rule: &Rule, method: &Method, url: &str) -> bool {
    let slash = url[8..].find('/').unwrap() + 8;
    rule.to.matches(&url[..slash].parse().unwrap())
        && rule.methods.contains(method)
        && rule.paths.iter().any(|paths| paths.matches(&url[slash..]))
}

/// Every request that the new grant lets out the old one lets out, by one rule with all that goes with it.
fn holds(old: &Grant, new: &Grant) -> Result<(), TestCaseError> {
    for place in [
        "https://hippo.example.com",
        "http://127.0.0.1:5000",
        "https://eu.api.example.com",
        "https://us.api.example.com",
        "https://example.com",
    ] {
        for path in [
            "/",
            "/b",
            "/x/b",
            "/v2/",
            "/v2/a",
            "/v2/x",
            "/v2/x/b",
            "/v2/x/y/b",
        ] {
            for method in METHODS.iter().chain(&["DELETE"]) {
                let url = format!("{place}{path}");
                for phase in [Phase::Deploy, Phase::Plan] {
                    let Ok(rule) = decide(new, phase, method, &url) else {
                        continue;
                    };
                    prop_assert!(
                        decide(old, phase, method, &url).is_ok(),
                        "{phase} {method} {url}"
                    );
                    let method: Method = method.parse().unwrap();
                    let same = old.rules().iter().any(|before| {
                        let uploads = !rule.follows.contains(&FOLLOWS[0].parse().unwrap())
                            || rule.methods.iter().all(|m| before.methods.contains(m));
                        allows(before, &method, &url)
                            && rule
                                .sends
                                .iter()
                                .all(|secret| before.sends.contains(secret))
                            && rule
                                .follows
                                .iter()
                                .all(|follow| before.follows.contains(follow))
                            && uploads
                    });
                    prop_assert!(same, "{phase} {method} {url} with {rule}");
                }
            }
        }
    }
    Ok(())
}

fn grants(old: &Manifest, new: &Manifest) -> (Grant, Grant) {
    let given = [
        (
            "hippo-url",
            "https://hippo.example.com",
            ValueSource::Default,
        ),
        ("reference", "127.0.0.1:5000/a/b", ValueSource::Flag),
    ];
    let ask = Ask::of(old);
    (agreed(old, &given, &ask), agreed(new, &given, &ask))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn what_asks_for_less_is_covered_and_gets_no_more(
        rules in prop::collection::vec(rule(), 1..4),
        choices in prop::collection::vec((0usize..4, prop::collection::vec(0usize..8, 6)), 1..5),
    ) {
        let fewer: Vec<Asked> =
            choices.iter().map(|(at, choices)| narrowed(&rules[at % rules.len()], choices)).collect();
        let (old, new) = (manifest(&text(&rules)), manifest(&text(&fewer)));
        let difference = Ask::of(&old).difference(&Ask::of(&new));
        prop_assert!(Ask::of(&old).covers(&Ask::of(&new)), "{difference:?}");
        let (old, new) = grants(&old, &new);
        holds(&old, &new)?;
    }

    #[test]
    fn what_is_covered_gets_no_more(
        old in prop::collection::vec(rule(), 1..4),
        new in prop::collection::vec(rule(), 1..3),
        keep in any::<bool>(),
    ) {
        let mut new = new;
        if keep {
            new.truncate(1);
            new[0].to = old[0].to;
            new[0].sends.retain(|secret| old[0].sends.contains(secret));
            new[0].follows.retain(|follow| old[0].follows.contains(follow));
        }
        let (old, new) = (manifest(&text(&old)), manifest(&text(&new)));
        let (was, is) = (Ask::of(&old), Ask::of(&new));
        prop_assert!(was.covers(&was) && was.difference(&was).is_empty());
        prop_assert_eq!(was.difference(&is).is_empty(), was.covers(&is) && is.covers(&was));
        prop_assert_eq!(was.to_string().parse::<Ask>(), Ok(was.clone()));
        if was.covers(&is) {
            let (old, new) = grants(&old, &new);
            holds(&old, &new)?;
        }
    }
}
