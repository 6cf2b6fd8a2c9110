//! How good a call sounds: the E-model of ITU-T G.107 (06/2015), for what a network can do to it.
//!
//! `R = Ro - Is - Id - Ie,eff + A`. What depends on the telephones (loudness, room noise, echo loss) has the
//! recommendation's default values, with which an undisturbed call has R = 93.2; delay, loss and the codec are given.
//!
//! Every codec is rated on this one scale, that of narrowband telephony, so that two legs can be compared whatever
//! they speak. The wideband model (G.107.1, best R 129) has a scale of its own; a score of one is none of the other.

use crate::codec::Codec;

/// What a codec costs by itself and how well it bears loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairment {
    /// Equipment impairment factor, Ie.
    pub ie: f64,
    /// Packet-loss robustness factor, Bpl.
    pub bpl: f64,
    /// Whether both are of a recommendation.
    pub basis: Basis,
}

/// Where the factors of a codec are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// ITU-T G.113 (11/2007), appendix I.
    Published,
    /// Nothing is published on this scale; chosen by us, rather too low than too high.
    Assumed,
}

impl Impairment {
    /// G.711 whose lost packets are concealed as in its appendix I, as [`crate::dsp::plc`] does.
    pub const G711_CONCEALED: Self = Self { ie: 0.0, bpl: 25.1, basis: Basis::Published };
    /// G.711 whose lost packets are silence.
    pub const G711: Self = Self { ie: 0.0, bpl: 4.3, basis: Basis::Published };
    /// G.729 annex A with its own concealment.
    pub const G729A: Self = Self { ie: 11.0, bpl: 19.0, basis: Basis::Published };
    /// GSM enhanced full rate, 12.2 kbit/s: of the codecs that conceal by themselves the one that bears loss worst.
    pub const GSM_EFR: Self = Self { ie: 5.0, bpl: 10.0, basis: Basis::Published };
    /// Linear samples: nothing is lost by coding, and a lost packet is concealed as with G.711.
    pub const L16: Self = Self { basis: Basis::Assumed, ..Self::G711_CONCEALED };
    /// G.722 at 64 kbit/s. In the wideband model its Ie is 13 or 14 (G.113 appendix IV), that is R = 115 of 129 or
    /// more: better than the 93.2 where this scale ends, so 0 here. Its Bpl is not published; that of
    /// [`Self::GSM_EFR`] is taken, for after a loss the predictors are off, which G.711 knows nothing of.
    pub const G722: Self = Self { ie: 0.0, basis: Basis::Assumed, ..Self::GSM_EFR };
    /// Opus, for which no factors are published on any scale. At the rates of telephony it is no worse than
    /// [`Self::GSM_EFR`], which is taken for it, whatever its rate and its redundancy.
    pub const OPUS: Self = Self { basis: Basis::Assumed, ..Self::GSM_EFR };

    /// Those of a codec as we decode it.
    #[must_use]
    pub const fn of(codec: Codec) -> Self {
        match codec {
            Codec::Pcmu | Codec::Pcma => Self::G711_CONCEALED,
            Codec::G722 => Self::G722,
            Codec::L16(_) => Self::L16,
            Codec::Opus => Self::OPUS,
        }
    }
}

/// What the network did to one direction of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transmission {
    /// From mouth to ear, milliseconds: network, jitter buffer and packet time.
    pub delay_ms: f64,
    /// Share of packets that were not played, lost or late, 0 to 1.
    pub loss: f64,
    /// How much longer losses last than they would at random (BurstR); 1 for random loss, and never less.
    pub burst: f64,
}

/// Ro: signal to noise with the default loudness and noise.
const RO: f64 = 94.77;
/// Is: what happens along with the voice, with default values.
const IS: f64 = 1.41;
/// No: all noise, dBm0p, with default values.
const NO: f64 = -61.18;
/// Receive loudness rating, dB.
const RLR: f64 = 2.0;
/// Talker echo loudness rating, dB.
const TELR: f64 = 65.0;
/// Weighted echo path loss, dB.
const WEPL: f64 = 110.0;

/// The transmission rating R (G.107 7.1), 0 to 93.2.
#[must_use]
pub fn rating(codec: Impairment, path: Transmission) -> f64 {
    let delay = path.delay_ms.clamp(0.0, 10_000.0);
    (RO - IS - talker_echo(delay) - listener_echo(2.0 * delay) - too_long(delay) - equipment(codec, path)).max(0.0)
}

/// The mean opinion score a rating is expected to get (G.107 annex B), 1 to 4.5.
#[must_use]
pub fn mos(rating: f64) -> f64 {
    if rating <= 0.0 {
        1.0
    } else if rating >= 100.0 {
        4.5
    } else {
        // The polynomial dips below 1 for the worst ratings; nobody can give less.
        (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).max(1.0)
    }
}

/// Ie,eff (7.29): the codec, and the loss it has to bear.
fn equipment(codec: Impairment, path: Transmission) -> f64 {
    let percent = path.loss.clamp(0.0, 1.0) * 100.0;
    if percent == 0.0 {
        return codec.ie;
    }
    codec.ie + (95.0 - codec.ie) * percent / (percent / path.burst.max(1.0) + codec.bpl)
}

/// Idte (7.19 to 7.22): the talker's own voice coming back.
fn talker_echo(delay: f64) -> f64 {
    let terv =
        TELR - 40.0 * ((1.0 + delay / 10.0) / (1.0 + delay / 150.0)).log10() + 6.0 * (-0.3 * delay * delay).exp();
    let echo = 80.0 + 2.5 * (terv - 14.0);
    let clean = -1.5 * (NO - RLR);
    let half = (clean - echo) / 2.0;
    (half + (half * half + 100.0).sqrt() - 1.0) * (1.0 - (-delay).exp())
}

/// Idle (7.25, 7.26): the other's voice heard twice; `round_trip` in milliseconds.
fn listener_echo(round_trip: f64) -> f64 {
    let echo = 10.5 * (WEPL + 7.0) * (round_trip + 1.0).powf(-0.25);
    let half = (RO - echo) / 2.0;
    half + (half * half + 169.0).sqrt()
}

/// Idd (7.27, 7.28): a delay that people notice though there is no echo.
fn too_long(delay: f64) -> f64 {
    if delay <= 100.0 {
        return 0.0;
    }
    let x = (delay / 100.0).log2();
    25.0 * ((1.0 + x.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (x / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(value: f64, expected: f64, within: f64) {
        assert!((value - expected).abs() <= within, "{value} is not {expected}");
    }

    fn path(delay_ms: f64, percent: f64) -> Transmission {
        Transmission { delay_ms, loss: percent / 100.0, burst: 1.0 }
    }

    #[test]
    fn an_undisturbed_call_has_the_rating_and_score_of_the_recommendation() {
        let best = rating(Impairment::G711, path(0.0, 0.0));
        near(best, 93.2, 0.05);
        near(mos(best), 4.41, 0.005);
    }

    #[test]
    fn scores_are_those_of_table_b_1() {
        for (rating, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            near(mos(rating), score, 0.01);
        }
        near(mos(-3.0), 1.0, 0.0);
        near(mos(120.0), 4.5, 0.0);
    }

    #[test]
    fn each_codec_has_factors_of_its_own_on_the_one_scale() {
        // R by hand: 93.2 - Ie - (95 - Ie) * 2 / (2 + Bpl), at 2 per cent lost and no delay.
        for (codec, clean, lossy) in [
            (Codec::Pcmu, 93.2, 86.2),
            (Codec::Pcma, 93.2, 86.2),
            (Codec::L16(16_000), 93.2, 86.2),
            (Codec::G722, 93.2, 77.4),
            (Codec::Opus, 88.2, 73.2),
        ] {
            near(rating(Impairment::of(codec), path(0.0, 0.0)), clean, 0.2);
            near(rating(Impairment::of(codec), path(0.0, 2.0)), lossy, 0.2);
        }
    }

    #[test]
    fn only_what_is_published_is_said_to_be() {
        let published = |codec| Impairment::of(codec).basis == Basis::Published;
        assert!(published(Codec::Pcmu) && published(Codec::Pcma));
        assert!(!published(Codec::G722) && !published(Codec::Opus) && !published(Codec::L16(16_000)));
    }

    #[test]
    fn what_is_assumed_is_never_better_than_g_711() {
        for codec in [Codec::G722, Codec::Opus, Codec::L16(8_000)] {
            for percent in [0.0, 0.5, 1.0, 5.0, 20.0] {
                let reference = rating(Impairment::G711_CONCEALED, path(60.0, percent));
                assert!(rating(Impairment::of(codec), path(60.0, percent)) <= reference);
            }
        }
    }

    #[test]
    fn delay_alone_costs_what_g_114_shows() {
        // Figure 1 of G.114: about 91 at 100 ms, 89 at 150 ms, 72 at 300 ms, 60 at 400 ms.
        for (delay, expected) in [(100.0, 90.7), (150.0, 89.5), (300.0, 73.0), (400.0, 63.0)] {
            near(rating(Impairment::G711, path(delay, 0.0)), expected, 3.0);
        }
    }

    #[test]
    fn loss_costs_what_the_formula_says_and_concealment_helps() {
        let clean = rating(Impairment::G711, path(0.0, 0.0));
        near(clean - rating(Impairment::G711_CONCEALED, path(0.0, 5.0)), 95.0 * 5.0 / 30.1, 1e-9);
        near(clean - rating(Impairment::G711, path(0.0, 5.0)), 95.0 * 5.0 / 9.3, 1e-9);
        near(clean - rating(Impairment::G729A, path(0.0, 0.0)), 11.0, 1e-9);
        let bursts = Transmission { delay_ms: 0.0, loss: 0.05, burst: 2.0 };
        assert!(rating(Impairment::G711_CONCEALED, bursts) < rating(Impairment::G711_CONCEALED, path(0.0, 5.0)));
    }

    proptest! {
        #[test]
        fn more_delay_or_loss_is_never_better(
            delay in 0.0f64..2000.0, more in 0.0f64..500.0, loss in 0.0f64..1.0, worse in 0.0f64..0.5, burst in 0.0f64..8.0,
        ) {
            let one = Transmission { delay_ms: delay, loss, burst };
            let other = Transmission { delay_ms: delay + more, loss: loss + worse, burst };
            let (better, worse) = (rating(Impairment::G711_CONCEALED, one), rating(Impairment::G711_CONCEALED, other));
            // The talker's echo grows by a hair less than smoothly near 0 ms.
            prop_assert!(worse <= better + 0.2);
            prop_assert!((0.0..=93.3).contains(&better));
            prop_assert!((1.0..=4.5).contains(&mos(better)));
        }
    }
}
