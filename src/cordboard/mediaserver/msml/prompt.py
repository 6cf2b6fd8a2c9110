"""A player with what may be asked of it while it plays (RFC 5707 9.6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.media import PlayEnd, Playing

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard.media import Player, Source
    from cordboard.mediaserver.msml.dialog import Dialog
    from cordboard.sip.bodies.msml.model import Play
    from cordboard.sip.clock import Timer

STEP: Final = 5_000
"""By how much ``forward`` and ``backward`` move, milliseconds."""
_ALL: Final = 86_400_000


def playing(play: Play, row: tuple[Source, ...]) -> Playing:
    """How it is played."""
    return Playing(row, play.iterate, play.interval, play.maxtime, play.offset)


class Prompt:
    """What is being played, if anything is."""

    __slots__ = ("_dialog", "_paused", "_player", "_round", "_timer", "_waits")

    def __init__(self, dialog: Dialog) -> None:
        self._dialog = dialog
        self._player: Player | None = None
        self._waits: Callable[[PlayEnd, int], None] | None = None
        """Who is to be told of what is not played yet, because speech is in the making."""
        self._timer: Timer | None = None
        self._paused = False
        self._round = 0

    def begin(self, what: Playing, ended: Callable[[PlayEnd, int], None]) -> None:
        """Plays, once all of it is there. ``ended`` is told why it ended, unless it was broken off."""
        self._paused = False
        self._round += 1
        this = self._round

        def told(why: PlayEnd, ms: int) -> None:
            if this == self._round:
                self._round += 1
                self._player = None
                ended(why, ms)

        def play() -> None:
            if this == self._round and (self._waits is not None or not waits):
                self._waits = None
                self._player = self._dialog.holder.sound.play(what, told)

        waits = self._dialog.server.sounds.when_ready(what.sources, play)
        if waits:
            self._waits = told
        else:
            play()

    def wait(self, timer: Timer) -> None:
        """Nothing is played; the timer stands in for it."""
        self._timer = timer

    def over(self) -> None:
        """It has ended."""
        self._player = self._timer = None

    def stop(self) -> None:
        """Ends it; it is told."""
        if self._player is not None:
            self._player.stop()
        waits, self._waits = self._waits, None
        if waits is not None:
            self._dialog.server.soon(lambda: waits(PlayEnd.STOPPED, 0))

    def break_off(self) -> None:
        """Ends it without a word."""
        self._round += 1
        player, self._player = self._player, None
        if player is not None:
            player.stop()
        self._waits = None
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def on_event(self, event: str) -> bool:
        """``pause``, ``resume``, ``toggle-state``, ``forward``, ``backward``, ``restart``; whether it is one."""
        player = self._player
        if player is None:
            return False
        match event:
            case "pause":
                self._pause(player, paused=True)
            case "resume":
                self._pause(player, paused=False)
            case "toggle-state":
                self._pause(player, paused=not self._paused)
            case "forward":
                player.seek(STEP)
            case "backward":
                player.seek(-STEP)
            case "restart":
                player.seek(-_ALL)
            case _:
                return False
        return True

    def _pause(self, player: Player, *, paused: bool) -> None:
        self._paused = paused
        if paused:
            player.pause()
        else:
            player.resume()
