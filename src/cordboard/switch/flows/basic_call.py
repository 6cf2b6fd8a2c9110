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

from functools import partial
from typing import TYPE_CHECKING, Final

from cordboard.model.call import Call
from cordboard.model.enums import CallType, DNRole
from cordboard.model.party import Move, advance
from cordboard.sip.media import dead_answer
from cordboard.sip.session import Session
from cordboard.sip.session_timer import MIN_SE, too_short
from cordboard.switch.bridge import ALLOW
from cordboard.switch.callflow import CallFlow
from cordboard.switch.delivery import Delivery, Offer, refusal_of
from cordboard.switch.features import alerting, caller_id
from cordboard.switch.features.diversion import Trail
from cordboard.switch.features.sdp_origin import Origin
from cordboard.switch.flows import anchoring, consult, replaces, tones
from cordboard.switch.flows.early import PASSED, Early, Told
from cordboard.switch.flows.early_media import EarlyMedia
from cordboard.switch.flows.make_call_rfc3725 import black_hole
from cordboard.switch.flows.reconnect import Reconnect
from cordboard.switch.headers import end_to_end, one_hop_less
from cordboard.switch.numbers import number_of
from cordboard.switch.records import Outcome, ReleasedBy
from cordboard.switch.routing import Outside, is_sips

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.switch.features.caller_id import Identity
    from cordboard.switch.legs import Called, Failure
    from cordboard.switch.routing import Extension
    from cordboard.switch.server import SipServer


# Of every call, by names of their own: see :mod:`cordboard.sip.session`.
_INTERNAL, _ORIGINATION, _DIAL = CallType.INTERNAL, DNRole.ORIGINATION, Move.DIAL

PLAIN: Final = Told(b"", "application/sdp", reliable=False)
"""What the caller is told of a provisional response that says no more than its status."""


class BasicCall(CallFlow):
    """A call from a phone, from its INVITE to its end."""

    __slots__ = ("_early", "_early_media", "_offer", "_reliable", "_told", "_treated")

    def __init__(self, server: SipServer, call: Call) -> None:
        super().__init__(server, call)
        self._reliable = False
        """Whether the caller takes reliable provisional responses (RFC 3262)."""
        self._offer = b""
        """What the caller's phone offered; empty if it leaves that to the callee."""
        self._early: Early | None = None
        """What passes between the caller and one who rings, besides that he rings."""
        self._early_media: EarlyMedia | None = None
        """The same, for a caller who has been answered by a treatment."""
        self._treated = False
        """Whether a treatment has answered the caller."""
        self._told = 0
        """The last provisional status the caller was told."""

    @property
    def asks_for_offer(self) -> bool:  # type: ignore[override]
        """See CallFlow. One that has come before the answer, and had its own, is asked for no more."""
        return self._treated or (not self._offer and not (self._early is not None and self._early.agreed))

    def start(
        self, event: _core.RequestEvent, caller: Extension, identity: Identity, place: Extension | Outside | None
    ) -> None:
        """Delivers the call to a place."""
        server = self.server
        call = self.call
        message, dialog = event.message, event.dialog
        assert dialog is not None  # noqa: S101 - the core gives every INVITE one
        source = event.source
        settings, stranger = caller.settings, caller.is_trunk
        self.caller_call_id = call_id = message.call_id
        server.note_leg(call, call_id)
        self.a = a = Session(server.dispatcher, dialog, self, event.transaction, source, call_id)
        if settings.session_refresh_interval > 0 or message.header("Session-Expires") is not None:
            a.takes_timer(event, int(settings.session_refresh_interval))
        self.caller = party = call.add(call.ani, _ORIGINATION, None if stranger else caller.dn)
        if stranger or identity.private:
            self.meet(party, caller, identity)
        advance(party, _DIAL, server.reporter)
        body, kind = message.content
        self._offer = a.media.heard = body
        ours = not stranger or settings.trusted
        headers = end_to_end(message, alerting.OF_CALLER) if ours else alerting.harmless(end_to_end(message))
        added = [("Max-Forwards", one_hop_less(message.header("Max-Forwards")))]
        if message.supports("100rel"):
            self._reliable = True
            added.append(("Supported", "100rel"))
        trail = None
        if ours and (message.header("Diversion") is not None or message.header("History-Info") is not None):
            trail = Trail(server.settings.domain, message)
        secure = is_sips(message.uri)
        offer = Offer(caller, identity, headers, body, kind, None, secure, event.gruu, source, message, added)
        self.branches = delivery = Delivery(server, self, offer, trail)
        delivery.start_to(place)

    # Waiting at a Routing Point

    def queued(self) -> None:
        """See CallFlow: the caller hears that it rings."""
        self._progress(180)

    def offers_no_more(self) -> bool:
        """See CallFlow: a treatment has answered the caller."""
        if self.a is not None and not self.a.early:
            self._treated = True
        return self.asks_for_offer

    def _progress(self, status: int) -> None:
        a = self.a
        if a is not None and a.early and status != self._told:
            self._told = status
            a.progress(status)

    # BranchesHandler

    def on_branch_progress(self, branches: Called, event: _core.ResponseEvent) -> None:
        """The callee rings, or sends early media."""
        a = self.a
        if a is None:
            return
        if not a.early:
            if a.over:
                return
            if self._early_media is None:
                self._early_media = EarlyMedia(
                    self, offered=not self.asks_for_offer, otherwise=partial(tones.ring_back, self)
                )
            if not self._early_media.take(event, a, self):
                tones.ring_back(self)
            return
        status, message = event.status, event.message
        told = PLAIN
        if message.body or message.header("RSeq") is not None:
            if branches.apart:
                if self._hears(a, branches, event):
                    return
            else:
                told = self._joined_early(a).judge(event)
        if told.body or told.reliable or status != self._told:
            self._told = status
            headers = [*end_to_end(message), *branches.identity]
            a.progress(status, headers, told.body, told.kind, reliable=told.reliable)

    def _hears(self, a: Session, branches: Called, event: _core.ResponseEvent) -> bool:
        """Whether the caller will be told where a media service lets him hear who rings."""
        if event.message.body == b"" or (self._early is not None and self._early.first is not None):
            return False
        return self.overture().hear(a, partial(self._hear, a, branches, event))

    def _hear(self, a: Session, branches: Called, event: _core.ResponseEvent, body: bytes) -> None:
        """The caller is told where he hears who rings, by a media service; or only that he rings."""
        if a.early:
            self._told = event.status
            headers = [*end_to_end(event.message), *branches.identity]
            a.progress(event.status, headers, body, reliable=self._reliable and body != b"")
            if body and event.dialog is not None:
                self._joined_early(a).hears_elsewhere(event.dialog)

    def _joined_early(self, a: Session) -> Early:
        if self._early is None:
            self._early = Early(self.server.dispatcher, a, offerless=not self._offer, reliable=self._reliable)
        return self._early

    def on_branch_answer(self, branches: Called, session: Session, event: _core.ResponseEvent) -> None:
        """The callee answered."""
        a = self.a
        self.b = session
        self.callee_call_id = branches.call_id
        self.branches = None
        message = event.message
        if a is None or not a.early:
            if a is None or a.over:
                session.hang_up()
            else:
                self._connect(a, session, message.body)
            return
        body, kind = message.content
        headers = [*end_to_end(message), *branches.identity]
        if branches.apart:
            anchoring.of(self).note(session, message)
            self._bridge(a, session, body, branches.apart, headers)
            return
        early = self._early
        agreed = early is not None and early.agreed
        same = early is None or early.first in (None, session.dialog)
        # What was agreed before the answer is not said again; another's media come by a re-INVITE.
        told = body
        if early is not None and agreed and (not self._offer or not same):
            told = early.again
        a.answer(headers, told, kind)
        if agreed and same:
            session.media.said, session.media.heard = a.media.heard, a.media.said
        elif not agreed:
            a.media.said = body
            a.media.heard = self._offer
        if not (agreed and same):
            session.media.heard, session.media.said = body, self._offer
        bridge = self.join(a, session, self.audit_interval())
        self._close_early()
        offered = body if not self._offer and not same else b""
        if not self._offer and not agreed:
            bridge.expect_answer(a)
        elif not offered:
            session.ack()
        if early is not None and early.elsewhere and self.anchoring is not None:
            self.anchoring.hush()
        if not same:
            bridge.engage(Reconnect(self, session, a, bridge.disengage)).start(offered)
        self.establish()

    def _bridge(self, a: Session, b: Session, offer: bytes, apart: frozenset[str], headers: _core.Headers) -> None:
        """Joins a caller to one who was called without his offer, because their phones cannot talk directly."""
        overture = self.overture()
        if overture.answers(b):
            self._close_early()
            self.establish()
            overture.answered(a, b, offer, apart, headers)
            return
        b.media.heard = offer
        if not offer:
            self.end(Outcome.FAILED, 488, ReleasedBy.SERVER, "no offer from the callee")
            return
        if self._early is not None and self._early.agreed:
            # He has had his answer, from another one.
            a.answer(headers, self._early.again)
        self._close_early()
        self.establish()
        self.anchor(apart, headers)

    def _connect(self, a: Session, b: Session, offer: bytes) -> None:
        """Joins a caller who was answered before: his phone is made the callee's offer."""
        self.establish()
        if self._early is not None:
            self._early.close()
        self.rearrange(None)
        joined = self._early_media is not None and self._early_media.joined_with(b)
        bridge = self.join(a, b, self.audit_interval())
        if offer and not joined:
            b.media.heard = offer
            bridge.engage(Reconnect(self, b, a, bridge.disengage)).start(offer)
            return
        b.ack()
        if not joined:
            bridge.engage(Reconnect(self, a, b, bridge.disengage)).start()

    def _close_early(self) -> None:
        if self._early is not None:
            self._early.close()
        if self._early_media is not None:
            self._early_media.close()

    @property
    def early_dialog(self) -> int:
        """See CallFlow."""
        early = self._early
        return early.chosen or 0 if early is not None and early.agreed else 0

    def part(self) -> None:
        """See CallFlow."""
        self._close_early()
        super().part()

    def let_go(self) -> None:
        """See CallFlow."""
        self._close_early()
        super().let_go()

    def on_branch_failure(self, branches: Called, failure: Failure) -> None:
        """Nobody will answer: the caller learns why."""
        self.callee_call_id = branches.call_id
        self.branches = None
        refusal = refusal_of(failure)
        if self.caller is not None:
            advance(self.caller, Move.FAIL, self.server.reporter, refusal.state)
        if self.a is not None and not self.a.early:
            tones.refuse(self, refusal)
            return
        self.end(refusal.outcome, refusal.status, refusal.by, refusal.reason, headers=refusal.headers)

    def answer_nowhere(self) -> None:
        """See CallFlow."""
        a = self.a
        if a is None:
            return
        if self._early is not None and self._early.agreed:
            a.answer(body=self._early.again)
            if self.anchoring is not None:
                self.anchoring.hush()
            return
        nowhere = Origin(a.dialog, ipv6=False)
        body = dead_answer(self._offer, a.dialog) if self._offer else black_hole(nowhere, ipv6=False)
        a.media.heard, a.media.said = self._offer, body
        a.answer(body=body)

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
        elif method in PASSED:
            self._joined_early(session).from_caller(event)
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
    if message.header("Session-Expires") is not None and too_short(message):
        server.refuse(event.transaction, 422, (("Min-SE", str(MIN_SE)),))
        return
    if message.header("Replaces") is not None:
        # Never to ring somebody instead (RFC 3891 section 3).
        replaces.start(server, event, caller, _identity(server, message, caller))
        return
    gruu = event.gruu
    number = gruu[0] if gruu is not None else number_of(message.uri)
    if not number:
        server.refuse(event.transaction, 404)
        return
    stranger = caller.is_trunk
    trunk = server.trunks.get(caller.settings.number) if stranger else None
    if caller.full or (trunk is not None and trunk.full):
        server.refuse(event.transaction, 486)
        return
    identity = _identity(server, message, caller)
    place = server.extensions.get(number) or server.find(number, outward=not stranger)
    call_type = _INTERNAL
    if stranger:
        call_type = CallType.INBOUND
    elif isinstance(place, Outside):
        call_type = CallType.OUTBOUND
    call = Call(server.ids.next(), call_type, identity.number, number, server.reporter.now())
    if not stranger and caller.dn.parties:
        consult.recognise(call, caller.dn)
    flow = BasicCall(server, call)
    if trunk is not None:
        flow.occupy(trunk)
    server.begin(flow, flow.start, event, caller, identity, place)


def _identity(server: SipServer, message: _core.Message, caller: Extension) -> Identity:
    """Who calls."""
    if caller.is_trunk:
        return caller_id.of_stranger(message, server.settings.domain, trusted=caller.settings.trusted)
    return caller.who.withheld() if caller_id.wants_privacy(message) else caller.who
