"""MakeCall from a desktop, by flow 2: the switch calls both phones and joins them (third-party call control).

After RFC 3725 section 4.2 and 4.3: the caller's phone is called with a black hole for media, so that it may take its
time to be answered; then the callee is called, without an offer; its offer goes to the caller in a re-INVITE.

    A                     switch                     B
    | <-- INVITE (black hole) |                          |
    | 200 ------------------> |                          |        A: EventOffHook, EventDialing (ReferenceID)
    | <------------------ ACK |                          |
    |                         | INVITE (no offer) -----> |
    |                         | <------------------- 180 |        B: EventRinging
    |                         | <----------- 200 (offer) |        B: EventOffHook, EventEstablished
    | <- re-INVITE (offer B)  |                          |        A: EventEstablished
    | 200 (answer) ---------> |                          |
    | <------------------ ACK | ACK (answer A) --------> |

Phones that cannot talk directly (:mod:`cordboard.switch.features.media_path`) are anchored then, in place of the
re-INVITE.

A callee that makes its offer reliably before it answers is heard from then on
(:mod:`cordboard.switch.flows.early_media`). With a Media Server, and ``ring-tone-on-make-call``, A hears ringback from
B's 180 on, by a re-INVITE with the server's offer (:mod:`cordboard.switch.flows.waiting`), unless it hears B already.

When the caller's phone does not answer there never was a call: EventError to the requester. When the callee does not:
A has EventDestinationBusy, hears busy or fast busy for ``busy-tone-time``, and is let go. A glare on the re-INVITE is
tried again (RFC 3261 14.1: we made the Call-ID, so after 2.1 to 4 s).
"""

from __future__ import annotations

from base64 import b64encode
from functools import partial
from secrets import token_bytes
from typing import TYPE_CHECKING, Final, NamedTuple

from cordboard.model.call import Call
from cordboard.model.enums import CallType, DNRole
from cordboard.model.errors import Code, TLibError
from cordboard.model.party import Move, advance
from cordboard.sip.outgoing import Invite
from cordboard.switch.bridge import ALLOW
from cordboard.switch.callflow import CallFlow
from cordboard.switch.delivery import RINGING, Delivery, Offer, outcome_of, refusal_of
from cordboard.switch.features import media_path
from cordboard.switch.features.caller_id import Identity, name_addr, user_part
from cordboard.switch.features.sdp_origin import Origin
from cordboard.switch.flows import tones
from cordboard.switch.flows.early_media import SUPPORTED, EarlyMedia
from cordboard.switch.flows.reconnect import Reconnect
from cordboard.switch.legs import Branches
from cordboard.switch.records import Outcome, ReleasedBy
from cordboard.switch.routing import Outside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard import _core
    from cordboard.model.ports import Link
    from cordboard.model.requests import MakeCall
    from cordboard.sip.clock import Timer
    from cordboard.sip.session import Session
    from cordboard.switch.legs import Called, Failure
    from cordboard.switch.routing import Extension, Target
    from cordboard.switch.server import SipServer

GLARE_TRIES: Final = 3
"""How often a re-INVITE is tried again after 491."""

BUSY_WAIT: Final = 0.05
"""Seconds between two looks whether the caller's phone has done with the tone; its transaction limits how often."""


def black_hole(origin: Origin, *, ipv6: bool, srtp: bool = False) -> bytes:
    """An offer that brings no media anywhere: audio at the unspecified address (RFC 3264 8.4, RFC 3725 section 4).

    ``srtp``: for a phone that takes no other; its key is never used (RFC 4568 6.2: 30 bytes for this suite).
    """
    address = "IP6 ::" if ipv6 else "IP4 0.0.0.0"
    profile, key = "RTP/AVP", ""
    if srtp:
        profile = "RTP/SAVP"
        key = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{b64encode(token_bytes(30)).decode()}\r\n"
    return (
        f"v=0\r\no={origin.line}\r\ns=-\r\nc=IN {address}\r\nt=0 0\r\n"
        f"m=audio 9 {profile} 0 8 9 101\r\n{key}a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
        "a=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=inactive\r\n"
    ).encode()


class MakeCallFlow(CallFlow):
    """A call a desktop asked for, from its request to its end."""

    __slots__ = (
        "_early",
        "_heard",
        "_hole",
        "_link",
        "_origin",
        "_reference_id",
        "_retry",
        "_shown",
        "_told",
        "_tries",
    )

    requested = True
    asks_for_offer = True

    def __init__(self, server: SipServer, call: Call, link: Link, reference_id: int, shown: Identity) -> None:
        super().__init__(server, call)
        self._link = link
        self._reference_id = reference_id
        self._shown = shown
        """Whom the caller's phone shows."""
        self._origin: Branches | None = None
        """The caller while it is being called."""
        self._early = EarlyMedia(self, offered=True)
        """What comes before the answer of whoever is being called."""
        self._retry: Timer | None = None
        self._heard = b""
        """What the callee's phone offered."""
        self._told: Origin | None = None
        """The origin line of what the caller's phone is told."""
        self._hole = b""
        """The offer it was called with."""
        self._tries = 0

    def start(self, origin: Extension, targets: Sequence[Target]) -> None:
        """Calls the caller's phone."""
        call = self.call
        self.caller = call.add(call.ani, DNRole.ORIGINATION, origin.dn)
        ipv6 = ":" in targets[0].remote[0]
        self._told = Origin(call.call_id, ipv6=ipv6)
        self._hole = black_hole(self._told, ipv6=ipv6, srtp=origin.settings.srtp == "required")
        settings = origin.settings
        self._origin = branches = Branches(self.server.clock, self, settings)
        headers = [*self._shown.headers(settings.identity_headers), *origin.alerting, SUPPORTED]
        invite = Invite(
            self._shown.address,
            origin.target_uri,
            user_part(call.dnis),
            headers,
            self._hole,
            patience=settings.sip_invite_timeout,
        )
        branches.start(self.server.dispatcher, self, targets, invite)

    def _call_destination(self) -> None:
        server = self.server
        call = self.call
        caller = server.extensions.get(call.ani)
        who = caller.who if caller is not None else Identity(name_addr("", call.ani, server.settings.domain), call.ani)
        self._early = EarlyMedia(self, offered=False, otherwise=partial(tones.ring_back, self))
        self.branches = delivery = Delivery(server, self, Offer(caller, who, added=[SUPPORTED]))
        delivery.start(call.dnis)

    def wind_up(self) -> None:
        """See CallFlow."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._origin is not None:
            origin, self._origin = self._origin, None
            self.caller_call_id = origin.call_id
            origin.cancel()
            # The desktop is owed an answer, unless it is the one who gave up or has been told already.
            if self._reference_id:
                self._tell(Code.PHONE_NO_ANSWER, "given up")
        self._early.close()

    def _tell(self, code: int, detail: str) -> None:
        reference_id, self._reference_id = self._reference_id, 0
        call = self.call
        error = TLibError(code, detail)
        self.server.reporter.fail(error, reference_id, self._link, this_dn=call.ani, history=call.history)

    def queued(self) -> None:
        """See CallFlow."""
        tones.ring_back(self)

    # BranchesHandler

    def on_branch_progress(self, branches: Called, event: _core.ResponseEvent) -> None:
        """A phone rings."""
        heard = self._early.take(event, self.a, self)
        if branches is self.branches and event.status in RINGING:
            self.ring()
            if not heard:
                tones.ring_back(self)

    def on_branch_answer(self, branches: Called, session: Session, event: _core.ResponseEvent) -> None:
        """A phone answered."""
        if branches is self._origin:
            self._origin = None
            self.a = session
            self.caller_call_id = branches.call_id
            session.ack()
            heard = self._early.description(session, event.message.body)
            session.media.said, session.media.heard = self._hole, heard
            reference_id, self._reference_id = self._reference_id, 0
            assert self.caller is not None  # noqa: S101 - set by start
            advance(self.caller, Move.DIAL, self.server.reporter, reference_id=reference_id, link=self._link)
            self._call_destination()
            return
        self.branches = None
        self.b = session
        self.callee_call_id = branches.call_id
        self.establish()
        offer, kind = event.message.content
        self._heard = session.media.heard = self._early.description(session, offer)
        joined = self._early.joined_with(session)
        apart = self.apart(self.a, session) if self.a is not None and not joined else media_path.NOTHING
        if offer and apart & media_path.APART:
            self.anchor(apart)
        elif offer and not joined:
            self._offer(self._next(offer, kind), kind)
        elif self.a is not None:
            session.ack()
            self.rearrange(None)
            bridge = self.join(self.a, session, self.audit_interval())
            if not joined:
                bridge.engage(Reconnect(self, self.a, session, bridge.disengage)).start()

    @property
    def early_dialog(self) -> int:
        """See CallFlow."""
        return self._early.dialog

    def part(self) -> None:
        """See CallFlow."""
        self._early.close()
        super().part()

    def on_branch_failure(self, branches: Called, failure: Failure) -> None:
        """A phone will not answer."""
        if branches is not self._origin:
            self.callee_call_id = branches.call_id
            self.branches = None
            refusal = refusal_of(failure)
            if self.caller is not None and self.caller.can(Move.FAIL):
                advance(self.caller, Move.FAIL, self.server.reporter, refusal.state)
            tones.refuse(self, refusal)
            return
        self._origin = None
        self.caller_call_id = branches.call_id
        silent = failure.message is None
        detail = f"{failure.status} {failure.message.reason}" if failure.message is not None else ""
        self._tell(Code.PHONE_NO_ANSWER if silent else Code.PHONE_REFUSED, detail)
        outcome, status, _ = outcome_of(failure)
        self.end(outcome, status, ReleasedBy.SERVER if silent else ReleasedBy.CALLER, "caller's phone")

    # Joining

    def _next(self, offer: bytes, kind: str) -> bytes:
        """What the callee's phone offers, as the caller's is told."""
        a = self.a
        if a is None:
            return offer
        self.rearrange(None)
        a.handler = self
        if a.media.continued:
            # A tone came between: what the phone is told follows what it was told then.
            self._told = None
        return a.media.next(offer) if self._told is None else self._told.put(offer, kind)

    def _offer(self, offer: bytes, kind: str) -> None:
        self._retry = None
        a = self.a
        if a is None or self.over:
            return
        if a.busy:
            # The re-INVITE of a tone is still under way.
            self._retry = self.server.clock.call_later(BUSY_WAIT, partial(self._offer, offer, kind))
        else:
            a.request("INVITE", partial(self._answered, offer, kind), body=offer, content_type=kind)

    def _answered(self, offer: bytes, kind: str, status: int, event: _core.ResponseEvent | None) -> None:
        a, b = self.a, self.b
        if self.over or a is None or b is None:
            return
        if event is not None and 200 <= status < 300:
            body, content_type = event.message.content
            a.ack_again()
            b.ack(body, content_type)
            a.media.said, a.media.heard = offer, body
            b.media.said, b.media.heard = body, self._heard
            self.join(a, b, self.audit_interval()).origin = self._told
        elif status == 491 and self._tries < GLARE_TRIES:
            self._tries += 1
            delay = 2.1 + 1.9 * self.server.random()
            self._retry = self.server.clock.call_later(delay, partial(self._offer, offer, kind))
        elif status not in (408, 481, 503):
            # After those three the session is gone, which on_gone tells.
            self.end(Outcome.FAILED, 488, ReleasedBy.SERVER, f"caller's phone refused the media ({status})")

    # SessionHandler, until the legs are joined

    def on_bye(self, session: Session, message: _core.Message) -> None:
        """A phone hung up."""
        self.on_hang_up(session, message)

    def on_gone(self, session: Session, status: int) -> None:
        """A phone is gone."""
        self.on_lost(session, f"far end gone ({status})")

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """A phone asks for something before there is anybody to ask."""
        method = event.message.method
        if method == "OPTIONS":
            session.respond(event.transaction, 200, headers=ALLOW)
        elif method in ("INVITE", "UPDATE"):
            session.respond(event.transaction, 491)
        else:
            session.respond(event.transaction, 405, headers=ALLOW)

    def on_cancel(self, session: Session, message: _core.Message) -> None:
        """Does not come: both legs are ours."""

    def on_ack(self, session: Session, message: _core.Message) -> None:
        """Does not come: both legs are ours, and re-INVITEs are refused until they are joined."""

    def on_no_ack(self, session: Session) -> None:
        """Does not come, as :meth:`on_ack`."""

    def on_cancelled_request(self, session: Session, transaction: int) -> None:
        """Does not come, as :meth:`on_ack`."""


class Wanted(NamedTuple):
    """A call that can be placed."""

    origin: Extension
    targets: Sequence[Target]
    """The caller's phones."""
    shown: Identity
    """Whom they show."""
    call_type: CallType


def check(server: SipServer, this_dn: str, number: str, location: str | None = None) -> Wanted:
    """Whether a desktop may have a number called. Raises TLibError."""
    origin = server.extensions.get(this_dn)
    if origin is None:
        raise TLibError(Code.DN_NOT_CONFIGURED, this_dn)
    if location:
        raise TLibError(Code.UNSUPPORTED, "Location")
    if number == this_dn:
        raise TLibError(Code.SAME_DN)
    destination = server.find(number)
    if destination is None:
        raise TLibError(Code.INVALID_DESTINATION, number)
    if server.draining:
        raise TLibError(Code.DRAINING)
    if server.thinning.refuses_next():
        raise TLibError(Code.TOO_BUSY)
    if len(server.calls) >= server.settings.max_calls:
        raise TLibError(Code.TOO_MANY_CALLS)
    targets = server.targets(origin)
    if not targets:
        raise TLibError(Code.OUT_OF_SERVICE, this_dn)
    if origin.full:
        raise TLibError(Code.DN_BUSY, this_dn)
    outward = isinstance(destination, Outside) or destination.is_trunk
    shown = (
        Identity(name_addr("", number, server.settings.domain), number)
        if isinstance(destination, Outside)
        else destination.who
    )
    return Wanted(origin, targets, shown, CallType.OUTBOUND if outward else CallType.INTERNAL)


def start(server: SipServer, link: Link, request: MakeCall, reference_id: int) -> None:
    """Carries out MakeCall. Raises TLibError for what is wrong from the start."""
    wanted = check(server, request.this_dn, request.other_dn, request.location)
    call = Call(
        server.ids.next(),
        call_type=wanted.call_type,
        ani=request.this_dn,
        dnis=request.other_dn,
        created_at=server.reporter.now(),
        user_data=request.user_data or None,
    )
    flow = MakeCallFlow(server, call, link, reference_id, wanted.shown)
    server.begin(flow, _start, flow, request, wanted)


def _start(flow: MakeCallFlow, request: MakeCall, wanted: Wanted) -> None:
    if flow.call.history is not None:
        flow.call.history.step((flow.call.created_at, request))
    flow.start(wanted.origin, wanted.targets)
