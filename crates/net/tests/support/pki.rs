//! Authorities, certificates and TLS clients made for one test.
#![allow(unreachable_pub)]

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cordboard_net::{TlsConfig, TlsIdentity};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use super::dial;

pub type TlsPhone = StreamOwned<ClientConnection, TcpStream>;

/// An authority.
pub struct Ca {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate for names and addresses, good for both ends of a connection.
    pub fn issue(&self, names: &[&str]) -> Pair {
        self.issue_with(names, |_| {})
    }

    pub fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// One whose time is over.
    pub fn expired(&self, names: &[&str]) -> Pair {
        self.issue_with(names, |params| {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        })
    }
}

/// A directory that goes with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cordboard-tls-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes a pair as `NAME.pem` and `NAME.key`.
    pub fn identity(&self, name: &str, pair: &Pair) -> TlsIdentity {
        TlsIdentity {
            certificate: self.write(&format!("{name}.pem"), &pair.certificate),
            key: self.write(&format!("{name}.key"), &pair.key),
        }
    }

    /// What a server needs: one identity, one authority.
    pub fn tls(&self, pair: &Pair, ca: &Ca) -> TlsConfig {
        TlsConfig {
            identities: vec![self.identity("server", pair)],
            ca: Some(self.write("ca.pem", &ca.pem)),
            ..TlsConfig::default()
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub const V12: &[&SupportedProtocolVersion] = &[&TLS12];
pub const V13: &[&SupportedProtocolVersion] = &[&TLS13];
pub const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

pub fn chain(pair: &Pair) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificates = CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).map(Result::unwrap).collect();
    (certificates, PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap())
}

pub fn roots(ca: &Ca) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap()).unwrap();
    roots
}

/// A phone's TLS.
pub fn client(ca: &Ca, versions: &[&'static SupportedProtocolVersion], own: Option<&Pair>) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let builder = builder.with_root_certificates(roots(ca));
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let (certificates, key) = chain(pair);
            builder.with_client_auth_cert(certificates, key).unwrap()
        }
    })
}

/// Calls `address`, expecting it to prove `name`; the handshake begins with the first byte.
pub fn call(config: &Arc<ClientConfig>, address: SocketAddr, name: &str) -> TlsPhone {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), dial(address))
}

/// The certificate the peer showed, once the handshake is done.
pub fn shown(phone: &TlsPhone) -> CertificateDer<'static> {
    phone.conn.peer_certificates().unwrap()[0].clone().into_owned()
}
