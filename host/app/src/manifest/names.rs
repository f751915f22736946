//! The names that Spin lets an app use: words of the component model with a delimiter between them.

/// Checks a component id: `shop-cart`, `HTTP-api`.
pub(crate) fn kebab(name: &str) -> Result<(), String> {
    words(name, '-', '_')
}

/// Checks a label in either case: `my-store`, `my_store`.
pub(crate) fn kebab_or_snake(name: &str) -> Result<(), String> {
    words(name, '_', '-').or_else(|_| words(name, '-', '_'))
}

/// Checks a variable's name: `api_host`.
pub(crate) fn variable(name: &str) -> Result<(), String> {
    words(name, '_', '-')?;
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        return Err("it must be all lower-case".into());
    }
    Ok(())
}

/// Splits `namespace:name`.
pub(crate) fn package(name: &str) -> Result<(String, String), String> {
    let (namespace, rest) = name
        .split_once(':')
        .ok_or("a package is named `namespace:name`")?;
    for part in [namespace, rest] {
        words(part, '-', '_').map_err(|reason| format!("`{part}`: {reason}"))?;
        if part.chars().any(|c| c.is_ascii_uppercase()) {
            return Err("it must be all lower-case".into());
        }
        // Stricter than elsewhere, as in `wkg`.
        if part
            .split('-')
            .any(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        {
            return Err("each word must begin with a letter".into());
        }
    }
    Ok((namespace.to_owned(), rest.to_owned()))
}

fn words(name: &str, delimiter: char, mistaken: char) -> Result<(), String> {
    if name.is_empty() {
        return Err("it must not be empty".into());
    }
    if name.contains(mistaken) {
        return Err(format!(
            "words are separated by `{delimiter}`, not by `{mistaken}`"
        ));
    }
    for (index, word) in name.split(delimiter).enumerate() {
        let Some(first) = word.chars().next() else {
            return Err(format!(
                "there must be a word on both sides of each `{delimiter}`"
            ));
        };
        if index == 0 && !first.is_ascii_alphabetic() {
            return Err("it must begin with a letter from a to z".into());
        }
        if let Some(other) = word.chars().find(|c| !c.is_ascii_alphanumeric()) {
            return Err(format!(
                "`{other}` cannot be in it: words are made of letters from a to z and digits"
            ));
        }
        let lower = word.chars().any(|c| c.is_ascii_lowercase());
        let upper = word.chars().any(|c| c.is_ascii_uppercase());
        if upper && (lower || first.is_ascii_digit()) {
            return Err(format!(
                "each word is all lower-case or all upper-case, `{word}` is neither"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_spin() {
        for good in ["a", "shop-cart", "HTTP-api", "a-1", "a1-2b"] {
            kebab(good).expect(good);
        }
        for bad in [
            "", "a_b", "1a", "a--b", "-a", "a-", "aB", "a-1B", "\u{e9}", "a.b", "../a",
        ] {
            kebab(bad).expect_err(bad);
        }
        for good in ["a", "api_host", "a_1_b"] {
            variable(good).expect(good);
        }
        for bad in ["", "aX", "1bc", "_x", "x_", "a__b", "x-y", "Bad_Var", "X"] {
            variable(bad).expect_err(bad);
        }
        kebab_or_snake("my_store").unwrap();
        kebab_or_snake("my-store").unwrap();
        kebab_or_snake("b@d").unwrap_err();
        assert_eq!(package("acme:shop"), Ok(("acme".into(), "shop".into())));
        for bad in [
            "acme",
            ":",
            "acme:",
            "acme:shop:x",
            "Acme:shop",
            "acme:sh_op",
            "acme:shop-2",
        ] {
            package(bad).expect_err(bad);
        }
    }
}
