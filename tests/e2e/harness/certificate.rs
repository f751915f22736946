//! Certificates for 127.0.0.1 that nobody knows.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

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
        let key = KeyPair::generate().unwrap();
        let certificate = this_machine().self_signed(&key).unwrap();
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

/// An authority as a company has one of its own: it signs the certificates of servers.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// In DER: a certificate, and its key as PKCS #8.
pub(crate) struct Issued {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // Two of one name would be taken for each other, until a signature does not fit.
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = &mut params.distinguished_name;
        name.push(
            DnType::CommonName,
            format!("an authority of our own, {number}"),
        );
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let authority = Self { issuer, folder };
        std::fs::write(authority.file(), authority.issuer.pem()).unwrap();
        authority
    }

    /// Its certificate, for `SSL_CERT_FILE`.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// For a server on this machine.
    pub(crate) fn issue(&self) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = this_machine().signed_by(&key, &self.issuer).unwrap();
        Issued {
            certificate: certificate.der().to_vec(),
            key: key.serialize_der(),
        }
    }
}

fn this_machine() -> CertificateParams {
    CertificateParams::new(["127.0.0.1", "localhost"].map(str::to_owned)).unwrap()
}
