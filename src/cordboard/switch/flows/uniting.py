"""The two who are to talk after a transfer are joined while the transferor is still there.

    survivor                switch                   target          (each in a call with the transferor)
    | <- re-INVITE (no offer) |                         |
    | 200 (offer) ----------> | re-INVITE (offer) ----> |
    | <-------- ACK (answer) -| <--------- 200 (answer) |            only now the transferor is let go

A target that was called for the transfer has just answered, and is in no call yet: who hangs up there is told to the
transfer. One that was called without an offer has made its own, and that is for the survivor.

What goes wrong leaves the transferor the calls he has, each with the media it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.sip.handler import SILENT
from cordboard.switch.flows.leaving import Alone
from cordboard.switch.flows.reconnect import Reconnect, opposite, restore

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.sip.session import Session
    from cordboard.switch.bridge import Bridge
    from cordboard.switch.callflow import CallFlow


class Uniting:
    """The joining. A change of the media of the calls there are."""

    __slots__ = ("_done", "_joining", "_known", "_legs", "_main", "_near", "_offer", "_target", "far", "over")

    def __init__(
        self,
        main: CallFlow,
        near: Session,
        far: Session,
        target: Party,
        done: Callable[[], None],
        *,
        known: CallFlow,
        offer: bytes = b"",
    ) -> None:
        """``near`` and ``far``: the legs of the survivor and of the target. ``known``: the call that knows the target.

        ``offer``: that of a target whose ACK is owed.
        """
        self._main = main
        self._known = known
        self._near = near
        self._target = target
        self._offer = offer
        self._done = done
        self._legs = [(main, near)]
        if far in (known.a, known.b):
            self._legs.append((known, far))
        self.far = far
        """The target's leg."""
        self.over = False
        source, sink = (far, near) if offer else (near, far)
        self._joining = Reconnect(main, source, sink, self._ended)
        self._joining.shown = self._shown

    @property
    def alone(self) -> bool:
        """Whether the target is in no call yet."""
        return len(self._legs) == 1

    @property
    def joined(self) -> bool:
        """Whether both took it; to be asked when it is done."""
        return self._joining.joined

    def _shown(self, session: Session) -> _core.Headers:
        """What tells a phone whom it is to talk to."""
        main, known, target = self._main, self._known, self._target
        survivor = main.party_of(self._near)
        if survivor is None:
            return opposite(main, session)
        if session is self._near:
            return known.told(main.extension_of(survivor), target)
        return main.told(known.extension_of(target), survivor)

    def start(self, left: Callable[[], None]) -> None:
        """Begins. ``left``: called when a target that is in no call hangs up."""
        if self.alone:
            self.far.handler = Alone(self._main, lambda *_: left(), lambda *_: left())
        for flow, _ in self._legs:
            place = flow.bridge or flow.arrangement
            if place is not None:
                place.engage(self)
        self._joining.start(self._offer)

    def stop(self) -> None:
        """Asks nothing more. Harmless when it is done."""
        self.over = True
        self._joining.stop()

    def let_go(self) -> None:
        """It is no change of theirs any more."""
        if self.alone:
            self.far.handler = SILENT
        for flow, _ in self._legs:
            place = flow.bridge or flow.arrangement
            if place is not None:
                place.disengage()

    def go_on(self, bridge: Bridge, done: Callable[[], None]) -> None:
        """The transferor has left: what remains to be done is a change of the one call there is."""
        self._done = done
        bridge.engage(self)

    def undo(self) -> None:
        """Each of the calls has its media again, as far as it is still there."""
        ended = self.over
        self.stop()
        self.let_go()
        for flow, leg in self._legs:
            other = None if flow.over else flow.session_opposite(leg)
            if other is not None and (leg in self._joining.changed or not ended):
                restore(flow, other, leg)

    def _ended(self) -> None:
        if not self.over:
            self.over = True
            self._done()
