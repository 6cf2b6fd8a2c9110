"""Pickup: an INVITE with Replaces (RFC 3891) that names a leg which still rings; its sender answers the call there.

    A (calls)              switch            P (rings)        N (picks up)
    |                        | <- INVITE, Replaces: P ------------- |
    |                        | CANCEL ---------> |                  |      P: EventReleased CallState PickedUp
    | <- 200 (leads nowhere) |                   |                  |      N: EventRinging CallState PickedUp
    | ACK -----------------> |                   |                  |
    | <- re-INVITE (offer N) |                   |                  |
    | 200 (answer) --------> | 200 (answer) ----------------------> |      N, A: EventEstablished

The offer in A's INVITE was for P, and N has made one of his own: A is answered first so that his media leads nowhere,
and is then joined to N. All other phones that ring stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.model.enums import CallState
from cordboard.sip.handler import SILENT
from cordboard.switch.delivery import Delivery
from cordboard.switch.flows.leaving import answer_alone
from cordboard.switch.flows.reconnect import Reconnect
from cordboard.switch.records import Outcome, ReleasedBy

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.replaces import Newcomer


def start(flow: CallFlow, newcomer: Newcomer, ringing: Party) -> None:
    """Begins. ``ringing``: whom the newcomer answers for."""
    delivery, session = flow.branches, newcomer.session(flow)
    if session is None or not isinstance(delivery, Delivery):
        return
    party = newcomer.enter(flow, ringing, CallState.PICKED_UP)
    delivery.picked_up(ringing, party)
    flow.callee_call_id = newcomer.event.message.call_id
    flow.branches = pickup = Pickup(flow, session, newcomer.event.message.body)
    pickup.begin(flow.told(newcomer.extension, flow.caller) if flow.caller is not None else ())


class Pickup:
    """It, until both are joined. To the call it is what its delivery was; handler of both legs."""

    __slots__ = ("_headers", "_joining", "_offer", "call_id", "flow", "session")

    def __init__(self, flow: CallFlow, session: Session, offer: bytes) -> None:
        self.flow = flow
        self.session = session
        """The leg of who picks up."""
        self._offer = offer
        self._headers: _core.Headers = ()
        self._joining: Reconnect | None = None
        self.call_id = flow.callee_call_id
        session.handler = self

    def begin(self, headers: _core.Headers) -> None:
        """Answers the caller, or goes on at once with one that is up. ``headers``: for the answer to who picks up."""
        flow = self.flow
        self._headers = headers
        flow.ring()
        caller = flow.a
        if caller is None:
            return
        early = caller.early
        caller.handler = self
        if early:
            flow.answer_nowhere()
        else:
            self._join(caller)

    def _join(self, caller: Session) -> None:
        source, sink = (self.session, caller) if self._offer else (caller, self.session)
        self._joining = joining = Reconnect(self.flow, source, sink, self._joined)
        joining.answer_headers = self._headers
        joining.start(self._offer)

    def _joined(self) -> None:
        flow, joining = self.flow, self._joining
        if joining is None or flow.over:
            return
        if not joining.joined:
            flow.end(Outcome.FAILED, 488, ReleasedBy.SERVER, "media not joined", first=flow.callee)
            return
        flow.branches = None
        flow.b = self.session
        if flow.a is not None:
            flow.join(flow.a, self.session, flow.audit_interval())
        flow.establish()

    # What a call asks of who is being called

    def cancel(self, headers: _core.Headers = ()) -> None:
        """The call ends."""
        if self._joining is not None:
            self._joining.stop()
        self.session.end(603, headers)
        for session in (self.session, self.flow.a):
            if session is not None and session.handler is self:
                session.handler = SILENT

    def decline(self, party: Party, reference_id: int, link: Link | None) -> bool:  # noqa: ARG002
        """Nobody rings any more."""
        return False

    # SessionHandler of both legs

    def on_ack(self, session: Session, message: _core.Message) -> None:
        """The caller, answered for now, is joined to who picked up; or that one has answered an offer."""
        if session is self.session:
            if self._joining is not None:
                self._joining.acknowledged(message)
        elif self._joining is None:
            if message.body:
                session.media.heard = message.body
            self._join(session)

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """One of them asks for something before there is anybody to ask."""
        answer_alone(session, event)

    def on_cancelled_request(self, session: Session, transaction: int) -> None:
        """Does not come: no re-INVITE is taken yet."""

    def _left(self, session: Session, reason: str) -> None:
        flow = self.flow
        party = flow.caller if session is flow.a else flow.callee
        by = ReleasedBy.CALLER if session is flow.a else ReleasedBy.CALLEE
        flow.end(Outcome.CANCELLED, 487, by, reason, first=party)

    def on_cancel(self, session: Session, message: _core.Message) -> None:
        """One of them gave up."""
        self._left(session, message.method)

    def on_bye(self, session: Session, message: _core.Message) -> None:
        """One of them hung up."""
        self._left(session, message.method)

    def on_no_ack(self, session: Session) -> None:
        """One of them never acknowledged."""
        self._left(session, "no ACK")

    def on_gone(self, session: Session, status: int) -> None:
        """One of them is gone."""
        self._left(session, f"far end gone ({status})")
