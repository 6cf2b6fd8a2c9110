//! Telephone events (RFC 4733 2): heard once each, however many packets tell of them, and sent as they should be.

use std::collections::VecDeque;

use super::{KEYS, KeysError, MAX_KEYS, Press, codes};

/// Octets of an event.
pub const LENGTH: usize = 4;
/// After so long without an update the key is taken to be up: three updates and some jitter.
pub(crate) const SILENT_MS: u32 = 150;
/// An event that lasts longer than its field can say is sent in segments of this (2.5.1.3).
pub(crate) const SEGMENT: u32 = 0xffff;
/// How often the end is said (2.5.1.4).
const ENDS: u8 = 3;
/// -10 dBm0.
const VOLUME: u8 = 10;
/// Events that may wait to be sent.
const MOST_WAITING: usize = 2 * MAX_KEYS;

/// What a packet says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which.
    pub code: u8,
    /// Whether it has ended.
    pub end: bool,
    /// Level without its sign, dBm0, 0 to 63.
    pub volume: u8,
    /// How long it has lasted, ticks.
    pub duration: u16,
}

impl Event {
    /// Reads one; what follows it is of others.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [code, flags, high, low] = *payload.first_chunk::<LENGTH>()?;
        Some(Self { code, end: flags & 0x80 != 0, volume: flags & 0x3f, duration: u16::from_be_bytes([high, low]) })
    }

    /// Writes it.
    #[must_use]
    pub fn to_bytes(self) -> [u8; LENGTH] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, u8::from(self.end) << 7 | self.volume & 0x3f, high, low]
    }
}

/// Ticks of one clock in those of another, as many as there is room for.
#[must_use]
pub(crate) fn scaled(ticks: u32, from_rate: u32, to_rate: u32) -> u32 {
    let ticks = u64::from(ticks) * u64::from(to_rate) / u64::from(from_rate.max(1));
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

/// Events that come in from one source.
#[derive(Clone, Debug)]
pub struct EventsIn {
    ticks_a_ms: u32,
    /// The key that is down.
    now: Option<Down>,
    /// The timestamp of the newest event, down or over.
    newest: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Down {
    code: u8,
    /// The timestamp of the present segment.
    timestamp: u32,
    /// How long the segments before lasted, ticks.
    before: u32,
    duration: u32,
    /// When the last packet of it came.
    heard: u32,
}

impl EventsIn {
    /// For a stream of a clock rate.
    #[must_use]
    pub fn new(clock_rate: u32) -> Self {
        Self { ticks_a_ms: (clock_rate / 1_000).max(1), now: None, newest: None }
    }

    /// The key that is down.
    #[must_use]
    pub fn pressed(&self) -> Option<char> {
        self.now.and_then(|down| KEYS.get(usize::from(down.code)).copied())
    }

    /// Takes in a packet that came at `now`, in ticks; tells of the keys that were let go, each once.
    ///
    /// A payload may hold several events, each beginning where the one before ended.
    pub fn packet(&mut self, timestamp: u32, payload: &[u8], now: u32, mut tell: impl FnMut(Press)) {
        let mut timestamp = timestamp;
        for event in payload.chunks_exact(LENGTH).filter_map(Event::parse) {
            self.event(timestamp, event, now, &mut tell);
            timestamp = timestamp.wrapping_add(event.duration.into());
        }
    }

    fn event(&mut self, timestamp: u32, event: Event, now: u32, tell: &mut impl FnMut(Press)) {
        let age = self.newest.map_or(-1, |newest| newest.wrapping_sub(timestamp).cast_signed());
        let known = age == 0 && self.now.is_some_and(|down| down.code == event.code);
        if age > 0 || (age == 0 && !known) {
            // Of an event that is over: its end is said three times, and packets may overtake each other.
            return;
        }
        if !known {
            self.begin(timestamp, event.code, now, tell);
        }
        let Some(down) = &mut self.now else { return };
        down.duration = down.duration.max(event.duration.into());
        down.heard = now;
        if event.end {
            self.up(tell);
        }
    }

    /// Another event, or the next segment of the one that is on.
    fn begin(&mut self, timestamp: u32, code: u8, now: u32, tell: &mut impl FnMut(Press)) {
        let before = match self.now {
            Some(down) if down.code == code && timestamp.wrapping_sub(down.timestamp) == SEGMENT => {
                down.before.saturating_add(SEGMENT)
            }
            _ => {
                // The end of the one before was lost.
                self.up(tell);
                0
            }
        };
        self.newest = Some(timestamp);
        self.now = Some(Down { code, timestamp, before, duration: 0, heard: now });
    }

    fn up(&mut self, tell: &mut impl FnMut(Press)) {
        let Some(down) = self.now.take() else { return };
        if let Some(key) = KEYS.get(usize::from(down.code)) {
            tell(Press { key: *key, duration_ms: down.before.saturating_add(down.duration) / self.ticks_a_ms });
        }
    }

    /// To be called now and then: a key whose end was lost is let go.
    pub fn tick(&mut self, now: u32, mut tell: impl FnMut(Press)) {
        let silent = SILENT_MS * self.ticks_a_ms;
        if self.now.is_some_and(|down| now.wrapping_sub(down.heard).cast_signed() > silent.cast_signed()) {
            self.up(&mut tell);
        }
    }

    /// The stream has ended: a key that is down is let go.
    pub fn end(mut self, mut tell: impl FnMut(Press)) {
        self.up(&mut tell);
    }
}

/// What belongs into a frame of a stream that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Sound.
    Sound,
    /// Nothing: between two keys.
    Nothing,
    /// A packet of an event.
    Event {
        /// Its timestamp: that of the frame in which the key went down.
        timestamp: u32,
        /// Whether it is the event's first.
        marker: bool,
        /// Its payload.
        payload: [u8; LENGTH],
    },
}

/// Events that are sent in one stream, in place of sound. Durations are in ticks of the events' own clock, timestamps
/// in those of the stream.
#[derive(Clone, Debug)]
pub struct EventsOut {
    ticks_a_ms: u32,
    /// What a segment takes of the stream's ticks.
    segment: u32,
    waiting: VecDeque<Key>,
    now: Option<Sending>,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    code: u8,
    /// Ticks.
    on: u32,
    off: u32,
}

#[derive(Clone, Copy, Debug)]
struct Sending {
    key: Key,
    /// The timestamp of the present segment.
    timestamp: u32,
    /// What of the event lies before the present segment.
    before: u32,
    /// Ticks since the key went down.
    elapsed: u32,
    ends: u8,
}

impl EventsOut {
    /// For events of a clock rate in a stream of the same rate, or of another.
    #[must_use]
    pub fn new(clock_rate: u32, stream_rate: u32) -> Self {
        Self {
            ticks_a_ms: (clock_rate / 1_000).max(1),
            segment: scaled(SEGMENT, clock_rate, stream_rate),
            waiting: VecDeque::with_capacity(MOST_WAITING),
            now: None,
        }
    }

    /// Lets keys be pressed one after the other, behind those that wait; gives how long these take, milliseconds.
    ///
    /// # Errors
    /// If it is no row of keys, or too many wait.
    pub fn press(&mut self, keys: &str, on_ms: u32, off_ms: u32) -> Result<u32, KeysError> {
        let codes = codes(keys)?;
        let count = keys.chars().count();
        if self.waiting.len() + count > MOST_WAITING {
            return Err(KeysError::Count(self.waiting.len() + count));
        }
        // The shortest key and pause a receiver must know (Q.24), and room for the end to be said three times.
        let (on_ms, off_ms) = (on_ms.clamp(40, 60_000), off_ms.clamp(60, 60_000));
        let (on, off) = (on_ms * self.ticks_a_ms, off_ms * self.ticks_a_ms);
        self.waiting.extend(codes.map(|code| Key { code, on, off }));
        Ok(count as u32 * (on_ms + off_ms))
    }

    /// Whether nothing is or waits to be sent.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.now.is_none() && self.waiting.is_empty()
    }

    /// What belongs into the frame of `ticks` of the events' clock that begins at `timestamp`.
    pub fn frame(&mut self, timestamp: u32, ticks: u32) -> Frame {
        if self.now.is_none() {
            let Some(key) = self.waiting.pop_front() else { return Frame::Sound };
            self.now = Some(Sending { key, timestamp, before: 0, elapsed: 0, ends: 0 });
        }
        let Some(sending) = &mut self.now else { return Frame::Sound };
        let frame = sending.frame(ticks, self.segment);
        if sending.elapsed >= sending.key.on + sending.key.off {
            self.now = None;
        }
        frame
    }
}

impl Sending {
    fn frame(&mut self, ticks: u32, segment: u32) -> Frame {
        let first = self.elapsed == 0;
        self.elapsed += ticks.max(1);
        if self.elapsed > self.before + SEGMENT && self.before + SEGMENT < self.key.on && self.full_was_said(ticks) {
            self.before += SEGMENT;
            self.timestamp = self.timestamp.wrapping_add(segment);
        }
        let end = self.elapsed >= self.key.on && self.key.on - self.before <= SEGMENT;
        if end {
            if self.ends == ENDS {
                return Frame::Nothing;
            }
            self.ends += 1;
        }
        let duration = self.elapsed.min(self.key.on).saturating_sub(self.before).min(SEGMENT) as u16;
        let event = Event { code: self.key.code, end, volume: VOLUME, duration };
        Frame::Event { timestamp: self.timestamp, marker: first, payload: event.to_bytes() }
    }

    /// Whether the frame before said that the segment is full: it is said once, then the next segment begins.
    fn full_was_said(&self, ticks: u32) -> bool {
        self.elapsed - ticks >= self.before + SEGMENT
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(code: u8, end: bool, duration: u16) -> [u8; LENGTH] {
        Event { code, end, volume: 10, duration }.to_bytes()
    }

    fn press(key: char, duration_ms: u32) -> Press {
        Press { key, duration_ms }
    }

    /// Everything told of a row of packets: timestamp, payload, arrival.
    fn told(packets: &[(u32, [u8; LENGTH], u32)]) -> Vec<Press> {
        let mut events = EventsIn::new(8_000);
        let mut told = Vec::new();
        for (timestamp, payload, now) in packets {
            events.tick(*now, |press| told.push(press));
            events.packet(*timestamp, payload, *now, |press| told.push(press));
        }
        told
    }

    #[test]
    fn an_event_is_what_its_four_octets_say() {
        let event = Event { code: 11, end: true, volume: 10, duration: 800 };
        assert_eq!(event.to_bytes(), [0x0b, 0x8a, 0x03, 0x20]);
        assert_eq!(Event::parse(&[0x0b, 0x8a, 0x03, 0x20, 9]), Some(event));
        assert_eq!(Event::parse(&[0x0b, 0x8a, 0x03]), None);
    }

    #[test]
    fn a_key_is_told_once_though_its_end_is_said_three_times() {
        let mut packets: Vec<_> = (1..=5).map(|n| (1_000, packet(5, false, n * 160), u32::from(n) * 160)).collect();
        packets.extend((6..9).map(|n| (1_000, packet(5, true, 800), n * 160)));
        assert_eq!(told(&packets), [press('5', 100)]);
    }

    #[test]
    fn the_same_key_twice_is_two_presses() {
        let packets = [
            (1_000, packet(1, false, 160), 0),
            (1_000, packet(1, true, 400), 160),
            (2_000, packet(1, true, 400), 1_000),
            (2_000, packet(1, true, 400), 1_160),
            (1_000, packet(1, true, 400), 1_200),
        ];
        assert_eq!(told(&packets), [press('1', 50), press('1', 50)]);
    }

    #[test]
    fn a_lost_end_is_made_up_for_by_the_next_key_or_by_silence() {
        let packets = [
            (1_000, packet(1, false, 480), 0),
            (2_000, packet(2, false, 320), 1_000),
            (2_000, packet(2, false, 160), 1_100),
            (9_000, packet(3, true, 80), 9_000),
        ];
        assert_eq!(told(&packets), [press('1', 60), press('2', 40), press('3', 10)]);
        let mut events = EventsIn::new(8_000);
        events.packet(7, &packet(12, false, 160), 0, |_| panic!("it is still down"));
        assert_eq!(events.pressed(), Some('A'));
        events.tick(1_200, |_| panic!("it may still be down"));
        let mut last = None;
        events.tick(1_201, |press| last = Some(press));
        assert_eq!((last, events.pressed()), (Some(press('A', 20)), None));
        events.packet(7, &packet(12, true, 320), 1_300, |_| panic!("it was told"));
    }

    #[test]
    fn a_key_held_for_long_comes_in_segments_and_is_told_once() {
        let packets = [
            (500, packet(9, false, 65_440), 65_000),
            (500, packet(9, false, 0xffff), 65_535),
            (500 + 0xffff, packet(9, false, 160), 65_700),
            (500 + 0xffff, packet(9, true, 1_000), 66_500),
            (500, packet(9, false, 0xffff), 66_510),
        ];
        assert_eq!(told(&packets), [press('9', 66_535 / 8)]);
    }

    #[test]
    fn several_events_in_a_packet_and_events_that_are_no_keys() {
        let mut both = packet(1, true, 400).to_vec();
        both.extend(packet(2, true, 320));
        both.push(7);
        let mut events = EventsIn::new(8_000);
        let mut told = Vec::new();
        events.packet(u32::MAX - 100, &both, 0, |press| told.push(press));
        events.packet(5_000, &packet(16, true, 100), 0, |press| told.push(press));
        assert_eq!(told, [press('1', 50), press('2', 40)]);
    }

    #[test]
    fn a_key_is_sent_with_growing_duration_under_one_timestamp_and_its_end_three_times() {
        let mut out = EventsOut::new(8_000, 8_000);
        assert_eq!(out.frame(0, 160), Frame::Sound);
        assert_eq!(out.press("5#", 50, 60), Ok(220));
        let mut sent = Vec::new();
        while !out.is_idle() {
            sent.push(out.frame(1_000 + 160 * sent.len() as u32, 160));
        }
        let event = |timestamp, marker, code, end, duration| Frame::Event {
            timestamp,
            marker,
            payload: packet(code, end, duration),
        };
        let key = |timestamp, code| {
            [
                event(timestamp, true, code, false, 160),
                event(timestamp, false, code, false, 320),
                event(timestamp, false, code, true, 400),
                event(timestamp, false, code, true, 400),
                event(timestamp, false, code, true, 400),
                Frame::Nothing,
            ]
        };
        assert_eq!(sent, [key(1_000, 5), key(1_960, 11)].concat());
        assert_eq!(out.frame(9_000, 160), Frame::Sound);
    }

    #[test]
    fn events_of_another_clock_have_the_streams_timestamps_and_durations_of_their_own() {
        let mut out = EventsOut::new(8_000, 48_000);
        out.press("7", 9_000, 60).unwrap();
        let mut sent = Vec::new();
        while !out.is_idle() {
            if let Frame::Event { timestamp, payload, .. } = out.frame(5 + 960 * sent.len() as u32, 160) {
                let event = Event::parse(&payload).unwrap();
                sent.push((timestamp, event.duration, event.end));
            } else {
                sent.push((0, 0, false));
            }
        }
        assert_eq!(sent[..2], [(5, 160, false), (5, 320, false)]);
        // The second segment begins where the first is full: 65,535 of the events' ticks later.
        let last = (5 + 65_535 * 6, (9_000 * 8 - 65_535) as u16, true);
        assert_eq!(sent.iter().filter(|said| **said == last).count(), 3, "{sent:?}");
    }

    #[test]
    fn what_cannot_be_pressed_is_refused_whole() {
        let mut out = EventsOut::new(8_000, 8_000);
        assert_eq!(out.press("1x", 100, 100), Err(KeysError::NoKey('x')));
        assert!(out.is_idle());
        let row = "1".repeat(MAX_KEYS);
        assert!(out.press(&row, 100, 100).is_ok() && out.press(&row, 100, 100).is_ok());
        assert_eq!(out.press("1", 100, 100), Err(KeysError::Count(65)));
    }

    proptest! {
        /// What is sent is understood, whatever is lost but the whole of a key, and in whatever segments.
        #[test]
        fn what_is_sent_is_heard(
            keys in "[0-9*#A-D]{1,8}", on_ms in 40_u32..3_000, off_ms in 200_u32..400, rate in prop::sample::select(vec![8_000_u32, 48_000]),
            loss in 0.0..0.4, seed: u64, start: u32,
        ) {
            let (mut out, mut events) = (EventsOut::new(rate, rate), EventsIn::new(rate));
            out.press(&keys, on_ms, off_ms).unwrap();
            let ticks = rate / 50;
            let (mut now, mut state, mut lost_in_a_row, mut told) = (start, seed | 1, 0, Vec::new());
            while !out.is_idle() || events.pressed().is_some() {
                let frame = out.frame(now, ticks);
                if let Frame::Event { timestamp, marker, payload } = frame {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let unlucky = ((state >> 33) as f64 / f64::from(1_u32 << 31)) < loss;
                    // The first of each key comes, and no run of losses is so long as to be taken for its end.
                    let lost = unlucky && !marker && lost_in_a_row < SILENT_MS / 20 - 1;
                    lost_in_a_row = if lost { lost_in_a_row + 1 } else { 0 };
                    if !lost {
                        events.packet(timestamp, &payload, now, |press| told.push(press));
                    }
                }
                now = now.wrapping_add(ticks);
                events.tick(now, |press| told.push(press));
            }
            let heard: String = told.iter().map(|press| press.key).collect();
            prop_assert_eq!(heard, keys);
            prop_assert!(told.iter().all(|press| press.duration_ms <= on_ms && press.duration_ms + 200 > on_ms), "{:?}", told);
        }

        #[test]
        fn no_row_of_packets_breaks_it(rows in proptest::collection::vec((any::<u32>(), proptest::collection::vec(any::<u8>(), 0..20), any::<u32>()), 0..100)) {
            let mut events = EventsIn::new(8_000);
            let mut told = 0;
            let mut came = 0;
            for (timestamp, payload, now) in rows {
                came += payload.len() / LENGTH;
                events.packet(timestamp % 50_000, &payload, now, |_| told += 1);
                events.tick(now, |_| told += 1);
            }
            prop_assert!(told <= came);
        }
    }
}
