//! Our own certificates, and which of them a peer is shown.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, SignatureScheme};
use webpki::EndEntityCert;

use super::{TlsError, TlsIdentity, pem_error, read_certificates};

#[derive(Debug)]
struct Identity {
    /// The DNS names of the certificate, in small letters; `*.` in front of some.
    names: Vec<String>,
    certified: Arc<CertifiedKey>,
}

/// At least one identity.
#[derive(Debug)]
pub(super) struct Identities {
    first: Identity,
    others: Vec<Identity>,
}

impl Identities {
    pub(super) fn load(files: &[TlsIdentity], provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut loaded = files.iter().map(|files| load(files, provider)).collect::<Result<Vec<_>, _>>()?.into_iter();
        let first = loaded.next().ok_or(TlsError::Missing { what: "a certificate and its key" })?;
        Ok(Self { first, others: loaded.collect() })
    }

    fn find(&self, wanted: Option<&str>) -> &Arc<CertifiedKey> {
        let wanted = wanted.map(str::to_ascii_lowercase);
        let fits = |identity: &&Identity| {
            let Some(wanted) = wanted.as_deref() else { return false };
            identity.names.iter().any(|name| covers(name, wanted))
        };
        let found = std::iter::once(&self.first).chain(&self.others).find(fits).unwrap_or(&self.first);
        &found.certified
    }
}

fn covers(name: &str, wanted: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => wanted.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => name == wanted,
    }
}

fn load(files: &TlsIdentity, provider: &CryptoProvider) -> Result<Identity, TlsError> {
    let malformed = |reason: String| TlsError::Malformed {
        path: files.certificate.clone(),
        wanted: "a usable certificate",
        reason,
    };
    let chain = read_certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| pem_error(&files.key, "a PEM private key without a passphrase", error))?;
    let names = match chain.first().map(EndEntityCert::try_from) {
        Some(Ok(certificate)) => certificate.valid_dns_names().map(str::to_ascii_lowercase).collect(),
        Some(Err(error)) => return Err(malformed(error.to_string())),
        None => Vec::new(),
    };
    let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() }
        }
        Error::InvalidCertificate(reason) => malformed(reason.to_string()),
        other => {
            TlsError::Malformed { path: files.key.clone(), wanted: "a usable private key", reason: other.to_string() }
        }
    })?;
    Ok(Identity { names, certified: Arc::new(certified) })
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(self.find(hello.server_name())))
    }
}

impl ResolvesClientCert for Identities {
    /// Asked for a certificate, we show the one we serve with; whether it will do is the peer's
    /// decision (RFC 5922 section 6).
    fn resolve(&self, _issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let usable = self.first.certified.key.choose_scheme(schemes).is_some();
        usable.then(|| Arc::clone(&self.first.certified))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_star_stands_for_one_label() {
        assert!(covers("example.com", "example.com"));
        assert!(covers("*.example.com", "sip.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("*.example.com", "a.b.example.com"));
        assert!(!covers("*.example.com", ".example.com"));
    }
}
