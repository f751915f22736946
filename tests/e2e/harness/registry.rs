//! The registry that everybody runs: distribution, as Debian packages it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use tempfile::TempDir;

use super::DEADLINE;
use super::certificate::Certificate;
use super::sha256;

/// Who may come in.
#[derive(Clone, Default)]
pub(crate) enum Access {
    #[default]
    Everybody,
    /// This user with this password, by HTTP Basic.
    Basic(&'static str, &'static str),
    /// Whoever the token service at `realm`, with this certificate, lets in.
    Token { realm: String, trusted: PathBuf },
}

/// A registry on a free port of loopback. It keeps its port and its storage when it is stopped and started.
pub(crate) struct Registry {
    folder: TempDir,
    access: Access,
    certificate: Option<Certificate>,
    address: SocketAddr,
    running: Option<Child>,
}

/// What the registry answers to a question of the test.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) digest: String,
    pub(crate) body: Vec<u8>,
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::with(Access::Everybody, false)
    }

    pub(crate) fn with(access: Access, tls: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut registry = Self {
            certificate: tls.then(|| Certificate::make(folder.path())),
            folder,
            access,
            address: ([127, 0, 0, 1], 0).into(),
            running: None,
        };
        registry.run();
        registry
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `127.0.0.1:PORT/NAME`
    pub(crate) fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// The certificate that it shows, where it has TLS.
    pub(crate) fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn restart(&mut self) {
        self.stop();
        self.run();
    }

    /// `GET` of a path below `/v2/`.
    pub(crate) fn get(&self, path: &str) -> Answer {
        let mut request = agent().get(format!("http://{}/v2/{path}", self.address));
        request = request.header("accept", "application/vnd.oci.image.manifest.v1+json");
        if let Access::Basic(user, password) = &self.access {
            use base64::Engine;
            let pair = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
            request = request.header("authorization", format!("Basic {pair}"));
        }
        let mut answer = request.call().expect("the registry answers");
        let header = |name| {
            let value = answer.headers().get(name);
            value.map_or_else(String::new, |v| v.to_str().unwrap().to_owned())
        };
        Answer {
            status: answer.status().as_u16(),
            content_type: header("content-type"),
            digest: header("docker-content-digest"),
            body: answer
                .body_mut()
                .with_config()
                .limit(u64::MAX)
                .read_to_vec()
                .unwrap(),
        }
    }

    /// The bytes of a manifest, by tag or digest.
    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Answer {
        let answer = self.get(&format!("{repository}/manifests/{reference}"));
        assert_eq!(answer.status, 200, "no manifest {repository}:{reference}");
        assert_eq!(answer.digest, sha256(&answer.body));
        answer
    }

    /// The bytes of a blob that belongs to the repository.
    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        let answer = self.get(&format!("{repository}/blobs/{digest}"));
        (answer.status == 200).then(|| {
            assert_eq!(digest, sha256(&answer.body));
            answer.body
        })
    }

    fn run(&mut self) {
        let config = self.folder.path().join("config.yml");
        fs::write(&config, self.config()).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry is installed: `cargo xtask test` brings it or says how");
        let log = BufReader::new(child.stderr.take().unwrap());
        self.running = Some(child);
        let (tell, told) = mpsc::channel();
        // Reads on for as long as the registry lives: a full pipe would stop it.
        std::thread::spawn(move || {
            let mut lines = Vec::new();
            for line in log.lines().map_while(Result::ok) {
                match line.split_once("listening on ") {
                    Some((_, rest)) => drop(tell.send(Ok(rest.to_owned()))),
                    None => lines.push(line),
                }
            }
            drop(tell.send(Err(lines.join("\n"))));
        });
        match told.recv_timeout(DEADLINE) {
            Ok(Ok(listening)) => {
                let address = listening.split([',', '"']).next().unwrap();
                self.address = address.parse().unwrap();
            }
            Ok(Err(log)) => panic!("docker-registry ended:\n{log}"),
            Err(_) => panic!("docker-registry did not listen in {DEADLINE:?}"),
        }
        if self.certificate.is_none() {
            let status = self.get("").status;
            assert!(matches!(status, 200 | 401), "GET /v2/ answered {status}");
        }
    }

    fn config(&self) -> String {
        let storage = self.folder.path().join("storage");
        // The secret signs the state of uploads, which has to outlive a restart.
        let mut config = format!(
            "version: 0.1\nlog:\n  accesslog:\n    disabled: true\n\
             storage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n\
             http:\n  addr: {}\n  secret: the same after a restart\n",
            storage.display(),
            self.address,
        );
        if let Some(certificate) = &self.certificate {
            config += &format!(
                "  tls:\n    certificate: {}\n    key: {}\n",
                certificate.certificate_file.display(),
                certificate.key_file.display(),
            );
        }
        match &self.access {
            Access::Everybody => {}
            Access::Basic(user, password) => {
                let file = self.folder.path().join("htpasswd");
                fs::write(&file, htpasswd(user, password)).unwrap();
                config += &format!(
                    "auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
                    file.display()
                );
            }
            Access::Token { realm, trusted } => {
                config += &format!(
                    "auth:\n  token:\n    realm: {realm}\n    service: {}\n    issuer: {}\n    rootcertbundle: {}\n",
                    super::token::SERVICE,
                    super::token::ISSUER,
                    trusted.display(),
                );
            }
        }
        config
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn htpasswd(user: &str, password: &str) -> Vec<u8> {
    let made = Command::new("htpasswd")
        .args(["-Bbn", user, password])
        .output();
    let made = made.expect("htpasswd is installed: `cargo xtask test` brings it or says how");
    assert!(made.status.success());
    made.stdout
}

/// A client that takes every status as an answer.
pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(DEADLINE))
        .proxy(None)
        .build()
        .into()
}
