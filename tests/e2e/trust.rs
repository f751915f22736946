//! Whose word counts: what lies in a checkout, or calls itself like something that is trusted, decides nothing for a user.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::harness::app::hello_wasm;
use crate::harness::plugin::hostile;
use crate::harness::run::{Finished, Machine};
use crate::harness::sha256;
use crate::harness::terminal::Terminal;

const APP: &str = r#"
spin_manifest_version = 2
application = { name = "hello", version = "0.1.0" }
trigger.http = [{ route = "/...", component = "hello" }]
component.hello.source = "hello.wasm"
"#;

const KEY: &str = "minisign:RWS3rqxin0KIdZJkKwKaB+5mmA85Kv3ZCM5GZQtky4JICRxp1PU7JKuM";

/// Somebody's machine whose working directory is a checkout of somebody else's.
struct Checkout {
    machine: Machine,
}

impl Checkout {
    fn new() -> Self {
        let machine = Machine::new();
        machine.write("spin.toml", APP);
        machine.write("hello.wasm", hello_wasm());
        Self { machine }
    }

    /// A plugin that goes where its author wants, at that path.
    fn plugin(&self, path: &str, name: &str, version: &str) -> String {
        let manifest = format!(
            r#"
name = "{name}"
version = "{version}"
description = "Goes where its author wants"
options = [
    {{ name = "behaviour", type = "text", default = "script", help = "What it does" }},
    {{ name = "script", type = "text", default = " ", help = "The same, line by line" }},
]
http = [{{ to = "https://evil.example.com", methods = ["POST"], why = "tell its author" }}]
"#
        );
        self.packed(path, &manifest)
    }

    /// Says its digest.
    fn packed(&self, path: &str, manifest: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = hostile(folder.path(), manifest);
        let wasm = fs::read(file).unwrap();
        self.machine.write(path, &wasm);
        sha256(&wasm)
    }

    /// A lock that agrees to all that [`Self::plugin`] asks for.
    fn lock(&self, name: &str, version: &str, source: &str, digest: &str, more: &str) -> String {
        let asks = match more.contains("overrides") {
            true => String::new(),
            false => format!(
                "[plugins.{name}.asks.options.behaviour]\ntype = \"text\"\n[plugins.{name}.asks.options.script]\ntype = \"text\"\n\
                 [[plugins.{name}.asks.http]]\nto = \"https://evil.example.com\"\nmethods = [\"POST\"]\npaths = [\"/**\"]\n"
            ),
        };
        let lock = format!(
            "schema = 1\n\n[plugins.{name}]\nsource = \"{source}\"\nversion = \"{version}\"\ndigest = \"{digest}\"\n{more}\n{asks}"
        );
        self.machine.write("deployer.lock", &lock);
        lock
    }

    fn run(&self, line: &[&str]) -> Finished {
        self.machine.run(line)
    }

    fn data(&self) -> PathBuf {
        self.machine
            .home()
            .join(".local/share/spin-deployer/plugins")
    }

    /// Nothing is installed, and nothing agreed to.
    fn has_nothing(&self) {
        for file in ["plugins.toml", "agreed.toml"] {
            let text = fs::read_to_string(self.data().join(file)).unwrap_or_default();
            assert!(!text.contains("sha256:"), "{file}: {text}");
        }
    }
}

#[test]
fn the_lock_of_a_checkout_agrees_to_nothing_that_is_installed() {
    let mut checkout = Checkout::new();
    let digest = checkout.plugin("evil.wasm", "evil", "0.1.0");
    let lock = checkout.lock("evil", "0.1.0", "./evil.wasm", &digest, "");
    let line = ["plugins", "install", "./evil.wasm"];

    let mut terminal = Terminal::start(&checkout.machine, &line);
    terminal.shows("https://evil.example.com");
    terminal.answers("Let plugin evil do that?", "n");
    terminal.finish().fails(5);
    checkout.has_nothing();
    // Nobody can be asked, and nobody said that the lock was reviewed.
    checkout.run(&line).fails(5).says("--yes");
    checkout.has_nothing();

    checkout.machine.set("CI", "true");
    checkout.run(&line).ok();
    let kept = fs::read_to_string(checkout.machine.home().join("deployer.lock")).unwrap();
    assert_eq!(kept, lock);
}

#[test]
fn a_lock_takes_no_name_of_the_program_for_a_user() {
    let checkout = Checkout::new();
    let manifest = r#"
name = "oci"
version = "0.1.0"
description = "Looks like the one in the program"
options = [
    { name = "reference", type = "registry", help = "Where to" },
    { name = "behaviour", type = "text", default = "script", help = "What it does" },
    { name = "script", type = "text", default = " ", help = "The same, line by line" },
]
http = [{ to = "{reference}", methods = ["GET"], why = "push" }]
"#;
    let digest = checkout.packed("oci.wasm", manifest);
    checkout.lock("oci", "0.1.0", "./oci.wasm", &digest, "overrides = true");

    let install = ["plugins", "install", "./oci.wasm", "--yes"];
    checkout.run(&install).fails(2).says("--override-built-in");
    checkout.has_nothing();

    let deploy = ["deploy", "-t", "oci", "--reference", "127.0.0.1:9/hello:v1"];
    checkout
        .run(&deploy)
        .fails(5)
        .says("takes the place of the plugin `oci`");
    let mut terminal = Terminal::start(&checkout.machine, &deploy);
    terminal.shows("takes the place of the plugin `oci` of this program");
    terminal.answers("Let plugin oci do that?", "n");
    terminal.finish().fails(5);
    checkout.has_nothing();
    let log = fs::read_to_string(checkout.machine.audit_log()).unwrap();
    assert!(!log.contains("\"started\""), "it ran:\n{log}");

    // To the file under its own path is not to that.
    let file = [
        "plan",
        "-t",
        "./oci.wasm",
        "--reference",
        "127.0.0.1:9/hello:v1",
    ];
    checkout.run(&[&file[..], &["--yes"]].concat()).ok();
    checkout.run(&deploy).fails(5);
    // Whoever agrees is not asked again.
    checkout.run(&[&deploy[..], &["--yes"]].concat()).ok();
    checkout.run(&deploy).ok();
}

#[test]
fn a_name_in_a_lock_is_no_signature() {
    let mut checkout = Checkout::new();
    let digest = checkout.plugin("evil.wasm", "evil", "0.1.0");
    checkout.lock("evil", "0.1.0", "./evil.wasm", &digest, "");
    checkout.run(&["plugins", "fetch"]).ok();
    fs::remove_file(checkout.machine.home().join("evil.wasm")).unwrap();
    // Now the lock says who is trusted.
    let signer = format!("signer = \"{KEY}\"");
    checkout.lock("evil", "0.1.0", "./evil.wasm", &digest, &signer);
    let policy = format!("schema = 1\n[require]\nsigners = [\"{KEY}\"]\n");
    checkout.machine.write("policy.toml", policy);
    checkout.machine.set("CI", "true");
    let deploy = ["deploy", "-t", "evil", "--policy", "policy.toml"];
    checkout.run(&deploy).fails(5).says("policy.toml");
    let log = fs::read_to_string(checkout.machine.audit_log()).unwrap();
    assert!(!log.contains("\"started\""), "it ran:\n{log}");
    // And what is there without a proof is not taken for signed.
    checkout
        .machine
        .write("evil.wasm", fs::read(component(&checkout)).unwrap());
    checkout
        .run(&["plugins", "fetch"])
        .fails(5)
        .says("not signed by its publisher");
}

fn component(checkout: &Checkout) -> PathBuf {
    let files = fs::read_dir(checkout.data()).unwrap();
    let mut files = files.map(|entry| entry.unwrap().path());
    files
        .find(|file| file.extension().is_some_and(|e| e == "wasm"))
        .unwrap()
}

#[test]
fn an_entry_of_a_lock_for_another_plugin_is_not_fetched() {
    let checkout = Checkout::new();
    let digest = checkout.plugin("evil.wasm", "evil", "0.1.0");
    checkout.lock("good", "0.1.0", "./evil.wasm", &digest, "");
    let refused = checkout.run(&["plugins", "fetch"]).fails(5);
    refused.says("calls itself `evil`");
    assert!(
        !checkout
            .data()
            .join(digest.replace(':', "-") + ".wasm")
            .exists()
    );
}

#[test]
fn what_was_agreed_to_of_one_plugin_is_not_another_ones() {
    let checkout = Checkout::new();
    let known = checkout.plugin("known/evil.wasm", "evil", "1.0.0");
    checkout
        .run(&["plan", "-t", "./known/evil.wasm", "--yes"])
        .ok();
    // The lock of a checkout that knows what many have agreed to, and says that its own file is the next version.
    checkout.plugin("evil.wasm", "evil", "9.0.0");
    checkout.lock("evil", "0.0.1", "./evil.wasm", &known, "");
    let install = ["plugins", "install", "./evil.wasm"];
    checkout.run(&install).fails(5).says("nobody has agreed");
    let installed = fs::read_to_string(checkout.data().join("plugins.toml"));
    assert!(!installed.unwrap_or_default().contains("sha256:"));
    let mut terminal = Terminal::start(&checkout.machine, &["plan", "-t", "./evil.wasm"]);
    terminal.answers("Let plugin evil do that?", "n");
    terminal.finish().fails(5);
}

#[test]
fn a_signer_is_shown_only_where_something_proves_it() {
    let checkout = Checkout::new();
    let digest = checkout.plugin("evil.wasm", "evil", "0.1.0");
    let signer = format!("signer = \"{KEY}\"");
    checkout.lock("evil", "0.1.0", "./evil.wasm", &digest, &signer);
    let shown = checkout.run(&["plugins", "show", "evil", "--output", "json"]);
    assert!(shown.ok().json()["signer"].is_null());
    let mut terminal = Terminal::start(&checkout.machine, &["plan", "-t", "evil"]);
    terminal.shows("signed by nobody");
    terminal.answers("Let plugin evil do that?", "n");
    terminal.finish().fails(5);
    checkout
        .run(&["plugins", "show", "nosuch"])
        .fails(2)
        .says("plugins search");
}

#[test]
fn a_file_of_the_checkout_is_meant_only_by_its_path() {
    let checkout = Checkout::new();
    checkout.plugin("shelf@1.2.0", "shelf", "1.2.0");
    checkout.plugin("registry.test/acme/shelf:1.2.0", "shelf", "1.2.0");
    let install =
        |source: &str| checkout.run(&["plugins", "install", source, "--yes", "--offline"]);
    install("shelf@1.2.0").fails(2).says("catalog");
    let sent = install("registry.test/acme/shelf:1.2.0").fails(2);
    sent.says("nothing may be sent");
    checkout.has_nothing();
    install("./shelf@1.2.0").ok();
}

#[test]
fn another_publisher_does_not_inherit_a_name() {
    let checkout = Checkout::new();
    checkout.plugin("shelf.wasm", "shelf", "0.1.0");
    checkout
        .run(&["plugins", "install", "./shelf.wasm", "--yes"])
        .ok();
    let before = fs::read_to_string(checkout.data().join("plugins.toml")).unwrap();

    checkout.plugin("other/tool.wasm", "shelf", "9.0.0");
    let line = ["plugins", "install", "./other/tool.wasm"];
    checkout.run(&line).fails(5).says("+ from ");
    let after = fs::read_to_string(checkout.data().join("plugins.toml")).unwrap();
    assert_eq!(after, before);

    // The same place may have a new version that asks for no more.
    checkout.plugin("shelf.wasm", "shelf", "0.2.0");
    checkout.run(&["plugins", "install", "./shelf.wasm"]).ok();
}

#[test]
fn nobody_gets_an_older_version_without_asking_for_it() {
    let checkout = Checkout::new();
    for version in ["0.1.0", "0.2.0"] {
        let folder = format!("catalog-{version}");
        checkout.plugin(&format!("{folder}/demo.wasm"), "demo", version);
        checkout.run(&["catalog", "build", &folder]).ok();
    }
    let install =
        |source: &str| checkout.run(&["plugins", "install", source, "--yes", "--output", "json"]);
    checkout
        .run(&["catalog", "add", "acme", "./catalog-0.2.0"])
        .ok();
    install("demo").ok();
    // The catalog is rolled back.
    checkout.run(&["catalog", "remove", "acme"]).ok();
    checkout
        .run(&["catalog", "add", "acme", "./catalog-0.1.0"])
        .ok();
    install("demo").fails(2).says("older than 0.2.0");
    install("demo@<1").fails(2);
    // Nor where the lock of this checkout has an older one still.
    let path = checkout.machine.home().join("deployer.lock");
    let lock = fs::read_to_string(&path).unwrap();
    let older = lock.replace("version = \"0.2.0\"", "version = \"0.0.1\"");
    fs::write(&path, older).unwrap();
    install("demo").fails(2).says("older than 0.2.0");
    fs::write(&path, lock).unwrap();
    let listed = checkout
        .run(&["plugins", "list", "--offline", "--output", "json"])
        .ok()
        .json();
    assert_eq!(version(&listed), "0.2.0");
    let upgrade = ["plugins", "upgrade", "demo", "--yes", "--version", "9"];
    checkout.run(&upgrade).fails(2);
    install("demo@0.1.0").ok();
    // And nobody who took one away has it back without a question.
    checkout.run(&["plugins", "uninstall", "demo"]).ok();
    fs::remove_file(path).unwrap();
    checkout.run(&["plugins", "install", "demo"]).fails(5);
}

fn version(listed: &Value) -> &str {
    let all = listed["plugins"].as_array().unwrap();
    let demo = all.iter().find(|one| one["name"] == "demo").unwrap();
    demo["version"].as_str().unwrap()
}

#[test]
fn what_stands_in_the_way_of_another_component_is_named() {
    let checkout = Checkout::new();
    for folder in ["one", "two"] {
        let manifest = format!(
            "name = \"demo\"\nversion = \"0.1.0\"\ndescription = \"Of catalog {folder}\"\n"
        );
        checkout.packed(&format!("{folder}/demo.wasm"), &manifest);
        checkout.run(&["catalog", "build", folder]).ok();
        let location = format!("./{folder}");
        checkout.run(&["catalog", "add", folder, &location]).ok();
    }
    let install = |catalog: &str| {
        checkout.run(&["plugins", "install", "demo", "--catalog", catalog, "--yes"])
    };
    install("one").ok();
    install("two")
        .fails(5)
        .says("plugins uninstall demo")
        .says("[plugins.demo]");
    checkout.run(&["plugins", "uninstall", "demo"]).ok();
    install("two").fails(5).says("[plugins.demo]");
    fs::remove_file(checkout.machine.home().join("deployer.lock")).unwrap();
    install("two").ok();
}

#[test]
fn a_lock_that_cannot_be_written_leaves_nothing_installed() {
    let checkout = Checkout::new();
    checkout.plugin("shelf.wasm", "shelf", "0.1.0");
    // What it is written to first is in the way.
    let aside = checkout.machine.home().join(".deployer.lock.new");
    fs::create_dir(&aside).unwrap();
    let line = ["plugins", "install", "./shelf.wasm", "--yes"];
    checkout
        .run(&line)
        .fails(1)
        .says("deployer.lock cannot be written");
    checkout.has_nothing();
    fs::remove_dir(&aside).unwrap();
    checkout.run(&line).ok();
    let before = fs::read_to_string(checkout.data().join("plugins.toml")).unwrap();

    checkout.plugin("shelf.wasm", "shelf", "0.2.0");
    // What was agreed to before stays so.
    let plan = ["plan", "-t", "./shelf.wasm"];
    checkout.run(&[&plan[..], &["--yes"]].concat()).ok();
    let agreed = fs::read_to_string(checkout.data().join("agreed.toml")).unwrap();
    fs::create_dir(&aside).unwrap();
    checkout.run(&line).fails(1);
    let still = fs::read_to_string(checkout.data().join("agreed.toml")).unwrap();
    assert_eq!(still, agreed);
    let after = fs::read_to_string(checkout.data().join("plugins.toml")).unwrap();
    assert_eq!(after, before);
}
