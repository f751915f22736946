//! An authority that a test makes for itself.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use spin_deployer_egress::{Config, Environment, Proxies};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Of a server `localhost`, with what `change` makes of its certificate.
    pub fn acceptor(&self, change: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A machine that trusts it, as `SSL_CERT_FILE` makes it; for as long as the file lives.
    pub fn trusted(&self) -> (Config, NamedTempFile) {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), self.0.pem()).unwrap();
        let config = Config {
            environment: Environment::from_iter([("SSL_CERT_FILE", file.path())]),
            proxies: Proxies::None,
        };
        (config, file)
    }
}
