"""The media engine: the face of :mod:`cordboard.media.face` over threads of the Rust core.

The loop is the owner's: wait until :meth:`Engine.fileno` is readable and call :meth:`Engine.drain_events`;
:meth:`Engine.attach` does so on a loop of asyncio.
"""

# ruff: noqa: D102 - the face says what each method does
from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard import _core
from cordboard.media.face import File, LegStats, MediaRefusedError, PlayEnd, RecordEnd, Role, Tone
from cordboard.media.settings import EngineSettings

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from cordboard.media.face import Leg, Listener, Playing, Recording, Source, Srtp

_SAME_TONES: Final = {"fast-busy": "congestion"}
"""Names of tones the core has under another one."""


def _refused(error: _core.MediaRefused) -> MediaRefusedError:
    return MediaRefusedError(*error.args)


class EnginePlayer:
    """Something that plays."""

    __slots__ = ("_engine", "_room", "_target", "ended", "id")

    def __init__(
        self, engine: Engine, target: int, playing: Playing, ended: Callable[[PlayEnd, int], None], *, room: bool
    ) -> None:
        self._engine = engine
        self._target = target
        self._room = room
        self.ended = ended
        self.id = engine.core.play(
            target,
            [engine.source(source) for source in playing.sources],
            room=room,
            repeat=playing.repeat,
            delay_ms=playing.delay_ms,
            duration_ms=playing.duration_ms,
            offset_ms=playing.offset_ms,
            gain=playing.gain,
        )
        engine.players[self.id] = self

    def _act(self, act: _core.MediaAct, by_ms: int = 0) -> None:
        self._engine.core.player(self.id, act, target=self._target, room=self._room, by_ms=by_ms)

    def stop(self) -> None:
        self._act("stop")

    def pause(self) -> None:
        self._act("pause")

    def resume(self) -> None:
        self._act("resume")

    def seek(self, by_ms: int) -> None:
        self._act("seek", by_ms)


class EngineRecorder:
    """Something that is recorded."""

    __slots__ = ("_engine", "_room", "_target", "ended", "id")

    def __init__(
        self, engine: Engine, target: int, recording: Recording, ended: Callable[[RecordEnd, int], None], *, room: bool
    ) -> None:
        self._engine = engine
        self._target = target
        self._room = room
        self.ended = ended
        self.id = engine.core.record(
            target,
            str(recording.path),
            room=room,
            max_ms=recording.max_ms,
            speech_within_ms=recording.speech_within_ms,
            silence_ms=recording.silence_ms,
            beep=recording.beep,
            append=recording.append,
            channels=recording.channels,
        )
        engine.recorders[self.id] = self

    def _act(self, act: _core.MediaAct) -> None:
        self._engine.core.recorder(self.id, act, target=self._target, room=self._room)

    def stop(self) -> None:
        self._act("stop")

    def pause(self) -> None:
        self._act("pause")

    def resume(self) -> None:
        self._act("resume")


class EngineLeg:
    """One party's media."""

    __slots__ = ("_engine", "core", "listener", "place")

    def __init__(self, engine: Engine, core: _core.MediaLeg) -> None:
        self._engine = engine
        self.core = core
        self.listener: Listener | None = None
        self.place = core.place

    @property
    def id(self) -> int:
        """Its number in the core."""
        return self.core.id

    def __repr__(self) -> str:
        return f"<EngineLeg {self.id} {self.place[0]}:{self.place[1]}>"

    def offer(self) -> bytes:
        return self.core.offer()

    def answer(self, offer: bytes) -> bytes:
        try:
            return self.core.answer(offer)
        except _core.MediaRefused as error:
            raise _refused(error) from None

    def accept(self, answer: bytes) -> None:
        try:
            self.core.accept(answer)
        except _core.MediaRefused as error:
            raise _refused(error) from None

    def play(self, playing: Playing, ended: Callable[[PlayEnd, int], None]) -> EnginePlayer:
        return EnginePlayer(self._engine, self.id, playing, ended, room=False)

    def record(self, recording: Recording, ended: Callable[[RecordEnd, int], None]) -> EngineRecorder:
        return EngineRecorder(self._engine, self.id, recording, ended, room=False)

    def send_digits(self, digits: str, on_ms: int, off_ms: int) -> int:
        return self.core.send_digits(digits, on_ms, off_ms)

    def stats(self) -> LegStats:
        core = self.core.stats()
        return LegStats(**{name: getattr(core, name) for name in LegStats.__slots__})

    def close(self) -> None:
        self._engine.legs.pop(self.id, None)
        self.core.close()


class EngineRoom:
    """Legs that hear each other."""

    __slots__ = ("_engine", "core")

    def __init__(self, engine: Engine, loudest: int) -> None:
        self._engine = engine
        self.core = engine.core.room(loudest)

    def add(self, leg: Leg, role: Role) -> None:
        self._engine.core.enter(self.core.id, own(leg).id, _role(role))

    def change(self, leg: Leg, role: Role) -> None:
        self._engine.core.change(self.core.id, own(leg).id, _role(role))

    def remove(self, leg: Leg) -> None:
        self._engine.core.leave(self.core.id, own(leg).id)

    def play(self, playing: Playing, ended: Callable[[PlayEnd, int], None]) -> EnginePlayer:
        return EnginePlayer(self._engine, self.core.id, playing, ended, room=True)

    def record(self, recording: Recording, ended: Callable[[RecordEnd, int], None]) -> EngineRecorder:
        return EngineRecorder(self._engine, self.core.id, recording, ended, room=True)

    def set_loudest(self, loudest: int) -> None:
        self._engine.core.set_loudest(self.core.id, loudest)

    def speakers(self) -> Sequence[EngineLeg]:
        legs = self._engine.legs
        return [legs[leg] for leg in self.core.speakers() if leg in legs]

    def close(self) -> None:
        self._engine.core.close_room(self.core.id)


class Engine:
    """The engine. One event loop owns it."""

    def __init__(self, settings: EngineSettings | None = None) -> None:
        """Starts its threads. Raises ValueError for settings that make no sense, OSError where the system refuses."""
        self.settings = settings = settings if settings is not None else EngineSettings()
        self.core = _core.MediaEngine(
            settings.addresses,
            ports=settings.ports,
            advertise=settings.advertise,
            threads=settings.threads,
            realtime=settings.realtime,
            codecs=settings.codecs,
            ptime=settings.ptime,
            srtp=settings.srtp,
            comfort_noise=settings.comfort_noise,
            inband_digits=settings.inband_digits,
            port_rest=settings.port_rest,
            report_interval=settings.report_interval,
            lost_after=settings.lost_after,
            one_way_after=settings.one_way_after,
            sound_cache=settings.sound_cache,
        )
        self.legs: dict[int, EngineLeg] = {}
        self.players: dict[int, EnginePlayer] = {}
        self.recorders: dict[int, EngineRecorder] = {}
        self.failure: str | None = None
        """Why a thread of it has died; its legs are dead then, and no new one is taken."""
        self._loop: asyncio.AbstractEventLoop | None = None

    # Media

    def leg(
        self, offer: bytes = b"", *, srtp: Srtp | None = None, ipv6: bool | None = None, source: str = ""
    ) -> EngineLeg:
        try:
            core = self.core.leg(offer, srtp=srtp, ipv6=ipv6, source=source or None)
        except _core.MediaRefused as error:
            raise _refused(error) from None
        leg = self.legs[core.id] = EngineLeg(self, core)
        return leg

    def join(self, one: Leg, other: Leg, *, one_to_other: Role, other_to_one: Role) -> None:
        self.core.join(own(one).id, own(other).id, _role(one_to_other), _role(other_to_one))

    def part(self, one: Leg, other: Leg) -> None:
        self.core.part(own(one).id, own(other).id)

    def room(self, *, loudest: int = 0) -> EngineRoom:
        return EngineRoom(self, loudest)

    def source(self, source: Source) -> _core.MediaSource:
        """A source as the core takes it."""
        match source:
            case File():
                return str(source.path)
            case Tone():
                return _SAME_TONES.get(source.name, source.name), source.country or self.settings.country
        return source.duration_ms, source.frequencies

    # The loop

    def fileno(self) -> int:
        """A descriptor that is readable while events wait."""
        return self.core.fileno()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Lets the loop tell what happens, until :meth:`close`."""
        self._loop = loop
        loop.add_reader(self.fileno(), self.drain_events)

    def drain_events(self) -> int:
        """Tells all that has happened, and returns how much it was."""
        events = self.core.events()
        for event in events:
            try:
                self._tell(event)
            except Exception as error:
                self._fault(event, error)
        return len(events)

    def _fault(self, event: _core.MediaEvent, error: Exception) -> None:
        if self._loop is None:
            raise error
        self._loop.call_exception_handler({"message": f"media event {event!r} not handled", "exception": error})

    def _tell(self, event: _core.MediaEvent) -> None:
        match event:
            case ("played", int(player), str(why), int(ms)):
                if player in self.players:
                    self.players.pop(player).ended(PlayEnd(why), ms)
            case ("recorded", int(recorder), str(why), int(ms)):
                if recorder in self.recorders:
                    self.recorders.pop(recorder).ended(RecordEnd(why), ms)
            case _:
                leg = self.legs.get(event[1])
                if leg is not None and leg.listener is not None:
                    _tell_listener(leg, leg.listener, event)

    def close(self) -> None:
        """Ends all media and waits for the threads: recordings are whole then, and nothing is told any more."""
        if self._loop is not None:
            self._loop.remove_reader(self.fileno())
            self._loop = None
        self.core.close()
        self.legs.clear()
        self.players.clear()
        self.recorders.clear()


def _tell_listener(leg: EngineLeg, listener: Listener, event: _core.MediaEvent) -> None:
    match event:
        case ("digit", _, str(digit), int(ms)):
            listener.on_digit(digit, ms)
        case ("lost", _, bool(back)):
            listener.on_media_lost(back=back)
        case ("one-way", _):
            listener.on_one_way()
        case ("quality", _):
            listener.on_quality(leg.stats())
        case ("talking", _, bool(talking)):
            listener.on_talking(talking=talking)


def own(leg: Leg) -> EngineLeg:
    """The leg as one of an engine's; another one cannot be told from here."""
    if not isinstance(leg, EngineLeg):
        raise TypeError(f"not a leg of this engine: {leg!r}")
    return leg


def _role(role: Role) -> _core.MediaRole:
    coached = own(role.coach_for).id if role.coach_for is not None else None
    return role.talk, role.hear, role.gain, role.clamp_dtmf, coached
