//! A certificate for 127.0.0.1 that nobody knows.

use std::path::{Path, PathBuf};

/// A P-256 key and its self-signed certificate, as PEM files too.
pub(crate) struct Certificate {
    pub(crate) key_pkcs8: Vec<u8>,
    pub(crate) der: Vec<u8>,
    pub(crate) key_file: PathBuf,
    pub(crate) certificate_file: PathBuf,
}

impl Certificate {
    /// Makes one, and writes it below `directory`.
    pub(crate) fn make(directory: &Path) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let certificate = rcgen::CertificateParams::new(names).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        let key_file = directory.join("key.pem");
        let certificate_file = directory.join("certificate.pem");
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        std::fs::write(&certificate_file, certificate.pem()).unwrap();
        Self {
            key_pkcs8: key.serialize_der(),
            der: certificate.der().to_vec(),
            key_file,
            certificate_file,
        }
    }
}
