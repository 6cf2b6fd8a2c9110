//! Parties of one conference.

use std::collections::HashMap;
use std::f64::consts::TAU;

use cordboard_media::codec::g711;
use cordboard_media::rtp::{HEADER, Packet};
use cordboard_media::srtp::ROOM;

use crate::number;
use crate::wire::{BEATS, PACKET, PAYLOAD, Place, SLOTS, Stream, Times, beats};

/// Beats before a party listens closely: everybody is in, and the talkers are known.
const WARM: u64 = 2 * BEATS;
/// Beats at the end in which nobody listens: what is under way then comes from talkers who have ended.
const TAIL: u64 = 5;
/// Amplitude of a talker's tone.
const LOUD: f64 = 6_000.0;
/// What a filter that takes a tone away may leave of it: noise of the codec, not a step.
const RESIDUE: f64 = 1_500.0;
/// Below this mean magnitude nothing is heard.
const AUDIBLE: i64 = 300;

struct Seat {
    port: u16,
    stream: Stream,
    /// The number of a sample of its tone.
    at: u64,
    last: Option<u16>,
    heard: u64,
    lost: u64,
    disordered: u64,
    silent: u64,
    glitches: u64,
    before: [f64; 2],
}

struct Parties {
    place: Place,
    seats: Vec<Seat>,
    by_port: HashMap<u16, usize>,
    talkers: usize,
    beat: u64,
    /// The beat from which nobody listens any more: then the talkers end.
    end: u64,
    refused: u64,
    strange: u64,
}

/// The tone of a talker: in all of them a whole number of hertz, none a harmonic of another.
fn hertz(talker: usize) -> f64 {
    410.0 + 37.0 * (talker % 60) as f64
}

pub(crate) fn run(seconds: f64, port: u16, talkers: usize, lines: &str) -> Result<String, String> {
    let mut seats = Vec::new();
    for (at, line) in lines.lines().enumerate() {
        seats.push(Seat {
            port: number(line.trim())?,
            stream: Stream::new(at as u32 + 1),
            at: 0,
            last: None,
            heard: 0,
            lost: 0,
            disordered: 0,
            silent: 0,
            glitches: 0,
            before: [0.0; 2],
        });
    }
    let by_port = seats.iter().enumerate().map(|(at, seat)| (seat.port, at)).collect();
    let place = Place::bind(port)?;
    let end = ((seconds * BEATS as f64) as u64).saturating_sub(TAIL);
    let mut parties = Parties { place, seats, by_port, talkers, beat: 0, end, refused: 0, strange: 0 };
    let times = beats(seconds, &mut parties, Parties::say, Parties::hear);
    Ok(parties.found(seconds, &times))
}

impl Parties {
    fn say(&mut self, beat: u64, slot: usize) {
        self.beat = beat;
        for (number, seat) in self.seats.iter_mut().enumerate().skip(slot).step_by(SLOTS) {
            let mut packet = [g711::to_alaw(0); PACKET + ROOM];
            seat.stream.next(&mut packet);
            if number < self.talkers {
                for octet in &mut packet[HEADER..HEADER + PAYLOAD] {
                    let turn = (seat.at % 8_000) as f64 * hertz(number) / 8_000.0;
                    *octet = g711::to_alaw((LOUD * (TAU * turn).sin()) as i16);
                    seat.at += 1;
                }
            }
            if !self.place.send(&packet[..PACKET], seat.port) {
                self.refused += 1;
            }
        }
    }

    fn hear(&mut self) -> bool {
        let Self { place, seats, by_port, talkers, beat, end, strange, .. } = self;
        place.drain(|data, source, _| {
            let (Some(number), Ok(packet)) = (by_port.get(&source), Packet::parse(data)) else {
                *strange += 1;
                return;
            };
            if *beat < WARM || *beat >= *end {
                return;
            }
            // One tone can be taken away and what is left judged; of several only that they are heard.
            let tone = (*talkers == 1).then(|| hertz(0));
            let expects = *talkers > usize::from(*number < *talkers);
            seats[*number].hear(&packet, &data[packet.payload.clone()], expects, tone);
        })
    }

    fn found(&self, seconds: f64, times: &Times) -> String {
        let sum = |count: fn(&Seat) -> u64| self.seats.iter().map(count).sum::<u64>();
        let expected = self.end.saturating_sub(WARM);
        let least = self.seats.iter().map(|seat| seat.heard).min().unwrap_or(0);
        format!(
            "{{\"parties\": {}, \"talkers\": {}, \"seconds\": {seconds}, \"expected\": {expected}, \"least\": {least}, \
             \"heard\": {}, \"lost\": {}, \"disordered\": {}, \"silent\": {}, \"glitches\": {}, \"strange\": {}, \
             \"refused_by_system\": {}, {times}}}",
            self.seats.len(),
            self.talkers,
            sum(|seat| seat.heard),
            sum(|seat| seat.lost),
            sum(|seat| seat.disordered),
            sum(|seat| seat.silent),
            sum(|seat| seat.glitches),
            self.strange,
            self.refused,
        )
    }
}

impl Seat {
    /// Listens to a packet: whether one is missing before it, whether something is heard, and, of one tone, whether it
    /// goes on where it was.
    fn hear(&mut self, packet: &Packet, payload: &[u8], expects: bool, tone: Option<f64>) {
        let first = self.last.is_none();
        let ahead = self.last.map_or(1, |last| packet.sequence.wrapping_sub(last) as i16);
        if ahead <= 0 {
            self.disordered += 1;
            return;
        }
        self.last = Some(packet.sequence);
        self.lost += ahead as u64 - 1;
        self.heard += 1;
        if !expects {
            return;
        }
        let samples: Vec<f64> = payload.iter().map(|octet| f64::from(g711::from_alaw(*octet))).collect();
        let loudness = samples.iter().map(|sample| sample.abs() as i64).sum::<i64>() / samples.len().max(1) as i64;
        self.silent += u64::from(loudness < AUDIBLE);
        let Some(hertz) = tone else { return };
        let factor = 2.0 * (TAU * hertz / 8_000.0).cos();
        let mut broken = false;
        let skipped = if first || ahead > 1 { 2 } else { 0 };
        for (at, sample) in samples.iter().enumerate() {
            let left = sample - factor * self.before[0] + self.before[1];
            broken |= at >= skipped && left.abs() > RESIDUE;
            self.before = [*sample, self.before[0]];
        }
        self.glitches += u64::from(broken);
    }
}
