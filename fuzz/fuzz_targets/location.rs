//! Any `Location` or realm, of a server that was named: what it allows is one plain address, which means the same to
//! whoever asks for it.
#![no_main]

use std::sync::LazyLock;

use http::Uri;
use libfuzzer_sys::fuzz_target;
use spin_deployer_egress::fuzzing::{announced, asked};
use url::Url;

static FROM: LazyLock<[Url; 3]> = LazyLock::new(|| {
    [
        "https://registry.example/v2/a/blobs/uploads/1?state=x",
        "http://127.0.0.1:5000/v2/",
        "http://[::1]:5000/",
    ]
    .map(|url| url.parse().expect("a URL"))
});

fuzz_target!(|text: &str| {
    for from in &*FROM {
        for url in announced(from, text) {
            assert!(
                url.scheme() == "https" || url.scheme() == from.scheme(),
                "{url}"
            );
            assert!(
                url.username().is_empty() && url.password().is_none(),
                "{url}"
            );
            assert!(url.fragment().is_none() && url.host().is_some(), "{url}");
            assert_ne!(url.port(), Some(0), "{url}");
            assert!(url.path().starts_with('/'), "{url}");
            assert!(
                !url.path()
                    .split('/')
                    .any(|segment| matches!(segment, "." | "..")),
                "{url}"
            );
            assert!(url.as_str().bytes().all(|b| b.is_ascii_graphic()), "{url}");
            // Who asks for it is understood as asking for it.
            let uri: Uri = url.as_str().parse().expect("the other parser reads it too");
            assert_eq!(asked(&uri).as_ref(), Some(&url));
            // Whatever it is relative to.
            assert_eq!(announced(from, url.as_str()), std::slice::from_ref(&url));
        }
    }
});
