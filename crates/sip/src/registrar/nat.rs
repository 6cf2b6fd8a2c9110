//! Whether a NAT sits between a phone and us, as far as its REGISTER shows.

use std::net::{IpAddr, SocketAddr};

use crate::flow::{Flow, Transport};
use crate::message::Message;
use crate::uri::Uri;

/// Whether the Contact of a request cannot be dialled because a NAT hides it, so that the phone is reached where it was
/// heard. Only for what comes from the phone itself: behind a proxy it is the proxy that knows.
///
/// * Its Via names another address than it came from: the phone does not know how we see it (RFC 3261 18.2.1).
/// * It asks for `rport` (RFC 3581) over UDP and came from another port than its Via names.
/// * Its Contact is a private address, it itself is not.
pub(super) fn hides(request: &Message, contact: &Uri<'_>, flow: Flow) -> bool {
    let source = canonical(flow.remote);
    let via = request.top_via().ok();
    if let Some(via) = via
        && let Some(ip) = via.ip().map(|ip| ip.to_canonical()).filter(|ip| !ip.is_unspecified())
    {
        let port = via.port.unwrap_or(flow.transport.default_port());
        let moved = flow.transport == Transport::Udp && via.rport().is_some() && port != source.port();
        if ip != source.ip() || moved {
            return true;
        }
    }
    contact.ip().is_some_and(|ip| ip.to_canonical() != source.ip() && is_private(ip) && !is_private(source.ip()))
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Whether an address means nothing outside its own network: RFC 1918, RFC 6598, RFC 4193, link-local and loopback.
#[must_use]
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn judged(transport: Transport, source: &str, via: &str, contact: &str) -> bool {
        let text = format!("REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bKa\r\n\r\n");
        let request = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let flow = Flow {
            transport,
            local: "192.0.2.9:5060".parse().unwrap(),
            remote: source.parse().unwrap(),
            connection: 0,
        };
        hides(&request, &Uri::parse(contact).unwrap(), flow)
    }

    #[test]
    fn a_nat_is_known_by_the_via_the_port_and_the_private_contact() {
        use Transport::{Tcp, Udp};
        for (nat, transport, source, via, contact) in [
            (true, Udp, "203.0.113.7:40000", "192.168.1.5:5060;rport", "sip:a@192.168.1.5"),
            (true, Tcp, "203.0.113.7:40000", "192.168.1.5:5060", "sip:a@192.168.1.5"),
            (true, Udp, "203.0.113.7:40000", "phone.lan;rport", "sip:a@10.1.2.3"),
            (true, Udp, "203.0.113.7:40000", "203.0.113.7;rport", "sip:a@203.0.113.7"),
            (true, Udp, "203.0.113.7:5060", "203.0.113.7", "sip:a@100.64.3.3"),
            (true, Udp, "[2001:db8::7]:5060", "[2001:db8::7]", "sip:a@[fd00::1]"),
            (false, Udp, "203.0.113.7:5060", "203.0.113.7;rport", "sip:a@203.0.113.7"),
            (false, Udp, "203.0.113.7:40000", "203.0.113.7", "sip:a@203.0.113.7"),
            (false, Tcp, "203.0.113.7:40000", "203.0.113.7;rport", "sip:a@203.0.113.7"),
            (false, Udp, "203.0.113.7:5060", "203.0.113.7", "sip:a@198.51.100.1"),
            (false, Udp, "10.0.0.7:5060", "10.0.0.7", "sip:a@10.0.0.8"),
            (false, Udp, "[::ffff:10.0.0.7]:5060", "10.0.0.7;rport", "sip:a@10.0.0.7"),
        ] {
            assert_eq!(judged(transport, source, via, contact), nat, "{source} {via} {contact}");
        }
    }
}
