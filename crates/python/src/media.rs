//! The media engine as Python holds it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cordboard_media::codec::Codec;
use cordboard_media::description::{Capabilities, SrtpPolicy};
use cordboard_media::engine::{
    Act, Config, Engine, EngineError, Event, Id, LegHandle, Peer, PlayEnd, Playing, RecordEnd, Recording, Role, Source,
    Target,
};
use cordboard_media::tone::country;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

create_exception!(
    cordboard._core,
    MediaRefused,
    PyException,
    "A description or leg that is refused: status and reason."
);

fn refused(error: EngineError) -> PyErr {
    match error {
        EngineError::Start(error) => PyOSError::new_err((error.raw_os_error().unwrap_or(0), error.to_string())),
        other => MediaRefused::new_err((other.status(), other.to_string())),
    }
}

fn seconds(value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn ip(text: &str) -> PyResult<IpAddr> {
    text.parse().map_err(|_| PyValueError::new_err(format!("not a literal IPv4 or IPv6 address: {text:?}")))
}

fn codec(name: &str) -> PyResult<Codec> {
    let (name, rate) = name.split_once('/').map_or((name, None), |(name, rate)| (name, Some(rate)));
    let opus = name.eq_ignore_ascii_case("opus");
    let rate = rate.unwrap_or(if opus { "48000" } else { "8000" }).parse().ok();
    rate.and_then(|rate| Codec::from_rtpmap(name, rate, if opus { 2 } else { 1 }))
        .ok_or_else(|| PyValueError::new_err(format!("not a codec that is spoken here: {name:?}")))
}

fn srtp(name: &str) -> PyResult<SrtpPolicy> {
    Ok(match name {
        "off" => SrtpPolicy::Off,
        "optional" => SrtpPolicy::Optional,
        "required" => SrtpPolicy::Required,
        _ => return Err(PyValueError::new_err(format!("srtp is off, optional or required, not {name:?}"))),
    })
}

/// A source as Python gives it: a kind and what belongs to it.
#[derive(FromPyObject)]
enum Sound {
    #[pyo3(transparent)]
    File(PathBuf),
    #[pyo3(transparent)]
    Tone((String, String)),
    #[pyo3(transparent)]
    Waves((u32, Vec<(f64, f32)>)),
}

fn source(sound: Sound) -> PyResult<Source> {
    Ok(match sound {
        Sound::File(path) => Source::File(path),
        Sound::Waves((ms, waves)) => Source::Waves(ms, waves),
        Sound::Tone((name, of)) => {
            let tones = country(&of).ok_or_else(|| PyValueError::new_err(format!("no tones of country {of:?}")))?.tones;
            let plan = tones.named(&name).ok_or_else(|| PyValueError::new_err(format!("no tone {name:?}")))?;
            Source::Tone(plan.parse().map_err(|error| PyValueError::new_err(format!("{error}")))?)
        }
    })
}

type RoleArguments = (bool, bool, f32, bool, Option<Id>);

fn role((talk, hear, gain, clamp_dtmf, coach_for): RoleArguments) -> Role {
    Role { talk, hear, gain, clamp_dtmf, coach_for }
}

fn target(id: Id, room: bool) -> Target {
    if room { Target::Room(id) } else { Target::Leg(id) }
}

fn act(name: &str, by_ms: i64) -> PyResult<Act> {
    Ok(match name {
        "stop" => Act::Stop,
        "pause" => Act::Pause,
        "resume" => Act::Resume,
        "seek" => Act::Seek(by_ms),
        _ => return Err(PyValueError::new_err(format!("not an act: {name:?}"))),
    })
}

fn play_end(why: PlayEnd) -> &'static str {
    match why {
        PlayEnd::Complete => "complete",
        PlayEnd::Duration => "duration",
        PlayEnd::Stopped => "stopped",
        PlayEnd::Failed => "failed",
    }
}

fn record_end(why: RecordEnd) -> &'static str {
    match why {
        RecordEnd::Stopped => "stopped",
        RecordEnd::Max => "max",
        RecordEnd::Silence => "silence",
        RecordEnd::NoSpeech => "no speech",
        RecordEnd::Failed => "failed",
    }
}

/// The engine.
#[pyclass(frozen, name = "MediaEngine", module = "cordboard._core")]
pub(crate) struct PyMediaEngine(Arc<Engine>);

/// A leg.
#[pyclass(frozen, name = "MediaLeg", module = "cordboard._core")]
pub(crate) struct PyMediaLeg {
    engine: Arc<Engine>,
    leg: LegHandle,
}

/// What came and went.
#[pyclass(frozen, name = "MediaStats", module = "cordboard._core", get_all)]
pub(crate) struct PyMediaStats {
    packets_received: u64,
    bytes_received: u64,
    comfort_received: u64,
    packets_lost: u64,
    packets_late: u64,
    packets_refused: u64,
    jitter_ms: f64,
    packets_sent: u64,
    bytes_sent: u64,
    lost_there: f64,
    jitter_there_ms: f64,
    round_trip_ms: Option<f64>,
    mos: Option<f64>,
    mos_assumed: bool,
    remote: Option<(String, u16)>,
    codec: String,
}

/// A room, and who speaks in it.
#[pyclass(frozen, name = "MediaRoom", module = "cordboard._core")]
pub(crate) struct PyMediaRoom {
    id: Id,
    speakers: Arc<Mutex<Vec<Id>>>,
}

#[pymethods]
impl PyMediaRoom {
    #[getter]
    fn id(&self) -> Id {
        self.id
    }

    fn speakers(&self) -> Vec<Id> {
        self.speakers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[pymethods]
impl PyMediaLeg {
    #[getter]
    fn id(&self) -> Id {
        self.leg.id()
    }

    #[getter]
    fn place(&self) -> (String, u16) {
        (self.leg.place().ip().to_string(), self.leg.place().port())
    }

    fn offer<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.engine.offer(&self.leg))
    }

    fn answer<'py>(&self, py: Python<'py>, offer: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.engine.answer(&self.leg, offer).map_err(refused)?))
    }

    fn accept(&self, answer: &[u8]) -> PyResult<()> {
        self.engine.accept(&self.leg, answer).map_err(refused)
    }

    fn send_digits(&self, digits: &str, on_ms: u32, off_ms: u32) -> PyResult<u32> {
        let sent = self.engine.send_digits(self.leg.id(), digits, on_ms, off_ms);
        sent.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn stats(&self) -> PyMediaStats {
        let stats = self.leg.stats();
        PyMediaStats {
            packets_received: stats.packets_received,
            bytes_received: stats.bytes_received,
            comfort_received: stats.comfort_received,
            packets_lost: stats.packets_lost,
            packets_late: stats.packets_late,
            packets_refused: stats.packets_refused,
            jitter_ms: stats.jitter_ms,
            packets_sent: stats.packets_sent,
            bytes_sent: stats.bytes_sent,
            lost_there: stats.lost_there,
            jitter_there_ms: stats.jitter_there_ms,
            round_trip_ms: stats.round_trip_ms,
            mos: stats.mos,
            mos_assumed: stats.mos_assumed,
            remote: stats.remote.map(|remote| (remote.ip().to_string(), remote.port())),
            codec: stats.codec.map(|codec| codec.name().to_owned()).unwrap_or_default(),
        }
    }

    fn close(&self) {
        self.engine.close_leg(self.leg.id());
    }
}

#[pymethods]
impl PyMediaEngine {
    #[new]
    #[pyo3(
        signature = (
            addresses, *, ports=(16_384, 32_767), advertise=Vec::new(), threads=1, realtime=false, codecs=None, ptime=20, srtp="optional", comfort_noise=false,
            inband_digits=false,
            port_rest=5.0, report_interval=5.0, lost_after=10.0, one_way_after=5.0, sound_cache=67_108_864
        ),
        text_signature = "(addresses, *, ports=(16384, 32767), advertise=(), threads=1, realtime=False, codecs=None, ptime=20, srtp='optional', comfort_noise=False, inband_digits=False, port_rest=5.0, report_interval=5.0, lost_after=10.0, one_way_after=5.0, sound_cache=67108864)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the face of _core.pyi")]
    fn new(
        addresses: Vec<String>,
        ports: (u16, u16),
        advertise: Vec<(String, String)>,
        threads: usize,
        realtime: bool,
        codecs: Option<Vec<String>>,
        ptime: u32,
        srtp: &str,
        comfort_noise: bool,
        inband_digits: bool,
        port_rest: f64,
        report_interval: f64,
        lost_after: f64,
        one_way_after: f64,
        sound_cache: usize,
    ) -> PyResult<Self> {
        let defaults = Config::default();
        let codecs = match codecs {
            None => defaults.capabilities.codecs.clone(),
            Some(names) => names.iter().map(|name| codec(name)).collect::<PyResult<_>>()?,
        };
        let config = Config {
            addresses: addresses.iter().map(|text| ip(text)).collect::<PyResult<_>>()?,
            advertised: advertise.iter().map(|(a, b)| Ok((ip(a)?, ip(b)?))).collect::<PyResult<_>>()?,
            ports,
            port_rest: seconds(port_rest)?,
            threads,
            realtime,
            capabilities: Capabilities {
                codecs,
                comfort_noise,
                ptime_ms: ptime,
                srtp: self::srtp(srtp)?,
                ..defaults.capabilities
            },
            inband_digits,
            report_interval: seconds(report_interval)?,
            lost_after: seconds(lost_after)?,
            one_way_after: seconds(one_way_after)?,
            sound_cache,
            ..Config::default()
        };
        Ok(Self(Arc::new(Engine::start(config).map_err(refused)?)))
    }

    #[pyo3(signature = (offer, *, srtp=None, ipv6=None, source=None))]
    fn leg(&self, offer: &[u8], srtp: Option<&str>, ipv6: Option<bool>, source: Option<&str>) -> PyResult<PyMediaLeg> {
        let peer = Peer { srtp: srtp.map(self::srtp).transpose()?, ipv6, source: source.map(ip).transpose()? };
        let leg = self.0.leg(offer, peer).map_err(refused)?;
        Ok(PyMediaLeg { engine: Arc::clone(&self.0), leg })
    }

    fn join(&self, one: Id, other: Id, one_to_other: RoleArguments, other_to_one: RoleArguments) {
        self.0.join(one, other, role(one_to_other), role(other_to_one));
    }

    fn part(&self, one: Id, other: Id) {
        self.0.part(one, other);
    }

    fn room(&self, loudest: usize) -> PyMediaRoom {
        let (id, speakers) = self.0.room(loudest);
        PyMediaRoom { id, speakers }
    }

    fn enter(&self, room: Id, leg: Id, as_: RoleArguments) {
        self.0.enter(room, leg, role(as_));
    }

    fn change(&self, room: Id, leg: Id, as_: RoleArguments) {
        self.0.change(room, leg, role(as_));
    }

    fn leave(&self, room: Id, leg: Id) {
        self.0.leave(room, leg);
    }

    fn set_loudest(&self, room: Id, loudest: usize) {
        self.0.set_loudest(room, loudest);
    }

    fn close_room(&self, room: Id) {
        self.0.close_room(room);
    }

    #[pyo3(signature = (target, sources, *, room, repeat, delay_ms, duration_ms, offset_ms, gain))]
    #[expect(clippy::too_many_arguments, reason = "the face of _core.pyi")]
    fn play(
        &self,
        target: Id,
        sources: Vec<Sound>,
        room: bool,
        repeat: u32,
        delay_ms: u32,
        duration_ms: u32,
        offset_ms: u32,
        gain: f32,
    ) -> PyResult<Id> {
        let sources = sources.into_iter().map(source).collect::<PyResult<_>>()?;
        let playing = Playing { sources, repeat, delay_ms, duration_ms, offset_ms, gain };
        Ok(self.0.play(self::target(target, room), playing))
    }

    #[pyo3(signature = (player, act, *, target, room, by_ms=0))]
    fn player(&self, player: Id, act: &str, target: Id, room: bool, by_ms: i64) -> PyResult<()> {
        self.0.player(player, self::target(target, room), self::act(act, by_ms)?);
        Ok(())
    }

    #[pyo3(signature = (target, path, *, room, max_ms, speech_within_ms, silence_ms, beep, append, channels))]
    #[expect(clippy::too_many_arguments, reason = "the face of _core.pyi")]
    fn record(
        &self,
        target: Id,
        path: PathBuf,
        room: bool,
        max_ms: u32,
        speech_within_ms: u32,
        silence_ms: u32,
        beep: bool,
        append: bool,
        channels: u16,
    ) -> Id {
        let recording = Recording { path, max_ms, speech_within_ms, silence_ms, beep, append, channels };
        self.0.record(self::target(target, room), recording)
    }

    #[pyo3(signature = (recorder, act, *, target, room))]
    fn recorder(&self, recorder: Id, act: &str, target: Id, room: bool) -> PyResult<()> {
        self.0.recorder(recorder, self::target(target, room), self::act(act, 0)?);
        Ok(())
    }

    fn fileno(&self) -> i32 {
        self.0.event_fd()
    }

    fn events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for event in self.0.take_events() {
            match event {
                Event::Digit { leg, digit, ms } => list.append(("digit", leg, digit, ms))?,
                Event::Played { player, why, ms } => list.append(("played", player, play_end(why), ms))?,
                Event::Recorded { recorder, why, ms } => list.append(("recorded", recorder, record_end(why), ms))?,
                Event::Lost { leg, back } => list.append(("lost", leg, back))?,
                Event::OneWay { leg } => list.append(("one-way", leg))?,
                Event::Quality { leg } => list.append(("quality", leg))?,
                Event::Talking { leg, talking } => list.append(("talking", leg, talking))?,
            }
        }
        Ok(list)
    }

    #[getter]
    fn failure(&self) -> Option<String> {
        self.0.failure()
    }

    #[getter]
    fn behind(&self) -> Option<&str> {
        self.0.behind()
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        self.0.counters().to_vec()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }
}
