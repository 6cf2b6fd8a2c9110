"""A call from a phone to a number (first-party call control).

    A                     switch                     B (each contact)
    | INVITE (offer) ------> | 100 by the core            |        A: EventOffHook, EventDialing
    |                        | INVITE (same offer) -----> |
    | <------------ 180, 183 | <---------------- 180, 183 |        B: EventRinging, at the first 180 or 183
    | <------ 200 (answer B) | <------------------- 200   |        B: EventOffHook, EventEstablished
    |                        | ACK ---------------------> |        A: EventEstablished
    | ACK -----------------> |                            |
    | <------------ RTP, directly from phone to phone --> |

An INVITE without an offer passes without one: B's offer comes in its 200, A's answer in its ACK. What B refuses before
it rang gives no event on B. When nobody answers, A: EventDestinationBusy, EventReleased; B, if it rang: EventReleased.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.model.call import Call
from cordboard.model.enums import CallState, CallType, DNRole
from cordboard.model.party import Move, advance
from cordboard.sip.session import Session
from cordboard.switch.bridge import ALLOW
from cordboard.switch.callflow import CallFlow, outcome_of
from cordboard.switch.features.caller_id import name_addr, user_part
from cordboard.switch.flows import consult
from cordboard.switch.headers import body_of, end_to_end
from cordboard.switch.legs import Branches
from cordboard.switch.records import Outcome, ReleasedBy
from cordboard.switch.routing import SIPS_NOT_ALLOWED, is_sips, number_of

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.switch.legs import Failure
    from cordboard.switch.routing import Extension
    from cordboard.switch.server import SipServer

_OURS: Final = frozenset({"no answer", "out of service", "max-calls", "no TLS to the callee"})
"""Reasons of a refusal that are the server's own, not the callee's."""
RINGING: Final = frozenset({180, 183})
"""Provisional responses that mean the phone is being offered the call."""


class BasicCall(CallFlow):
    """A call from a phone, from its INVITE to its end."""

    __slots__ = ("_early", "_identity", "_offer", "_offerless", "_told", "asks_for_offer")

    def __init__(self, server: SipServer, call: Call) -> None:
        super().__init__(server, call)
        self._offerless = self.asks_for_offer = False
        self._offer = b""
        """What the caller's phone offered."""
        self._early: int | None = None
        """The fork whose early media the caller hears."""
        self._told = 0
        """The last provisional status the caller was told."""
        self._identity: _core.Headers = ()

    def start(self, event: _core.RequestEvent, caller: Extension, number: str) -> None:
        """Routes the call."""
        server = self.server
        call = self.call
        message = event.message
        assert event.dialog is not None  # noqa: S101 - the core gives every INVITE one
        self.a = Session(server.dispatcher, event.dialog, self, transaction=event.transaction)
        self.caller_call_id = message.call_id
        self.caller = call.add(call.ani, DNRole.ORIGINATION, None if caller.is_trunk else caller.dn)
        advance(self.caller, Move.DIAL, server.reporter)
        callee = server.extensions.get(number)
        if callee is None:
            self.refuse(Outcome.UNKNOWN_NUMBER, 404, CallState.SIT_INVALID_NUMBER, "unknown number")
            return
        targets = server.targets(callee)
        if not targets:
            self.refuse(Outcome.UNREACHABLE, 480, CallState.GENERAL_ERROR, "out of service")
            return
        if is_sips(message.uri):
            targets = [target for target in targets if target.secure]
            if not targets:
                self.refuse(Outcome.UNREACHABLE, 480, CallState.GENERAL_ERROR, "no TLS to the callee", SIPS_NOT_ALLOWED)
                return
        if callee.full or callee is caller:
            self.refuse(Outcome.BUSY, 486, CallState.BUSY, "max-calls" if callee is not caller else "called itself")
            return
        self.callee = call.add(number, DNRole.DESTINATION, None if callee.is_trunk else callee.dn)
        self._identity = callee.identity
        body, kind = body_of(message)
        self._offerless = self.asks_for_offer = not body
        self._offer = body
        headers = end_to_end(message)
        headers.append(("Max-Forwards", _one_less(message.header("Max-Forwards"))))
        if caller.is_trunk:
            from_ = _stranger(message, call.ani, server.settings.domain)
        else:
            from_ = caller.address
            headers.extend(caller.identity)
        self.branches = Branches(server.clock, self)
        self.branches.start(
            server.dispatcher,
            self,
            callee.settings,
            targets,
            from_=from_,
            to=callee.target_uri,
            contact_user=user_part(call.ani),
            headers=headers,
            body=body,
            content_type=kind,
        )

    def refuse(self, outcome: str, status: int, state: CallState, reason: str, headers: _core.Headers = ()) -> None:
        """Ends a call that cannot be completed: the caller learns why."""
        reporter = self.server.reporter
        if self.callee is not None and self.callee.alive:
            advance(self.callee, Move.RELEASE, reporter, state)
        if self.caller is not None:
            advance(self.caller, Move.FAIL, reporter, state)
        by = ReleasedBy.SERVER if reason in _OURS else ReleasedBy.CALLEE
        self.end(outcome, status, by, reason, headers=headers)

    # BranchesHandler

    def on_branch_progress(self, branches: Branches, event: _core.ResponseEvent) -> None:  # noqa: ARG002
        """The callee rings, or sends early media."""
        status = event.status
        if status in RINGING:
            self.ring()
        a = self.a
        if a is None or a.over:
            return
        body, kind = body_of(event.message)
        if body and not self._offerless:
            # One dialog to the caller, so one early media stream (RFC 3261 13.2.1): that of the fork that came first.
            if self._early is None:
                self._early = event.dialog
            elif self._early != event.dialog:
                body = b""
        if body or status != self._told:
            self._told = status
            a.progress(status, [*end_to_end(event.message), *self._identity], body, kind)

    def on_branch_answer(self, branches: Branches, session: Session, event: _core.ResponseEvent) -> None:
        """The callee answered."""
        a = self.a
        self.b = session
        self.callee_call_id = branches.call_id
        self.branches = None
        if a is None or a.over:
            session.hang_up()
            return
        body, kind = body_of(event.message)
        a.answer([*end_to_end(event.message), *self._identity], body, kind)
        bridge = self.join(a, session, self.audit_interval())
        a.media.said = session.media.heard = body
        if self._offerless:
            bridge.expect_answer(a)
        else:
            session.ack()
            a.media.heard = session.media.said = self._offer
        self.establish()

    def on_branch_failure(self, branches: Branches, failure: Failure) -> None:
        """The callee will not answer."""
        self.callee_call_id = branches.call_id
        self.branches = None
        outcome, status, state = outcome_of(failure)
        self.refuse(outcome, status, state, failure.reason)

    # SessionHandler, while only the caller's leg is there

    def on_cancel(self, session: Session, message: _core.Message) -> None:  # noqa: ARG002
        """The caller gave up."""
        if self.transfer is not None and self.transfer.consulting_left():
            return
        self.give_up("CANCEL", message)

    def on_bye(self, session: Session, message: _core.Message) -> None:  # noqa: ARG002
        """The caller hung up in the early dialog."""
        if self.transfer is not None and self.transfer.consulting_left():
            return
        self.give_up("BYE", message)

    def give_up(self, reason: str, message: _core.Message) -> None:
        """The caller gave up before there was an answer."""
        why = message.header("Reason")
        headers = (("Reason", why),) if why else ()
        self.end(Outcome.CANCELLED, 487, ReleasedBy.CALLER, reason, first=self.caller, headers=headers)

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """The caller asks for something before there is anybody to ask."""
        method = event.message.method
        if method == "OPTIONS":
            session.respond(event.transaction, 200, headers=ALLOW)
        elif method == "UPDATE":
            session.respond(event.transaction, 491)
        else:
            session.respond(event.transaction, 405, headers=ALLOW)

    def on_ack(self, session: Session, message: _core.Message) -> None:
        """Does not come before the answer, when the bridge is the handler."""

    def on_no_ack(self, session: Session) -> None:  # noqa: ARG002
        """As :meth:`on_ack`, but ends the call should it come."""
        self.end(Outcome.FAILED, 500, ReleasedBy.SERVER, "no ACK", first=self.caller)

    def on_cancelled_request(self, session: Session, transaction: int) -> None:
        """Does not come: no re-INVITE is taken before the answer."""

    def on_gone(self, session: Session, status: int) -> None:  # noqa: ARG002
        """The caller has lost the dialog."""
        self.end(Outcome.FAILED, 500, ReleasedBy.SERVER, f"far end gone ({status})", first=self.caller)


def start(server: SipServer, event: _core.RequestEvent) -> None:
    """Takes an INVITE from a phone: refuses it, or makes it a call."""
    message = event.message
    caller = server.extensions.get(event.dn or "")
    if caller is None:
        server.refuse(event.transaction, 403)
        return
    if server.draining or len(server.calls) >= server.settings.max_calls:
        server.refuse(event.transaction, 503, (("Retry-After", str(server.settings.retry_after)),))
        return
    number = number_of(message.uri)
    if not number:
        server.refuse(event.transaction, 404)
        return
    if caller.full:
        server.refuse(event.transaction, 486)
        return
    ani = caller.settings.number
    if caller.is_trunk:
        address = message.address("From")
        ani = (number_of(address[1]) if address is not None else "") or "anonymous"
    call = Call(
        server.ids.next(),
        call_type=CallType.INBOUND if caller.is_trunk else CallType.INTERNAL,
        ani=ani,
        dnis=number,
        created_at=server.reporter.now(),
    )
    if not caller.is_trunk:
        consult.recognise(call, caller.dn)
    flow = BasicCall(server, call)
    server.begin(flow)
    flow.start(event, caller, number)


def _one_less(value: str | None) -> str:
    """Max-Forwards of the next leg, so that a loop through us ends (RFC 3261 16.6 step 3)."""
    if value is None or not value.isdigit():
        return "70"
    return str(max(0, min(int(value), 255) - 1))


def _stranger(message: _core.Message, number: str, domain: str) -> str:
    """From of a call from outside: the caller's own name and number, at our address."""
    address = message.address("From")
    return name_addr(address[0] if address is not None else "", number, domain)
