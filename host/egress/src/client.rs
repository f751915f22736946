//! The HTTP clients: reqwest with rustls, ring and the platform's authorities.
//!
//! There are four, alike but for what their resolver lets pass, so that a connection that was opened to a private
//! address for one session cannot be found in the pool by another one that may not go there.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;
use spin_deployer_manifest::Host;

use crate::environment::Environment;
use crate::limits::CONNECT;
use crate::resolve::{Checked, Names, Reach, is_below_localhost};
use crate::target::Target;
use crate::{Error, Proxies};

/// Connections that wait for the next request, a host: uploads run 16 abreast, and a client that closes and opens
/// them between two blobs pays for TLS each time.
const IDLE: usize = 32;
const IDLE_TIME: Duration = Duration::from_secs(60);

/// What of an answer's headers is decoded at all, before the session's own limit, in bytes. HTTP/1 has a bound of its
/// own, 400 KiB.
const MOST_HEADERS: u32 = 256 << 10;

pub(crate) struct Clients {
    public: reqwest::Client,
    named: reqwest::Client,
    beside: reqwest::Client,
    /// The hosts that the last one's resolver knows, with those who named them.
    announced: Arc<RwLock<HashMap<String, BTreeSet<Host>>>>,
    proxied: Option<Proxied>,
    /// Why there is no authority to trust, where there is none.
    pub(crate) roots: Option<String>,
}

struct Proxied {
    client: reqwest::Client,
    /// Says which requests go through which proxy.
    matcher: Matcher,
    /// The hosts that the client's resolver knows.
    known: Arc<RwLock<HashSet<String>>>,
}

/// The client for one request, and the proxy that it goes through.
pub(crate) struct Chosen<'a> {
    pub(crate) client: &'a reqwest::Client,
    pub(crate) proxy: Option<String>,
}

impl Clients {
    pub(crate) fn new(
        environment: &Environment,
        proxies: Proxies,
        names: &Arc<dyn Names>,
    ) -> Result<Self, Error> {
        let (tls, roots) = tls(environment)?;
        let build = |reach, proxied: bool| {
            let names = names.clone();
            let builder = reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .dns_resolver(Checked { reach, names })
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .connect_timeout(CONNECT)
                .http2_max_header_list_size(MOST_HEADERS)
                .pool_max_idle_per_host(IDLE)
                .pool_idle_timeout(IDLE_TIME)
                .user_agent(concat!("spin-deployer/", env!("CARGO_PKG_VERSION")));
            let builder = if proxied { builder } else { builder.no_proxy() };
            builder
                .build()
                .map_err(|error| Error::Client(crate::failure::root_cause(&error)))
        };
        let proxied = match proxies {
            Proxies::None => None,
            Proxies::System => {
                let known = Arc::new(RwLock::new(HashSet::new()));
                let client = build(Reach::Proxies(known.clone()), true)?;
                Some(Proxied {
                    client,
                    matcher: Matcher::from_system(),
                    known,
                })
            }
        };
        let announced = Arc::default();
        Ok(Self {
            beside: build(Reach::Beside(Arc::clone(&announced)), false)?,
            announced,
            public: build(Reach::Public, false)?,
            named: build(Reach::Named, false)?,
            proxied,
            roots,
        })
    }

    /// `named`: the user named the target's host. `by`: these servers named it, which is less.
    pub(crate) fn choose(
        &self,
        target: &Target,
        named: bool,
        by: Option<&BTreeSet<Host>>,
    ) -> Chosen<'_> {
        let host = &target.origin.host;
        // A proxy cannot reach this machine's loopback, whatever NO_PROXY forgot to say.
        let outside = !host.is_loopback() && !host.domain().is_some_and(is_below_localhost);
        if let Some(Proxied {
            client,
            matcher,
            known,
        }) = self.proxied.as_ref().filter(|_| outside)
            && let Some(proxy) = target
                .url
                .as_str()
                .parse()
                .ok()
                .and_then(|uri| matcher.intercept(&uri))
        {
            let host = proxy
                .uri()
                .host()
                .unwrap_or_default()
                .trim_matches(['[', ']'])
                .to_owned();
            let shown = match proxy.uri().port_u16() {
                Some(port) => format!("{host}:{port}"),
                None => host.clone(),
            };
            known
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(host);
            return Chosen {
                client,
                proxy: Some(shown),
            };
        }
        let client = match by {
            None if named => &self.named,
            None => &self.public,
            Some(by) => {
                self.announced
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .entry(host.to_string())
                    .or_default()
                    .extend(by.iter().cloned());
                &self.beside
            }
        };
        Chosen {
            client,
            proxy: None,
        }
    }
}

/// The authorities of the platform and those in `SSL_CERT_FILE`. Second: what to say where there are none; a machine
/// without authorities still pushes to a registry on loopback.
fn tls(environment: &Environment) -> Result<(rustls::ClientConfig, Option<String>), Error> {
    let extra = extra_roots(environment)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Client(error.to_string()))?;
    let (mut config, roots) = match Verifier::new_with_extra_roots(extra, provider) {
        Ok(verifier) => {
            let verifier = Arc::new(verifier);
            (
                config
                    .dangerous()
                    .with_custom_certificate_verifier(verifier)
                    .with_no_client_auth(),
                None,
            )
        }
        Err(error) => {
            let none = rustls::RootCertStore::empty();
            (
                config.with_root_certificates(none).with_no_client_auth(),
                Some(error.to_string()),
            )
        }
    };
    // A preconfigured backend is taken as it is, and without this HTTP/2 is never spoken.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((config, roots))
}

/// On Linux the platform's own loader reads the variable too; elsewhere nobody does.
fn extra_roots(environment: &Environment) -> Result<Vec<CertificateDer<'static>>, Error> {
    let Some(path) = environment.path("SSL_CERT_FILE") else {
        return Ok(Vec::new());
    };
    let certificates = CertificateDer::pem_file_iter(&path).and_then(Iterator::collect);
    let certificates: Vec<_> = certificates.map_err(|error| Error::Roots {
        path: path.clone(),
        problem: error.to_string(),
    })?;
    if certificates.is_empty() {
        return Err(Error::Roots {
            path,
            problem: "there is no certificate in it".into(),
        });
    }
    Ok(certificates)
}
