//! Range rules: which revision of an app a channel takes.

use std::cmp::Ordering;
use std::collections::HashSet;

use nodejs_semver::{Range, Version};
use uuid::Uuid;

use crate::failure::Failure;

/// The revision that a rule takes of these, in the order of the database.
///
/// # Errors
///
/// 500 where a number is there twice, or the rule is none: nobody looked at it when it was stored.
pub(crate) fn chosen(rule: &str, revisions: &[(Uuid, &str)]) -> Result<Option<Uuid>, Failure> {
    let mut numbers = HashSet::new();
    if let Some((_, twice)) = revisions.iter().find(|(_, number)| !numbers.insert(number)) {
        let reason = format!("An item with the same key has already been added. Key: {twice}");
        return Err(Failure::Broken(reason));
    }
    match rule.strip_prefix("P:") {
        Some(rule) => stamped(rule, revisions),
        None => highest(rule, revisions),
    }
}

/// The highest version in the range; the first one, where several are equal but for their build.
fn highest(rule: &str, revisions: &[(Uuid, &str)]) -> Result<Option<Uuid>, Failure> {
    let range = range(rule)?;
    let mut best: Option<(Uuid, Version)> = None;
    for (id, number) in revisions {
        // What is no version is passed over.
        let Ok(version) = without_build(number).parse::<Version>() else {
            continue;
        };
        let higher = best
            .as_ref()
            .is_none_or(|(_, best)| version.cmp(best) == Ordering::Greater);
        if higher && range.satisfies(&version) {
            best = Some((*id, version));
        }
    }
    Ok(best.map(|(id, _)| id))
}

/// `P:<range>-<name>-*`: of `<version>-<name>-<time>` the last time, by its letters.
fn stamped(rule: &str, revisions: &[(Uuid, &str)]) -> Result<Option<Uuid>, Failure> {
    let parts = rule
        .strip_suffix("-*")
        .and_then(|rest| rest.rsplit_once('-'));
    let Some((versions, name)) = parts else {
        return Err(Failure::Broken(format!("P:{rule} is no rule")));
    };
    let range = range(versions)?;
    let matching = revisions.iter().filter_map(|(id, number)| {
        let (rest, time) = number.rsplit_once('-')?;
        let version: Version = rest.strip_suffix(name)?.strip_suffix('-')?.parse().ok()?;
        range.satisfies(&version).then_some((time, *id))
    });
    Ok(matching.max_by_key(|(time, _)| *time).map(|(_, id)| id))
}

fn range(rule: &str) -> Result<Range, Failure> {
    let words = rule.split(' ').map(without_build);
    let rule = words.collect::<Vec<_>>().join(" ");
    let range = rule.parse();
    range.map_err(|error| Failure::Broken(format!("{rule} is no range: {error}")))
}

fn without_build(version: &str) -> &str {
    version
        .split_once('+')
        .map_or(version, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn taken(rule: &str, numbers: &[&'static str]) -> Option<&'static str> {
        let ids: Vec<_> = numbers.iter().map(|it| (Uuid::new_v4(), *it)).collect();
        let id = chosen(rule, &ids).unwrap()?;
        ids.iter().find(|it| it.0 == id).map(|it| it.1)
    }

    #[rstest]
    #[case::everything("*", &["0.9.0", "0.10.0"], Some("0.10.0"))]
    #[case::no_pre_release("*", &["1.0.0", "1.1.0-a"], Some("1.0.0"))]
    #[case::pre_release_of_the_same_version("^1.1.0-a", &["1.1.0-b", "1.2.0-a"], Some("1.1.0-b"))]
    #[case::tilde("~1.2.0", &["1.2.9", "1.3.0"], Some("1.2.9"))]
    #[case::hyphen("1.0.0 - 1.2.0", &["1.1.0", "1.2.1"], Some("1.1.0"))]
    #[case::either("0.1.0 || 0.3.0", &["0.1.0", "0.2.0"], Some("0.1.0"))]
    #[case::nothing("2.x", &["1.0.0"], None)]
    #[case::no_version("*", &["latest", "0.1.0"], Some("0.1.0"))]
    #[case::build_is_ignored("0.1.0+q2", &["0.1.0+q1"], Some("0.1.0+q1"))]
    #[case::first_of_equals("*", &["0.1.0+q2", "0.1.0+q1", "0.0.9"], Some("0.1.0+q2"))]
    #[case::stamped("P:^1.0.0-me-*", &["1.0.0-me-2", "1.1.0-me-1", "1.0.0-you-3"], Some("1.0.0-me-2"))]
    fn takes(#[case] rule: &str, #[case] numbers: &[&'static str], #[case] expected: Option<&str>) {
        assert_eq!(taken(rule, numbers), expected);
    }

    #[test]
    fn two_of_the_same_number_break_every_rule() {
        let twice = [(Uuid::new_v4(), "0.1.0"), (Uuid::new_v4(), "0.1.0")];
        assert!(matches!(chosen("*", &twice), Err(Failure::Broken(_))));
    }

    #[test]
    fn what_is_no_range_breaks_when_it_is_used() {
        assert!(matches!(
            chosen("not a range", &[]),
            Err(Failure::Broken(_))
        ));
    }
}
