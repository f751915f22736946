//! A plugin at a URL: what has the digest that was typed is installed, and nothing else.

use super::author::{
    Author, deploy, has_fetched_nothing, has_nothing, install, lock, user, user_of,
};
use crate::harness::certificate::Authority;
use crate::harness::sha256;
use crate::harness::web::{Page, Web};

/// A plugin on a server of its author's.
struct Published {
    authority: Authority,
    author: Author,
    web: Web,
    wasm: Vec<u8>,
}

impl Published {
    fn new() -> Self {
        let (authority, author) = (Authority::new(), Author::new());
        let wasm = std::fs::read(author.pack("0.1.0", "\"GET\"")).unwrap();
        let web = Web::start(&authority);
        web.put("/demo.wasm", [Page::Whole(wasm.clone())]);
        Self {
            authority,
            author,
            web,
            wasm,
        }
    }

    fn source(&self) -> String {
        let digest = sha256(&self.wasm);
        format!("{}#{digest}", self.web.url("/demo.wasm"))
    }

    /// Not what was published, and a plugin all the same.
    fn another(&self) -> Vec<u8> {
        std::fs::read(self.author.pack("0.1.0", "\"DELETE\"")).unwrap()
    }
}

#[test]
fn what_has_the_digest_is_installed_and_deploys() {
    let published = Published::new();
    let machine = user_of(&published.authority);
    let source = published.source();
    let refused = install(&machine, &source, &[]).fails(5);
    refused.says("--yes");
    assert_eq!(lock(&machine), "");
    let installed = install(&machine, &source, &["--yes"]).ok().json();
    assert_eq!(installed["source"], source);
    assert_eq!(installed["plugin"]["digest"], sha256(&published.wasm));
    deploy(&machine, &published.author).ok();
    assert_eq!(published.author.platform.connections(), 1);

    // With the lock alone, elsewhere.
    let ci = user_of(&published.authority);
    ci.write("deployer.lock", lock(&machine));
    ci.run(["plugins", "fetch"]).ok();
    deploy(&ci, &published.author).ok();
    assert_eq!(published.author.platform.connections(), 2);
    let seen = published.web.seen();
    // No key is known, so that nobody looks for a signature; and what was fetched once is not fetched again.
    let all: Vec<_> = seen.iter().map(|seen| seen.path.as_str()).collect();
    assert_eq!(all, ["/demo.wasm"; 2]);
    assert!(seen.iter().all(|seen| seen.authorization.is_none()));
}

#[test]
fn a_server_that_nobody_vouches_for_is_not_asked() {
    let published = Published::new();
    let another = Authority::new();
    let mut machine = user_of(&another);
    let refused = install(&machine, &published.source(), &["--yes"]).fails(7);
    has_fetched_nothing(&machine, &refused);
    refused.says("SSL_CERT_FILE");
    assert!(published.web.seen().is_empty());
    machine.set("SSL_CERT_FILE", published.authority.file());
    install(&machine, &published.source(), &["--yes"]).ok();
}

#[test]
fn another_digest_is_refused_and_none_is_too() {
    let published = Published::new();
    let machine = user_of(&published.authority);
    let without = published.web.url("/demo.wasm");
    let refused = install(&machine, &without, &["--yes"]).fails(2);
    has_fetched_nothing(&machine, &refused);
    refused.says("#sha256:");
    assert!(published.web.seen().is_empty());

    let other = format!("{without}#{}", sha256(b"other"));
    let refused = install(&machine, &other, &["--yes"]).fails(5);
    has_fetched_nothing(&machine, &refused);
    let (wanted, came) = (sha256(b"other"), sha256(&published.wasm));
    refused.says(&wanted).says(&came);
}

#[test]
fn a_redirect_leads_to_these_bytes_or_to_nothing() {
    let published = Published::new();
    let elsewhere = Web::start(&published.authority);
    let to = elsewhere.url("/stored.wasm");
    published.web.put("/demo.wasm", [Page::Moved(to)]);
    elsewhere.put("/stored.wasm", [Page::Whole(published.another())]);
    let machine = user_of(&published.authority);
    let refused = install(&machine, &published.source(), &["--yes"]).fails(5);
    has_fetched_nothing(&machine, &refused);
    assert_eq!(elsewhere.seen().len(), 1);

    // Never to where anybody on the way could read and change it.
    let platform = &published.author.platform;
    let clear = format!("http://{}/demo.wasm", platform.address());
    published.web.put("/demo.wasm", [Page::Moved(clear)]);
    let refused = install(&machine, &published.source(), &["--yes"]).fails(5);
    has_fetched_nothing(&machine, &refused);
    refused.says(&platform.address().to_string());
    assert_eq!(platform.connections(), 0);

    let to = elsewhere.url("/stored.wasm");
    published.web.put("/demo.wasm", [Page::Moved(to)]);
    elsewhere.put("/stored.wasm", [Page::Whole(published.wasm.clone())]);
    let installed = install(&machine, &published.source(), &["--yes"])
        .ok()
        .json();
    // What was typed, and not where it led to that day.
    assert_eq!(installed["source"], published.source());
}

#[test]
fn what_is_too_large_or_breaks_off_is_not_kept() {
    let published = Published::new();
    let machine = user_of(&published.authority);
    let too_much = Page::Announced((256 << 20) + 1);
    published.web.put("/demo.wasm", [too_much]);
    let refused = install(&machine, &published.source(), &["--yes"]).fails(2);
    has_fetched_nothing(&machine, &refused);
    refused.says("larger than 268435456 bytes");

    let half = || Page::Half(published.wasm.clone());
    let gone = Page::Refused("410 Gone", Vec::new());
    published.web.put("/demo.wasm", [half(), gone]);
    let broken = install(&machine, &published.source(), &["--yes"]).fails(2);
    has_fetched_nothing(&machine, &broken);

    // The rest is of something else.
    let mut other = published.wasm.clone();
    let last = other.len() - 1;
    other[last] ^= 1;
    let (rest, gone) = (Page::Whole(other), Page::Refused("410 Gone", Vec::new()));
    published.web.put("/demo.wasm", [half(), rest, gone]);
    let broken = install(&machine, &published.source(), &["--yes"]).fails(2);
    has_fetched_nothing(&machine, &broken);

    let before = published.web.seen().len();
    let rest = Page::Whole(published.wasm.clone());
    published.web.put("/demo.wasm", [half(), rest]);
    install(&machine, &published.source(), &["--yes"]).ok();
    let again = &published.web.seen()[before + 1].head.to_lowercase();
    assert!(again.contains("range: bytes="), "{again}");
}

#[test]
fn nothing_is_fetched_offline() {
    let published = Published::new();
    let machine = user_of(&published.authority);
    let refused = install(&machine, &published.source(), &["--yes", "--offline"]);
    has_nothing(&machine, &refused);
    refused.fails(2).says("--offline");
    assert!(published.web.seen().is_empty());
    // Not even over a URL that is only clear on this machine.
    let clear = format!("http://plugins.example.com/demo.wasm#{}", sha256(b""));
    install(&user(), &clear, &["--yes"])
        .fails(2)
        .says("not encrypted");
}
