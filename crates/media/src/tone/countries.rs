//! What the networks of some countries sound like: ITU-T E.180 Supplement 2, Great Britain's by BT SIN 350.

/// The tones of a network, each a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tones {
    /// The network waits for a number.
    pub dial: &'static str,
    /// The called phone rings.
    pub ringback: &'static str,
    /// The called party is busy.
    pub busy: &'static str,
    /// The network cannot do it ("fast busy", reorder).
    pub congestion: &'static str,
    /// Another call waits for the party who hears this.
    pub call_waiting: &'static str,
    /// Special information: the number is not in service (E.180 7).
    pub information: &'static str,
}

impl Tones {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> [&'static str; 6] {
        [self.dial, self.ringback, self.busy, self.congestion, self.call_waiting, self.information]
    }

    /// The tone of a name: `dial`, `ringback`, `busy`, `congestion`, `call-waiting`, `information` or `beep`.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&'static str> {
        Some(match name {
            "dial" => self.dial,
            "ringback" => self.ringback,
            "busy" => self.busy,
            "congestion" => self.congestion,
            "call-waiting" => self.call_waiting,
            "information" => self.information,
            "beep" => BEEP,
            _ => return None,
        })
    }
}

/// What tells somebody that he may speak now.
pub const BEEP: &str = "!1000@-15/200";
/// Three rising tones (E.180 7).
const SIT: &str = "950/330,1400/330,1800/330,0/1000";

/// A country and its tones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    /// Two letters of ISO 3166, small.
    pub code: &'static str,
    /// What its network sounds like.
    pub tones: Tones,
}

/// The tones of a country, by its two letters of ISO 3166 in either case.
#[must_use]
pub fn country(code: &str) -> Option<&'static Country> {
    COUNTRIES.iter().find(|country| country.code.eq_ignore_ascii_case(code))
}

const fn row(
    code: &'static str,
    dial: &'static str,
    ringback: &'static str,
    busy: &'static str,
    congestion: &'static str,
    call_waiting: &'static str,
    information: &'static str,
) -> Country {
    Country { code, tones: Tones { dial, ringback, busy, congestion, call_waiting, information } }
}

/// Code, dial, ringback, busy, congestion, call waiting, information.
#[rustfmt::skip]
pub static COUNTRIES: &[Country] = &[
    row("at", "420", "420/1000,0/5000", "420/400,0/400", "420/200,0/200", "420/40,0/1950", SIT),
    row("au", "413+438", "413+438/400,0/200,413+438/400,0/2000", "425/375,0/375", "425/375,0/375,425@-23/375,0/375",
        "425/200,0/200,425/200,0/4400", "425/2500,0/500"),
    row("be", "425", "425/1000,0/3000", "425/500,0/500", "425/167,0/167", "1400/175,0/175,1400/175,0/3500", "900/330,1400/330,1800/330,0/1000"),
    row("br", "425", "425/1000,0/4000", "425/250,0/250", "425/250,0/250,425/750,0/250", "425/50,0/1000", SIT),
    row("ch", "425", "425/1000,0/4000", "425/500,0/500", "425/200,0/200", "425/200,0/200,425/200,0/4000", SIT),
    row("cn", "450", "450/1000,0/4000", "450/350,0/350", "450/700,0/700", "450/400,0/4000", SIT),
    row("de", "425", "425/1000,0/4000", "425/480,0/480", "425/240,0/240", "425/200,0/200,425/200,0/5000", SIT),
    row("es", "425", "425/1500,0/3000", "425/200,0/200", "425/200,0/200,425/200,0/200,425/200,0/600",
        "425/175,0/175,425/175,0/3500", SIT),
    row("fr", "440", "440/1500,0/3500", "440/500,0/500", "440/250,0/250", "440/300,0/10000", SIT),
    row("gb", "350+440", "400+450/400,0/200,400+450/400,0/2000", "400/375,0/375", "400/400,0/350,400/225,0/525",
        "400/100,0/4000", "950/330,0/15,1400/330,0/15,1800/330,0/1000"),
    row("in", "400*25", "400*25/400,0/200,400*25/400,0/2000", "400/750,0/750", "400/250,0/250",
        "400/200,0/100,400/200,0/7500", SIT),
    row("it", "425/200,0/200,425/600,0/1000", "425/1000,0/4000", "425/500,0/500", "425/200,0/200",
        "425/400,0/100,425/250,0/100,425/150,0/14000", SIT),
    row("jp", "400", "400*16/1000,0/2000", "400/500,0/500", "400/500,0/500", "400*16/500,0/8000", SIT),
    row("nl", "425", "425/1000,0/4000", "425/500,0/500", "425/250,0/250", "425/500,0/9500", SIT),
    row("ru", "425", "425/1000,0/4000", "425/350,0/350", "425/175,0/175", "425/200,0/5000", SIT),
    row("se", "425", "425/1000,0/5000", "425/250,0/250", "425/250,0/750", "425/200,0/500,425/200,0/9100", SIT),
    row("us", "350+440", "440+480/2000,0/4000", "480+620/500,0/500", "480+620/250,0/250", "440/300,0/10000",
        "!950/330,!1400/330,!1800/330,0"),
    row("za", "400*33", "400*33/400,0/200,400*33/400,0/2000", "400/500,0/500", "400/250,0/250",
        "400*33/250,0/250,400*33/250,0/250,400*33/250,0/250,400*33/250,0/250", SIT),
];
