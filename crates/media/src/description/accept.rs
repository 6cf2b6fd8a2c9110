//! The answer to our offer.

use cordboard_sip::offer_answer::agreed;
use cordboard_sip::sdp::{Media, RtpMap};

use super::formats::Format;
use super::{
    Agreed, Capabilities, DescriptionError, Local, Said, Secured, SrtpPolicy, crypto, formats, packet_time, parse,
    places,
};

/// Takes the answer to what we offered, and gives what the next description follows. Tolerant of answers that
/// forget an `a=rtpmap` we have said, or answer with another profile of the same security.
///
/// # Errors
/// If the answer cannot be read, refuses the stream, or answers with what was not offered.
pub fn accept(
    ours: &Capabilities,
    local: &Local,
    offered: &Said,
    answer: &[u8],
) -> Result<(Said, Agreed), DescriptionError> {
    let answer = parse(answer)?;
    let (count, answered) = (offered.session.media.len(), answer.media.len());
    let misfit = DescriptionError::NotTheStreams { offered: count, answered };
    let (Some(at), Some(said)) = (offered.active, offered.speech()) else { return Err(misfit) };
    let media = answer.media.get(at).filter(|media| media.kind == said.kind && answered <= count).ok_or(misfit)?;
    if media.is_refused() {
        return Err(DescriptionError::Refused);
    }
    let secured = secured(ours, offered, media)?;
    let media = remapped(media, said);
    let theirs = formats::common(&media, ours);
    let (payload_type, codec) = formats::speech(&theirs).next().ok_or(DescriptionError::NoCodec)?;
    let mux = ours.rtcp_mux && media.attribute("rtcp-mux").is_some();
    let (remote, remote_rtcp) = places(&media, &answer, mux, local.address)?;
    let direction = agreed(said.direction(&offered.session), media.direction(&answer));
    let receive = received(said, ours, &theirs);

    let came = Agreed {
        remote,
        remote_rtcp,
        codec,
        payload_type,
        receive: formats::speech(&receive).collect(),
        dtmf_send: formats::event_for(&theirs, codec),
        dtmf_receive: formats::events(&receive).collect(),
        cn_send: formats::noise_for(&theirs, codec),
        cn_receive: formats::noise(&receive).map(|noise| noise.number).collect(),
        ptime_ms: packet_time(&media, ours.ptime_ms),
        send: direction.sends() && remote.is_some(),
        receive_on: direction.receives(),
        rtcp_mux: mux,
        srtp: secured.clone(),
    };
    Ok((settled(offered, secured.as_ref()), came))
}

/// The keys of both sides; `None` if the stream is plain.
fn secured(ours: &Capabilities, offered: &Said, media: &Media) -> Result<Option<Secured>, DescriptionError> {
    let must = match media.protocol.as_str() {
        "RTP/SAVP" | "RTP/SAVPF" => true,
        "RTP/AVP" | "RTP/AVPF" => false,
        other => return Err(DescriptionError::Transport(other.to_owned())),
    };
    if !must && (offered.keys.is_empty() || !crypto::has_keys(media)) {
        return if ours.srtp == SrtpPolicy::Required { Err(DescriptionError::SrtpRequired) } else { Ok(None) };
    }
    // RFC 4568 5.1.3: one line, under the tag of one of ours and with its suite.
    let theirs = crypto::lines(media).next().ok_or(DescriptionError::NoSuite)?;
    let own = offered.keys.iter().find(|line| line.tag == theirs.tag && line.keys.suite() == theirs.keys.suite());
    let local = own.ok_or(DescriptionError::NoSuite)?.keys.clone();
    Ok(Some(Secured { local, remote: theirs.keys }))
}

/// The answer with what we have said of formats it does not explain itself.
fn remapped(media: &Media, said: &Media) -> Media {
    let mut media = media.clone();
    let explained: Vec<u8> = media.all("rtpmap").filter_map(RtpMap::parse).map(|map| map.payload).collect();
    for attribute in said.attributes.iter().filter(|attribute| attribute.name == "rtpmap") {
        let map = attribute.value.as_deref().and_then(RtpMap::parse);
        if map.is_some_and(|map| !explained.contains(&map.payload)) {
            media.attributes.push(attribute.clone());
        }
    }
    media
}

/// What may come: what we have offered, and the peer's own numbers where they mean nothing else, since some send with
/// those.
fn received(said: &Media, ours: &Capabilities, theirs: &[(u8, Format)]) -> Vec<(u8, Format)> {
    let mut formats = formats::common(said, ours);
    for their in theirs {
        if !formats.iter().any(|(number, _)| *number == their.0) {
            formats.push(*their);
        }
    }
    formats
}

/// What the next offer follows: the key in use is said first.
fn settled(offered: &Said, secured: Option<&Secured>) -> Said {
    let mut said = offered.clone();
    said.used = secured.map(|used| used.local.clone());
    crypto::put_down(&mut said.keys, offered.used.as_ref(), said.used.as_ref());
    if let Some(at) = secured.and_then(|used| said.keys.iter().position(|line| line.keys == used.local)) {
        said.keys[..=at].rotate_right(1);
    }
    said
}
