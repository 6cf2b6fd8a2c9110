"""What a media server may ask of media, and what it is told.

Times are milliseconds, levels decibels. What ends later is told to a callable, on the event loop and never from within
the call that caused it. Nothing here blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path  # noqa: TC003 - a field's type
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FOREVER = 0
"""As a number of times: without end."""

Srtp = Literal["off", "optional", "required"]
"""Whether sound is encrypted (SDES): never, where the peer can (offered to all), or always."""


class MediaRefusedError(Exception):
    """A description that leads to no media."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        """The SIP status to refuse with: 488 for one that cannot be met, 503 for no port left, 400 for one not read."""
        self.reason = reason
        """Why, for a Warning."""
        super().__init__(f"{status}: {reason}")


@dataclass(frozen=True, slots=True)
class File:
    """A sound file."""

    path: Path


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone of a country's network: ``ringback``, ``busy``, ``fast-busy``, ``dial``, ``beep`` ..."""

    name: str
    country: str = ""
    """ISO 3166; empty for the engine's own."""


@dataclass(frozen=True, slots=True)
class Waves:
    """Frequencies in Hz with their levels in dBm0, all at once, for so long; none for silence."""

    duration_ms: int
    frequencies: tuple[tuple[int, float], ...] = ()


Source = File | Tone | Waves


@dataclass(frozen=True, slots=True)
class Playing:
    """How sounds are played: one after another, the row as often as wanted."""

    sources: tuple[Source, ...]
    repeat: int = 1
    """FOREVER for without end."""
    delay_ms: int = 0
    """Silence between two times."""
    duration_ms: int = 0
    """When it ends at the latest; 0 for never."""
    offset_ms: int = 0
    """Where the first time begins."""
    gain: float = 0.0
    """Louder or softer than the sources are, decibels."""


class PlayEnd(Enum):
    """Why a player ended."""

    COMPLETE = "complete"
    DURATION = "duration"
    STOPPED = "stopped"
    FAILED = "failed"
    """A source could not be read, or the leg or room ended."""


@dataclass(frozen=True, slots=True)
class Recording:
    """How something is recorded."""

    path: Path
    """Its ending is the format: ``.wav`` or ``.opus``."""
    max_ms: int = 0
    """0 for without end."""
    speech_within_ms: int = 0
    """How long speech may be waited for; 0 for as long as it takes."""
    silence_ms: int = 0
    """How much silence after speech ends it; 0 for any."""
    beep: bool = False
    append: bool = False
    """It goes on behind what is there: a WAV in the same format, or an Opus, to which a stream is chained. The end is
    FAILED for another."""
    channels: int = 1
    """2: the first leg of a room on the left, the others on the right; of one leg what it says on the left, what it
    hears on the right."""


class RecordEnd(Enum):
    """Why a recorder ended."""

    STOPPED = "stopped"
    MAX = "max"
    SILENCE = "silence"
    NO_SPEECH = "no speech"
    FAILED = "failed"
    """The file could not be written, or the leg or room ended."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a leg does in a room."""

    talk: bool = True
    hear: bool = True
    gain: float = 0.0
    """Of what it says."""
    clamp_dtmf: bool = True
    """Its keys are kept from the others; if not, each hears them as he knows them, as events or as they sound."""
    coach_for: Leg | None = None
    """The only leg that hears it."""


@dataclass(frozen=True, slots=True)
class LegStats:
    """What came and went. Losses and jitter are by RFC 3550."""

    packets_received: int = 0
    bytes_received: int = 0
    comfort_received: int = 0
    """Of the packets received, those that describe a pause (RFC 3389)."""
    packets_lost: int = 0
    """Expected and never received; late ones that were of no use are among :attr:`packets_late`."""
    packets_late: int = 0
    packets_refused: int = 0
    """Of a wrong source, not authentic, replayed or not RTP."""
    jitter_ms: float = 0.0
    packets_sent: int = 0
    bytes_sent: int = 0
    lost_there: float = 0.0
    """The fraction of what we sent that the peer says it lost, by its last report."""
    jitter_there_ms: float = 0.0
    round_trip_ms: float | None = None
    """None until the peer has reported on a report of ours."""
    mos: float | None = None
    """Listening quality estimated for what we receive, 1.0 to 4.5, on the narrowband scale whatever the codec
    (G.107); None before anything came."""
    mos_assumed: bool = False
    """Whether the codec's share of it is assumed, for no factors of it are published (G.113)."""
    remote: tuple[str, int] | None = None
    """Where we send to."""
    codec: str = ""


class Listener:
    """Who is told what happens on a leg. Override what is of interest."""

    __slots__ = ()

    def on_digit(self, digit: str, duration_ms: int) -> None:
        """A digit was pressed and let go."""

    def on_media_lost(self, *, back: bool) -> None:
        """Nothing has come for long; or ``back``: it comes again."""

    def on_one_way(self) -> None:
        """We send and nothing has ever come, though the peer said it would send."""

    def on_quality(self, stats: LegStats) -> None:
        """How it goes, each interval."""

    def on_talking(self, *, talking: bool) -> None:
        """In a room: the leg begins to talk, or no longer does."""


class Player(Protocol):
    """Something that plays."""

    def stop(self) -> None:
        """Ends it; harmless when it has ended."""

    def pause(self) -> None:
        """Holds it."""

    def resume(self) -> None:
        """Goes on."""

    def seek(self, by_ms: int) -> None:
        """Goes forward, or back if negative, within the row of sources."""


class Recorder(Protocol):
    """Something that is recorded."""

    def stop(self) -> None:
        """Ends it; harmless when it has ended."""

    def pause(self) -> None:
        """Leaves out what is said from now on."""

    def resume(self) -> None:
        """Goes on."""


class Leg(Protocol):
    """One party's media, with ports of its own from the start."""

    listener: Listener | None
    """Who is told."""

    @property
    def place(self) -> tuple[str, int]:
        """The address and port where it receives."""

    def offer(self) -> bytes:
        """A description to offer."""

    def answer(self, offer: bytes) -> bytes:
        """Takes an offer and returns the answer to it. Raises MediaRefusedError and changes nothing."""

    def accept(self, answer: bytes) -> None:
        """Takes the answer to :meth:`offer`. Raises MediaRefusedError and changes nothing."""

    def play(self, playing: Playing, ended: Callable[[PlayEnd, int], None]) -> Player:
        """Plays to this leg alone, and tells why it ended and how long it played."""

    def record(self, recording: Recording, ended: Callable[[RecordEnd, int], None]) -> Recorder:
        """Records what this leg says, and tells why it ended and how long it is."""

    def send_digits(self, digits: str, on_ms: int, off_ms: int) -> int:
        """Sends digits to this leg, and returns how long that takes."""

    def stats(self) -> LegStats:
        """What came and went until the last interval."""

    def close(self) -> None:
        """Ends its media; harmless when it has ended."""


class Room(Protocol):
    """Legs that hear each other."""

    def add(self, leg: Leg, role: Role) -> None:
        """Lets a leg in; it leaves where it was before."""

    def change(self, leg: Leg, role: Role) -> None:
        """Gives it another role."""

    def remove(self, leg: Leg) -> None:
        """Lets it go; harmless when it is not in."""

    def play(self, playing: Playing, ended: Callable[[PlayEnd, int], None]) -> Player:
        """Plays to all."""

    def record(self, recording: Recording, ended: Callable[[RecordEnd, int], None]) -> Recorder:
        """Records all."""

    def set_loudest(self, loudest: int) -> None:
        """How many of the loudest are mixed; 0 for all."""

    def speakers(self) -> Sequence[Leg]:
        """Those who speak now, the loudest first."""

    def close(self) -> None:
        """Ends it; the legs stay."""


class Media(Protocol):
    """The engine."""

    def leg(self, offer: bytes = b"", *, srtp: Srtp | None = None, ipv6: bool | None = None, source: str = "") -> Leg:
        """A leg for a peer: of the family of addresses its offer has; without an offer, of the one that ``ipv6`` says.

        Where neither says anything, or the engine has no address of that family, it is of the engine's first.

        Its sound is encrypted as ``srtp`` says; without, as the engine's is. ``source``: the address its signalling
        comes from, where its media may come from too, whatever its descriptions say; empty for unknown.

        Raises MediaRefusedError where no port is left.
        """

    def join(self, one: Leg, other: Leg, *, one_to_other: Role, other_to_one: Role) -> None:
        """Joins two legs, or changes how they are joined. They leave where they were before."""

    def part(self, one: Leg, other: Leg) -> None:
        """Parts them; harmless when they are not joined."""

    def room(self, *, loudest: int = 0) -> Room:
        """A room."""
