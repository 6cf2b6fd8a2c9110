"""Before the answer of a call whose phones cannot talk directly: the caller hears who is called through the room.

Whoever is called is made the offer of a media service (:mod:`cordboard.switch.services.ahead`); the first who describes
his media before he answers is let into the room, and so is the caller, who is told where that is in a 18x of that
status. What others say waits for their answer. Whoever answers goes on in the room, and the caller with him: the 200
says again what he was told (RFC 3261 13.2.1). Should the service die meanwhile, he hears nothing until the answer,
after which both go to another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cordboard.switch.flows import passing
from cordboard.switch.flows.anchored import Taken
from cordboard.switch.services.ahead import SeatAhead, SeatEarly
from cordboard.switch.services.errand import MSML
from cordboard.switch.services.limb import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cordboard import _core
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.anchoring import Anchoring
    from cordboard.switch.services.ahead import Ahead
    from cordboard.switch.services.limb import Limb
    from cordboard.switch.services.pool import Service
    from cordboard.switch.services.seat import Seat


class Overture:
    """See the module."""

    __slots__ = ("_anchoring", "_answering", "_caller", "_entered", "_flow", "_heard", "_seats", "service", "told")

    def __init__(self, flow: CallFlow, anchoring: Anchoring) -> None:
        self._flow = flow
        self._anchoring = anchoring
        self._seats: list[SeatAhead] = []
        """Those who are being called."""
        self._caller: SeatEarly | None = None
        self._heard: SeatAhead | None = None
        """Who is heard, or about to be."""
        self._answering: tuple[Session, SeatAhead] | None = None
        """Who has answered."""
        self._entered: set[Limb] = set()
        """Those in the room."""
        self.service: Service | None = None
        """Where the room is."""
        self.told = False
        """Whether the caller was told where it is."""

    # Who is called

    def seat(self, ahead: Ahead, offered: Callable[[bytes], None]) -> SeatAhead:
        """A seat for somebody who is to be called. ``offered`` has the offer for him; empty if there is none."""
        seat = self._anchoring.seat_as(SeatAhead, cast("Session", ahead), self._told, self._choose)
        seat.offered = offered
        self._seats.append(seat)
        seat.start()
        return seat

    def _choose(self, failed: Collection[Service]) -> Service | None:
        """The service the room is at; any, as long as nobody else has a seat there."""
        now = self.service
        if now is not None and len(self._seats) + (self._caller is not None) > 1:
            return now if now not in failed and now.extension.dn.in_service else None
        server = self._flow.server
        self.service = server.services.choose(MSML, server.clock.now(), failed)
        return self.service

    def _told(self, limb: Limb) -> None:
        if limb.state is State.UP:
            self._entered.add(limb)
        elif limb is self._caller:
            self._caller = None
            if not self.told and isinstance(limb, SeatEarly):
                limb.tell(b"")
        elif isinstance(limb, SeatAhead):
            self.leave(limb)

    def leave(self, seat: SeatAhead) -> None:
        """Somebody is not being called any more."""
        if seat in self._seats:
            self._seats.remove(seat)
            self._entered.discard(seat)
            seat.close()
        if self._heard is seat:
            self._heard = None

    def described(self, seat: SeatAhead, dialog: int, body: bytes) -> None:
        """Somebody has said where he receives, before he answers."""
        if self._heard is None:
            self._heard = seat
        if self._heard is seat and seat in self._seats:
            seat.described(dialog, body)

    def answering(self, seat: SeatAhead, session: Session) -> None:
        """Somebody answers."""
        if seat in self._seats:
            self._seats.remove(seat)
            self._answering = (session, seat)

    def answers(self, session: Session) -> bool:
        """Whether one who has answered was made the offer of the service."""
        return self._answering is not None and self._answering[0] is session

    # Who calls

    def hear(self, caller: Session, tell: Callable[[bytes], None]) -> bool:
        """Lets the caller hear who is heard. ``tell`` tells him where, or nothing. Whether there is something."""
        if self._heard is None:
            return False
        if self._caller is None and not self.told:
            self._caller = seat = self._anchoring.seat_as(SeatEarly, caller, self._told, self._choose)

            def found(body: bytes) -> None:
                self.told = body != b""
                tell(body)

            seat.tell = found
            seat.start()
        return not self.told

    def answered(
        self, caller: Session, callee: Session, body: bytes, apart: frozenset[str], headers: _core.Headers
    ) -> None:
        """Whoever was made its offer has answered. ``headers``: what the caller is answered besides."""
        seats: dict[Session, Seat] = {}
        assert self._answering is not None  # noqa: S101 - its owner has asked
        seat, mine = self._answering[1], self._caller
        self._answering = None
        if seat.take(callee, body):
            seats[callee] = seat
        else:
            self._seats.append(seat)
            callee.ack()
        translated = passing.takes_info_alone(self._flow, caller)
        if mine is not None and self.told and mine.state is State.UP and mine.translates == translated:
            self._caller = None
            mine.answered(headers)
            seats[caller] = mine
        elif self.told:
            caller.answer(headers, caller.media.said)
        entered = [one for one in seats.values() if one in self._entered]
        self.close()
        self._anchoring.needs = apart
        self._anchoring.enter(headers, Taken(seats, entered, self.service))

    def close(self) -> None:
        """Nobody is heard before the answer any more. Harmless when it is closed."""
        seats: list[Limb] = [*self._seats]
        if self._caller is not None:
            seats.append(self._caller)
        if self._answering is not None:
            seats.append(self._answering[1])
        self._caller = self._heard = self._answering = None
        self._seats.clear()
        self._entered.clear()
        for seat in seats:
            seat.close()
