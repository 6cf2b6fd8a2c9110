"""The arrangement of a call of two that is anchored: each leg has a seat in one room of a media service.

    A                        switch                    service                     B
    | <- re-INVITE (offer) - | <------------- 200 (offer), twice | re-INVITE -> |        in a call that is up
    |                        |                                                    |

Phones of different families of addresses, of SRTP and RTP, behind a NAT (:mod:`cordboard.switch.features.media_path`)
are so from the beginning: neither is told what it could not take. Their seats are taken before the answer
(:mod:`cordboard.switch.flows.overture`), or when it comes, from one who was called without an offer:

    A                        switch                    service                     B
    | INVITE (offer) ------> | INVITE (no offer) ------------------------------> |
    |                        | <------------------------------------ 200 (offer) |
    |                        | INVITE (offer A), INVITE (offer B) --> |           |
    | <------- 200 (answer)  | <-- 200 (answer), twice | ---- ACK (answer) ----> |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cordboard.model.party import Move
from cordboard.sip.media import HELD
from cordboard.switch.features.media_path import NAT
from cordboard.switch.flows import music, passing
from cordboard.switch.flows.arrangement import OfTwo
from cordboard.switch.flows.reconnect import Reconnect
from cordboard.switch.records import Outcome, ReleasedBy
from cordboard.switch.services.errand import MSML
from cordboard.switch.services.limb import State, offers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cordboard import _core
    from cordboard.model.ports import Link
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.anchoring import Anchoring
    from cordboard.switch.services.limb import Limb
    from cordboard.switch.services.pool import Service
    from cordboard.switch.services.seat import Seat


class Taken(NamedTuple):
    """Seats that were taken before the answer."""

    seats: Mapping[Session, Seat]
    entered: Collection[Seat]
    """Those of them that are in the room."""
    service: Service | None
    """Where that is."""


NOBODY: Final = Taken({}, (), None)


class Anchored(OfTwo):
    """See the module."""

    __slots__ = (
        "_closed",
        "_entered",
        "_headers",
        "_met",
        "anchoring",
        "flow",
        "passed",
        "seats",
        "service",
    )

    def __init__(self, flow: CallFlow, anchoring: Anchoring, headers: _core.Headers = ()) -> None:
        """``headers``: what a caller who is not answered yet is answered besides."""
        super().__init__()
        self.flow = flow
        self.anchoring = anchoring
        self._headers = headers
        self._met = False
        self.seats: dict[Session, Seat] = {}
        self.service: Service | None = None
        """Where the room is."""
        self._entered: set[Seat] = set()
        """Those in the room."""
        self.passed: dict[int, Session] = {}
        """Whose INFO the other phone has not answered yet, by the transaction to answer."""
        self._closed = False

    def __repr__(self) -> str:
        return f"<Anchored {self.flow.call.conn_id} {sorted(self.anchoring.reasons)}>"

    def start(self, taken: Taken = NOBODY) -> None:
        """Joins both legs to the room."""
        self.service = taken.service
        self.seats.update(taken.seats)
        for seat in taken.seats.values():
            seat.hand_over(self._told, self._choose)
        for session in (self.flow.a, self.flow.b):
            if session is not None and session not in taken.seats:
                self._sit(session)
        for seat in taken.entered:
            self._told(seat)

    def _sit(self, session: Session) -> None:
        self._stand_up(session)
        seat = self.anchoring.seat(session, self._told, self._choose)
        seat.answer_headers = self._headers if session.early else ()
        self.seats[session] = seat
        seat.start()

    def _stand_up(self, session: Session) -> None:
        seat = self.seats.pop(session, None)
        if seat is not None:
            self._entered.discard(seat)
            self.anchoring.recording.unseated(seat)
            seat.close()

    def _choose(self, failed: Collection[Service]) -> Service | None:
        """The service the room is at; another one for both legs, if that one has failed."""
        server = self.flow.server
        now = self.service
        if now is not None and now not in failed and now.extension.dn.in_service:
            return now
        found = server.services.choose(MSML, server.clock.now(), failed)
        self.service = found
        if found is not None:
            for session, seat in list(self.seats.items()):
                self._entered.discard(seat)
                self.anchoring.recording.unseated(seat)
                if seat.service is not None and seat.service is not found:
                    self._sit(session)
        return found

    def _told(self, limb: Limb) -> None:
        seat = self.seats.get(limb.leg)
        if self._closed or seat is not limb:
            return
        if seat.state is State.UP:
            self.anchoring.recording.seated(seat)
            self._entered.add(seat)
            if self.complete:
                self._met = True
                self.anchoring.entered(self)
        elif self.anchoring.needs - {NAT} and not self._met:
            # There is no other way for them to talk.
            self.flow.server.log.warning(
                "media not bridged", conn_id=self.flow.call.conn_id, apart=sorted(self.anchoring.needs)
            )
            self.flow.end(Outcome.FAILED, 480, ReleasedBy.SERVER, "media not bridged")
        elif any(offers(one) for one in self.seats):
            self.flow.end(Outcome.FAILED, 480, ReleasedBy.SERVER, "no media service")
        else:
            self.anchoring.failed()
            self.rejoin()

    @property
    def complete(self) -> bool:
        """Whether both legs are in the room."""
        return len(self._entered) == len(self.seats) == 2

    def rejoin(self) -> None:
        """Joins both legs to each other, once, and unless the call is ending."""
        flow = self.flow
        if self._closed or flow.over:
            return
        a, b = flow.a, flow.b
        flow.rearrange(None)
        if a is not None and b is not None:
            bridge = flow.join(a, b, flow.audit_interval())
            bridge.engage(Reconnect(flow, a, b, bridge.disengage)).start()

    # Arrangement

    @property
    def settled(self) -> bool:
        """Whether no change is under way. A limb on its way is none, but for one that answers its phone."""
        return self._engaged is None and not any(offers(session) for session in self.seats)

    def takes_offer(self, session: Session, event: _core.RequestEvent) -> bool:
        """A phone holds: the other hears music, and nothing is recorded. Any other offer is for the service."""
        party = self.flow.party_of(session)
        offer = event.message.body
        if not self.settled or self.flow.transfer is not None or party is None:
            session.respond(event.transaction, 491)
            return True
        if offer and session.media.change(offer) == HELD and party.can(Move.HOLD):
            music.part(self.flow).hold(session, event)
            return True
        return False

    def passes(self, session: Session, event: _core.RequestEvent) -> bool:
        """What a phone says in INFO is for the other phone."""
        return passing.passes(self, session, event)

    def again(self, session: Session) -> None:
        """Takes a leg back to the room."""
        self._sit(session)

    def held(self, session: Session, reference_id: int = 0, link: Link | None = None) -> None:
        """A phone was told to hold: its party holds from now on."""
        music.part(self.flow).held(session, reference_id, link)

    def close(self) -> None:
        """Takes both legs out of the room."""
        self._closed = True
        super().close()
        passing.leave_all(self)
        for session in list(self.seats):
            self._stand_up(session)
