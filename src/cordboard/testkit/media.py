"""A media engine without sound: it keeps what it was asked, and a test says what a party does.

Its clock is the test's, so a player of a known length ends when the clock has moved that far.
"""

# ruff: noqa: D102 - the face says what each method does
from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from cordboard._core import Sdp
from cordboard.media.face import FOREVER, File, LegStats, MediaRefusedError, PlayEnd, Playing, RecordEnd, Role, Waves
from cordboard.testkit.speech import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cordboard.media.face import Leg, Listener, Recording, Source, Srtp
    from cordboard.sip.clock import Clock, Timer


End = TypeVar("End", bound=PlayEnd | RecordEnd)


class _Silent(ABC, Generic[End]):
    """What plays or records nothing, for as long as it would take. A pause does not count."""

    def __init__(self, media: SilentMedia, ended: Callable[[End, int], None]) -> None:
        self.over: End | None = None
        """Why it ended; None while it goes on."""
        self.paused = False
        self._media = media
        self._ended = ended
        self._since = media.clock.now()
        self._before = 0.0
        """Seconds before the last pause."""
        self._timer: Timer | None = None
        self._run()

    @abstractmethod
    def _length(self) -> tuple[int, End] | None:
        """How long it takes by itself, milliseconds, and how it ends then; None for ever."""

    @property
    def _ran_ms(self) -> int:
        running = 0.0 if self.paused else self._media.clock.now() - self._since
        return round((self._before + running) * 1000)

    def _run(self) -> None:
        length = self._length()
        if length is not None:
            left = max(0.0, length[0] / 1000 - self._before)
            self._timer = self._media.clock.call_later(left, lambda: self.end(length[1]))

    def _halt(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def end(self, why: End) -> None:
        """Ends it as if for that reason."""
        if self.over is not None:
            return
        ran = self._ran_ms
        self.over = why
        self._halt()
        self._media.clock.call_later(0.0, lambda: self._ended(why, ran))

    def pause(self) -> None:
        if self.over is None and not self.paused:
            self._before += self._media.clock.now() - self._since
            self.paused = True
            self._halt()

    def resume(self) -> None:
        if self.over is None and self.paused:
            self.paused, self._since = False, self._media.clock.now()
            self._run()


class SilentPlayer(_Silent[PlayEnd]):
    """A player."""

    def __init__(self, media: SilentMedia, playing: Playing, ended: Callable[[PlayEnd, int], None]) -> None:
        self.playing = playing
        super().__init__(media, ended)

    def _length(self) -> tuple[int, PlayEnd] | None:
        row = sum(self._media.length(source) for source in self.playing.sources)
        limit = self.playing.duration_ms
        if self.playing.repeat != FOREVER:
            times = self.playing.repeat
            whole = max(0, row * times + self.playing.delay_ms * (times - 1) - self.playing.offset_ms)
            if not limit or whole <= limit:
                return whole, PlayEnd.COMPLETE
        return (limit, PlayEnd.DURATION) if limit else None

    def stop(self) -> None:
        self.end(PlayEnd.STOPPED)

    def seek(self, by_ms: int) -> None:
        if self.over is None:
            self._before = max(0.0, self._before + by_ms / 1000)
            if not self.paused and self._timer is not None:
                self._halt()
                self._run()


class SilentRecorder(_Silent[RecordEnd]):
    """A recorder."""

    def __init__(self, media: SilentMedia, recording: Recording, ended: Callable[[RecordEnd, int], None]) -> None:
        self.recording = recording
        super().__init__(media, ended)

    def _length(self) -> tuple[int, RecordEnd] | None:
        return (self.recording.max_ms, RecordEnd.MAX) if self.recording.max_ms else None

    def stop(self) -> None:
        self.end(RecordEnd.STOPPED)


class _Sounding:
    """What a leg and a room have in common: players and recorders."""

    def __init__(self, media: SilentMedia) -> None:
        self.media = media
        self.players: list[SilentPlayer] = []
        self.recorders: list[SilentRecorder] = []
        self.closed = False

    def play(self, playing: Playing, ended: Callable[[PlayEnd, int], None]) -> SilentPlayer:
        player = SilentPlayer(self.media, playing, ended)
        self.players.append(player)
        return player

    def record(self, recording: Recording, ended: Callable[[RecordEnd, int], None]) -> SilentRecorder:
        recorder = SilentRecorder(self.media, recording, ended)
        self.recorders.append(recorder)
        return recorder

    def _fail(self) -> None:
        for player in self.players:
            player.end(PlayEnd.FAILED)
        for recorder in self.recorders:
            recorder.end(RecordEnd.FAILED)


class SilentLeg(_Sounding):
    """A leg without sound. What was asked of it is kept in order."""

    def __init__(self, media: SilentMedia, address: str, port: int, srtp: Srtp | None = None, source: str = "") -> None:
        super().__init__(media)
        self.srtp = srtp
        """How it was asked to be encrypted; None for as the engine's are."""
        self.source = source
        """Where the signalling of its peer comes from, as it was told."""
        self.place = (address, port)
        self.listener: Listener | None = None
        self.heard = b""
        """The peer's last description that was taken."""
        self.said = b""
        """Our last description."""
        self.digits: list[str] = []
        """What it was asked to send."""
        self.room: SilentRoom | None = None
        self.joined: dict[SilentLeg, Role] = {}
        """With whom, and what of this leg they hear."""

    def _describe(self, payload_types: str, lines: str, profile: str = "RTP/AVP") -> bytes:
        host, port = self.place
        family = "IP6" if ":" in host else "IP4"
        self.said = (
            f"v=0\r\no=- {port} 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
            f"m=audio {port} {profile} {payload_types}\r\n{lines}"
        ).encode()
        return self.said

    def offer(self) -> bytes:
        """SRTP is best effort, unless it was asked for otherwise."""
        lines = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
        profile = "RTP/SAVP" if self.srtp == "required" else "RTP/AVP"
        return self._describe("0 8 101", lines if self.srtp == "off" else lines + KEY, profile)

    def answer(self, offer: bytes) -> bytes:
        """Takes G.711, with SRTP or without; the direction mirrors the offer's."""
        try:
            sdp = Sdp.parse(offer)
        except ValueError as error:
            raise MediaRefusedError(400, str(error)) from None
        media = sdp.media
        first = next((i for i, m in enumerate(media) if m.kind == "audio" and not m.refused), -1)
        taken = [] if first < 0 else [f for f in media[first].formats if f in ("0", "8")]
        if not taken:
            raise MediaRefusedError(488, "no codec in common")
        audio = media[first]
        mirrored = {"sendonly": "recvonly", "recvonly": "sendonly"}.get(audio.direction, audio.direction)
        key = KEY if b"a=crypto:" in offer else ""
        answer = self._describe(taken[0], f"{key}a={mirrored}\r\n", audio.protocol)
        for index, stream in enumerate(media):
            if index == first:
                continue
            refused = f"m={stream.kind} 0 {stream.protocol} {' '.join(stream.formats)}\r\n".encode()
            head, mark, rest = answer.partition(b"m=audio ")
            answer = head + refused + mark + rest if index < first else answer + refused
        self.heard, self.said = offer, answer
        return answer

    def accept(self, answer: bytes) -> None:
        try:
            Sdp.parse(answer)
        except ValueError as error:
            raise MediaRefusedError(400, str(error)) from None
        self.heard = answer

    def send_digits(self, digits: str, on_ms: int, off_ms: int) -> int:
        self.digits.append(digits)
        self.media.sent.append(digits)
        return len(digits) * (on_ms + off_ms)

    def stats(self) -> LegStats:
        return LegStats()

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self.room is not None:
            self.room.remove(self)
        for other in list(self.joined):
            self.media.part(self, other)
        self._fail()
        self.media.legs.remove(self)

    def press(self, digits: str, duration_ms: int = 100) -> None:
        """The party presses digits."""
        for digit in digits:
            if self.listener is not None:
                self.listener.on_digit(digit, duration_ms)


class SilentRoom(_Sounding):
    """A room without sound."""

    def __init__(self, media: SilentMedia, loudest: int) -> None:
        super().__init__(media)
        self.loudest = loudest
        self.roles: dict[SilentLeg, Role] = {}
        """Who is in, and what they do."""
        self.talking: list[SilentLeg] = []
        """What :meth:`speakers` gives; for a test to set."""

    def add(self, leg: Leg, role: Role) -> None:
        silent = self.media.own(leg)
        if silent.room is not None:
            silent.room.remove(silent)
        for other in list(silent.joined):
            self.media.part(silent, other)
        silent.room = self
        self.roles[silent] = role

    def change(self, leg: Leg, role: Role) -> None:
        self.roles[self.media.own(leg)] = role

    def remove(self, leg: Leg) -> None:
        silent = self.media.own(leg)
        if self.roles.pop(silent, None) is not None:
            silent.room = None

    def set_loudest(self, loudest: int) -> None:
        self.loudest = loudest

    def speakers(self) -> Sequence[Leg]:
        return list(self.talking)

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        for leg in list(self.roles):
            self.remove(leg)
        self._fail()


class SilentMedia:
    """The engine. Legs and rooms are kept."""

    def __init__(
        self, clock: Clock, address: str = "192.0.2.50", *, first_port: int = 30_000, ports: int = 1_000
    ) -> None:
        self.clock = clock
        self.address = address
        self.address6 = "2001:db8::50"
        self.legs: list[SilentLeg] = []
        self.rooms: list[SilentRoom] = []
        self.sent: list[str] = []
        """Digits that any leg was asked to send, in order."""
        self.lengths: dict[Source, int] = {}
        """How long a source takes, milliseconds, where it is not :attr:`usual`."""
        self.usual = 5_000
        """How long a file takes."""
        self._free = list(range(first_port + 2 * (ports - 1), first_port - 1, -2))

    def own(self, leg: Leg) -> SilentLeg:
        """The leg as one of ours; anything else is a mistake of the test."""
        assert isinstance(leg, SilentLeg)  # noqa: S101 - in a test
        return leg

    def length(self, source: Source) -> int:
        """How long one source takes once, milliseconds; a tone goes on for ever."""
        if source in self.lengths:
            return self.lengths[source]
        match source:
            case Waves():
                return source.duration_ms
            case File():
                return self.usual
        return 10**9

    def leg(
        self, offer: bytes = b"", *, srtp: Srtp | None = None, ipv6: bool | None = None, source: str = ""
    ) -> SilentLeg:
        if not self._free:
            raise MediaRefusedError(503, "no port left")
        wanted = b"c=IN IP6" in offer if offer else ipv6
        leg = SilentLeg(self, self.address6 if wanted else self.address, self._free.pop(), srtp, source)
        self.legs.append(leg)
        return leg

    def join(self, one: Leg, other: Leg, *, one_to_other: Role, other_to_one: Role) -> None:
        first, second = self.own(one), self.own(other)
        for leg, keep in ((first, second), (second, first)):
            if leg.room is not None:
                leg.room.remove(leg)
            for joined in [other for other in leg.joined if other is not keep]:
                self.part(leg, joined)
        first.joined[second] = one_to_other
        second.joined[first] = other_to_one

    def part(self, one: Leg, other: Leg) -> None:
        first, second = self.own(one), self.own(other)
        first.joined.pop(second, None)
        second.joined.pop(first, None)

    def room(self, *, loudest: int = 0) -> SilentRoom:
        room = SilentRoom(self, loudest)
        self.rooms.append(room)
        return room
