"""Two calls of one phone becoming one: the phones at their far ends are joined while the calls are still there.

    survivor                switch                   target          (each in a call with the transferor)
    | <- re-INVITE (no offer) |                         |
    | 200 (offer) ----------> | re-INVITE (offer) ----> |
    | <-------- ACK (answer) -| <--------- 200 (answer) |            only now the transferor is let go

What goes wrong leaves the transferor both his calls, each with the media it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.switch.flows.reconnect import Reconnect, opposite, restore

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.sip.session import Session
    from cordboard.switch.bridge import Bridge
    from cordboard.switch.callflow import CallFlow


class Uniting:
    """The joining. A change of both calls' media."""

    __slots__ = ("_calls", "_done", "_far", "_joining", "_near", "over")

    def __init__(
        self, main: CallFlow, consult: CallFlow, near: Session, far: Session, done: Callable[[], None]
    ) -> None:
        """``near`` and ``far``: the legs of the survivor in the main call and of the target in the consultation."""
        self._calls = (main, consult)
        self._near = near
        self._far = far
        self._done = done
        self.over = False
        self._joining = Reconnect(main, near, far, self._ended)
        self._joining.shown = self._shown

    @property
    def joined(self) -> bool:
        """Whether both took it; to be asked when it is done."""
        return self._joining.joined

    def _shown(self, session: Session) -> _core.Headers:
        """What tells a phone whom it is to talk to: the one at the far end of the other call."""
        main, consult = self._calls
        survivor, target = main.party_of(self._near), consult.party_of(self._far)
        if survivor is None or target is None:
            return opposite(main, session)
        if session is self._near:
            return consult.told(main.extension_of(survivor), target)
        return main.told(consult.extension_of(target), survivor)

    def start(self) -> None:
        """Begins."""
        for flow in self._calls:
            place = flow.bridge or flow.arrangement
            if place is not None:
                place.engage(self)
        self._joining.start()

    def stop(self) -> None:
        """Asks nothing more. Harmless when it is done."""
        self.over = True
        self._joining.stop()

    def let_go(self) -> None:
        """It is no change of theirs any more."""
        for flow in self._calls:
            place = flow.bridge or flow.arrangement
            if place is not None:
                place.disengage()

    def go_on(self, bridge: Bridge) -> None:
        """The transferor has left: what remains to be done is a change of the one call there is."""
        self._done = bridge.disengage
        bridge.engage(self)

    def undo(self) -> None:
        """Each of the calls has its media again, as far as it is still there."""
        ended = self.over
        self.stop()
        self.let_go()
        for flow, leg in zip(self._calls, (self._near, self._far), strict=True):
            other = None if flow.over else flow.session_opposite(leg)
            if other is not None and (leg in self._joining.changed or not ended):
                restore(flow, other, leg)

    def _ended(self) -> None:
        if not self.over:
            self.over = True
            self._done()
