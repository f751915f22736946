//! Reading from a registry that is not trusted.

use crate::script::{Expected, Script, on, run};
use spin_deployer_oci::{
    Credential, Digest, Document, Error, IndexEntry, PullError, Pulled, Registry, Wanted, download,
};

const CONTENT: &str = "0123456789";

fn registry(script: &Script) -> Registry<&Script> {
    let credential = Credential::Password("user".to_owned(), "secret".to_owned());
    Registry::reading(script, "https://reg.test", "a/b", Some(credential))
}

/// Pulls `CONTENT`; returns what was written.
fn pull(expected: Vec<Expected>) -> (Result<(), PullError>, String) {
    let script = Script::new(expected);
    let mut to = Vec::new();
    let digest = Digest::of(CONTENT.as_bytes());
    let result = run(registry(&script).pull_blob(&digest, CONTENT.len() as u64, &mut to));
    script.finished();
    (result, String::from_utf8(to).unwrap())
}

fn blob() -> Expected {
    on("GET /v2/a/b/blobs/sha256:*")
}

fn manifest(reference: &str, answer: Expected) -> Result<Pulled, PullError> {
    let script = Script::new([answer]);
    let pulled = run(registry(&script).pull_manifest(reference));
    script.finished();
    pulled
}

#[test]
fn the_token_is_for_reading_and_storage_elsewhere_sees_no_credential() {
    let challenge =
        r#"Bearer realm="https://auth.test/token",service="reg.test",scope="repository:a/b:pull""#;
    let (result, to) = pull(vec![
        blob().answers(401).header("www-authenticate", challenge),
        on("GET https://auth.test/token?service=reg.test&account=user&scope=repository%3Aa/b%3Apull")
            .answers(200)
            .body(r#"{"token":"t1"}"#),
        blob()
            .with("authorization", "Bearer t1")
            .answers(307)
            .header("location", "https://storage.test/x?sig=1"),
        on("GET https://storage.test/x?sig=1")
            .with("authorization", "")
            .answers(200)
            .body(CONTENT),
    ]);
    result.unwrap();
    assert_eq!(to, CONTENT);
}

#[test]
fn what_broke_goes_on_from_the_first_address_with_the_part_that_is_missing() {
    let redirect = || {
        blob()
            .answers(302)
            .header("location", "https://storage.test/x")
    };
    let storage = || on("GET https://storage.test/x");
    let (result, to) = pull(vec![
        redirect().with("range", ""),
        storage().answers(200).body("0123").and_breaks(),
        redirect().with("range", "bytes=4-"),
        storage()
            .with("range", "bytes=4-")
            .answers(206)
            .header("content-range", "bytes 4-9/10")
            .body("4567")
            .and_breaks(),
        redirect().with("range", "bytes=8-"),
        storage()
            .answers(206)
            .header("content-range", "bytes 8-9/10")
            .body("89"),
    ]);
    result.unwrap();
    assert_eq!(to, CONTENT);
}

#[test]
fn who_sends_everything_again_or_has_no_such_part_is_heard_from_the_beginning() {
    let (result, to) = pull(vec![
        blob().answers(200).body("0123").and_breaks(),
        blob().answers(200).body(CONTENT),
    ]);
    result.unwrap();
    assert_eq!(to, CONTENT);
    let (result, to) = pull(vec![
        blob().answers(200).body("0123").and_breaks(),
        blob().with("range", "bytes=4-").answers(416),
        blob().with("range", "").answers(200).body(CONTENT),
    ]);
    result.unwrap();
    assert_eq!(to, CONTENT);
    // An answer may end early without anybody noticing but us.
    let (result, to) = pull(vec![
        blob().answers(200).body("0123"),
        blob()
            .with("range", "bytes=4-")
            .answers(206)
            .header("content-range", "bytes 4-9/10")
            .body("456789"),
    ]);
    result.unwrap();
    assert_eq!(to, CONTENT);
}

#[test]
fn parts_of_two_contents_are_fetched_once_more_as_one() {
    let (result, to) = pull(vec![
        blob().answers(200).body("xxxx").and_breaks(),
        blob()
            .answers(206)
            .header("content-range", "bytes 4-9/10")
            .body("456789"),
        blob().with("range", "").answers(200).body(CONTENT),
    ]);
    result.unwrap();
    assert_eq!(to, CONTENT);
}

#[test]
fn nothing_but_the_wanted_bytes_is_taken() {
    for (body, length) in [
        ("0123456789x", None),
        ("01234", Some("11")),
        ("0", Some("1")),
    ] {
        let mut answer = blob().answers(200).body(body);
        if let Some(length) = length {
            answer = answer.header("content-length", length);
        }
        let (result, _) = pull(vec![answer]);
        assert!(
            matches!(result, Err(PullError::Size { wanted: 10, .. })),
            "{result:?}"
        );
    }
    let (result, _) = pull(vec![blob().answers(200).body("012345678x")]);
    assert!(
        matches!(result, Err(PullError::Digest { .. })),
        "{result:?}"
    );
    let (result, _) = pull(vec![blob().answers(206).body(CONTENT)]);
    let nonsense = matches!(result, Err(PullError::Exchange(Error::Nonsense { .. })));
    assert!(nonsense, "{result:?}");
    let (result, _) = pull(vec![blob().answers(404)]);
    assert!(
        matches!(result, Err(PullError::NotFound { .. })),
        "{result:?}"
    );
}

#[test]
fn patience_with_a_registry_that_never_delivers_has_an_end() {
    let (result, _) = pull((0..6).map(|_| blob().answers(503)).collect());
    let busy = matches!(result, Err(PullError::Exchange(Error::Busy { .. })));
    assert!(busy, "{result:?}");
    // It begins anew each time and never comes farther.
    let broken = (0..6).map(|_| blob().answers(200).body("0123").and_breaks());
    let (result, _) = pull(broken.collect());
    let broken = matches!(result, Err(PullError::Exchange(Error::Transport { .. })));
    assert!(broken, "{result:?}");
    let (result, _) = pull(
        (0..6)
            .map(|_| on("GET *").answers(302).header("location", "/loop"))
            .collect(),
    );
    assert!(
        matches!(result, Err(PullError::Redirects { .. })),
        "{result:?}"
    );
}

#[test]
fn a_manifest_is_what_was_asked_for_or_what_the_registry_says_that_it_is() {
    let digest = Digest::of(b"{}");
    let get = || on("GET /v2/a/b/manifests/*").answers(200).body("{}");
    let pulled = manifest("v1", get().header("content-type", "application/x")).unwrap();
    let expected = Pulled {
        digest: digest.clone(),
        media_type: "application/x".to_owned(),
        bytes: b"{}".to_vec(),
    };
    assert_eq!(pulled, expected);
    let said = |digest: &Digest| get().header("docker-content-digest", digest.as_str());
    manifest("v1", said(&digest)).unwrap();
    manifest(digest.as_str(), get()).unwrap();
    let other = Digest::of(b"other");
    for result in [
        manifest("v1", said(&other)),
        manifest(other.as_str(), said(&other)),
    ] {
        assert!(
            matches!(result, Err(PullError::Digest { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn a_download_from_anywhere_has_a_bound() {
    let digest = Digest::of(CONTENT.as_bytes());
    for (limit, fits) in [(10, true), (9, false)] {
        let script = Script::new([on("GET https://web.test/a?x=1").answers(200).body(CONTENT)]);
        let wanted = Wanted {
            digest: Some(&digest),
            size: None,
            limit,
        };
        let mut to = Vec::new();
        let result = run(download(
            &&script,
            "https://web.test/a?x=1",
            wanted,
            &mut to,
        ));
        match result {
            Ok(size) => assert!(fits && size == 10),
            Err(PullError::TooLarge { limit: 9, request }) => {
                assert!(!fits);
                assert_eq!(request, "GET https://web.test/a");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn of_an_index_it_is_the_only_image_for_wasm_or_the_only_one() {
    let entry = |architecture: &str| {
        let digest = Digest::of(architecture.as_bytes());
        format!(
            r#"{{"digest":"{digest}","platform":{{"architecture":"{architecture}","os":"x"}}}}"#
        )
    };
    let choose = |architectures: &[&str]| {
        let entries: Vec<String> = architectures.iter().map(|a| entry(a)).collect();
        let index = format!(r#"{{"manifests":[{}]}}"#, entries.join(","));
        let Document::Index(entries) = Document::parse(index.as_bytes()).unwrap() else {
            panic!("no index");
        };
        IndexEntry::choose(&entries).map(|entry| entry.digest.clone())
    };
    assert_eq!(choose(&["amd64"]), Ok(Digest::of(b"amd64")));
    assert_eq!(
        choose(&["unknown", "wasm", "amd64"]),
        Ok(Digest::of(b"wasm"))
    );
    for several in [&[][..], &["amd64", "arm64"], &["wasm", "wasm"]] {
        assert!(choose(several).is_err(), "{several:?}");
    }
}
