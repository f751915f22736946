//! A token service as the Docker registry's token specification describes it: Bearer tokens for whoever proves who
//! they are by HTTP Basic or a refresh token, or for everybody.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;
use tempfile::TempDir;

use super::certificate::Certificate;
use super::http1::{Head, copy_body};
use super::registry::{Access, Registry};

pub(crate) const SERVICE: &str = "test-registry";
pub(crate) const ISSUER: &str = "test-tokens";

/// What gets a token.
#[derive(Clone, Copy)]
pub(crate) enum Proof {
    Nothing,
    Password(&'static str, &'static str),
    RefreshToken(&'static str),
}

/// A question to the token service.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) granted: bool,
}

/// A token service on a free port of loopback.
pub(crate) struct TokenService {
    address: SocketAddr,
    certificate: Certificate,
    issued: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    _folder: TempDir,
}

impl TokenService {
    pub(crate) fn start(proof: Proof) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = Certificate::make(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = Self {
            address: listener.local_addr().unwrap(),
            certificate,
            issued: Arc::default(),
            asked: Arc::default(),
            _folder: folder,
        };
        let desk = Desk {
            proof,
            der: service.certificate.der.clone(),
            pkcs8: service.certificate.key_pkcs8.clone(),
            issued: service.issued.clone(),
            asked: service.asked.clone(),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that went away in the middle is no failure of the service.
                drop(desk.serve(stream));
            }
        });
        service
    }

    /// A registry that lets in whoever has a token of this service.
    pub(crate) fn registry(&self) -> Registry {
        let realm = format!("http://{}/token", self.address);
        let trusted = self.certificate.certificate_file.clone();
        Registry::with(Access::Token { realm, trusted }, false)
    }

    /// Every token that was handed out.
    pub(crate) fn issued(&self) -> Vec<String> {
        self.issued.lock().unwrap().clone()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

struct Desk {
    proof: Proof,
    der: Vec<u8>,
    pkcs8: Vec<u8>,
    issued: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Desk {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let Some(head) = Head::read(&mut reader)? else {
            return Ok(());
        };
        let mut body = Vec::new();
        copy_body(&mut reader, &mut body, head.request_framing(), 64 * 1024)?;
        let query = head.start[1].split_once('?').map_or("", |(_, query)| query);
        let fields: Vec<(String, String)> = [query.as_bytes(), &body]
            .into_iter()
            .flat_map(|part| {
                url::form_urlencoded::parse(part)
                    .into_owned()
                    .collect::<Vec<_>>()
            })
            .collect();
        let scopes = fields.iter().filter(|(name, _)| name == "scope");
        let scopes: Vec<String> = scopes
            .flat_map(|(_, scope)| scope.split(' ').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let granted = self.proves(&head, &fields);
        self.asked.lock().unwrap().push(Asked {
            method: head.start[0].clone(),
            scopes: scopes.clone(),
            granted,
        });
        let (status, answer) = match granted {
            true => {
                let token = self.token(&scopes);
                self.issued.lock().unwrap().push(token.clone());
                (
                    "200 OK",
                    json!({ "token": token, "access_token": token, "expires_in": 300 }),
                )
            }
            false => (
                "401 Unauthorized",
                json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "who are you?" }] }),
            ),
        };
        let answer = answer.to_string();
        write!(
            reader.get_mut(),
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
            answer.len()
        )
    }

    fn proves(&self, head: &Head, fields: &[(String, String)]) -> bool {
        let field = |name: &str| {
            fields
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.as_str())
        };
        match self.proof {
            Proof::Nothing => true,
            Proof::Password(user, password) => {
                let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
                head.header("authorization") == Some(format!("Basic {pair}").as_str())
            }
            Proof::RefreshToken(token) => {
                head.start[0] == "POST"
                    && field("grant_type") == Some("refresh_token")
                    && field("refresh_token") == Some(token)
                    && field("service") == Some(SERVICE)
            }
        }
    }

    /// A JWT (RFC 7519) for all that was asked, signed with ES256.
    fn token(&self, scopes: &[String]) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap().as_secs();
        let access: Vec<_> = scopes
            .iter()
            .filter_map(|scope| {
                let (kind, rest) = scope.split_once(':')?;
                let (name, actions) = rest.rsplit_once(':')?;
                let actions: Vec<_> = actions.split(',').collect();
                Some(json!({ "type": kind, "name": name, "actions": actions }))
            })
            .collect();
        let header =
            json!({ "typ": "JWT", "alg": "ES256", "x5c": [BASE64_STANDARD.encode(&self.der)] });
        let claims = json!({
            "iss": ISSUER, "sub": "tester", "aud": SERVICE, "jti": "1",
            "nbf": now - 10, "iat": now, "exp": now + 300, "access": access,
        });
        let encode = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8, &random);
        let signature = key.unwrap().sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}
