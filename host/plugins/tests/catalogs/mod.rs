//! Catalogs, and what leads to newer plugins.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};

use spin_deployer_plugins::report::{BuildReport, UpgradeReport};

use super::*;

/// Everything below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => drop(found.insert(path.clone(), fs::read(path).unwrap())),
        }
    }
    found
}

impl Machine {
    fn build(&self) -> Result<BuildReport, Error> {
        let build = Build {
            folder: "catalog".into(),
            key: None,
        };
        plugins::build(&self.environment, &build)
    }

    /// A build that fails, and leaves every file as it was.
    #[track_caller]
    fn build_fails(&self) -> Error {
        let before = files(&self.path("catalog"));
        let error = self.build().unwrap_err();
        assert_eq!(files(&self.path("catalog")), before);
        assert_eq!(error.code, Code::Usage);
        error
    }

    fn published(&self) -> Vec<String> {
        let index = fs::read(self.path("catalog/index.json")).unwrap();
        let index = spin_deployer_catalog::Index::parse(&index).unwrap();
        let versions = index.plugins["shelf"].versions.iter();
        versions.map(|one| one.version.to_string()).collect()
    }

    async fn upgrade(&self, request: Upgrade) -> UpgradeReport {
        let bench = self.bench(&Arc::default(), None);
        plugins::upgrade(&bench, &request).await.unwrap()
    }
}

fn yes() -> Upgrade {
    Upgrade {
        agreeing: Agreeing {
            locked: false,
            yes: true,
        },
        ..Upgrade::default()
    }
}

fn says(error: &Error, part: &str) {
    let all = [
        Some(&error.message),
        error.detail.as_ref(),
        error.help.as_ref(),
    ];
    let all: Vec<_> = all.into_iter().flatten().cloned().collect();
    assert!(all.join("\n").contains(part), "{part}: {all:?}");
}

#[test]
fn a_published_version_neither_changes_nor_gets_lost() {
    let machine = Machine::new();
    let first = machine.plugin("catalog/shelf.wasm", &manifest("0.1.0", "\"GET\""));
    let first = fs::read(first).unwrap();
    machine.build().unwrap();

    // The publisher packs the next one into the same file.
    let file = machine.plugin("catalog/shelf.wasm", &manifest("0.2.0", "\"GET\""));
    let error = machine.build_fails();
    says(&error, "`shelf` 0.1.0 is published");
    says(&error, "it was shelf.wasm");
    says(&error, "remove shelf/shelf@0.1.0.json");
    assert_eq!(machine.published(), ["0.1.0"]);

    // Put back, under another name: both are there, and it is said where.
    fs::write(machine.path("catalog/shelf-0.1.0.wasm"), &first).unwrap();
    let report = machine.build().unwrap();
    assert_eq!(report.plugins.len(), 2);
    assert_eq!(machine.published(), ["0.2.0", "0.1.0"]);

    // A build of a published version with other bytes.
    machine.plugin("catalog/shelf.wasm", &manifest("0.2.0", "\"PUT\""));
    let error = machine.build_fails();
    says(&error, "`shelf` 0.2.0 is published");
    says(&error, "a new version");
    fs::remove_file(&file).unwrap();
    says(&machine.build_fails(), "remove shelf/shelf@0.2.0.json");

    // Taken back, expressly.
    fs::remove_file(machine.path("catalog/shelf/shelf@0.2.0.json")).unwrap();
    machine.build().unwrap();
    assert_eq!(machine.published(), ["0.1.0"]);

    fs::write(machine.path("catalog/index.json"), "{}").unwrap();
    says(&machine.build_fails(), "index.json");
}

#[test]
fn a_version_whose_component_is_elsewhere_stays() {
    let machine = Machine::new();
    let file = machine.plugin("catalog/shelf.wasm", &manifest("0.1.0", "\"GET\""));
    machine.build().unwrap();
    machine.lead_to("https://downloads.example.com/shelf.wasm");
    fs::remove_file(file).unwrap();
    machine.plugin("catalog/next.wasm", &manifest("0.2.0", "\"GET\""));
    let report = machine.build().unwrap();
    assert_eq!(machine.published(), ["0.2.0", "0.1.0"]);
    let versions: Vec<_> = report.plugins.iter().map(|one| &*one.version).collect();
    assert_eq!(versions, ["0.1.0", "0.2.0"]);
    let entry = fs::read_to_string(machine.path("catalog/shelf/shelf@0.1.0.json")).unwrap();
    assert!(entry.contains("https://downloads.example.com/shelf.wasm"));

    // An entry and the index that contradict each other are nothing to build on.
    let index = fs::read_to_string(machine.path("catalog/index.json")).unwrap();
    let digest = report.plugins[0].digest.clone();
    let other = format!("sha256:{}", "0".repeat(64));
    let index = index.replace(&digest, &other);
    fs::write(machine.path("catalog/index.json"), index).unwrap();
    says(&machine.build_fails(), "something else");
}

impl Machine {
    /// Lets the catalog's 0.1.0 have its component there.
    fn lead_to(&self, url: &str) {
        let path = self.path("catalog/shelf/shelf@0.1.0.json");
        let entry = fs::read_to_string(&path).unwrap();
        let entry = entry.replace("\"url\": \"shelf.wasm\"", &format!("\"url\": \"{url}\""));
        assert!(entry.contains(url));
        fs::write(path, entry).unwrap();
    }
}

/// A server that counts who comes, and hands out a folder.
struct Server {
    address: SocketAddr,
    came: Arc<AtomicUsize>,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, came) = (
            listener.local_addr().unwrap(),
            Arc::<AtomicUsize>::default(),
        );
        let (folder, count) = (folder.to_owned(), came.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let lines = lines.map_while(Result::ok);
                let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
                let path = head.first().and_then(|line| line.split(' ').nth(1));
                let path = path.map(|path| folder.join(path.trim_start_matches('/')));
                let (status, body) = match path.map(fs::read) {
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
        Self { address, came }
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_leads_into_a_private_network_on_its_own_host_only() {
    let publisher = Machine::new();
    publisher.plugin("catalog/shelf.wasm", &manifest("0.1.0", "\"GET\""));
    publisher.build().unwrap();
    let entry = publisher.path("catalog/shelf/shelf@0.1.0.json");
    let as_built = fs::read_to_string(&entry).unwrap();
    let (inside, web) = (
        Server::start(publisher.home.path()),
        Server::start(&publisher.path("catalog")),
    );
    let port = inside.address.port();
    let folder = publisher.path("catalog").display().to_string();
    let place = format!("http://{}/", web.address);
    for (location, to, allowed) in [
        (
            &folder,
            format!("https://127.0.0.1:{port}/admin?do=it"),
            false,
        ),
        (&folder, "https://10.255.255.1/x".to_owned(), false),
        (&place, format!("https://localhost:{port}/x"), false),
        (&place, format!("https://127.0.0.1:{port}/x"), true),
    ] {
        fs::write(&entry, &as_built).unwrap();
        publisher.lead_to(&to);
        let user = Machine::new();
        add_catalog(&user.environment, "acme", location, None).unwrap();
        let before = inside.came();
        let refused = user.install("shelf", true).await.unwrap_err();
        // Nobody there speaks TLS.
        assert_eq!(inside.came() > before, allowed, "{to}: {refused:?}");
        assert_eq!(refused.code == Code::Denied, !allowed, "{refused:?}");
        if !allowed {
            says(&refused, "name it yourself");
        }
    }
    // Below the catalog's own place it comes from loopback.
    fs::write(&entry, &as_built).unwrap();
    let user = Machine::new();
    add_catalog(&user.environment, "acme", &place, None).unwrap();
    user.install("shelf", true).await.unwrap();
}

#[tokio::test]
async fn a_signature_is_looked_for_where_a_catalog_may_lead_and_nowhere_else() {
    let publisher = Machine::new();
    publisher.plugin("catalog/shelf.wasm", &manifest("0.1.0", "\"GET\""));
    publisher.build().unwrap();
    let inside = Server::start(publisher.home.path());
    let entry = publisher.path("catalog/shelf/shelf@0.1.0.json");
    let text = fs::read_to_string(&entry).unwrap();
    let signature = format!(
        "\"signature\": {{ \"key\": \"{KEY}\", \"url\": \"https://{}/s\" }}, \"url\"",
        inside.address
    );
    fs::write(&entry, text.replace("\"url\"", &signature)).unwrap();
    let user = Machine::new();
    let location = publisher.path("catalog").display().to_string();
    add_catalog(&user.environment, "acme", &location, None).unwrap();
    let refused = user.install("shelf", true).await.unwrap_err();
    assert_eq!(refused.code, Code::Denied);
    says(&refused, "a loopback address");
    assert_eq!(inside.came(), 0);
}

#[tokio::test]
async fn a_catalog_in_the_app_is_found_wherever_the_app_is() {
    let machine = Machine::new();
    let app = machine.path("app");
    fs::create_dir_all(app.join("deeper")).unwrap();
    fs::write(app.join("spin.toml"), "").unwrap();
    let catalog = |name: &str, version: &str| {
        machine.plugin(&format!("app/cat/{name}"), &manifest(version, "\"GET\""));
        let build = Build {
            folder: "app/cat".into(),
            key: None,
        };
        plugins::build(&machine.environment, &build).unwrap();
    };
    catalog("one.wasm", "0.1.0");
    let user = |cwd: &Path| {
        let mut user = Machine::new();
        user.environment.cwd = cwd.to_owned();
        user
    };
    let first = user(&app);
    add_catalog(&first.environment, "mine", "./deeper/../cat", None).unwrap();
    first.install("shelf", true).await.unwrap();
    let lock = fs::read_to_string(app.join("deployer.lock")).unwrap();
    assert!(
        lock.contains("source = \"catalog+./cat#shelf@0.1.0\""),
        "{lock}"
    );
    assert!(first.install("shelf", false).await.unwrap().unchanged);

    // Elsewhere, with nothing but the checkout.
    let elsewhere = machine.path("elsewhere");
    fs::rename(&app, &elsewhere).unwrap();
    let other = user(&elsewhere);
    let bench = other.bench(&Arc::default(), None);
    let fetched = plugins::fetch(&bench, None).await.unwrap();
    assert!(!fetched.plugins[0].was_here);

    // And from below it, where the working directory is another one than the lock's.
    fs::rename(&elsewhere, &app).unwrap();
    catalog("two.wasm", "0.2.0");
    let below = user(&app.join("deeper"));
    let done = below.upgrade(yes()).await;
    let one = &done.plugins[0];
    assert_eq!((&*one.to, one.changes), ("0.2.0", true), "{one:?}");
    let lock = fs::read_to_string(app.join("deployer.lock")).unwrap();
    assert!(
        lock.contains("source = \"catalog+./cat#shelf@0.2.0\""),
        "{lock}"
    );
    let bench = below.bench(&Arc::default(), None);
    let listed = list(&bench, true, None).await.unwrap().plugins;
    let shelf = listed.iter().find(|one| one.name == "shelf").unwrap();
    assert_eq!(shelf.unknown, None);
}

fn named(name: &str, version: &str, spin: &str) -> String {
    manifest(version, "\"GET\"")
        .replace("\"shelf\"", &format!("\"{name}\""))
        .replace(">=4.0", spin)
}

#[tokio::test]
async fn one_that_cannot_be_upgraded_holds_up_no_other() {
    let machine = Machine::new();
    machine.plugin("gone/alpha.wasm", &named("alpha", "0.1.0", ">=4.0"));
    machine.plugin("catalog/omega.wasm", &named("omega", "0.1.0", ">=4.0"));
    machine.plugin("catalog/beta.wasm", &named("beta", "0.1.0", ">=4.0"));
    machine.build().unwrap();
    let gone = Build {
        folder: "gone".into(),
        key: None,
    };
    plugins::build(&machine.environment, &gone).unwrap();
    for name in ["gone", "catalog"] {
        add_catalog(&machine.environment, name, name, None).unwrap();
    }
    for name in ["alpha", "beta", "omega"] {
        machine.install(name, true).await.unwrap();
    }
    fs::remove_dir_all(machine.path("gone")).unwrap();
    machine.plugin(
        "catalog/beta2.wasm",
        &named("beta", "0.2.0", ">=4.0").replace("GET", "PUT"),
    );
    machine.plugin("catalog/omega2.wasm", &named("omega", "0.2.0", ">=4.0"));
    machine.build().unwrap();

    // Nobody agrees to what beta asks for beyond what it did.
    let report = machine.upgrade(Upgrade::default()).await;
    let errors: Vec<_> = report
        .failures()
        .map(|(name, one)| (name, one.code))
        .collect();
    assert_eq!(errors, [("alpha", Code::Usage), ("beta", Code::Denied)]);
    let alpha = report.plugins[0].error.as_ref().unwrap();
    assert_eq!(alpha.exit_code, Code::Usage.exit_code());
    assert!(alpha.message.contains("`gone`"), "{alpha:?}");
    assert!(alpha.help.is_some());
    let to: Vec<_> = report
        .plugins
        .iter()
        .map(|one| (&*one.to, one.changes))
        .collect();
    assert_eq!(to, [("0.1.0", false), ("0.1.0", false), ("0.2.0", true)]);
    let listed = machine.bench(&Arc::default(), None);
    let listed = list(&listed, false, None).await.unwrap().plugins;
    let here = |name| &*listed.iter().find(|one| one.name == name).unwrap().version;
    assert_eq!(
        [here("alpha"), here("beta"), here("omega")],
        ["0.1.0", "0.1.0", "0.2.0"]
    );

    // A name that is nothing's is a mistake in the command itself.
    let bench = machine.bench(&Arc::default(), None);
    let request = Upgrade {
        names: vec!["omega".to_owned(), "nothing".to_owned()],
        ..yes()
    };
    assert!(plugins::upgrade(&bench, &request).await.is_err());
}

#[tokio::test]
async fn an_upgrade_says_what_it_passed_over_and_what_was_asked_for() {
    let machine = Machine::new();
    machine.plugin("catalog/one.wasm", &named("shelf", "0.1.0", ">=4.0"));
    machine.build().unwrap();
    add_catalog(&machine.environment, "mine", "catalog", None).unwrap();
    machine.install("shelf", true).await.unwrap();
    machine.plugin("catalog/two.wasm", &named("shelf", "0.2.0", ">=4.0"));
    machine.plugin("catalog/three.wasm", &named("shelf", "0.3.0", ">=5.0"));
    machine.build().unwrap();
    let with = |version: Option<&str>| Upgrade {
        version: version.map(str::to_owned),
        spin_version: Some("4.0.0".parse().unwrap()),
        ..yes()
    };
    // The one that is here is not the newest.
    let same = machine.upgrade(with(Some("0.1.0"))).await;
    let note = same.plugins[0].note.as_deref();
    assert_eq!(note, Some("it is the version that was asked for"));
    let done = machine.upgrade(with(None)).await;
    let one = &done.plugins[0];
    assert_eq!((&*one.to, one.changes), ("0.2.0", true), "{one:?}");
    let note = one.note.as_deref();
    assert_eq!(note, Some("0.3.0 is there, and made for Spin >=5.0"));
    let again = machine.upgrade(with(None)).await;
    let one = &again.plugins[0];
    assert_eq!((one.changes, one.note.as_deref()), (false, note));
}
