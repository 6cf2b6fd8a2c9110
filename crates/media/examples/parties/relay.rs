//! Calls of two parties.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cordboard_media::rtp::HEADER;
use cordboard_media::srtp::{Keys, ROOM, Receive, Suite, Transmit};

use crate::number;
use crate::wire::{BEATS, PACKET, Place, SLOTS, Stream, Times, beats};

/// What a mark begins with.
const MAGIC: [u8; 4] = *b"mark";
/// Beats before anything is counted.
const WARM: u64 = BEATS;
/// The longest delay told apart, in steps of 10 us.
const LONGEST: usize = 100_000;

/// One direction of a call.
struct Way {
    port: u16,
    stream: Stream,
    seal: Option<Transmit>,
    open: Option<Receive>,
    /// Marks sent, and the last that came to this party.
    sent: u32,
    last: Option<u32>,
}

struct Calls {
    places: [Place; 2],
    ways: [Vec<Way>; 2],
    /// Calls by the port A's packets come from, where they are encrypted.
    sealed: HashMap<u16, usize>,
    sent: u64,
    refused: u64,
    received: u64,
    disordered: u64,
    strange: u64,
    /// How many took so long.
    delays: Vec<u32>,
    longest_us: u64,
}

pub(crate) fn run(seconds: f64, ports: [u16; 2], lines: &str) -> Result<String, String> {
    let mut ways = [Vec::new(), Vec::new()];
    for line in lines.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (ports, keys) = match words[..] {
            [a, b] => ([a, b], None),
            [a, b, own, other] => ([a, b], Some((keys(own)?, keys(other)?))),
            _ => return Err(format!("not a call: {line}")),
        };
        for (side, port) in ports.into_iter().enumerate() {
            let ssrc = (ways[side].len() * 2 + side + 1) as u32;
            let keys = keys.clone().filter(|_| side == 0);
            let (seal, open) = keys.map(|(own, other)| (Transmit::new(own), Receive::new(other))).unzip();
            ways[side].push(Way { port: number(port)?, stream: Stream::new(ssrc), seal, open, sent: 0, last: None });
        }
    }
    let sealed = ways[0].iter().enumerate().filter(|(_, way)| way.open.is_some());
    let sealed = sealed.map(|(call, way)| (way.port, call)).collect();
    let mut calls = Calls {
        places: [Place::bind(ports[0])?, Place::bind(ports[1])?],
        ways,
        sealed,
        sent: 0,
        refused: 0,
        received: 0,
        disordered: 0,
        strange: 0,
        delays: vec![0; LONGEST + 1],
        longest_us: 0,
    };
    let times = beats(seconds, &mut calls, Calls::say, Calls::hear);
    Ok(calls.found(seconds, &times))
}

fn keys(digits: &str) -> Result<Keys, String> {
    let octets: Option<Vec<u8>> = (0..digits.len() / 2)
        .map(|at| digits.get(2 * at..2 * at + 2).and_then(|two| u8::from_str_radix(two, 16).ok()))
        .collect();
    octets.and_then(|octets| Keys::new(Suite::AesCm128HmacSha1_80, &octets)).ok_or_else(|| "not a key".to_owned())
}

/// A time as it is in a mark.
fn micros(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_micros() as u64
}

impl Calls {
    fn say(&mut self, beat: u64, slot: usize) {
        for (side, ways) in self.ways.iter_mut().enumerate() {
            for (call, way) in ways.iter_mut().enumerate().skip(slot).step_by(SLOTS) {
                let mut packet = [0x55; PACKET + ROOM];
                way.stream.next(&mut packet);
                let mark = &mut packet[HEADER..];
                mark[..4].copy_from_slice(&MAGIC);
                mark[4..8].copy_from_slice(&(call as u32).to_be_bytes());
                mark[8..12].copy_from_slice(&(side as u32).to_be_bytes());
                let counted = if beat < WARM { 0 } else { way.sent + 1 };
                way.sent = counted;
                mark[12..16].copy_from_slice(&counted.to_be_bytes());
                mark[16..24].copy_from_slice(&micros(SystemTime::now()).to_be_bytes());
                let length = match &mut way.seal {
                    Some(seal) => seal.protect(&mut packet, PACKET).unwrap_or(PACKET),
                    None => PACKET,
                };
                self.sent += u64::from(counted > 0);
                if !self.places[side].send(&packet[..length], way.port) {
                    self.refused += 1;
                }
            }
        }
    }

    fn hear(&mut self) -> bool {
        let Self { places, ways, sealed, received, disordered, strange, delays, longest_us, .. } = self;
        let mut any = false;
        for (side, place) in places.iter_mut().enumerate() {
            any |= place.drain(|packet, source, at| {
                // Only an encrypted packet has to be told from the port it comes from.
                let way = sealed.get(&source).filter(|_| side == 0).and_then(|call| ways[side].get_mut(*call));
                let opened = match way.and_then(|way| way.open.as_mut()) {
                    Some(open) => open.unprotect(packet).ok(),
                    None => Some(packet.len()),
                };
                let Some(mark) = opened.and_then(|length| packet[..length].get(HEADER..HEADER + 24)) else {
                    *strange += 1;
                    return;
                };
                let word = |at: usize| mark[at..at + 4].iter().fold(0, |word, octet| word << 8 | u32::from(*octet));
                let (call, from, counted) = (word(4) as usize, word(8) as usize, word(12));
                let Some(way) = ways[side].get_mut(call).filter(|_| mark[..4] == MAGIC && from == 1 - side) else {
                    *strange += 1;
                    return;
                };
                if counted == 0 {
                    return;
                }
                if way.last.is_some_and(|last| counted <= last) {
                    *disordered += 1;
                }
                way.last = Some(counted);
                *received += 1;
                let sent_us = u64::from(word(16)) << 32 | u64::from(word(20));
                let delay = micros(at).saturating_sub(sent_us);
                *longest_us = (*longest_us).max(delay);
                delays[(delay as usize / 10).min(LONGEST)] += 1;
            });
        }
        any
    }

    /// Below which delay this part of all lies, in microseconds.
    fn delay(&self, part: f64) -> u64 {
        let wanted = (self.received as f64 * part).ceil() as u64;
        let mut seen = 0;
        let step = self.delays.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        step.unwrap_or(LONGEST) as u64 * 10
    }

    fn found(&self, seconds: f64, times: &Times) -> String {
        let silent = self.ways.iter().flatten().filter(|way| way.last.is_none()).count();
        format!(
            "{{\"calls\": {}, \"seconds\": {seconds}, \"sent\": {}, \"received\": {}, \"lost\": {}, \"disordered\": {}, \
             \"strange\": {}, \"silent\": {silent}, \"refused_by_system\": {}, \"delay_us\": {{\"p50\": {}, \"p99\": {}, \
             \"p999\": {}, \"longest\": {}}}, {times}}}",
            self.ways[0].len(),
            self.sent,
            self.received,
            self.sent.saturating_sub(self.received),
            self.disordered,
            self.strange,
            self.refused,
            self.delay(0.5),
            self.delay(0.99),
            self.delay(0.999),
            self.longest_us,
        )
    }
}
