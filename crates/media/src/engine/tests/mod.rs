//! The engine with real sockets: each party says a tone of its own, and which tones each hears is measured.

mod append;
mod both;
mod digits;
mod elsewhere;
mod orders;
mod parts;
mod pauses;
mod secure;

use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::codec::{Decoder, Encoder};
use crate::dsp::oscillator::{Oscillator, amplitude};
use crate::dtmf::event::{EventsIn, EventsOut, Frame};
use crate::file::wav::{Encoding, Format, WavReader, WavWriter};
use crate::rtp::{self, HEADER, Outgoing, Packet};
use crate::srtp::{Receive, Transmit};

/// Each engine of the tests has ports of its own.
static PORTS: AtomicU16 = AtomicU16::new(22_000);

fn engine_with(change: impl FnOnce(&mut Config)) -> Engine {
    let first = PORTS.fetch_add(40, Ordering::Relaxed);
    let mut config = Config { ports: (first, first + 39), port_rest: Duration::ZERO, ..Config::default() };
    change(&mut config);
    Engine::start(config).unwrap()
}

fn engine() -> Engine {
    engine_with(|_| {})
}

/// In a description: its party knows no telephone events.
const WITHOUT_EVENTS: &str = "a=X-no-events\r\n";

/// A party: a socket that speaks one codec.
struct Party {
    socket: UdpSocket,
    leg: LegHandle,
    codec: Codec,
    payload_type: u8,
    voice: Oscillator,
    level: f64,
    encoder: Encoder,
    decoder: Decoder,
    outgoing: Outgoing,
    heard: Vec<i16>,
    packets: Vec<Packet>,
    /// Keys it presses, and those it heard pressed.
    keys: EventsOut,
    events: EventsIn,
    pressed: String,
    secure: Option<(Transmit, Receive)>,
}

impl Party {
    fn describe(at: std::net::SocketAddr, codec: Codec, payload_type: u8, more: &str) -> String {
        let (ip, port) = (at.ip(), at.port());
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        let events = if more.contains(WITHOUT_EVENTS) { "" } else { " 101" };
        let noise = if more.contains(" CN/8000") { " 13" } else { "" };
        let channels = if codec.channels() > 1 { "/2" } else { "" };
        format!(
            "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {payload_type}{events}{noise}\r\n\
             a=rtpmap:{payload_type} {}/{}{channels}\r\na=rtpmap:101 telephone-event/8000\r\n{more}",
            codec.name(),
            codec.clock_rate()
        )
    }

    fn new(engine: &Engine, codec: Codec, hertz: f64) -> Self {
        Self::with(engine, codec, hertz, "")
    }

    fn with(engine: &Engine, codec: Codec, hertz: f64, more: &str) -> Self {
        Self::at(engine, IpAddr::from([127, 0, 0, 1]), codec, hertz, more)
    }

    fn at(engine: &Engine, ip: IpAddr, codec: Codec, hertz: f64, more: &str) -> Self {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let payload_type = codec.static_payload_type().unwrap_or(97);
        let offer = Self::describe(socket.local_addr().unwrap(), codec, payload_type, more);
        let leg = engine.leg(offer.as_bytes(), Peer::default()).unwrap();
        engine.answer(&leg, offer.as_bytes()).unwrap();
        Self {
            socket,
            leg,
            codec,
            payload_type,
            voice: Oscillator::new(hertz, codec.sample_rate()),
            level: amplitude(-10.0),
            encoder: Encoder::new(codec),
            decoder: Decoder::new(codec),
            outgoing: Outgoing::new(hertz as u32, 100, 5_000),
            heard: Vec::new(),
            packets: Vec::new(),
            keys: EventsOut::new(8_000, 8_000),
            events: EventsIn::new(8_000),
            pressed: String::new(),
            secure: None,
        }
    }

    fn id(&self) -> Id {
        self.leg.id()
    }

    fn speak(&mut self) {
        let samples: Vec<i16> =
            (0..self.codec.sample_rate() / 50).map(|_| (self.voice.sample() * self.level).round() as i16).collect();
        let mut data = [0; 4_096];
        let frame = self.keys.frame(self.outgoing.timestamp, 160);
        if let Frame::Event { timestamp, marker, payload } = frame {
            rtp::write(&mut data, 101, marker, self.outgoing.sequence, timestamp, self.outgoing.ssrc);
            self.outgoing.sequence = self.outgoing.sequence.wrapping_add(1);
            data[HEADER..HEADER + payload.len()].copy_from_slice(&payload);
            self.send(&mut data, HEADER + payload.len());
        }
        if frame != Frame::Sound {
            self.outgoing.skip(160);
            return;
        }
        self.say(&samples);
    }

    fn say(&mut self, samples: &[i16]) {
        let mut data = [0; 4_096];
        self.outgoing.header(self.payload_type, self.codec.ticks(samples.len()), &mut data);
        let length = self.encoder.encode(samples, &mut data[HEADER..]);
        self.send(&mut data, HEADER + length);
    }

    fn send(&mut self, data: &mut [u8], length: usize) {
        let length = self.secure.as_mut().map_or(length, |secure| secure.0.protect(data, length).unwrap());
        self.socket.send_to(&data[..length], self.leg.place()).unwrap();
    }

    fn listen(&mut self) {
        let mut data = [0; 4_096];
        while let Ok((mut length, _)) = self.socket.recv_from(&mut data) {
            if let Some(secure) = self.secure.as_mut().filter(|_| !rtp::is_rtcp(&data)) {
                length = secure.1.unprotect(&mut data[..length]).expect("encrypted with the key that was agreed");
            }
            let Ok(packet) = Packet::parse(&data[..length]) else { continue };
            if packet.payload_type == self.payload_type {
                let mut samples = [0; 4_000];
                let count = self.decoder.decode(&data[packet.payload.clone()], &mut samples);
                self.heard.extend_from_slice(&samples[..count]);
            }
            if packet.payload_type == 101 {
                let payload = &data[packet.payload.clone()];
                self.events.packet(packet.timestamp, payload, packet.timestamp, |press| self.pressed.push(press.key));
            }
            self.packets.push(packet);
        }
    }

    /// How loud a tone is in the last half second that was heard, 1.0 being as it was said.
    fn hears(&self, hertz: f64) -> f64 {
        let rate = f64::from(self.codec.sample_rate());
        let last = &self.heard[self.heard.len().saturating_sub(rate as usize / 2)..];
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in last.iter().enumerate() {
            let angle = std::f64::consts::TAU * hertz * n as f64 / rate;
            re += f64::from(*sample) * angle.cos();
            im += f64::from(*sample) * angle.sin();
        }
        2.0 * (re * re + im * im).sqrt() / last.len().max(1) as f64 / amplitude(-10.0)
    }
}

/// Lets parties speak in real time, for so many frames.
fn talk(parties: &mut [Party], frames: u32) {
    let start = Instant::now();
    for frame in 0..frames {
        for party in parties.iter_mut() {
            party.listen();
            party.speak();
        }
        let due = start + Duration::from_millis(20) * (frame + 1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// Lets them listen until all hear what they should, or for long.
fn talk_until(parties: &mut [Party], mut enough: impl FnMut(&[Party]) -> bool) {
    for _ in 0..20 {
        talk(parties, 30);
        if enough(parties) {
            return;
        }
    }
}

fn await_event(engine: &Engine, wanted: impl Fn(&Event) -> bool) -> Event {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        if let Some(event) = engine.take_events().into_iter().find(|event| wanted(event)) {
            return event;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("an event never came");
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("cordboard-engine-{}-{name}", std::process::id()))
}

fn write_tone(name: &str, rate: u32, hertz: f64, seconds: u32) -> PathBuf {
    let path = file(name);
    let mut writer = WavWriter::create(
        std::fs::File::create(&path).unwrap(),
        Format { encoding: Encoding::Pcm16, channels: 1, rate },
    )
    .unwrap();
    let mut sine = Oscillator::new(hertz, rate);
    let samples: Vec<i16> = (0..rate * seconds).map(|_| (sine.sample() * amplitude(-10.0)) as i16).collect();
    writer.write(&samples).unwrap();
    writer.finish().unwrap();
    path
}

const LOUD: std::ops::Range<f64> = 0.7..1.3;

fn hears_all(parties: &[Party], who: usize, tones: &[f64], not: &[f64]) -> bool {
    tones.iter().all(|hertz| LOUD.contains(&parties[who].hears(*hertz)))
        && not.iter().all(|hertz| parties[who].hears(*hertz) < 0.05)
}

#[test]
fn two_legs_of_one_codec_hear_each_other_untouched() {
    let engine = engine();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0), Party::new(&engine, Codec::Pcma, 900.0)];
    engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
    talk_until(&mut parties, |p| hears_all(p, 0, &[900.0], &[500.0]) && hears_all(p, 1, &[500.0], &[900.0]));
    assert!(hears_all(&parties, 0, &[900.0], &[500.0]) && hears_all(&parties, 1, &[500.0], &[900.0]));
    let packets = &parties[0].packets;
    assert!(packets.windows(2).all(|two| two[1].sequence == two[0].sequence.wrapping_add(1)
        && two[1].timestamp == two[0].timestamp.wrapping_add(160)
        && two[1].ssrc == two[0].ssrc));
    assert_ne!(packets[0].ssrc, parties[1].outgoing.ssrc, "the engine speaks in its own name");
}

#[test]
fn legs_of_different_codecs_hear_each_other_decoded_and_encoded() {
    let pairs = [
        (Codec::Pcma, Codec::Pcmu),
        (Codec::Pcmu, Codec::G722),
        (Codec::Opus, Codec::Pcma),
        (Codec::G722, Codec::Opus),
        (Codec::L16(16_000), Codec::Opus),
    ];
    for (one, other) in pairs {
        let engine = engine_with(|config| config.capabilities.codecs = vec![one, other]);
        let mut parties = [Party::new(&engine, one, 500.0), Party::new(&engine, other, 900.0)];
        engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
        talk_until(&mut parties, |p| hears_all(p, 0, &[900.0], &[500.0]) && hears_all(p, 1, &[500.0], &[900.0]));
        for (who, tone, own) in [(0, 900.0, 500.0), (1, 500.0, 900.0)] {
            let (hears, echo) = (parties[who].hears(tone), parties[who].hears(own));
            assert!(LOUD.contains(&hears) && echo < 0.05, "{one:?} {other:?}, {who}: {hears} {echo}");
        }
    }
}

#[test]
fn packets_have_the_length_the_peer_asks_for() {
    let engine = engine();
    let mut parties =
        [Party::with(&engine, Codec::Pcma, 500.0, "a=ptime:30\r\n"), Party::new(&engine, Codec::Pcmu, 900.0)];
    engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
    talk_until(&mut parties, |p| hears_all(p, 0, &[900.0], &[500.0]));
    assert!(hears_all(&parties, 0, &[900.0], &[500.0]), "{}", parties[0].hears(900.0));
    assert!(parties[0].packets.iter().all(|packet| packet.payload.len() == 240));
}

#[test]
fn in_a_room_each_hears_all_but_himself() {
    let engine = engine();
    let mut parties = [
        Party::new(&engine, Codec::Pcma, 500.0),
        Party::new(&engine, Codec::Pcmu, 900.0),
        Party::new(&engine, Codec::G722, 1_300.0),
    ];
    let (room, speakers) = engine.room(0);
    for party in &parties {
        engine.enter(room, party.id(), Role::default());
    }
    talk_until(&mut parties, |p| {
        hears_all(p, 0, &[900.0, 1_300.0], &[500.0])
            && hears_all(p, 1, &[500.0, 1_300.0], &[900.0])
            && hears_all(p, 2, &[500.0, 900.0], &[1_300.0])
    });
    assert!(hears_all(&parties, 0, &[900.0, 1_300.0], &[500.0]));
    assert!(hears_all(&parties, 1, &[500.0, 1_300.0], &[900.0]));
    assert!(hears_all(&parties, 2, &[500.0, 900.0], &[1_300.0]));
    assert_eq!(speakers.lock().unwrap().len(), 3);

    // One is muted, one is coached, and one leaves.
    engine.change(room, parties[0].id(), Role { talk: false, ..Role::default() });
    engine.change(room, parties[1].id(), Role { coach_for: Some(parties[2].id()), ..Role::default() });
    let coached = |p: &[Party]| {
        hears_all(p, 0, &[1_300.0], &[500.0, 900.0])
            && hears_all(p, 1, &[1_300.0], &[500.0, 900.0])
            && hears_all(p, 2, &[900.0], &[500.0, 1_300.0])
    };
    talk_until(&mut parties, coached);
    assert!(coached(&parties));
    engine.leave(room, parties[2].id());
    talk_until(&mut parties, |p| hears_all(p, 0, &[], &[900.0, 1_300.0]));
    assert!(hears_all(&parties, 0, &[], &[900.0, 1_300.0]));
}

#[test]
fn a_file_is_played_with_offset_repeat_and_delay_and_its_end_is_told() {
    let engine = engine();
    let path = write_tone("player.wav", 16_000, 700.0, 1);
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0)];
    let playing = Playing {
        sources: vec![Source::File(path.clone()), Source::Waves(200, vec![(1_100.0, -10.0)])],
        repeat: 2,
        delay_ms: 300,
        offset_ms: 400,
        ..Playing::default()
    };
    let player = engine.play(Target::Leg(parties[0].id()), playing);
    talk(&mut parties, 150);
    let event = await_event(&engine, |event| matches!(event, Event::Played { .. }));
    assert_eq!(event, Event::Played { player, why: PlayEnd::Complete, ms: 600 + 200 + 300 + 1_000 + 200 });
    parties[0].listen();
    // Goertzel of each tenth of a second: which tone is heard.
    let tenth: String = parties[0].heard.chunks_exact(800).map(|chunk| which(chunk, &[700.0, 1_100.0])).collect();
    assert!(tenth.contains("00000011") && tenth.contains("11---0000000000"), "{tenth}");
    std::fs::remove_file(path).unwrap();
}

/// The tone of a chunk that is loud, or a dash.
fn which(chunk: &[i16], tones: &[f64]) -> char {
    let loud = |hertz: &f64| {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in chunk.iter().enumerate() {
            let angle = std::f64::consts::TAU * hertz * n as f64 / 8_000.0;
            re += f64::from(*sample) * angle.cos();
            im += f64::from(*sample) * angle.sin();
        }
        2.0 * (re * re + im * im).sqrt() / chunk.len() as f64 / amplitude(-10.0) > 0.5
    };
    tones.iter().position(loud).map_or('-', |at| char::from(b'0' + at as u8))
}

#[test]
fn a_player_is_heard_over_the_other_leg_and_stopped_when_asked() {
    let engine = engine();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0), Party::new(&engine, Codec::Pcma, 900.0)];
    engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
    let sources = vec![Source::Tone("1300@-10".parse().unwrap())];
    let player = engine.play(Target::Leg(parties[0].id()), Playing { sources, ..Playing::default() });
    talk_until(&mut parties, |p| hears_all(p, 0, &[900.0, 1_300.0], &[500.0]));
    assert!(hears_all(&parties, 0, &[900.0, 1_300.0], &[500.0]) && hears_all(&parties, 1, &[500.0], &[1_300.0]));
    engine.player(player, Target::Leg(parties[0].id()), Act::Stop);
    await_event(&engine, |e| matches!(e, Event::Played { player: p, why: PlayEnd::Stopped, .. } if *p == player));
    talk_until(&mut parties, |p| hears_all(p, 0, &[900.0], &[500.0, 1_300.0]));
    assert!(hears_all(&parties, 0, &[900.0], &[500.0, 1_300.0]));
}

#[test]
fn a_file_that_is_missing_or_no_sound_fails_at_once() {
    let engine = engine();
    let party = Party::new(&engine, Codec::Pcma, 500.0);
    let nonsense = file("nonsense.wav");
    std::fs::write(&nonsense, b"not a sound").unwrap();
    for path in [file("missing.wav"), nonsense.clone()] {
        let sources = vec![Source::File(path)];
        let player = engine.play(Target::Leg(party.id()), Playing { sources, ..Playing::default() });
        await_event(&engine, |e| matches!(e, Event::Played { player: p, why: PlayEnd::Failed, .. } if *p == player));
    }
    std::fs::remove_file(nonsense).unwrap();
}

fn recording(path: &std::path::Path) -> Recording {
    Recording {
        path: path.to_owned(),
        max_ms: 0,
        speech_within_ms: 0,
        silence_ms: 0,
        beep: false,
        append: false,
        channels: 1,
    }
}

fn read(path: &std::path::Path) -> (Format, Vec<i16>) {
    let mut reader = WavReader::open(std::fs::File::open(path).unwrap()).unwrap();
    let format = reader.format();
    let mut samples = vec![0; 1 << 20];
    let blocks = reader.read_blocks(&mut samples).unwrap();
    samples.truncate(blocks * usize::from(format.channels));
    (format, samples)
}

#[test]
fn a_leg_is_recorded_until_it_is_long_enough_and_the_file_is_whole_by_then() {
    let engine = engine();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0), Party::new(&engine, Codec::Pcma, 900.0)];
    engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
    let path = file("leg.wav");
    talk(&mut parties, 10);
    let recorder = engine.record(Target::Leg(parties[0].id()), Recording { max_ms: 600, ..recording(&path) });
    talk(&mut parties, 60);
    let event = await_event(&engine, |event| matches!(event, Event::Recorded { .. }));
    assert_eq!(event, Event::Recorded { recorder, why: RecordEnd::Max, ms: 600 });
    let (_, samples) = read(&path);
    assert_eq!(samples.len(), 4_800);
    assert_eq!(which(&samples[2_400..], &[500.0, 900.0]), '0', "what it says, not what it hears");
    // The same file goes on when asked.
    engine.record(Target::Leg(parties[0].id()), Recording { max_ms: 200, append: true, ..recording(&path) });
    talk(&mut parties, 20);
    let event = await_event(&engine, |event| matches!(event, Event::Recorded { .. }));
    assert!(matches!(event, Event::Recorded { why: RecordEnd::Max, ms: 800, .. }), "{event:?}");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_room_is_recorded_with_the_first_leg_on_the_left() {
    let engine = engine();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0), Party::new(&engine, Codec::Pcma, 900.0)];
    let (room, _) = engine.room(0);
    for party in &parties {
        engine.enter(room, party.id(), Role::default());
    }
    talk(&mut parties, 10);
    let path = file("room.wav");
    let recorder = engine.record(Target::Room(room), Recording { channels: 2, ..recording(&path) });
    talk(&mut parties, 50);
    engine.recorder(recorder, Target::Room(room), Act::Stop);
    await_event(&engine, |event| matches!(event, Event::Recorded { why: RecordEnd::Stopped, .. }));
    let (format, samples) = read(&path);
    assert_eq!(format.channels, 2);
    let channel = |at: usize| samples.iter().skip(at).step_by(2).copied().collect::<Vec<_>>();
    assert_eq!(which(&channel(0)[2_400..4_800], &[500.0, 900.0]), '0');
    assert_eq!(which(&channel(1)[2_400..4_800], &[500.0, 900.0]), '1');
    std::fs::remove_file(path).unwrap();
}

#[test]
fn legs_of_two_threads_meet_and_part_and_meet_others() {
    let engine = engine_with(|config| config.threads = 2);
    let mut parties: Vec<_> =
        [500.0, 900.0, 1_300.0, 1_700.0].into_iter().map(|hertz| Party::new(&engine, Codec::Pcma, hertz)).collect();
    let ids: Vec<_> = parties.iter().map(Party::id).collect();
    let join = |pairs: &[(usize, usize)]| {
        for (one, other) in pairs {
            engine.join(ids[*one], ids[*other], Role::default(), Role::default());
        }
    };
    join(&[(0, 1), (2, 3)]);
    talk_until(&mut parties, |p| hears_all(p, 0, &[900.0], &[1_300.0]) && hears_all(p, 3, &[1_300.0], &[500.0]));
    assert!(hears_all(&parties, 0, &[900.0], &[1_300.0]) && hears_all(&parties, 3, &[1_300.0], &[500.0]));
    for _ in 0..50 {
        join(&[(0, 2), (1, 3), (3, 0), (2, 1), (0, 1)]);
    }
    join(&[(0, 2), (1, 3)]);
    talk_until(&mut parties, |p| hears_all(p, 0, &[1_300.0], &[900.0]) && hears_all(p, 3, &[900.0], &[1_300.0]));
    assert!(hears_all(&parties, 0, &[1_300.0], &[900.0]) && hears_all(&parties, 3, &[900.0], &[1_300.0]));
}

#[test]
fn what_is_lost_and_refused_is_counted_and_silence_told() {
    let engine = engine_with(|config| {
        config.report_interval = Duration::from_millis(500);
        config.lost_after = Duration::from_secs(1);
    });
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0)];
    talk(&mut parties, 20);
    parties[0].outgoing.sequence += 5;
    talk(&mut parties, 20);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(&[0x80, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0], parties[0].leg.place()).unwrap();
    await_event(&engine, |event| matches!(event, Event::Lost { back: false, .. }));
    let stats = parties[0].leg.stats();
    assert_eq!((stats.packets_received, stats.packets_lost, stats.packets_refused), (40, 5, 1));
    assert_eq!(stats.bytes_received, 40 * 160);
    talk(&mut parties, 60);
    await_event(&engine, |event| matches!(event, Event::Lost { back: true, .. }));
}

#[test]
fn a_peer_that_never_speaks_is_told_as_one_way() {
    let engine = engine_with(|config| config.one_way_after = Duration::from_secs(1));
    let party = Party::new(&engine, Codec::Pcma, 500.0);
    let sources = vec![Source::Tone("1300".parse().unwrap())];
    engine.play(Target::Leg(party.id()), Playing { sources, ..Playing::default() });
    await_event(&engine, |event| *event == Event::OneWay { leg: party.id() });
}

#[test]
fn a_leg_over_ipv6_is_joined_with_one_over_ipv4() {
    let six = IpAddr::from(std::net::Ipv6Addr::LOCALHOST);
    if UdpSocket::bind((six, 0)).is_err() {
        return; // This machine has no IPv6.
    }
    let engine = engine_with(|config| config.addresses.push(six));
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0), Party::at(&engine, six, Codec::Pcma, 900.0, "")];
    assert_eq!(parties[1].leg.place().ip(), six);
    engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
    talk_until(&mut parties, |p| hears_all(p, 0, &[900.0], &[500.0]) && hears_all(p, 1, &[500.0], &[900.0]));
    assert!(hears_all(&parties, 0, &[900.0], &[500.0]) && hears_all(&parties, 1, &[500.0], &[900.0]));
}

#[test]
fn an_address_nobody_can_send_to_is_refused() {
    let any = IpAddr::from([0, 0, 0, 0]);
    let config = || Config { addresses: vec![any], ports: (22_990, 22_999), ..Config::default() };
    let refused = Engine::start(config()).err().unwrap().to_string();
    assert!(refused.contains("0.0.0.0: name an address"), "{refused}");
    let public = IpAddr::from([192, 0, 2, 1]);
    let engine = Engine::start(Config { advertised: vec![(any, public)], ..config() }).unwrap();
    assert_eq!(engine.leg(b"", Peer::default()).unwrap().place().ip(), public);
}

#[test]
fn ports_are_given_back_and_run_out_in_between() {
    let engine = engine();
    // Somebody else may have some of them.
    let mut legs: Vec<_> = std::iter::from_fn(|| engine.leg(b"", Peer::default()).ok()).take(21).collect();
    assert!((1..=20).contains(&legs.len()), "{}", legs.len());
    assert!(matches!(engine.leg(b"", Peer::default()), Err(EngineError::NoPort)));
    assert!(matches!(
        engine.leg(
            b"v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
            Peer::default()
        ),
        Err(EngineError::Family(_))
    ));
    for leg in legs.drain(..) {
        engine.close_leg(leg.id());
    }
    let start = Instant::now();
    while engine.counters()[2].1 < 20 && start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(engine.counters()[..3], [("legs", 0), ("rooms", 0), ("free_ports", 20)]);
}

#[test]
fn the_clock_of_what_is_sent_goes_on_while_a_leg_in_a_room_is_on_hold() {
    let engine = engine();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0), Party::new(&engine, Codec::Pcma, 900.0)];
    let (room, _) = engine.room(0);
    for party in &parties {
        engine.enter(room, party.id(), Role::default());
    }
    talk(&mut parties, 20);
    let at = parties[0].socket.local_addr().unwrap();
    let describe = |more: &str| {
        let offer = Party::describe(at, Codec::Pcma, 8, more);
        engine.answer(&parties[0].leg, offer.as_bytes()).unwrap();
    };
    describe("a=sendonly\r\n");
    std::thread::sleep(Duration::from_millis(100));
    let before = drained(&parties[0].socket).or_else(|| parties[0].packets.last().cloned()).unwrap();
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(drained(&parties[0].socket), None, "on hold");
    describe("");
    parties[0].packets.clear();
    talk(&mut parties, 10);
    let after = &parties[0].packets[0];
    let passed = after.timestamp.wrapping_sub(before.timestamp) / 8;
    assert!((600..5_000).contains(&passed), "{passed} ms");
    assert!(after.marker);
}

/// The last packet that waits at a socket.
fn drained(socket: &UdpSocket) -> Option<Packet> {
    let mut data = [0; 4_096];
    let mut last = None;
    while let Ok((length, _)) = socket.recv_from(&mut data) {
        last = Packet::parse(&data[..length]).ok().or(last);
    }
    last
}
