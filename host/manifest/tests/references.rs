//! A reference names one place in one registry, and says what is missing where it does not.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rstest::rstest;
use spin_deployer_manifest::Reference;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[rstest]
#[case("ghcr.io/acme/shop", "https://ghcr.io", "ghcr.io", "acme/shop", None)]
#[case(
    "ghcr.io/acme/shop:1.0",
    "https://ghcr.io",
    "ghcr.io",
    "acme/shop",
    Some("1.0")
)]
#[case("GHCR.io/acme/shop", "https://ghcr.io", "GHCR.io", "acme/shop", None)]
#[case(
    "127.0.0.1:5000/hello:v1",
    "http://127.0.0.1:5000",
    "127.0.0.1:5000",
    "hello",
    Some("v1")
)]
#[case("localhost/hello", "http://localhost", "localhost", "hello", None)]
#[case("[::1]:5000/hello", "http://[::1]:5000", "[::1]:5000", "hello", None)]
#[case(
    "https://localhost:5000/hello",
    "https://localhost:5000",
    "localhost:5000",
    "hello",
    None
)]
#[case(
    "http://registry.lan/a/b:c",
    "http://registry.lan",
    "registry.lan",
    "a/b",
    Some("c")
)]
#[case(
    "https://registry/hello",
    "https://registry",
    "registry",
    "hello",
    None
)]
#[case(
    "registry:5000/hello",
    "https://registry:5000",
    "registry:5000",
    "hello",
    None
)]
#[case(
    "docker.io/hello",
    "https://registry-1.docker.io",
    "docker.io",
    "library/hello",
    None
)]
#[case(
    "docker.io/acme/hello:v1",
    "https://registry-1.docker.io",
    "docker.io",
    "acme/hello",
    Some("v1")
)]
#[case(
    "example.com/a__b/c---d/e.f:_Tag.x-9",
    "https://example.com",
    "example.com",
    "a__b/c---d/e.f",
    Some("_Tag.x-9")
)]
fn a_reference_is_read_into_its_parts(
    #[case] text: &str,
    #[case] origin: &str,
    #[case] registry: &str,
    #[case] repository: &str,
    #[case] tag: Option<&str>,
) {
    for (text, digest) in [
        (text.to_owned(), None),
        (format!("{text}@{DIGEST}"), Some(DIGEST)),
    ] {
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.origin().to_string(), origin);
        assert_eq!(reference.registry(), registry);
        assert_eq!(reference.repository(), repository);
        assert_eq!((reference.tag(), reference.digest()), (tag, digest));
        assert_eq!(
            reference.to_string().parse::<Reference>().unwrap(),
            reference
        );
    }
}

#[rstest]
#[case("ghcr.io/acme/shop:1.0")]
#[case("127.0.0.1:5000/hello:v1")]
#[case("http://registry.lan/hello")]
#[case("https://registry/hello")]
fn a_reference_is_shown_as_it_was_typed(#[case] text: &str) {
    assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
}

#[rstest]
#[case("hello", "`hello` does not say which registry", "ghcr.io/acme/hello`")]
#[case(
    "hello:v1",
    "`hello:v1` does not say which registry",
    "`localhost:5000/acme/hello:v1`"
)]
#[case(
    "acme/shop:v1",
    "`acme/shop:v1` does not say which registry",
    "`ghcr.io/acme/shop:v1`"
)]
#[case(
    "Hello World",
    "does not say which registry",
    "`ghcr.io/acme/hello:v1`"
)]
#[case("", "does not say which registry", "`ghcr.io/acme/hello:v1`")]
#[case("/hello", "does not say which registry", "`ghcr.io/acme/hello:v1`")]
#[case("ghcr.io", "no repository in it", "`ghcr.io/acme/hello:v1`")]
#[case(
    "localhost:5000",
    "no repository in it",
    "`localhost:5000/acme/hello:v1`"
)]
#[case("ghcr.io/", "`` is no repository", "lower-case")]
#[case("ghcr.io/Acme/shop", "`Acme/shop` is no repository", "lower-case")]
#[case("ghcr.io/acme//shop", "`acme//shop` is no repository", "lower-case")]
#[case("ghcr.io/acme/../shop", "is no repository", "lower-case")]
#[case("ghcr.io/acme/shop-", "is no repository", "lower-case")]
#[case("ghcr.io/a__b/c-.-d", "is no repository", "lower-case")]
#[case("ghcr.io/a___b", "is no repository", "lower-case")]
#[case("ghcr.io/acme/shop?x", "is no repository", "lower-case")]
#[case(
    "ghcr.io/acme/shop:v 1+x+",
    "the tag `v 1+x+` has ` ` and `+`",
    "only letters, digits, `_`, `.` and `-`"
)]
#[case("ghcr.io/acme/shop:v1/x", "has `/`", "only letters")]
#[case("ghcr.io/acme/shop:", "`` is no tag", "128")]
#[case("ghcr.io/acme/shop:.v1", "`.v1` is no tag", "begins with a letter")]
#[case("ghcr.io/acme/shop:-v1", "`-v1` is no tag", "begins with a letter")]
#[case("ghcr.io/acme/shop@sha256:12", "`sha256:12` is no digest", "64")]
#[case("ghcr.io/acme/shop@md5:12", "`md5:12` is no digest", "64")]
#[case("ghcr.io:/acme/shop", "the registry: `:` is no port", "65535")]
#[case("ghcr.io:http/acme/shop", "the registry: `:http` is no port", "65535")]
#[case("ghçr.io/acme/shop", "the registry: `ghçr.io` is no host", "ASCII")]
#[case("https:///acme/shop", "the registry: `` is no host", "ASCII")]
#[case(
    "ftp://ghcr.io/acme/shop",
    "the registry: `ftp://` does not begin with",
    "`https://`"
)]
#[case(
    "oci://ghcr.io/acme/shop",
    "the registry: `oci://` does not begin with",
    "`https://`"
)]
fn what_is_no_reference_is_told_with_the_way_out(
    #[case] text: &str,
    #[case] wrong: &str,
    #[case] right: &str,
) {
    let error = text.parse::<Reference>().unwrap_err().to_string();
    assert!(error.contains(wrong) && error.contains(right), "{error}");
}

#[test]
fn a_tag_or_repository_that_is_too_long_is_refused() {
    let long =
        |tag: usize, name: usize| format!("ghcr.io/{}:{}", "n".repeat(name), "t".repeat(tag));
    assert!(long(128, 255).parse::<Reference>().is_ok());
    assert!(long(129, 255).parse::<Reference>().is_err());
    assert!(long(128, 256).parse::<Reference>().is_err());
}

#[rstest]
#[case("ci:hunter2@ghcr.io/acme/shop:v1")]
#[case("https://ci:hunter2@ghcr.io/acme/shop")]
#[case("ci:hunter2@ghcr.io")]
#[case("ftp://ci:hunter2@ghcr.io/acme/shop")]
#[case("ci:hunter2@registry/acme")]
fn a_password_in_a_reference_is_not_repeated(#[case] text: &str) {
    let error = text.parse::<Reference>().unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("hunter2"),
        "{error:?}"
    );
}

#[test]
fn another_tag_replaces_tag_and_digest() {
    let reference: Reference = format!("ghcr.io/acme/shop:v1@{DIGEST}").parse().unwrap();
    assert_eq!(
        reference.with_tag("latest").unwrap().to_string(),
        "ghcr.io/acme/shop:latest"
    );
    assert!(reference.with_tag("no tag").is_err());
}

proptest! {
    #[test]
    fn whatever_is_taken_is_given_back_as_the_same_place(text in r"(https?://)?[a-zA-Z0-9.:/_@\[\]-]{0,40}") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
        }
    }
}
