"""``annc``: something is played to one party, who is then let go (RFC 4240 section 3).

WAITING --BEGIN--> PLAYING --PLAYED--> DONE          BYE, or the final refusal of early media
'------END--------+----END-------> DONE
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from cordboard.media import PlayEnd, Playing
from cordboard.sip.machine import Table

if TYPE_CHECKING:
    from cordboard.media import Player, Source
    from cordboard.mediaserver.leg import ServedLeg
    from cordboard.sip.bodies.netann import Announcement


class State(Enum):
    """How far it is."""

    WAITING = "waiting"
    PLAYING = "playing"
    DONE = "done"


class Input(Enum):
    """What can happen."""

    BEGIN = "begin"
    PLAYED = "played"
    END = "end"


TABLE: Final = Table(
    "announcement",
    {
        (State.WAITING, Input.BEGIN): State.PLAYING,
        (State.WAITING, Input.END): State.DONE,
        (State.PLAYING, Input.PLAYED): State.DONE,
        (State.PLAYING, Input.END): State.DONE,
        (State.DONE, Input.PLAYED): State.DONE,
        (State.DONE, Input.END): State.DONE,
    },
)
"""Where each input leads. No entry: MachineError."""


class AnnouncementService:
    """What is done with such a leg."""

    __slots__ = ("_leg", "_player", "_sources", "asked", "state")

    def __init__(self, leg: ServedLeg, asked: Announcement, sources: tuple[Source, ...]) -> None:
        self._leg = leg
        self.asked = asked
        self._sources = sources
        self._player: Player | None = None
        self.state = State.WAITING

    def _step(self, what: Input) -> State:
        before = self.state
        self.state = TABLE[before, what]
        return before

    def begin(self) -> None:
        """Plays, once all of it is there."""
        self._step(Input.BEGIN)
        if not self._leg.server.sounds.when_ready(self._sources, self._play):
            self._play()

    def _play(self) -> None:
        if self.state is State.DONE:
            return
        asked = self.asked
        playing = Playing(self._sources, asked.repeat, asked.delay_ms, asked.duration_ms)
        self._player = self._leg.media.play(playing, self._played)

    def _played(self, why: PlayEnd, ms: int) -> None:
        self._player = None
        if self._step(Input.PLAYED) is State.DONE:
            return
        if why is PlayEnd.FAILED:
            self._leg.server.log.warning("not played", play=self.asked.play, ms=ms, call_id=self._leg.call_id)
        self._leg.hang_up(self.asked.early or 480)

    def on_digit(self, digit: str, duration_ms: int) -> None:
        """Nobody asked for digits."""

    def on_body(self, body: bytes, content_type: str) -> None:
        """Takes none."""

    def end(self) -> None:
        """The party is gone."""
        self._step(Input.END)
        player, self._player = self._player, None
        if player is not None:
            player.stop()
