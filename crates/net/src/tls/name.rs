//! Whom a message is for, to be proved by a certificate.

use cordboard_sip::Message;
use cordboard_sip::header::{HeaderName, NameAddr};
use cordboard_sip::limits::Limits;
use cordboard_sip::uri::Uri;
use rustls::pki_types::ServerName;

/// The domain or address a message of ours goes to: of a request the host of its first Route or
/// else of its Request-URI (RFC 5922 7.2, RFC 3263 section 4), of a response that of its top Via.
pub(crate) fn next_hop(bytes: &[u8]) -> Option<ServerName<'static>> {
    let message = Message::parse(bytes, &Limits { message: usize::MAX, ..Limits::default() }).ok()?;
    if !message.is_request() {
        return server_name(message.top_via().ok()?.host);
    }
    let route = message.list(HeaderName::Route).next().and_then(|route| NameAddr::parse(route).ok());
    let uri = route.and_then(|route| route.parse_uri().ok());
    // A strict router stands in the Request-URI (RFC 3261 12.2.1.1).
    match uri.filter(|uri| uri.params.has("lr")) {
        Some(uri) => server_name(uri.host),
        None => server_name(Uri::parse(message.uri()).ok()?.host),
    }
}

fn server_name(host: &str) -> Option<ServerName<'static>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    ServerName::try_from(bare.to_ascii_lowercase()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(start: &str, headers: &str) -> Option<String> {
        let text = format!(
            "{start}\r\nVia: SIP/2.0/TLS [2001:db8::9]:5061;branch=z9hG4bK1\r\n{headers}From: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        next_hop(text.as_bytes()).map(|name| name.to_str().into_owned())
    }

    #[test]
    fn a_request_goes_to_its_first_loose_route_or_else_to_its_uri() {
        let uri = "OPTIONS sip:bob@Example.com. SIP/2.0";
        assert_eq!(hop(uri, "").as_deref(), Some("example.com"));
        assert_eq!(hop(uri, "Route: <sips:proxy.net;lr>, <sip:b.net;lr>\r\n").as_deref(), Some("proxy.net"));
        assert_eq!(hop(uri, "Route: <sip:last.net>\r\n").as_deref(), Some("example.com"));
        assert_eq!(hop("OPTIONS sips:[2001:db8::1]:5061 SIP/2.0", "").as_deref(), Some("2001:db8::1"));
    }

    #[test]
    fn a_response_goes_to_its_via() {
        assert_eq!(hop("SIP/2.0 200 OK", "").as_deref(), Some("2001:db8::9"));
    }

    #[test]
    fn what_has_no_host_has_no_name() {
        assert_eq!(hop("OPTIONS tel:+4912345 SIP/2.0", ""), None);
        assert!(next_hop(b"no SIP at all").is_none());
    }
}
