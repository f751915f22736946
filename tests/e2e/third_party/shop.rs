//! A publisher with a catalog on a web server.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::author::{Author, user_of};
use crate::harness::certificate::Authority;
use crate::harness::run::Machine;
use crate::harness::web::{Page, Web};

pub(super) struct Shop {
    pub(super) authority: Authority,
    pub(super) author: Author,
    pub(super) web: Web,
}

impl Shop {
    pub(super) fn new() -> Self {
        let (authority, author) = (Authority::new(), Author::new());
        fs::create_dir(author.machine.home().join("catalog")).unwrap();
        Self {
            web: Web::start(&authority),
            authority,
            author,
        }
    }

    /// The same with `demo` 0.1.0 and 0.2.0, which asks for no more.
    pub(super) fn with_two() -> Self {
        let shop = Self::new();
        shop.add("0.1.0", "\"GET\"", "");
        shop.add("0.2.0", "\"GET\"", "");
        shop.publish(&[]);
        shop
    }

    fn folder(&self) -> PathBuf {
        self.author.machine.home().join("catalog")
    }

    /// Puts a version of `demo` into the folder, with more in its manifest.
    pub(super) fn add(&self, version: &str, methods: &str, more: &str) -> PathBuf {
        let packed = self.author.pack_with(version, methods, more);
        let place = self.folder().join(packed.file_name().unwrap());
        fs::copy(packed, &place).unwrap();
        place
    }

    /// Makes the folder a catalog, and puts it on the server.
    pub(super) fn publish(&self, more: &[&str]) {
        let line = ["catalog", "build", "catalog"];
        let line = line.iter().chain(more);
        self.author.machine.run(line).ok();
        self.web.put_folder(&self.folder());
    }

    /// What was published there.
    pub(super) fn file(&self, path: &str) -> Vec<u8> {
        fs::read(self.folder().join(path)).unwrap()
    }

    /// Changes what the server has of a document.
    pub(super) fn change(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut document = serde_json::from_slice(&self.file(path)).unwrap();
        change(&mut document);
        let bytes = document.to_string().into_bytes();
        self.web.put(&format!("/{path}"), [Page::Whole(bytes)]);
    }

    /// Where it is.
    pub(super) fn location(&self) -> String {
        self.web.url("/")
    }

    /// Somebody who believes its server, and has nothing yet.
    pub(super) fn user(&self) -> Machine {
        user_of(&self.authority)
    }

    /// The same, and its catalog is called `acme` there.
    pub(super) fn customer(&self) -> Machine {
        let machine = self.user();
        self.add_to(&machine, &[]);
        machine
    }

    pub(super) fn add_to(&self, machine: &Machine, more: &[&str]) {
        let location = self.location();
        let line = ["catalog", "add", "acme", &location];
        machine.run(line.iter().chain(more)).ok();
    }
}
