//! Distribution, as Debian packages it, and the few requests that fill it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::sha256;

const DEADLINE: Duration = Duration::from_secs(20);

pub struct Registry {
    _folder: TempDir,
    child: Child,
    pub address: SocketAddr,
    access: Option<(&'static str, &'static str)>,
}

impl Registry {
    pub fn start() -> Self {
        Self::run(None)
    }

    /// One that lets only this user in.
    pub fn of(user: &'static str, password: &'static str) -> Self {
        Self::run(Some((user, password)))
    }

    fn run(access: Option<(&'static str, &'static str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = folder.path().join("storage");
        let mut config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n",
            storage.display()
        );
        if let Some((user, password)) = access {
            let made = Command::new("htpasswd")
                .args(["-Bbn", user, password])
                .output();
            let file = folder.path().join("htpasswd");
            fs::write(&file, made.expect("htpasswd is installed").stdout).unwrap();
            let path = file.display();
            config += &format!("auth:\n  htpasswd:\n    realm: test\n    path: {path}\n");
        }
        let path = folder.path().join("config.yml");
        fs::write(&path, config).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(path)
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry is installed");
        let log = BufReader::new(child.stderr.take().unwrap());
        let (tell, told) = mpsc::channel();
        // Reads on for as long as the registry lives: a full pipe would stop it.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("listening on ") {
                    let address = rest.split([',', '"']).next().unwrap().parse();
                    let _ = tell.send(address.unwrap());
                }
            }
        });
        let address = told.recv_timeout(DEADLINE).expect("the registry listens");
        Self {
            _folder: folder,
            child,
            address,
            access,
        }
    }

    /// Stores a blob and returns its descriptor.
    pub fn blob(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Value {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let (status, head) = self.send("POST", &path, "", b"");
        assert_eq!(status, 202, "{head}");
        let location = head.lines().find_map(|l| l.strip_prefix("Location: "));
        let location = location.unwrap().trim();
        let path = location
            .split_once(&self.address.to_string())
            .map_or(location, |(_, path)| path);
        let digest = sha256(bytes);
        let path = format!("{path}&digest={digest}");
        let (status, head) = self.send("PUT", &path, "application/octet-stream", bytes);
        assert_eq!(status, 201, "{head}");
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    /// Stores a manifest under a tag and returns its digest.
    pub fn manifest(&self, repository: &str, tag: &str, manifest: &Value) -> String {
        let bytes = serde_json::to_vec(manifest).unwrap();
        let path = format!("/v2/{repository}/manifests/{tag}");
        let kind = manifest["mediaType"].as_str().unwrap();
        let (status, head) = self.send("PUT", &path, kind, &bytes);
        assert_eq!(status, 201, "{head}");
        sha256(&bytes)
    }

    /// Stores an image of these layers and returns the digest of its manifest.
    pub fn image(&self, repository: &str, tag: &str, layers: &[&[u8]]) -> String {
        let config = self.blob(
            repository,
            "application/vnd.oci.image.config.v1+json",
            b"{}",
        );
        let layers = layers.iter().map(|bytes| {
            self.blob(
                repository,
                "application/vnd.wasm.content.layer.v1+wasm",
                bytes,
            )
        });
        let layers: Vec<Value> = layers.collect();
        self.manifest(repository, tag, &image(&config, &layers))
    }

    /// Stores a package as `wkg` does.
    pub fn package(&self, repository: &str, version: &str, wasm: &[u8]) {
        let config = self.blob(repository, "application/vnd.wasm.config.v0+json", b"{}");
        let layer = self.blob(repository, "application/wasm", wasm);
        self.manifest(repository, version, &image(&config, &[layer]));
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.address,
            body.len()
        );
        if !kind.is_empty() {
            head += &format!("Content-Type: {kind}\r\n");
        }
        if let Some((user, password)) = self.access {
            let pair = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
            head += &format!("Authorization: Basic {pair}\r\n");
        }
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

pub fn image(config: &Value, layers: &[Value]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": layers,
    })
}
