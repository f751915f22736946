//! A catalog that somebody hands out.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use super::author::{Author, change, install, lock, user};
use crate::harness::sha256;

#[test]
fn a_catalog_is_a_folder_that_anybody_can_hand_out() {
    let author = Author::new();
    author.pack("0.1.0", "\"GET\"");
    let newest = author.pack("0.2.0", "\"GET\"");
    let catalog = author.machine.home().join("catalog");
    fs::create_dir(&catalog).unwrap();
    for version in ["0.1.0", "0.2.0"] {
        let name = format!("demo-{version}.wasm");
        fs::copy(author.machine.home().join(&name), catalog.join(&name)).unwrap();
    }
    author.machine.run(["catalog", "build", "catalog"]).ok();
    let files = Files::serve(&catalog, "geheim");
    let machine = user();
    machine.write("token", "geheim\n");
    let location = format!("http://{}/plugins", files.address);
    let add = ["catalog", "add", "acme", &location];
    machine.run(add).ok();
    machine.run(["plugins", "search"]).fails(3).says("_TOKEN");
    machine.run(["catalog", "remove", "acme"]).ok();
    let line = add.into_iter().chain(["--token-file", "token"]);
    machine.run(line).ok();
    let found = machine.run(["plugins", "search", "author", "--output", "json"]);
    let found = found.ok().json();
    assert_eq!(found["plugins"][0]["name"], "demo");
    assert_eq!(found["plugins"][0]["version"], "0.2.0");

    let installed = install(&machine, "demo@0.1.0", &["--yes"]).ok();
    let source = format!("catalog+{location}/#demo@0.1.0");
    assert_eq!(installed.json()["source"], source);
    machine.run(["plugins", "upgrade", "demo"]).ok();
    let digest = sha256(&fs::read(&newest).unwrap());
    assert!(lock(&machine).contains(&digest));
    let log = fs::read_to_string(machine.audit_log()).unwrap();
    assert!(!log.contains("geheim"));

    // The component is another one than the index says, and then the index says so too, but not of its version's file.
    change(&catalog.join("demo-0.2.0.wasm"));
    let mut fresh = user();
    // What was fetched before is what its digest says, whatever the catalog has by now.
    fresh.set("XDG_CACHE_HOME", fresh.home().join("cache"));
    fresh.write("token", "geheim\n");
    let line = add.into_iter().chain(["--token-file", "token"]);
    fresh.run(line).ok();
    install(&fresh, "demo", &["--yes"]).fails(5);
    let other = sha256(&fs::read(catalog.join("demo-0.2.0.wasm")).unwrap());
    let index = fs::read_to_string(catalog.join("index.json")).unwrap();
    fs::write(catalog.join("index.json"), index.replace(&digest, &other)).unwrap();
    install(&fresh, "demo", &["--yes"])
        .fails(5)
        .says("the catalog `acme` is not used");
    assert_eq!(lock(&fresh), "");
}

/// Hands out a folder below `/plugins/` to whoever has the token.
struct Files {
    address: SocketAddr,
}

impl Files {
    fn serve(folder: &Path, token: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let folder = folder.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let lines = lines.map_while(Result::ok);
                let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
                let path = head.first().and_then(|line| line.split(' ').nth(1));
                let file = path.and_then(|path| path.strip_prefix("/plugins/"));
                let allowed = format!("authorization: bearer {token}");
                let is_allowed = head.iter().any(|line| line.to_lowercase() == allowed);
                let (status, body) = match file.map(|file| fs::read(folder.join(file))) {
                    _ if !is_allowed => ("401 Unauthorized", Vec::new()),
                    Some(Ok(body)) => ("200 OK", body),
                    _ => ("404 Not Found", Vec::new()),
                };
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
                );
                let _ = stream.write_all(&[head.into_bytes(), body].concat());
            }
        });
        Self { address }
    }
}
