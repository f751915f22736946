//! `https://{{ host }}/v1`: text with variables of the app, resolved by the platform when the app runs.

/// The opening `{{` of a template has no `}}`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unclosed;

/// The names between the braces, in order.
pub(crate) fn variables(template: &str) -> Result<Vec<&str>, Unclosed> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some((_, after)) = rest.split_once("{{") {
        let (name, following) = after.split_once("}}").ok_or(Unclosed)?;
        names.push(name.trim());
        rest = following;
    }
    Ok(names)
}

/// The text with `lookup`'s values in place of the names; `None` where it lacks one.
pub(crate) fn resolve(template: &str, lookup: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, following) = after.split_once("}}")?;
        out.push_str(before);
        out.push_str(&lookup(name.trim())?);
        rest = following;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_found_between_the_braces() {
        assert_eq!(variables("a-{{ b }}-{{c}}"), Ok(vec!["b", "c"]));
        assert_eq!(variables("{{ a }} {{ b"), Err(Unclosed));
        assert_eq!(variables("plain } { text"), Ok(vec![]));
        assert_eq!(
            resolve("a-{{ b }}!", |n| Some(n.to_uppercase())).as_deref(),
            Some("a-B!")
        );
        assert_eq!(resolve("{{ b }}", |_| None), None);
    }
}
