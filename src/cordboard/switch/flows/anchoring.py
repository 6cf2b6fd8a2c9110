"""Anchoring: both legs of a call are joined not to each other, but to one room of a media service, for a reason.

    A                      switch                    service                     B
    | <--------------------- RTP, directly from phone to phone ----------------> |
    |                        | INVITE sip:msml (no offer), one for each leg -> |
    | <- re-INVITE (offer) - | <------------- 200 (offer), twice | re-INVITE -> |
    | 200 (answer) --------> | ACK (answer), twice ----------->  | <------- 200 |
    |                        | INFO: create and join conf:<ConnID>              |
    | <------------- RTP ------------> service <------------- RTP -------------> |

Reasons: it is recorded, or an option of a DN in it wants so (``sip-media-anchor``). A call without a reason is never
touched, and one whose reason has gone is joined directly again. While somebody holds, or a transfer is under way, there
is nothing to anchor; as soon as both legs are joined again the room is made anew. When no service is there the call
goes on directly, and is tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.model.party import Move
from cordboard.sip.media import HELD
from cordboard.switch.flows import music, passing
from cordboard.switch.flows.patience import when_settled
from cordboard.switch.flows.reconnect import Reconnect
from cordboard.switch.flows.recording import RECORDED, Input, Recording
from cordboard.switch.services.errand import MSML
from cordboard.switch.services.limb import State
from cordboard.switch.services.seat import Seat

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.clock import Timer
    from cordboard.sip.session import Session
    from cordboard.switch.bridge import AnyChange, Change
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.services.limb import Limb
    from cordboard.switch.services.pool import Service

    Finished = Callable[[str], None]
    """Told that something was done, or why it was not."""

RETRY: Final = 5.0
"""Seconds until a call that should be anchored is tried again."""

SOON: Final = 0.05
"""Seconds until it is looked whether a phone has done what it was doing."""

MOST_TRIES: Final = 5
"""How often, before it is left as it is."""

OPTION: Final = "sip-media-anchor"


def of(flow: CallFlow) -> Anchoring:
    """The anchoring of a call."""
    if flow.anchoring is None:
        flow.anchoring = Anchoring(flow)
    return flow.anchoring


def as_configured(flow: CallFlow) -> None:
    """Anchors and records a call as the options of its two DNs say."""
    for party, calls in ((flow.caller, "source"), (flow.callee, "destination")):
        extension = flow.extension_of(party) if party is not None else None
        if extension is None:
            continue
        settings = extension.settings
        if settings.record in (calls, "both") and not of(flow).recording.wanted:
            of(flow).recording.ask(Input.START)
            of(flow).want(RECORDED)
        if settings.media_anchor:
            of(flow).want(OPTION)


class Anchoring:
    """Why a call is anchored, and its recording."""

    __slots__ = ("_flow", "_pending", "_retry", "_tries", "_waiting", "reasons", "recording")

    def __init__(self, flow: CallFlow) -> None:
        self._flow = flow
        self.reasons: set[str] = set()
        self.recording = Recording(flow)
        self._pending = False
        """Whether it waits for the call to be at rest."""
        self._retry: Timer | None = None
        self._tries = 0
        self._waiting: list[Callable[[Anchored | None], None]] = []
        """Who waits until it is anchored."""

    def want(self, reason: str) -> None:
        """There is a reason."""
        self.reasons.add(reason)
        self._tries = 0
        if self._flow.arrangement is not None:
            self._flow.arrangement.reseat()
        self.again()

    def drop(self, reason: str) -> None:
        """There is that reason no more."""
        self.reasons.discard(reason)
        arrangement = self._flow.arrangement
        if not self.reasons and isinstance(arrangement, Anchored):
            arrangement.rejoin()
        elif arrangement is not None:
            arrangement.reseat()

    def again(self) -> None:
        """Both legs are joined to each other, or may be soon: from then on they are to be anchored."""
        if self.reasons and not self._pending and self._retry is None:
            # Not at once: whoever has joined the legs has not said yet what is still to be exchanged.
            self._later(SOON)

    def _later(self, seconds: float) -> None:
        if self._retry is None:
            self._retry = self._flow.server.clock.call_later(seconds, self._look)

    def _look(self) -> None:
        self._retry = None
        if self.reasons and not self._pending:
            self._pending = True
            when_settled((self._flow,), self._go, lambda _: None)

    def _go(self) -> None:
        self._pending = False
        flow = self._flow
        if flow.over or not self.reasons or flow.bridge is None or flow.transfer is not None:
            return
        if any(session is None or session.busy for session in (flow.a, flow.b)):
            # An ACK is still on its way.
            self._later(SOON)
            return
        server = flow.server
        if not flow.settled or server.services.choose(MSML, server.clock.now()) is None:
            self.failed()
            return
        flow.part()
        anchored = Anchored(flow, self)
        flow.rearrange(anchored)
        anchored.start()

    def when_up(self, reason: str, told: Callable[[Anchored | None], None]) -> None:
        """There is a reason, and somebody waits until it is so; told None if it cannot be."""
        arrangement = self._flow.arrangement
        self.reasons.add(reason)
        if isinstance(arrangement, Anchored) and arrangement.complete:
            told(arrangement)
            return
        self._waiting.append(told)
        self.want(reason)

    def up(self, arrangement: Anchored | None) -> None:
        """Both legs are in the room; or cannot be."""
        waiting, self._waiting = self._waiting, []
        for told in waiting:
            told(arrangement)

    def failed(self) -> None:
        """It could not be done now."""
        self._tries += 1
        flow = self._flow
        self.up(None)
        if self._tries < MOST_TRIES:
            self._later(RETRY)
            return
        flow.server.services.counted["not_anchored"] += 1
        flow.server.log.warning("call not anchored", conn_id=flow.call.conn_id, reasons=sorted(self.reasons))
        self.reasons.clear()
        self.recording.broken("no service")

    def entered(self, arrangement: Anchored) -> None:
        """Both legs are in the room."""
        self._tries = 0
        self._flow.server.services.counted["anchored"] += 1
        self.up(arrangement)

    def close(self) -> None:
        """The call has ended."""
        self.reasons.clear()
        self.up(None)
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def seat(
        self, session: Session, told: Callable[[Limb], None], choose: Callable[[Collection[Service]], Service | None]
    ) -> Seat:
        """A seat in the call's room, whose recording is told."""
        flow = self._flow
        clamped = not isinstance(flow.arrangement, Anchored)
        return Seat(flow, session, flow.call.conn_id, told, choose, self.recording.heard, clamped=clamped)


class Anchored:
    """The arrangement of such a call of two."""

    __slots__ = ("_closed", "_engaged", "_entered", "anchoring", "flow", "seats", "service")

    def __init__(self, flow: CallFlow, anchoring: Anchoring) -> None:
        self.flow = flow
        self.anchoring = anchoring
        self.seats: dict[Session, Seat] = {}
        self.service: Service | None = None
        """Where the room is."""
        self._entered: set[Seat] = set()
        """Those in the room."""
        self._engaged: Change | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Anchored {self.flow.call.conn_id} {sorted(self.anchoring.reasons)}>"

    def start(self) -> None:
        """Joins both legs to the room."""
        for session in (self.flow.a, self.flow.b):
            if session is not None:
                self._sit(session)

    def _sit(self, session: Session) -> None:
        self._stand_up(session)
        seat = self.anchoring.seat(session, self._told, self._choose)
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
                self.anchoring.entered(self)
        else:
            self.anchoring.failed()
            self.rejoin()

    @property
    def complete(self) -> bool:
        """Whether both legs are in the room."""
        return len(self._entered) == len(self.seats) == 2

    def rejoin(self) -> None:
        """Joins both legs to each other."""
        flow = self.flow
        a, b = flow.a, flow.b
        flow.rearrange(None)
        if a is not None and b is not None:
            bridge = flow.join(a, b, flow.audit_interval())
            bridge.engage(Reconnect(flow, a, b, bridge.disengage)).start()

    # Arrangement

    @property
    def settled(self) -> bool:
        """Whether no change is under way. A limb on its way is none: it may be taken back at any time."""
        return self._engaged is None

    def engage(self, change: AnyChange) -> AnyChange:
        """A change is under way until :meth:`disengage`."""
        self._engaged = change
        return change

    def disengage(self) -> None:
        """It is done."""
        self._engaged = None

    def party_of(self, session: Session) -> Party | None:  # noqa: ARG002
        """There are none but the two."""
        return None

    def session_of(self, party: Party) -> Session | None:  # noqa: ARG002
        """There are none but the two."""
        return None

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

    def reseat(self) -> None:
        """Its seats can be recorded as they are."""

    def left(self, session: Session) -> bool:  # noqa: ARG002
        """With one of two the call goes."""
        return False

    def release(self, party: Party, reference_id: int, link: Link | None) -> bool:  # noqa: ARG002
        """With one of two the call goes."""
        return False

    def held(self, session: Session, reference_id: int = 0, link: Link | None = None) -> None:
        """A phone was told to hold: its party holds from now on."""
        music.part(self.flow).held(session, reference_id, link)

    def close(self) -> None:
        """Takes both legs out of the room."""
        self._closed = True
        if self._engaged is not None:
            self._engaged.stop()
            self._engaged = None
        for session in list(self.seats):
            self._stand_up(session)


def request(flow: CallFlow, party: Party, what: Input, reference_id: int, link: Link | None) -> None:
    """Carries out a request of a desktop about the recording. Raises TLibError."""
    anchoring = of(flow)
    anchoring.recording.ask(what, party, reference_id, link)
    if what is Input.START:
        anchoring.want(RECORDED)
    elif what is Input.STOP:
        anchoring.drop(RECORDED)
