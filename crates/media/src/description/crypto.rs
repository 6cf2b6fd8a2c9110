//! Keys in descriptions: `a=crypto` (RFC 4568).

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use cordboard_sip::sdp::{Attribute, Crypto, Media};

use super::{Capabilities, SrtpPolicy};
use crate::srtp::{Keys, Suite};

/// Keys of 30 and 46 octets: some phones leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Lines read of a stream; what follows is ignored.
const MOST_LINES: usize = 32;

/// A usable `a=crypto` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tag: u32,
    /// The suite's name as it was said.
    pub(super) name: String,
    pub(super) keys: Keys,
}

impl Line {
    /// A line of ours.
    pub(super) fn fresh(tag: u32, suite: Suite, random: &mut dyn FnMut(&mut [u8])) -> Self {
        Self { tag, name: suite.name().to_owned(), keys: Keys::generate(suite, random) }
    }

    /// What `a=crypto` says, if all of it is understood: one key, of the suite's length, and no session parameter
    /// that changes what packets look like.
    fn read(crypto: &Crypto) -> Option<Self> {
        let suite = Suite::from_name(&crypto.suite)?;
        // RFC 4568 9.1: a tag has nine digits at most.
        if crypto.tag > 999_999_999 || !crypto.session.iter().all(|said| is_harmless(said)) {
            return None;
        }
        Some(Self { tag: crypto.tag, name: crypto.suite.clone(), keys: inline(suite, &crypto.keys)? })
    }

    fn attribute(&self) -> Attribute {
        let keys = general_purpose::STANDARD.encode(self.keys.key_and_salt());
        Attribute::new("crypto", format_args!("{} {} inline:{keys}", self.tag, self.name))
    }
}

/// A session parameter that may be ignored: a hint on the size of the replay window, or an extension marked as
/// optional (RFC 4568 6.3.6, 6.3.7).
fn is_harmless(parameter: &str) -> bool {
    parameter.starts_with('-')
        || parameter.strip_prefix("WSH=").is_some_and(|size| size.parse::<u32>().is_ok_and(|size| size >= 64))
}

/// `inline:<key and salt>["|" lifetime]["|" MKI ":" length]` (RFC 4568 6.1). Several keys are not taken.
fn inline(suite: Suite, text: &str) -> Option<Keys> {
    let mut parts = text.strip_prefix("inline:")?.split('|');
    let key = parts.next()?;
    let mut keys = Keys::new(suite, &BASE64.decode(key).ok()?)?;
    let mut rest: Vec<&str> = parts.collect();
    if let Some((mki, length)) = rest.last().and_then(|last| last.split_once(':')) {
        let length = length.parse().ok().filter(|length| (1..=Keys::MAX_MKI).contains(length))?;
        let value: u32 = mki.parse().ok()?;
        if u64::from(value) >> (8 * u32::from(length)) != 0 {
            return None;
        }
        keys = keys.with_mki(value, length);
        rest.pop();
    }
    match rest[..] {
        [] => Some(keys),
        [lifetime] => is_lifetime(lifetime).then_some(keys),
        _ => None,
    }
}

/// Packets a key may live for: as a number or a power of two, 2^48 at most (RFC 3711 9.2). A call ends long before.
fn is_lifetime(text: &str) -> bool {
    const MOST: u64 = 1 << 48;
    let packets = match text.strip_prefix("2^") {
        Some(power) => power.parse().ok().and_then(|power| 1_u64.checked_shl(power)),
        None => text.parse().ok(),
    };
    packets.is_some_and(|packets| (1..=MOST).contains(&packets))
}

/// The lines of a stream that can be used, in its order.
pub(super) fn lines(media: &Media) -> impl Iterator<Item = Line> {
    media.cryptos().take(MOST_LINES).filter_map(|crypto| Line::read(&crypto))
}

/// Whether a stream says anything of keys, usable or not.
pub(super) fn has_keys(media: &Media) -> bool {
    media.attribute("crypto").is_some()
}

/// The keys we offer: those said before, the one in use first, and one for each suite that has none yet.
pub(super) fn offered(ours: &Capabilities, before: &[Line], random: &mut dyn FnMut(&mut [u8])) -> Vec<Line> {
    if ours.srtp == SrtpPolicy::Off {
        return Vec::new();
    }
    let mut lines = before.to_vec();
    for suite in &ours.suites {
        if lines.iter().any(|line| line.keys.suite() == *suite) {
            continue;
        }
        let tag = (1..).find(|tag| !lines.iter().any(|line| line.tag == *tag)).unwrap_or(1);
        lines.push(Line::fresh(tag, *suite, random));
    }
    lines
}

/// Forgets the key that was used before if it is not any more: whoever encrypts with it again would not know how far
/// it has gone.
pub(super) fn put_down(lines: &mut Vec<Line>, before: Option<&Keys>, now: Option<&Keys>) {
    lines.retain(|line| before != Some(&line.keys) || now == before);
}

/// Says keys in a stream.
pub(super) fn say(lines: &[Line], media: &mut Media) {
    media.attributes.extend(lines.iter().map(Line::attribute));
}
