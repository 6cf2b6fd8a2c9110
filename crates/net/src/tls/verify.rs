//! Whether the server we call is the domain we want (RFC 5922 section 7).

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

/// Chain, purpose and time as for any TLS server; the name by SIP's own rules.
#[derive(Debug)]
pub(super) struct SipServerVerifier {
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl SipServerVerifier {
    pub(super) fn new(roots: Arc<RootCertStore>, provider: &CryptoProvider) -> Self {
        Self { roots, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for SipServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, intermediates, now, self.algorithms.all)?;
        if is_for(end_entity, server_name)? {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether the certificate speaks for `wanted`.
///
/// RFC 5922 7.1 and 7.2: the identities are the hosts of `sip` URIs without a user; only where
/// there is none, the DNS names. They are compared whole, without regard to case; a wildcard
/// stands for nothing. The subject's common name is not looked at: RFC 9525 has ended that.
fn is_for(certificate: &CertificateDer<'_>, wanted: &ServerName<'_>) -> Result<bool, Error> {
    let broken = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
    let certificate = EndEntityCert::try_from(certificate).map_err(broken)?;
    let ServerName::DnsName(domain) = wanted else {
        // An address stands for itself only.
        return Ok(certificate.verify_is_valid_for_subject_name(wanted).is_ok());
    };
    let domain = domain.as_ref().trim_end_matches('.');
    let mut uris = certificate.valid_uri_names().filter_map(sip_domain).peekable();
    if uris.peek().is_some() {
        return Ok(uris.any(|host| host.eq_ignore_ascii_case(domain)));
    }
    Ok(certificate.valid_dns_names().any(|name| name.trim_end_matches('.').eq_ignore_ascii_case(domain)))
}

/// The domain a URI of a certificate speaks for; none if it is another scheme or a person's.
fn sip_domain(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("sip") {
        return None;
    }
    let host = rest.split([';', '?']).next()?;
    if host.contains('@') {
        return None;
    }
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host).trim_end_matches('.');
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use rcgen::string::Ia5String;
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(names: &[SanType]) -> CertificateDer<'static> {
        let mut params = CertificateParams::new([]).unwrap();
        params.subject_alt_names = names.to_vec();
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(Ia5String::try_from(name).unwrap())
    }

    fn uri(name: &str) -> SanType {
        SanType::URI(Ia5String::try_from(name).unwrap())
    }

    fn speaks_for(names: &[SanType], wanted: &str) -> bool {
        is_for(&certificate(names), &ServerName::try_from(wanted.to_owned()).unwrap()).unwrap()
    }

    #[test]
    fn the_table_of_rfc_5922_7_1_is_followed() {
        assert!(speaks_for(&[uri("sip:example.com")], "example.com"));
        assert!(speaks_for(&[uri("sip:EXAMPLE.com;transport=tls")], "example.COM"));
        assert!(!speaks_for(&[uri("sip:example.com")], "sip.example.com"));
        // With a SIP URI the DNS names no longer count.
        assert!(!speaks_for(&[uri("sip:example.com"), dns("other.com")], "other.com"));
        // Neither a person nor another scheme is a domain.
        assert!(!speaks_for(&[uri("sip:alice@example.com")], "example.com"));
        assert!(speaks_for(&[uri("sip:alice@example.com"), dns("example.com")], "example.com"));
        assert!(!speaks_for(&[uri("https://example.com")], "example.com"));
        assert!(speaks_for(&[uri("https://x.org"), dns("example.com")], "example.com"));
        assert!(!speaks_for(&[], "example.com"));
    }

    #[test]
    fn a_wildcard_stands_for_nothing() {
        assert!(!speaks_for(&[dns("*.example.com")], "sip.example.com"));
        assert!(speaks_for(&[dns("a.com"), dns("Sip.Example.com")], "sip.example.com"));
    }

    #[test]
    fn an_address_stands_for_itself() {
        let ip = SanType::IpAddress("192.0.2.7".parse().unwrap());
        assert!(speaks_for(std::slice::from_ref(&ip), "192.0.2.7"));
        assert!(!speaks_for(std::slice::from_ref(&ip), "192.0.2.8"));
        assert!(!speaks_for(&[ip], "example.com"));
        assert!(!speaks_for(&[dns("192.0.2.7.example.com")], "192.0.2.7"));
    }
}
