//! A catalog leads to https and to its own folder, and nowhere else.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rstest::rstest;
use spin_deployer_catalog::{Address, AddressError, INDEX, Location, LocationError, entry_path};

#[rstest]
#[case("https://plugins.example.com", "https://plugins.example.com/")]
#[case("https://Plugins.Example.com/a/b", "https://plugins.example.com/a/b/")]
#[case(
    "https://plugins.example.com/a/b///",
    "https://plugins.example.com/a/b/"
)]
#[case(
    "https://plugins.example.com/a/index.json",
    "https://plugins.example.com/a/"
)]
#[case(
    "https://plugins.example.com/a/../b/%2e%2e/c",
    "https://plugins.example.com/c/"
)]
#[case(
    "https://plugins.example.com/myindex.json",
    "https://plugins.example.com/myindex.json/"
)]
#[case("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x/")]
#[case("http://localhost/", "http://localhost/")]
#[case("http://[::1]:80", "http://[::1]/")]
fn an_address_is_a_folder(#[case] given: &str, #[case] folder: &str) {
    let address: Address = given.parse().unwrap();
    assert_eq!(address.to_string(), folder);
    assert_eq!(folder.parse::<Address>().unwrap(), address);
    assert_eq!(
        address.below(INDEX).to_string(),
        format!("{folder}index.json")
    );
    let entry = entry_path(&"shelf".parse().unwrap(), &"1.0.0-rc.1".parse().unwrap());
    assert_eq!(
        address.below(&entry).to_string(),
        format!("{folder}shelf/shelf@1.0.0-rc.1.json")
    );
}

#[rstest]
#[case("http://plugins.example.com", "write https://")]
#[case("http://10.0.0.1", "write https://")]
#[case("https://plugins.example.com/?token=1", "leave it out")]
#[case("https://plugins.example.com/#a", "without a fragment")]
#[case("https://user:secret@plugins.example.com/", "no user name or password")]
#[case("plugins.example.com", "does not begin with")]
#[case("file:///etc", "does not begin with")]
#[case("", "does not begin with")]
fn what_is_no_address_says_what_to_write(#[case] text: &str, #[case] says: &str) {
    let error = text.parse::<Address>().unwrap_err().to_string();
    assert!(error.contains(says), "{says} is not in: {error}");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn an_address_in_the_clear_is_told_from_a_mistake() {
    let error = "http://plugins.example.com".parse::<Address>().unwrap_err();
    assert!(matches!(error, AddressError::Clear(_)));
}

fn resolve(location: &str) -> String {
    let address: Address = "https://plugins.example.com/catalog".parse().unwrap();
    address.resolve(&location.parse().unwrap()).to_string()
}

#[rstest]
#[case(
    "shelf/shelf-1.0.0.wasm",
    "https://plugins.example.com/catalog/shelf/shelf-1.0.0.wasm"
)]
#[case(
    "shelf@1.0.0.wasm",
    "https://plugins.example.com/catalog/shelf@1.0.0.wasm"
)]
#[case("..a/b..c/.d", "https://plugins.example.com/catalog/..a/b..c/.d")]
#[case(
    "https://other.example.com/x.wasm?a=b",
    "https://other.example.com/x.wasm?a=b"
)]
#[case("HTTPS://OTHER.example.com:443/x/../y", "https://other.example.com/y")]
fn a_location_is_below_the_folder_or_a_whole_address(#[case] location: &str, #[case] url: &str) {
    assert_eq!(resolve(location), url);
}

#[rstest]
#[case("")]
#[case("/etc/passwd")]
#[case("//other.example.com/x")]
#[case("../x")]
#[case("a/../../x")]
#[case("a/./x")]
#[case("a/..")]
#[case("a/...")]
#[case("a//x")]
#[case("a/")]
#[case("%2e%2e/x")]
#[case("a\\..\\x")]
#[case("..\\x")]
#[case("C:x")]
#[case("x?y")]
#[case("x#y")]
#[case("x y")]
#[case("x\n")]
#[case("\tx")]
#[case("javascript:alert(1)")]
#[case("é")]
#[case("x\u{202e}")]
fn no_path_leads_out_of_the_folder(#[case] text: &str) {
    let error = text.parse::<Location>().unwrap_err();
    assert!(matches!(error, LocationError::Path(_)), "{error}");
}

#[rstest]
#[case("http://plugins.example.com/x", "not encrypted")]
#[case("http://127.0.0.1/x", "not encrypted")]
#[case("http://169.254.169.254/latest", "not encrypted")]
#[case("ftp://example.com/x", "does not begin with")]
#[case("file:///etc/passwd", "does not begin with")]
#[case("https://user@example.com/x", "no user name")]
#[case("https://example.com\\@other.example/x", "no user name")]
#[case("https:///x", "no host")]
#[case("https://example.com/x\n", "in ASCII")]
#[case("x/https://example.com", "does not begin with")]
fn no_address_leads_somewhere_else(#[case] text: &str, #[case] says: &str) {
    let error = text.parse::<Location>().unwrap_err().to_string();
    assert!(error.contains(says), "{says} is not in: {error}");
}

#[test]
fn an_address_has_an_end() {
    let long = format!("https://example.com/{}", "x".repeat(2000));
    assert!(matches!(
        long.parse::<Location>(),
        Err(LocationError::TooLong(2020))
    ));
}

proptest! {
    #[test]
    fn whatever_is_read_stays_in_the_folder_or_goes_to_https(
        text in prop_oneof![".{0,30}", "[./%a-z@:?#\\\\]{0,30}", "https?://[./%a-z@:?#\\\\]{0,30}"],
    ) {
        if let Ok(location) = text.parse::<Location>() {
            prop_assert_eq!(&location.to_string().parse::<Location>().unwrap(), &location);
            let url = resolve(&location.to_string());
            match location.path() {
                Some(path) => prop_assert_eq!(url, format!("https://plugins.example.com/catalog/{path}")),
                None => prop_assert!(url.starts_with("https://"), "{}", url),
            }
        }
    }
}
