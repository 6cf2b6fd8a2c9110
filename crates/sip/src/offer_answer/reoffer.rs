//! Offers of a session that is up, and of one that waits for its other party.

use std::net::IpAddr;

use super::answer::refused;
use crate::sdp::{Attribute, Connection, Direction, Media, Origin, Session, Timing};

/// The discard port (RFC 863): not 0, which would end the stream.
const NOWHERE: u16 = 9;

/// What follows `last` on the same side of a dialog when we want to say `wanted` (RFC 3264 section 8).
///
/// The `o=` stays that of `last`, whoever made `wanted`, with the version counted up by one exactly
/// when something else differs. The `t=` stays. Streams `wanted` no longer has stay in their
/// places with port 0, as `m=` lines may never become fewer.
#[must_use]
pub fn reoffer(last: &Session, wanted: &Session) -> Session {
    let mut out = wanted.clone();
    out.origin.clone_from(&last.origin);
    out.times.clone_from(&last.times);
    let gone = last.media.get(out.media.len()..).unwrap_or_default();
    out.media.extend(gone.iter().map(refused));
    // Compared as printed: an absent t= and `0 0` are the same to the peer.
    if out.to_string() != last.to_string() {
        out.origin.bump();
    }
    out
}

/// An offer that leads nowhere: G.711 and key presses, `inactive`, at 0.0.0.0. It sets up one
/// party while the other is still to be found (RFC 3725 section 4.4 and 5).
#[must_use]
pub fn black_hole(origin: Origin) -> Session {
    let attributes = vec![
        Attribute::new("rtpmap", "8 PCMA/8000"),
        Attribute::new("rtpmap", "0 PCMU/8000"),
        Attribute::new("rtpmap", "101 telephone-event/8000"),
        Attribute::new("fmtp", "101 0-15"),
        Attribute::flag(Direction::Inactive.name()),
    ];
    let audio = Media {
        kind: "audio".into(),
        port: NOWHERE,
        protocol: "RTP/AVP".into(),
        formats: ["8", "0", "101"].map(Into::into).into(),
        attributes,
        ..Media::default()
    };
    around(origin, vec![Timing::default()], vec![audio])
}

/// An answer that leads nowhere: every stream of the offer taken as it is, `inactive`, at 0.0.0.0, so that
/// its sender waits in silence. Streams with DTLS keys are refused, since no certificate of ours stands behind
/// the answer. Of SDES keys the first is repeated: nothing is ever encrypted with it.
#[must_use]
pub fn black_hole_answer(offer: &Session, origin: Origin) -> Session {
    let media = offer.media.iter().map(|offered| match taken(offered) {
        true => swallow(offered),
        false => refused(offered),
    });
    around(origin, offer.times.clone(), media.collect())
}

fn taken(offered: &Media) -> bool {
    offered.port != 0 && matches!(offered.protocol.as_str(), "RTP/AVP" | "RTP/AVPF" | "RTP/SAVP" | "RTP/SAVPF")
}

fn swallow(offered: &Media) -> Media {
    let mut media = Media { port: NOWHERE, ..refused(offered) };
    let kept = |a: &&Attribute| matches!(a.name.as_str(), "rtpmap" | "fmtp" | "ptime");
    media.attributes.extend(offered.attributes.iter().filter(kept).cloned());
    media.attributes.extend(offered.attributes.iter().find(|a| a.name == "crypto").cloned());
    media.set_direction(Direction::Inactive);
    media
}

fn around(origin: Origin, times: Vec<Timing>, media: Vec<Media>) -> Session {
    let connection = Some(Connection::of(IpAddr::from([0, 0, 0, 0])));
    Session { origin, connection, times, media, ..Session::default() }
}
