//! Formats of a stream and their payload types.

use cordboard_sip::sdp::{Attribute, Media, RtpMap};

use super::{Capabilities, Payload};
use crate::codec::Codec;

/// Key presses 0 to 9, *, #, A to D (RFC 4733 3.2).
const EVENTS: &str = "0-15";

/// What a payload type may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Speech.
    Speech(Codec),
    /// Key presses, with this clock rate.
    Event(u32),
    /// Comfort noise, with this clock rate.
    Noise(u32),
}

impl Format {
    pub(super) fn of(map: &RtpMap) -> Option<Self> {
        let channels = map.channels.unwrap_or(1);
        if let Some(codec) = Codec::from_rtpmap(&map.encoding, map.clock_rate, channels) {
            return Some(Self::Speech(codec));
        }
        if map.clock_rate == 0 || channels != 1 {
            return None;
        }
        let is = |name: &str| map.encoding.eq_ignore_ascii_case(name);
        is("telephone-event")
            .then_some(Self::Event(map.clock_rate))
            .or_else(|| is("CN").then_some(Self::Noise(map.clock_rate)))
    }

    fn map(self, payload: u8) -> RtpMap {
        let (encoding, clock_rate, channels) = match self {
            Self::Speech(codec) => (codec.name(), codec.clock_rate(), codec.channels()),
            Self::Event(rate) => ("telephone-event", rate, 1),
            Self::Noise(rate) => ("CN", rate, 1),
        };
        RtpMap { payload, encoding: encoding.to_owned(), clock_rate, channels: (channels > 1).then_some(channels) }
    }

    fn parameters(self) -> Option<&'static str> {
        match self {
            Self::Event(_) => Some(EVENTS),
            // RFC 7587 6.1: what we lose is concealed from what follows, if the peer sends it so.
            Self::Speech(codec) if codec.name() == "opus" => Some("useinbandfec=1"),
            _ => None,
        }
    }

    /// The number RFC 3551 gives it, or the one it has by custom.
    fn customary(self) -> Option<u8> {
        match self {
            Self::Speech(codec) => codec.static_payload_type(),
            Self::Event(8_000) => Some(101),
            Self::Noise(8_000) => Some(13),
            _ => None,
        }
    }

    /// Says it as a format of `media`.
    pub(super) fn say(self, payload: u8, media: &mut Media) {
        media.formats.push(payload.to_string());
        media.attributes.push(Attribute::new("rtpmap", self.map(payload)));
        if let Some(parameters) = self.parameters() {
            media.attributes.push(Attribute::new("fmtp", format_args!("{payload} {parameters}")));
        }
    }
}

/// All formats we know, in the order offered.
pub(super) fn offered(ours: &Capabilities) -> Vec<Format> {
    let mut rates: Vec<u32> = Vec::new();
    for codec in &ours.codecs {
        if !rates.contains(&codec.clock_rate()) {
            rates.push(codec.clock_rate());
        }
    }
    let speech = ours.codecs.iter().map(|codec| Format::Speech(*codec));
    let noise = rates.iter().filter(|_| ours.comfort_noise).map(|rate| Format::Noise(*rate));
    let events = rates.iter().filter(|_| ours.telephone_event).map(|rate| Format::Event(*rate));
    speech.chain(noise).chain(events).collect()
}

/// The formats of a stream that both sides know, in its order; no payload type twice. Key presses and noise are left
/// out where no codec has their clock; where none of the key presses' rates is a codec's, those at 8,000 stay, as
/// phones mean them that know one rate only.
pub(super) fn common(media: &Media, ours: &Capabilities) -> Vec<(u8, Format)> {
    let mut known: Vec<(u8, Format)> = Vec::new();
    for map in media.rtp_maps() {
        let Some(format) = Format::of(&map) else { continue };
        let spoken = match format {
            Format::Speech(codec) => ours.codecs.contains(&codec),
            Format::Event(_) => ours.telephone_event,
            Format::Noise(_) => ours.comfort_noise,
        };
        // A number written in another way, such as `08`, could not be answered as it was offered.
        let spoken = spoken && media.formats.contains(&map.payload.to_string());
        if spoken && !known.iter().any(|(number, _)| *number == map.payload) {
            known.push((map.payload, format));
        }
    }
    let clocks: Vec<u32> = speech(&known).map(|(_, codec)| codec.clock_rate()).collect();
    let matched = known.iter().any(|(_, format)| matches!(format, Format::Event(rate) if clocks.contains(rate)));
    known.retain(|(_, format)| match format {
        Format::Speech(_) => true,
        Format::Event(rate) => clocks.contains(rate) || (!matched && *rate == 8_000),
        Format::Noise(rate) => clocks.contains(rate),
    });
    known
}

/// The codecs among formats.
pub(super) fn speech(formats: &[(u8, Format)]) -> impl Iterator<Item = (u8, Codec)> {
    formats.iter().filter_map(|(number, format)| match format {
        Format::Speech(codec) => Some((*number, *codec)),
        _ => None,
    })
}

/// The key presses among formats.
pub(super) fn events(formats: &[(u8, Format)]) -> impl Iterator<Item = Payload> {
    formats.iter().filter_map(|(number, format)| match format {
        Format::Event(clock_rate) => Some(Payload { number: *number, clock_rate: *clock_rate }),
        _ => None,
    })
}

/// The comfort noise among formats.
pub(super) fn noise(formats: &[(u8, Format)]) -> impl Iterator<Item = Payload> {
    formats.iter().filter_map(|(number, format)| match format {
        Format::Noise(clock_rate) => Some(Payload { number: *number, clock_rate: *clock_rate }),
        _ => None,
    })
}

/// How key presses go beside a codec: with its clock, else with any (RFC 4733 2.1).
pub(super) fn event_for(formats: &[(u8, Format)], codec: Codec) -> Option<Payload> {
    events(formats).find(|event| event.clock_rate == codec.clock_rate()).or_else(|| events(formats).next())
}

/// How noise goes beside a codec: with its clock only (RFC 3389 4).
pub(super) fn noise_for(formats: &[(u8, Format)], codec: Codec) -> Option<u8> {
    noise(formats).find(|noise| noise.clock_rate == codec.clock_rate()).map(|noise| noise.number)
}

/// Which payload types mean what in a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers(Vec<(u8, Format)>);

impl Numbers {
    /// Payload types that may be given away; those from 72 to 76 look like RTCP (RFC 5761 4).
    const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

    /// Notes the numbers of a description.
    pub(super) fn note(&mut self, formats: &[(u8, Format)]) {
        for said in formats {
            self.0.retain(|(number, _)| *number != said.0);
            self.0.push(*said);
        }
    }

    /// The number of a format: the one it has had last, else the customary one, else one that is free. `None` when all
    /// are taken.
    pub(super) fn of(&mut self, format: Format) -> Option<u8> {
        if let Some((number, _)) = self.0.iter().rev().find(|(_, known)| *known == format) {
            return Some(*number);
        }
        let free = |number: &u8| !self.0.iter().any(|(taken, _)| taken == number);
        // 101 is left to key presses, whose number some phones do not read.
        let number = format
            .customary()
            .filter(free)
            .or_else(|| Self::DYNAMIC.filter(|number| *number != 101).find(free))
            .or_else(|| Some(101).filter(free))?;
        self.0.push((number, format));
        Some(number)
    }
}
