//! The answer to an offer.

use std::net::{IpAddr, SocketAddr};

use cordboard_sip::offer_answer::reoffer;
use cordboard_sip::sdp::{Direction, Media, Session};

use super::crypto::Line;
use super::formats::Format;
use super::offer::{around, finish, stream};
use super::{
    Agreed, Capabilities, DescriptionError, Local, Said, Secured, SrtpPolicy, crypto, formats, packet_time, parse,
    places,
};

/// An answer and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What we say.
    pub said: Said,
    /// `None` when the offer has ended all streams, or has none.
    pub agreed: Option<Agreed>,
}

/// A stream of an offer that can be taken.
struct Taken {
    formats: Vec<(u8, Format)>,
    /// The peer's key, if the stream is to be SRTP.
    key: Option<Line>,
    mux: bool,
    remote: Option<SocketAddr>,
    remote_rtcp: Option<SocketAddr>,
}

/// The family of addresses a peer wants to be sent to: an address to compare with, `None` where the offer has no
/// stream of speech with one.
///
/// # Errors
/// If the offer cannot be read.
pub fn family(offer: &[u8]) -> Result<Option<IpAddr>, DescriptionError> {
    let session = parse(offer)?;
    let mut speech = session.media.iter().filter(|media| media.kind == "audio" && !media.is_refused());
    Ok(speech.find_map(|media| media.connection(&session)?.ip()))
}

/// Answers an offer. Nothing has happened when it fails.
///
/// # Errors
/// If the offer cannot be read, or no stream of it can be taken: the reason is that of its first stream of speech.
pub fn answer(
    ours: &Capabilities,
    local: &Local,
    offer: &[u8],
    previous: Option<&Said>,
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<Answered, DescriptionError> {
    let offer = parse(offer)?;
    let mut numbers = previous.map(|said| said.numbers.clone()).unwrap_or_default();
    let mut keys = previous.map(|said| said.keys.clone()).unwrap_or_default();
    let mut answered = Session { times: offer.times.clone(), ..around(local) };
    answered.media.extend(offer.media.iter().map(refused));

    let chosen = choose(&offer, ours, local)?;
    let agreed = match &chosen {
        None => None,
        Some((at, taken)) => {
            let key = taken.key.as_ref().map(|theirs| own_key(theirs, &mut keys, random));
            numbers.note(&taken.formats);
            let (media, agreed) = take(&offer, &offer.media[*at], ours, local, taken, key)?;
            answered.media[*at] = media;
            Some(agreed)
        }
    };
    if let Some(said) = previous {
        let last = Session { times: answered.times.clone(), ..said.session.clone() };
        let streams = answered.media.len();
        answered = reoffer(&last, &answered);
        // An offer with fewer streams than before is wrong, and answered as it is.
        answered.media.truncate(streams);
    }
    let used = agreed.as_ref().and_then(|agreed| agreed.srtp.as_ref()).map(|keys| keys.local.clone());
    crypto::put_down(&mut keys, previous.and_then(|said| said.used.as_ref()), used.as_ref());
    let said = Said { session: answered, active: chosen.map(|(at, _)| at), numbers, keys, used };
    Ok(Answered { said, agreed })
}

/// The stream to take: the first that is SRTP, else the first.
fn choose(offer: &Session, ours: &Capabilities, local: &Local) -> Result<Option<(usize, Taken)>, DescriptionError> {
    let mut first_fault = None;
    let mut plain = None;
    for (at, media) in offer.media.iter().enumerate().filter(|(_, media)| media.port != 0) {
        match consider(offer, media, ours, local) {
            Ok(taken) if taken.key.is_some() => return Ok(Some((at, taken))),
            Ok(taken) => plain = plain.or(Some((at, taken))),
            Err(DescriptionError::NoSpeech) => {}
            Err(fault) => first_fault = first_fault.or(Some(fault)),
        }
    }
    let live = offer.media.iter().any(|media| !media.is_refused());
    match (plain, first_fault) {
        (None, Some(fault)) => Err(fault),
        (None, None) if live => Err(DescriptionError::NoSpeech),
        (plain, _) => Ok(plain),
    }
}

/// Whether a stream can be taken, and how.
fn consider(offer: &Session, media: &Media, ours: &Capabilities, local: &Local) -> Result<Taken, DescriptionError> {
    if media.kind != "audio" {
        return Err(DescriptionError::NoSpeech);
    }
    let must = match media.protocol.as_str() {
        "RTP/SAVP" | "RTP/SAVPF" => true,
        "RTP/AVP" | "RTP/AVPF" => false,
        other => return Err(DescriptionError::Transport(other.to_owned())),
    };
    if media.attribute("rtcp-mux-only").is_some() && !ours.rtcp_mux {
        return Err(DescriptionError::Transport("rtcp-mux-only".into()));
    }
    let formats = formats::common(media, ours);
    if formats::speech(&formats).next().is_none() {
        return Err(DescriptionError::NoCodec);
    }
    let key = match ours.srtp {
        SrtpPolicy::Off => None,
        _ => crypto::lines(media).find(|line| ours.suites.contains(&line.keys.suite())),
    };
    match (ours.srtp, &key) {
        (SrtpPolicy::Off, _) if must => return Err(DescriptionError::SrtpOff),
        (SrtpPolicy::Required, None) if !must && !crypto::has_keys(media) => {
            return Err(DescriptionError::SrtpRequired);
        }
        (SrtpPolicy::Required, None) => return Err(DescriptionError::NoSuite),
        (_, None) if must => return Err(DescriptionError::NoSuite),
        _ => {}
    }
    let mux = ours.rtcp_mux && media.attribute("rtcp-mux").is_some();
    let (remote, remote_rtcp) = places(media, offer, mux, local.address)?;
    Ok(Taken { formats, key, mux, remote, remote_rtcp })
}

/// Our key for a line of the peer's, under its tag (RFC 4568 5.1.2): the one we have for its suite already, else a
/// fresh one. It becomes the first of our keys.
fn own_key(theirs: &Line, keys: &mut Vec<Line>, random: &mut dyn FnMut(&mut [u8])) -> Line {
    let known = keys.iter().position(|line| line.keys.suite() == theirs.keys.suite());
    let own = match known {
        Some(at) => Line { tag: theirs.tag, name: theirs.name.clone(), keys: keys.remove(at).keys },
        None => Line { name: theirs.name.clone(), ..Line::fresh(theirs.tag, theirs.keys.suite(), random) },
    };
    // A tag stands for one line: whoever else has it is not offered again.
    keys.retain(|line| line.tag != own.tag);
    keys.insert(0, own.clone());
    own
}

fn take(
    offer: &Session,
    offered: &Media,
    ours: &Capabilities,
    local: &Local,
    taken: &Taken,
    key: Option<Line>,
) -> Result<(Media, Agreed), DescriptionError> {
    let ptime_ms = packet_time(offered, ours.ptime_ms);
    let direction: Direction = local.direction.answering(offered.direction(offer));

    let mut media = stream(local, &offered.protocol);
    for (number, format) in &taken.formats {
        format.say(*number, &mut media);
    }
    crypto::say(key.as_slice(), &mut media);
    finish(&mut media, ptime_ms, taken.mux, direction);

    let (payload_type, codec) = formats::speech(&taken.formats).next().ok_or(DescriptionError::NoCodec)?;
    let secured = taken.key.as_ref().zip(key);
    let agreed = Agreed {
        remote: taken.remote,
        remote_rtcp: taken.remote_rtcp,
        codec,
        payload_type,
        receive: formats::speech(&taken.formats).collect(),
        dtmf_send: formats::event_for(&taken.formats, codec),
        dtmf_receive: formats::events(&taken.formats).collect(),
        cn_send: formats::noise_for(&taken.formats, codec),
        cn_receive: formats::noise(&taken.formats).map(|noise| noise.number).collect(),
        ptime_ms,
        send: direction.sends() && taken.remote.is_some(),
        receive_on: direction.receives(),
        rtcp_mux: taken.mux,
        srtp: secured.map(|(theirs, own)| Secured { local: own.keys, remote: theirs.keys.clone() }),
    };
    Ok((media, agreed))
}

/// An `m=` line that says no (RFC 3264 6).
fn refused(offered: &Media) -> Media {
    let Media { kind, protocol, formats, .. } = offered.clone();
    Media { kind, protocol, formats, ..Media::default() }
}
