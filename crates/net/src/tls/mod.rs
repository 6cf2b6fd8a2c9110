//! TLS 1.2 and 1.3: what a server proves with, whom it believes, and both exchanged while it runs.
//!
//! Files are read by whoever starts or reloads, never by the engine's thread. The engine takes the
//! present [`Context`] for each new connection; connections that live keep the one they began with.

mod identity;
mod name;
mod verify;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use self::identity::Identities;
use self::verify::SipServerVerifier;

pub(crate) use self::name::next_hop;

/// Whether a peer that connects must show a certificate of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifyClient {
    /// It is not asked.
    #[default]
    No,
    /// It is asked; one that shows none is let in, one that shows a wrong one is not.
    Optional,
    /// It must show one that our CA has signed.
    Required,
}

/// A certificate and the key to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsIdentity {
    /// PEM: the certificate, then those that lead from it towards a root.
    pub certificate: PathBuf,
    /// PEM: PKCS #8, PKCS #1 or SEC1, not encrypted.
    pub key: PathBuf,
}

/// Everything TLS needs to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// What we prove with, chosen by the name a peer asks for (SNI); the first for any other name.
    pub identities: Vec<TlsIdentity>,
    /// PEM: the roots we believe. Without it those of the system, for connections we open.
    pub ca: Option<PathBuf>,
    /// Whether peers that connect are asked for a certificate.
    pub verify_client: VerifyClient,
}

/// Why certificates cannot be used.
#[derive(Debug)]
pub enum TlsError {
    /// A file cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else than it should.
    Malformed {
        /// Which.
        path: PathBuf,
        /// What should be in it.
        wanted: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The key is not the certificate's.
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A listener or a client check was asked for without what it needs.
    Missing {
        /// What is needed.
        what: &'static str,
    },
    /// The provider of cryptography refused.
    Refused {
        /// Its words.
        reason: String,
    },
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Malformed { path, wanted, reason } => {
                write!(f, "{} does not hold {wanted}: {reason}", path.display())
            }
            Self::Mismatch { certificate, key } => {
                write!(f, "the key {} does not belong to the certificate {}", key.display(), certificate.display())
            }
            Self::Missing { what } => write!(f, "TLS needs {what}"),
            Self::Refused { reason } => write!(f, "TLS cannot be set up: {reason}"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// What new connections are made with.
#[derive(Debug)]
pub(crate) struct Context {
    /// For connections we accept.
    pub(crate) server: Arc<ServerConfig>,
    /// For connections we open.
    pub(crate) client: Arc<ClientConfig>,
}

impl Context {
    /// Reads and checks every file.
    pub(crate) fn load(config: &TlsConfig) -> Result<Self, TlsError> {
        if config.identities.is_empty() {
            return Err(TlsError::Missing { what: "a certificate and its key" });
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let identities = Arc::new(Identities::load(&config.identities, &provider)?);
        let roots = Arc::new(match &config.ca {
            Some(path) => read_roots(path)?,
            None => system_roots(),
        });
        let server = Arc::new(server(config, &provider, &identities, &roots)?);
        let client = Arc::new(client(&provider, &identities, &roots)?);
        Ok(Self { server, client })
    }
}

fn server(
    config: &TlsConfig,
    provider: &Arc<CryptoProvider>,
    identities: &Arc<Identities>,
    roots: &Arc<RootCertStore>,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(refused)?;
    let builder = match config.verify_client {
        VerifyClient::No => builder.with_no_client_auth(),
        asked => {
            if config.ca.is_none() {
                return Err(TlsError::Missing { what: "a CA to check the certificates of clients against" });
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
            let verifier =
                if asked == VerifyClient::Optional { verifier.allow_unauthenticated() } else { verifier }.build();
            builder.with_client_cert_verifier(verifier.map_err(refused)?)
        }
    };
    let mut server = builder.with_cert_resolver(Arc::<Identities>::clone(identities));
    // Its keys are new after each reload: whoever was let in by rules that hold no longer has to
    // prove itself again.
    server.ticketer = rustls::crypto::ring::Ticketer::new().map_err(refused)?;
    Ok(server)
}

fn client(
    provider: &Arc<CryptoProvider>,
    identities: &Arc<Identities>,
    roots: &Arc<RootCertStore>,
) -> Result<ClientConfig, TlsError> {
    let verifier = SipServerVerifier::new(Arc::clone(roots), provider);
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(refused)?;
    // rustls' word for a verifier of our own; ours checks chain, purpose, time and name.
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_client_cert_resolver(Arc::<Identities>::clone(identities)))
}

fn refused(error: impl fmt::Display) -> TlsError {
    TlsError::Refused { reason: error.to_string() }
}

fn read_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path)? {
        roots.add(certificate).map_err(|error| TlsError::Malformed {
            path: path.into(),
            wanted: "certificates of authorities",
            reason: error.to_string(),
        })?;
    }
    Ok(roots)
}

/// The system's roots; those that cannot be read are left out, and with none at all every peer we
/// call is refused as untrusted.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wanted = "a PEM certificate";
    let failed = |error| pem_error(path, wanted, error);
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if certificates.is_empty() {
        return Err(pem_error(path, wanted, pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn pem_error(path: &Path, wanted: &'static str, error: pem::Error) -> TlsError {
    match error {
        pem::Error::Io(source) => TlsError::Unreadable { path: path.into(), source },
        pem::Error::NoItemsFound => {
            TlsError::Malformed { path: path.into(), wanted, reason: "there is none in it".into() }
        }
        other => TlsError::Malformed { path: path.into(), wanted, reason: other.to_string() },
    }
}

/// The present [`Context`], for the engine to take and its user to exchange.
#[derive(Debug, Default)]
pub(crate) struct Store(RwLock<Option<Arc<Context>>>);

impl Store {
    pub(crate) fn get(&self) -> Option<Arc<Context>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, context: Context) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(context));
    }
}
