"""A leg with nobody at its other end for now: on hold, or between two media services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.switch.flows.leaving import answer_alone

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow


class Alone:
    """Handler of such a leg: what its party does is its call's matter, and there is nobody to pass a request on to."""

    __slots__ = ("flow", "leg")

    def __init__(self, flow: CallFlow, leg: Session) -> None:
        self.flow = flow
        self.leg = leg

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.flow.call.conn_id}>"

    def on_hang_up(self, session: Session, message: _core.Message) -> None:
        """The party hung up."""
        self.flow.on_hang_up(session, message)

    def on_lost(self, session: Session, reason: str) -> None:
        """The party's phone is gone."""
        self.flow.on_lost(session, reason)

    def on_refer(self, session: Session, event: _core.RequestEvent) -> None:
        """The party asks for a transfer."""
        self.flow.on_refer(session, event)

    def takes_offer(self, session: Session, event: _core.RequestEvent) -> bool:
        """Whether the call has its own way with an offer of the party's phone."""
        return self.flow.takes_offer(session, event)

    # SessionHandler

    def on_bye(self, session: Session, message: _core.Message) -> None:
        """The far end hung up."""
        self.on_hang_up(session, message)

    def on_cancel(self, session: Session, message: _core.Message) -> None:
        """A CANCEL that won against our 2xx."""
        self.on_hang_up(session, message)

    def on_gone(self, session: Session, status: int) -> None:
        """The far end has lost the dialog."""
        self.on_lost(session, f"far end gone ({status})")

    def on_no_ack(self, session: Session) -> None:
        """The far end never acknowledged."""
        self.on_lost(session, "no ACK")

    def on_ack(self, session: Session, message: _core.Message) -> None:
        """Of something answered here."""

    def on_cancelled_request(self, session: Session, transaction: int) -> None:
        """It took back what it asked for."""

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """It asks for something."""
        method = event.message.method
        if method == "REFER":
            self.on_refer(session, event)
        elif method == "INVITE" or (method == "UPDATE" and event.message.body):
            if not self.takes_offer(session, event):
                session.respond(event.transaction, 491)
        else:
            answer_alone(session, event)
