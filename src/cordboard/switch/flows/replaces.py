"""INVITE with Replaces (RFC 3891): somebody takes the place of one party of a call that is up.

    N                        switch            P (replaced)         O (stays)
    | INVITE, Replaces: P ---> |                  |                    |
    |                          | re-INVITE (offer N) ----------------> |
    |                          | <---------------------- 200 (answer)  |
    | <--------- 200 (answer) -|                  |                    |    P: EventReleased, O: EventPartyChanged
    | ACK -------------------> | BYE -----------> |                    |    N: EventRinging, EventEstablished

Until O has taken N's offer, and N has acknowledged, nothing has happened: whatever goes wrong, O and P are joined
again. An INVITE without an offer makes O offer. One that names a leg that still rings is a pickup:
:mod:`cordboard.switch.flows.pickup`.

Who may: whoever is that party, from another phone of the same DN or by the same trunk, and who says in Referred-By that
the party sent him (RFC 3892) and is a DN of this switch or a trusted trunk. Others get 403, and who names

- no dialog of ours, or one that is not a party's leg: 481
- one that has ended: 603
- with ``early-only`` one that was answered: 486
- a call whose media is changing, by a transfer or otherwise: 491
- a leg of a conference: 488
- a call he is in already: 403
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.model.enums import CallState
from cordboard.model.party import Move, Party, advance
from cordboard.sip.handler import SILENT
from cordboard.sip.outgoing import Outgoing
from cordboard.sip.session import Session, State
from cordboard.switch import barrier
from cordboard.switch.delivery import Delivery
from cordboard.switch.flows import pickup
from cordboard.switch.flows.leaving import Leaving, answer_alone
from cordboard.switch.flows.reconnect import Reconnect, restore
from cordboard.switch.numbers import number_of

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.features.caller_id import Identity
    from cordboard.switch.routing import Extension
    from cordboard.switch.server import SipServer
    from cordboard.switch.settings import DnSettings


class ReplacesError(Exception):
    """An INVITE with Replaces that is refused."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        """The answer."""
        self.reason = reason
        """Why, for people."""
        super().__init__(f"{status} {reason}")


class Newcomer:
    """Who asks to take a place."""

    __slots__ = ("event", "extension", "identity")

    def __init__(self, event: _core.RequestEvent, extension: Extension, identity: Identity) -> None:
        self.event = event
        """His INVITE."""
        self.extension = extension
        """His DN, or the trunk he comes by."""
        self.identity = identity

    def may_replace(self, flow: CallFlow, party: Party) -> bool:
        """Whether he may take that party's place."""
        extension = self.extension
        if flow.extension_of(party) is extension:
            return True
        if extension.is_trunk and not extension.settings.trusted:
            return False
        by = self.event.message.address("Referred-By")
        return by is not None and number_of(by[1]) == party.number

    def shown_to(self, settings: DnSettings) -> _core.Headers:
        """What tells somebody of those settings who he is."""
        return self.identity.shown_to(settings)[1]

    def enter(self, flow: CallFlow, instead_of: Party, arrived: CallState) -> Party:
        """Makes him a party of the call."""
        trunk = self.extension.is_trunk
        party = flow.call.add(self.identity.number, instead_of.role, None if trunk else self.extension.dn)
        party.arrived = arrived
        if trunk or self.identity.private:
            flow.meet(party, self.extension, self.identity)
        if (way := flow.server.trunks.get(self.extension.dn.number)) is not None:
            flow.occupy(way)
        return party

    def session(self, flow: CallFlow) -> Session | None:
        """His leg; None if its session timer was refused, which has been answered then."""
        event = self.event
        assert event.dialog is not None  # noqa: S101 - the core gives every INVITE one
        call_id = event.message.call_id
        flow.server.note_leg(flow.call, call_id)
        session = Session(
            flow.server.dispatcher,
            event.dialog,
            SILENT,
            transaction=event.transaction,
            source=event.source,
            call_id=call_id,
        )
        if session.refuses_timer(event, int(self.extension.settings.session_refresh_interval)):
            session.abandon()
            return None
        return session


def start(server: SipServer, event: _core.RequestEvent, caller: Extension, identity: Identity) -> None:
    """Takes an INVITE with Replaces: refuses it, or begins to put the caller in that place."""
    newcomer = Newcomer(event, caller, identity)
    try:
        owner, flow = _named(server, event)
        if isinstance(owner, Outgoing):
            pickup.start(flow, newcomer, _ringing(flow, owner, newcomer))
        elif isinstance(owner, Session):
            leg = _up(flow, owner, newcomer)
            if (session := newcomer.session(flow)) is not None:
                Replacement(flow, leg, newcomer, session).start()
    except ReplacesError as error:
        server.refuse(event.transaction, error.status, (("Warning", f'399 cordboard "{error.reason}"'),))


def _named(server: SipServer, event: _core.RequestEvent) -> tuple[object, CallFlow]:
    """Whose dialog it names, and of which call. Raises ReplacesError."""
    message = event.message
    if len(message.headers("Replaces")) != 1 or message.header("Join") is not None:
        raise ReplacesError(400, "not one Replaces, or Join besides")
    if event.replaces is None:
        raise ReplacesError(481, "no such dialog")
    owner = server.dispatcher.dialogs.get(event.replaces)
    if owner is None or (isinstance(owner, Session) and owner.over):
        raise ReplacesError(603, "the dialog has ended")
    if isinstance(owner, Session) and owner.early:
        raise ReplacesError(481, "not answered by us yet")
    flow = barrier.flow_of(owner)
    if flow is None or flow.over:
        raise ReplacesError(603, "the call has ended")
    return owner, flow


def _allowed(flow: CallFlow, party: Party, newcomer: Newcomer) -> None:
    extension = newcomer.extension
    if not newcomer.may_replace(flow, party):
        raise ReplacesError(403, "somebody else's call")
    others = (other for other in flow.call.parties if other is not party and other.off_hook)
    if not extension.is_trunk and any(other.dn is extension.dn for other in others):
        raise ReplacesError(403, "would join a number to itself")
    trunk = flow.server.trunks.get(extension.dn.number)
    if flow.extension_of(party) is not extension and (extension.full or (trunk is not None and trunk.full)):
        raise ReplacesError(486, "too many calls")
    if flow.transfer is not None:
        raise ReplacesError(491, "a change of this call is under way")


def _ringing(flow: CallFlow, outgoing: Outgoing, newcomer: Newcomer) -> Party:
    party = flow.branches.party_of(outgoing) if isinstance(flow.branches, Delivery) else None
    if party is None:
        raise ReplacesError(481, "not a leg of a callee")
    _allowed(flow, party, newcomer)
    return party


def _up(flow: CallFlow, leg: Session, newcomer: Newcomer) -> Session:
    party = flow.party_of(leg)
    if party is None:
        raise ReplacesError(481, "not a party's leg")
    words = (newcomer.event.message.header("Replaces") or "").split(";")
    if any(word.strip().lower() == "early-only" for word in words):
        raise ReplacesError(486, "answered already")
    _allowed(flow, party, newcomer)
    if leg not in (flow.a, flow.b):
        raise ReplacesError(488, "a leg of a conference")
    if not flow.settled or flow.session_opposite(leg) is None:
        raise ReplacesError(491, "a change of this call is under way")
    return leg


class Replacement:
    """It, from the INVITE until it is done or undone. Handler of the newcomer's leg; a change of the call's media."""

    __slots__ = ("_agreed", "_done", "_joining", "_newcomer", "_offer", "_other", "flow", "leg", "session")

    def __init__(self, flow: CallFlow, leg: Session, newcomer: Newcomer, session: Session) -> None:
        """``leg``: that of who is replaced. ``session``: the newcomer's."""
        self.flow = flow
        self.leg = leg
        self.session = session
        self._newcomer = newcomer
        other, stays = flow.session_opposite(leg), flow.party_opposite(leg)
        assert other is not None  # noqa: S101 - a settled call has both
        assert stays is not None  # noqa: S101
        self._other = other
        self._offer = newcomer.event.message.body
        source, sink = (session, other) if self._offer else (other, session)
        self._joining = Reconnect(flow, source, sink, self._joined)
        self._joining.answer_headers = flow.told(newcomer.extension, stays)
        viewer = flow.extension_of(stays)
        told = newcomer.shown_to(viewer.settings) if viewer is not None else ()
        self._joining.shown = lambda _: told
        self._agreed = False
        """Whether who stays has taken the newcomer, whose ACK is still to come."""
        self._done = False
        session.handler = self

    def start(self) -> None:
        """Makes the other party the newcomer's offer, or asks it for one."""
        place = self.flow.bridge or self.flow.arrangement
        assert place is not None  # noqa: S101 - a settled call has one
        place.engage(self)
        self._joining.start(self._offer)

    def _joined(self) -> None:
        if self._done:
            return
        if not self._joining.joined:
            self._undo(488, mend=self._other in self._joining.changed)
        elif self.session.state is State.ANSWERED:
            self._agreed = True
        else:
            self._enter()

    def _enter(self) -> None:
        self._done = True
        flow, leg, reporter = self.flow, self.leg, self.flow.server.reporter
        replaced, stays = flow.party_of(leg), flow.party_opposite(leg)
        assert replaced is not None  # noqa: S101 - both are there until somebody leaves
        assert stays is not None  # noqa: S101
        flow.part()
        party = self._newcomer.enter(flow, replaced, CallState.TRANSFERRED)
        flow.free_trunk_of(replaced)
        party.peer, stays.peer = stays, party
        if leg is flow.a:
            flow.caller, flow.a = party, self.session
        else:
            flow.callee, flow.b = party, self.session
        if replaced.alive:
            advance(replaced, Move.RELEASE, reporter, CallState.TRANSFERRED, third=party)
        flow.ring(party)
        advance(party, Move.ANSWER, reporter)
        reporter.party_changed(stays, flow.call.conn_id, replaced)
        if flow.a is not None and flow.b is not None:
            flow.join(flow.a, flow.b, flow.audit_interval())
        Leaving(leg, [leg]).end()

    def _undo(self, status: int, *, mend: bool) -> None:
        """Nobody takes anybody's place. ``mend``: whether who stays may have turned to the newcomer already."""
        self.stop(status)
        flow, leg, other = self.flow, self.leg, self._other
        if mend:
            restore(flow, leg, other)
        elif (place := flow.bridge or flow.arrangement) is not None:
            place.disengage()

    def stop(self, status: int = 603) -> None:
        """The call ends, or nobody takes anybody's place in it; ``status`` is for the newcomer."""
        if self._done:
            return
        self._done = True
        self._joining.stop()
        self.session.end(status)
        self.session.handler = SILENT

    # SessionHandler of the newcomer's leg

    def on_ack(self, session: Session, message: _core.Message) -> None:  # noqa: ARG002
        """The newcomer acknowledged; what it answers is for who stays."""
        self._joining.acknowledged(message)
        if self._agreed and not self._done:
            self._enter()

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """The newcomer asks for something before there is anybody to ask."""
        answer_alone(session, event)

    def on_cancelled_request(self, session: Session, transaction: int) -> None:
        """Does not come: no re-INVITE is taken yet."""

    def on_cancel(self, session: Session, message: _core.Message) -> None:  # noqa: ARG002
        """The newcomer gave up."""
        self._gave_up()

    def on_bye(self, session: Session, message: _core.Message) -> None:  # noqa: ARG002
        """The newcomer hung up."""
        self._gave_up()

    def on_no_ack(self, session: Session) -> None:  # noqa: ARG002
        """The newcomer never acknowledged."""
        self._gave_up()

    def on_gone(self, session: Session, status: int) -> None:  # noqa: ARG002
        """The newcomer is gone."""
        self._gave_up()

    def _gave_up(self) -> None:
        if not self._done:
            self._undo(487, mend=True)
