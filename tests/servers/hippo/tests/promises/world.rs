//! A stand-in with a Bindle of its own, and short words for what is asked of both.

use bindle_servers::{Settings as BindleSettings, Version, start};
use hippo_stand_in::{Answer, Call, Hippo, Settings};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// A manifest with one component.
pub(crate) const MANIFEST: &str = "[trigger]\ntype = \"http\"\nbase = \"/\"\n[[component]]\nid = \"front\"\n\
     source = \"00\"\n[component.trigger]\nroute = \"/...\"\n";

pub(crate) struct World {
    pub(crate) hippo: Hippo,
    /// `http://…/v1`
    bindle: String,
    token: String,
    _directory: TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// Logged in, in what these settings make of Hippo 0.20.
    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let settings = BindleSettings {
            directory: directory.path().to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            htpasswd: None,
            embedded_db: false,
            keyring: None,
        };
        let address = start(&runtime, Version::V0_8, settings).unwrap();
        let bindle = format!("http://{address}/v1");
        let mut settings = Settings::new(&bindle);
        settings.users = vec![("anna".to_owned(), "secret".to_owned())];
        change(&mut settings);
        let mut world = Self {
            hippo: Hippo::new(settings),
            bindle,
            token: String::new(),
            _directory: directory,
            _runtime: runtime,
        };
        let login = json!({ "userName": "anna", "password": "secret" });
        for path in ["/api/auth-tokens", "/api/account/createtoken"] {
            if let Some(token) = world.post(path, &login).1["token"].as_str() {
                world.token = token.to_owned();
            }
        }
        world
    }

    /// Stores a bindle with this manifest.
    pub(crate) fn push(&self, name: &str, version: &str, manifest: &str) {
        self.push_with(name, version, manifest, "");
    }

    /// The same, with more in the label of the manifest.
    pub(crate) fn push_with(&self, name: &str, version: &str, manifest: &str, label: &str) {
        let hash = Sha256::digest(manifest);
        let sha: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let invoice = format!(
            "bindleVersion = \"1.0.0\"\n[bindle]\nname = \"{name}\"\nversion = \"{version}\"\n\
             description = \"of {version}\"\n[[parcel]]\n\
             [parcel.label]\nsha256 = \"{sha}\"\nmediaType = \"application/vnd.fermyon.spin+toml\"\n\
             name = \"spin.toml\"\nsize = {}\n{label}\n",
            manifest.len()
        );
        let url = format!("{}/_i", self.bindle);
        let invoiced = ureq::post(url).header("content-type", "application/toml");
        let status = invoiced.send(invoice).unwrap().status();
        // Another version may have brought the same manifest.
        if status == 202 {
            let url = format!("{}/_i/{name}/{version}@{sha}", self.bindle);
            assert_eq!(ureq::post(url).send(manifest).unwrap().status(), 200);
        }
    }

    pub(crate) fn yank(&self, name: &str, version: &str) {
        let url = format!("{}/_i/{name}/{version}", self.bindle);
        assert_eq!(ureq::delete(url).call().unwrap().status(), 200);
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, &Value::Null)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, body)
    }

    /// Status and body, which is null where it is not JSON.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let call = request(method, path, body);
        let (mut parts, body) = call.into_parts();
        let token = format!("Bearer {}", self.token).parse().unwrap();
        parts.headers.insert("authorization", token);
        read(self.hippo.answer(&Call::from_parts(parts, body)))
    }

    /// Asks the control for something that it has.
    pub(crate) fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = read(self.hippo.control(&request(method, path, body)));
        assert!(status < 300, "{method} {path}: {status}");
        answer
    }

    pub(crate) fn state(&self) -> Value {
        self.control("GET", "/state", &Value::Null)
    }

    /// What was started so far.
    pub(crate) fn starts(&self) -> Vec<String> {
        let starts = self.state()["starts"].as_array().unwrap().clone();
        let bindle = |start: Value| start["bindle"].as_str().unwrap().to_owned();
        starts.into_iter().map(bindle).collect()
    }

    /// An app with that storage, and with what Bindle has of it.
    pub(crate) fn app(&self, name: &str, storage: &str) -> String {
        let (status, id) = self.post("/api/apps", &json!({ "name": name, "storageId": storage }));
        assert_eq!(status, 200, "{id}");
        id.as_str().unwrap().to_owned()
    }

    pub(crate) fn register(&self, storage: &str, number: &str) -> u16 {
        let body = json!({ "appStorageId": storage, "revisionNumber": number });
        self.post("/api/revisions", &body).0
    }

    /// A channel that takes the highest revision.
    pub(crate) fn channel(&self, app: &str, name: &str) -> String {
        let strategy = "UseRangeRule";
        let body = json!({ "appId": app, "name": name, "revisionSelectionStrategy": strategy });
        let (status, id) = self.post("/api/channels", &body);
        assert_eq!(status, 200, "{id}");
        id.as_str().unwrap().to_owned()
    }

    /// The id of a revision by its number.
    pub(crate) fn revision(&self, number: &str) -> String {
        let revisions = self.state()["revisions"].as_array().unwrap().clone();
        let found = revisions.iter().find(|it| it["revisionNumber"] == number);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    }
}

/// The titles of findings, by property.
pub(crate) fn errors(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_object().unwrap();
    errors.keys().cloned().collect()
}

pub(crate) fn request(method: &str, path: &str, body: &Value) -> Call {
    let request = axum::http::Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    request.body(body.to_string().into_bytes()).unwrap()
}

pub(crate) fn read(answer: Answer) -> (u16, Value) {
    let body = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
    (answer.status().as_u16(), body)
}
