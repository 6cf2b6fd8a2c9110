//! What a description says of its media, session and media level taken together.

use std::net::SocketAddr;

use super::{Attribute, Connection, Crypto, Direction, Media, RtpMap, Session, static_payload};

impl Session {
    /// The value of the first attribute of that name at session level; `Some("")` for one without.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        find(&self.attributes, name)
    }

    /// The first media of a kind, refused or not.
    #[must_use]
    pub fn first(&self, kind: &str) -> Option<&Media> {
        self.media.iter().find(|m| m.kind == kind)
    }

    /// Whether who sent this holds the call: there is live media and none of it would be received
    /// (`a=sendonly`, `a=inactive`, or the address 0.0.0.0).
    #[must_use]
    pub fn is_hold(&self) -> bool {
        let mut live = self.media.iter().filter(|m| !m.is_refused()).peekable();
        live.peek().is_some() && live.all(|m| !m.direction(self).receives())
    }
}

impl Media {
    /// The value of the first attribute of that name; `Some("")` for one without.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        find(&self.attributes, name)
    }

    /// The values of all attributes of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes.iter().filter(move |a| a.name == name).map(|a| a.value.as_deref().unwrap_or(""))
    }

    /// Sets an attribute: in the place of the first of that name, all others of that name going.
    pub fn set_attribute(&mut self, attribute: Attribute) {
        let at = self.attributes.iter().position(|a| a.name == attribute.name);
        self.attributes.retain(|a| a.name != attribute.name);
        self.attributes.insert(at.unwrap_or(self.attributes.len()), attribute);
    }

    /// Whether the stream is refused or ended: port 0, unless it shares another's port (RFC 3264
    /// section 6, RFC 9143 `bundle-only`).
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.port == 0 && self.attribute("bundle-only").is_none()
    }

    /// Refuses or ends the stream.
    pub fn refuse(&mut self) {
        self.port = 0;
    }

    /// Its connection: its own, else the session's.
    #[must_use]
    pub fn connection<'a>(&'a self, session: &'a Session) -> Option<&'a Connection> {
        self.connections.first().or(session.connection.as_ref())
    }

    /// Where RTP goes; `None` if there is no address, a host name or port 0.
    #[must_use]
    pub fn rtp_address(&self, session: &Session) -> Option<SocketAddr> {
        let ip = self.connection(session)?.ip()?;
        (self.port != 0).then_some(SocketAddr::new(ip, self.port))
    }

    /// Where RTCP goes: with RTP where `a=rtcp-mux` is said (RFC 5761), as `a=rtcp` says (RFC 3605), or
    /// to the next port.
    #[must_use]
    pub fn rtcp_address(&self, session: &Session) -> Option<SocketAddr> {
        if self.attribute("rtcp-mux").is_some() {
            return self.rtp_address(session);
        }
        self.own_rtcp_address(session)
    }

    /// Where RTCP goes while it is not with RTP: what `a=rtcp-mux` offers is not agreed to before it is answered.
    #[must_use]
    pub fn own_rtcp_address(&self, session: &Session) -> Option<SocketAddr> {
        let rtp = self.rtp_address(session)?;
        let Some(value) = self.attribute("rtcp") else {
            return Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?));
        };
        let mut words = value.split_ascii_whitespace();
        let port = words.next()?.parse().ok()?;
        let ip = words.nth(2).and_then(crate::uri::parse_ip).unwrap_or(rtp.ip());
        Some(SocketAddr::new(ip, port))
    }

    /// Its direction: its own, else the session's, else both ways. An address of 0.0.0.0 receives
    /// nothing whatever is said, and port 0 is inactive.
    #[must_use]
    pub fn direction(&self, session: &Session) -> Direction {
        if self.is_refused() {
            return Direction::Inactive;
        }
        let of = |attributes: &[Attribute]| attributes.iter().rev().find_map(|a| Direction::from_name(&a.name));
        let said = of(&self.attributes).or_else(|| of(&session.attributes)).unwrap_or_default();
        let receives = said.receives() && !self.connection(session).is_some_and(Connection::is_unspecified);
        Direction::of(said.sends(), receives)
    }

    /// Says a direction, in the place of the one it says now.
    pub fn set_direction(&mut self, direction: Direction) {
        let is_direction = |a: &Attribute| Direction::from_name(&a.name).is_some();
        let at = self.attributes.iter().position(is_direction);
        self.attributes.retain(|a| !is_direction(a));
        self.attributes.insert(at.unwrap_or(self.attributes.len()), Attribute::flag(direction.name()));
    }

    /// The formats of RTP in order of preference, each with its mapping: its `rtpmap`, else that of
    /// RFC 3551. Formats without one are left out.
    pub fn rtp_maps(&self) -> impl Iterator<Item = RtpMap> {
        self.formats.iter().filter_map(|f| f.parse().ok()).filter_map(|payload| self.rtp_map(payload))
    }

    /// The mapping of one payload type.
    #[must_use]
    pub fn rtp_map(&self, payload: u8) -> Option<RtpMap> {
        self.all("rtpmap").filter_map(RtpMap::parse).find(|m| m.payload == payload).or_else(|| static_payload(payload))
    }

    /// The parameters of a format (`a=fmtp`), without the format itself.
    #[must_use]
    pub fn fmtp(&self, format: &str) -> Option<&str> {
        self.all("fmtp").find_map(|value| {
            let (of, parameters) = value.trim().split_once(|c: char| c.is_ascii_whitespace())?;
            (of == format).then_some(parameters.trim())
        })
    }

    /// Milliseconds of audio in a packet (`a=ptime`).
    #[must_use]
    pub fn ptime(&self) -> Option<u32> {
        // Fractions are met: 0.125 for one frame of G.711, and 20.0.
        self.attribute("ptime")?.trim().split('.').next()?.parse().ok()
    }

    /// Milliseconds of audio a packet may hold (`a=maxptime`).
    #[must_use]
    pub fn maxptime(&self) -> Option<u32> {
        self.attribute("maxptime")?.trim().split('.').next()?.parse().ok()
    }

    /// The SDES keys offered, in order of preference (RFC 4568).
    pub fn cryptos(&self) -> impl Iterator<Item = Crypto> {
        self.all("crypto").filter_map(Crypto::parse)
    }

    /// Whether its protocol is SRTP.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.protocol.split('/').any(|part| part == "SAVP" || part == "SAVPF")
    }
}

fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes.iter().find(|a| a.name == name).map(|a| a.value.as_deref().unwrap_or(""))
}
