//! The offer.

use cordboard_sip::offer_answer::reoffer;
use cordboard_sip::sdp::{Attribute, Connection, Direction, Media, Origin, Session};

use super::{Capabilities, Local, MAX_PTIME, Said, SrtpPolicy, crypto, formats};

/// Offers what we can do. A session that has a description already goes on with its number, the places of its streams,
/// its payload types and its keys; its version is counted up if anything else is said (RFC 3264 8).
#[must_use]
pub fn offer(ours: &Capabilities, local: &Local, previous: Option<&Said>, random: &mut dyn FnMut(&mut [u8])) -> Said {
    let mut numbers = previous.map(|said| said.numbers.clone()).unwrap_or_default();
    let keys = crypto::offered(ours, previous.map_or(&[], |said| &said.keys), random);
    let protocol = match (ours.srtp, previous.and_then(Said::speech)) {
        (SrtpPolicy::Required, _) => "RTP/SAVP",
        // What a stream was set up as is what its peer speaks.
        (SrtpPolicy::Optional, Some(before)) if before.is_secure() => "RTP/SAVP",
        _ => "RTP/AVP",
    };
    let mut speech = stream(local, protocol);
    for format in formats::offered(ours) {
        if let Some(number) = numbers.of(format) {
            format.say(number, &mut speech);
        }
    }
    crypto::say(&keys, &mut speech);
    finish(&mut speech, ours.ptime_ms, ours.rtcp_mux, local.direction);

    let media = previous.map(|said| said.session.media.clone()).unwrap_or_default();
    let mut session = Session { media, ..around(local) };
    let active = previous
        .and_then(|said| said.active)
        // A place whose stream has ended may be used again (RFC 3264 8.1).
        .or_else(|| session.media.iter().position(|media| media.kind == "audio"))
        .unwrap_or(session.media.len());
    session.media.resize_with(session.media.len().max(active + 1), Media::default);
    session.media[active] = speech;
    if let Some(said) = previous {
        session = reoffer(&said.session, &session);
    }
    let used = previous.and_then(|said| said.used.clone());
    Said { session, active: Some(active), numbers, keys, used }
}

/// An empty stream of speech at our port.
pub(super) fn stream(local: &Local, protocol: &str) -> Media {
    Media { kind: "audio".into(), port: local.port, protocol: protocol.to_owned(), ..Media::default() }
}

/// What is said after formats and keys.
pub(super) fn finish(media: &mut Media, ptime_ms: u32, mux: bool, direction: Direction) {
    media.attributes.push(Attribute::new("ptime", ptime_ms));
    media.attributes.push(Attribute::new("maxptime", MAX_PTIME));
    if mux {
        media.attributes.push(Attribute::flag("rtcp-mux"));
    }
    media.set_direction(direction);
}

/// A description without streams.
pub(super) fn around(local: &Local) -> Session {
    let connection = Connection::of(local.address);
    let origin = Origin {
        session_id: local.session_id.to_string(),
        version: "1".into(),
        connection: connection.clone(),
        ..Origin::default()
    };
    Session { origin, connection: Some(connection), ..Session::default() }
}
