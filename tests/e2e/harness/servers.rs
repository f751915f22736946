//! The servers that no package has: real bindle servers of both kinds, and a stand-in for Hippo.
//!
//! They are built from `tests/servers` by `cargo xtask test`, which names their folder in a variable.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::DEADLINE;
use super::registry::{agent, htpasswd};

const FOLDER: &str = "SPIN_DEPLOYER_TEST_SERVERS";

/// The account that a stand-in for Hippo has.
pub(crate) const USER: &str = "anna";
pub(crate) const PASSWORD: &str = "not a secret";

/// A bindle server, real.
pub(crate) struct Bindle {
    folder: TempDir,
    server: Server,
}

/// Which one.
#[derive(Clone, Copy)]
pub(crate) enum Release {
    /// 0.8.2, which takes what nobody signed.
    V0_8,
    /// 0.9.1, which does not.
    V0_9,
}

/// How it is run.
#[derive(Default)]
pub(crate) struct Options {
    /// Who may write, where not everybody may. Everybody may read.
    pub(crate) user: Option<(&'static str, &'static str)>,
    /// In a database instead of files, which are easily spoiled by an upload that breaks.
    pub(crate) embedded_db: bool,
    /// Public keys of those whose signatures are believed.
    pub(crate) creators: Vec<[u8; 32]>,
    /// Where it listens, where that is known before it starts.
    pub(crate) listen: Option<SocketAddr>,
    /// More lines of its keyring, as an administrator pastes them.
    pub(crate) keyring: String,
}

impl Bindle {
    pub(crate) fn start(release: Release, options: &Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut flags = vec!["--directory".to_owned(), path("bindles")];
        if let Some((user, password)) = options.user {
            fs::write(path("htpasswd"), htpasswd(user, password)).unwrap();
            flags.extend(["--htpasswd".to_owned(), path("htpasswd")]);
        }
        if options.embedded_db {
            flags.push("--embedded-db".to_owned());
        }
        if let Some(address) = options.listen {
            flags.extend(["--listen".to_owned(), address.to_string()]);
        }
        let mut keyring = "version = \"1.0\"\n".to_owned();
        if options.creators.is_empty() && options.keyring.is_empty() {
            keyring += "key = []\n";
        }
        for key in &options.creators {
            let key = BASE64_STANDARD.encode(key);
            keyring +=
                &format!("[[key]]\nlabel = \"test\"\nroles = [\"creator\"]\nkey = \"{key}\"\n");
        }
        keyring += &options.keyring;
        fs::write(path("keyring.toml"), keyring).unwrap();
        flags.extend(["--keyring".to_owned(), path("keyring.toml")]);
        let name = match release {
            Release::V0_8 => "bindle-0-8",
            Release::V0_9 => "bindle-0-9",
        };
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        Self {
            server: Server::start(name, &flags, 1),
            folder,
        }
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.server.addresses[0].trim_start_matches("http://");
        address.parse().unwrap()
    }

    /// Where it keeps what it has.
    pub(crate) fn directory(&self) -> PathBuf {
        self.folder.path().join("bindles")
    }

    /// `http://127.0.0.1:PORT/v1`
    pub(crate) fn url(&self) -> String {
        format!("{}/v1", self.server.addresses[0])
    }

    /// `GET` of a path below that: status and text.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        read(agent().get(format!("{}/{path}", self.url())).call())
    }

    /// The bytes that `GET` of a path below that answers, where it answers 200.
    pub(crate) fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let answer = agent().get(format!("{}/{path}", self.url())).call();
        let mut answer = answer.expect("the server answers");
        (answer.status() == 200).then(|| {
            let body = answer.body_mut().with_config().limit(u64::MAX);
            body.read_to_vec().unwrap()
        })
    }

    /// Takes a bindle back, as its owner does.
    pub(crate) fn yank(&self, id: &str) {
        let (status, text) = read(agent().delete(format!("{}/_i/{id}", self.url())).call());
        assert_eq!(status, 200, "{text}");
    }

    /// `POST` to a path below that, by this user.
    pub(crate) fn post(&self, path: &str, user: Option<(&str, &str)>, body: &str) -> (u16, String) {
        let mut request = agent().post(format!("{}/{path}", self.url()));
        request = request.header("content-type", "application/toml");
        if let Some((user, password)) = user {
            let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
            request = request.header("authorization", format!("Basic {pair}"));
        }
        read(request.send(body))
    }
}

/// Not Hippo: a strict stand-in for it, for which an app is a line in a list.
pub(crate) struct Hippo {
    server: Server,
}

/// A request to Hippo that is to fail.
pub(crate) struct Fault<'a> {
    /// `POST /api/apps`
    pub(crate) request: &'a str,
    pub(crate) times: usize,
    pub(crate) status: u16,
    /// Whether what it asks for is done all the same.
    pub(crate) after_save: bool,
}

impl Hippo {
    /// With that Bindle, and with more flags of `hippo-stand-in`.
    pub(crate) fn start(bindle: &Bindle, flags: &[&str]) -> Self {
        Self::with(&bindle.url(), flags)
    }

    /// With the Bindle at that URL, which has `/v1`.
    pub(crate) fn with(bindle: &str, flags: &[&str]) -> Self {
        let user = format!("{USER}:{PASSWORD}");
        let line = [&["--bindle", bindle, "--user", &user][..], flags].concat();
        Self {
            server: Server::start("hippo-stand-in", &line, 3),
        }
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> &str {
        &self.server.addresses[0]
    }

    /// A request to its API, with a body where that is not null, and a token: status and JSON, null where it is none.
    pub(crate) fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        ask(method, &format!("{}{path}", self.url()), token, body)
    }

    /// `GET` from the app with this domain: status and text.
    pub(crate) fn app(&self, domain: &str, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.server.addresses[2]);
        read(agent().get(url).header("host", domain).call())
    }

    /// Its database: `apps`, `channels`, `revisions`, `certificates`, `jobs`, `starts`.
    pub(crate) fn state(&self) -> Value {
        self.control("GET", "/state", &Value::Null)
    }

    /// What was started, in this order: `storage id/revision`.
    pub(crate) fn starts(&self) -> Vec<String> {
        let starts = self.state()["starts"].as_array().unwrap().clone();
        let bindle = |start: &Value| start["bindle"].as_str().unwrap().to_owned();
        starts.iter().map(bindle).collect()
    }

    /// `POST /api/apps 200` of everything that was asked of its API.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.control("GET", "/requests", &Value::Null);
        let line = |it: &Value| {
            let text = |name: &str| it[name].as_str().unwrap().to_owned();
            format!("{} {} {}", text("method"), text("path"), it["status"])
        };
        requests.as_array().unwrap().iter().map(line).collect()
    }

    pub(crate) fn fail(&self, fault: &Fault<'_>) {
        let plan = json!({
            "request": fault.request,
            "times": fault.times,
            "status": fault.status,
            "after_save": fault.after_save,
        });
        self.control("POST", "/fail", &plan);
    }

    /// Lines that every app writes from now on.
    pub(crate) fn write_logs(&self, lines: &[&str]) {
        self.control("POST", "/logs", &json!({ "lines": lines }));
    }

    /// Whether apps can be started and stopped from now on.
    pub(crate) fn nomad(&self, up: bool) {
        self.control("POST", "/nomad", &json!({ "up": up }));
    }

    pub(crate) fn expire_tokens(&self) {
        self.control("POST", "/expire-tokens", &Value::Null);
    }

    fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.server.addresses[1]);
        let (status, answer) = ask(method, &url, "", body);
        assert!(status < 300, "{method} {path} answered {status}");
        answer
    }
}

/// An address of loopback where nobody listens, for a server that starts later.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Where a server is that has this URL.
pub(crate) fn address(url: &str) -> SocketAddr {
    let (_, rest) = url.split_once("://").unwrap();
    rest.split('/').next().unwrap().parse().unwrap()
}

/// A program of `tests/servers`. It ends with its standard input.
struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    /// In the order in which it printed them.
    addresses: Vec<String>,
}

impl Server {
    /// Waits until it has printed so many addresses, one a line, at the end.
    fn start(name: &str, flags: &[&str], addresses: usize) -> Self {
        let mut child = Command::new(program(name))
            .args(flags)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{name}: {e}: `cargo xtask test` builds it"));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stderr = child.stderr.take().unwrap();
        let mut server = Self {
            stdin: child.stdin.take(),
            child,
            addresses: Vec::new(),
        };
        let (tell, told) = mpsc::channel();
        let told_more = tell.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                drop(tell.send(Ok(line)));
            }
        });
        // Reads on for as long as the server lives: a full pipe would stop it.
        std::thread::spawn(move || {
            let mut text = String::new();
            drop(stderr.read_to_string(&mut text));
            drop(told_more.send(Err(text)));
        });
        while server.addresses.len() < addresses {
            match told.recv_timeout(DEADLINE) {
                Ok(Ok(line)) => {
                    let (_, address) = line.rsplit_once(' ').unwrap();
                    server.addresses.push(address.to_owned());
                }
                Ok(Err(log)) => panic!("{name} ended:\n{log}"),
                Err(_) => panic!("{name} did not listen in {DEADLINE:?}"),
            }
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Where it has ended there is nothing to kill, and nothing to do about it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn program(name: &str) -> PathBuf {
    let folder = std::env::var_os(FOLDER).unwrap_or_else(|| {
        panic!(
            "{FOLDER} does not say where {name} is: `cargo xtask test` builds it and does. By hand, in the root of the \
             repository: cargo build --all-targets --manifest-path tests/servers/Cargo.toml --target-dir target/servers, and \
             {FOLDER}=$PWD/target/servers/debug"
        )
    });
    PathBuf::from(folder).join(name)
}

fn ask(method: &str, url: &str, token: &str, body: &Value) -> (u16, Value) {
    let request = ureq::http::Request::builder().method(method).uri(url);
    let mut request = request.header("content-type", "application/json");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = match body {
        Value::Null => agent().run(request.body(()).unwrap()),
        body => agent().run(request.body(body.to_string()).unwrap()),
    };
    let (status, text) = read(answer);
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, String) {
    let mut answer = answer.expect("the server answers");
    let status = answer.status().as_u16();
    (status, answer.body_mut().read_to_string().unwrap())
}
