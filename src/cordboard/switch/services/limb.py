"""A limb: a party's leg joined not to the other party's, but to a dialog with a media service.

    party's leg              switch                  service
    |                          | INVITE (no offer) ---> |        CALLING
    |                          | <------- 200 (offer)   |
    | <--- re-INVITE (offer) - |                        |        JOINING
    | 200 (answer) ----------> | ACK (answer) --------> |        UP
    | <------------- RTP ------------------------------>|

A party that calls us and is not answered yet is offered to the service as it offered itself, and answered with what the
service says: it is joined at once. So is one that was called without an offer, has made one, and waits for our ACK.

    CALLING --ANSWERED--> JOINING --JOINED--> UP --FINISHED--> ENDED
     |  ^                    |                 |
     |  '------LOST----------+-----------------'                  an errand that never ends goes to the next service
     '--EXHAUSTED--> FAILED <--REFUSED-- JOINING                  no service left, or the phone would not

CLOSE takes the leg away from the service in any state; it is then nobody's. A service that failed is left out for a
while (:mod:`cordboard.switch.services.pool`), but one that only refuses what was asked is not.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from cordboard.sip import likeness
from cordboard.sip import session as sessions
from cordboard.sip.handler import SILENT
from cordboard.sip.machine import Table
from cordboard.sip.outgoing import Invite
from cordboard.switch.bridge import Bridge
from cordboard.switch.flows.early_media import SUPPORTED, EarlyMedia
from cordboard.switch.flows.reconnect import Reconnect
from cordboard.switch.legs import Branches
from cordboard.switch.services.alone import Alone

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from cordboard import _core
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.legs import Called, Failure
    from cordboard.switch.services.errand import Errand
    from cordboard.switch.services.pool import Service


class State(Enum):
    """Where a limb is."""

    CALLING = "calling"
    JOINING = "joining"
    UP = "up"
    ENDED = "ended"
    FAILED = "failed"
    CLOSED = "closed"


class Input(Enum):
    """What can happen to it."""

    ANSWERED = "answered"
    JOINED = "joined"
    FINISHED = "finished"
    LOST = "lost"
    EXHAUSTED = "exhausted"
    REFUSED = "refused"
    CLOSE = "close"


_S = State
_I = Input

TABLE: Final = Table(
    "limb",
    {
        (_S.CALLING, _I.ANSWERED): _S.JOINING,
        (_S.CALLING, _I.LOST): _S.CALLING,
        (_S.CALLING, _I.EXHAUSTED): _S.FAILED,
        (_S.CALLING, _I.CLOSE): _S.CLOSED,
        (_S.JOINING, _I.JOINED): _S.UP,
        (_S.JOINING, _I.LOST): _S.CALLING,
        (_S.JOINING, _I.FINISHED): _S.ENDED,
        (_S.JOINING, _I.REFUSED): _S.FAILED,
        (_S.JOINING, _I.CLOSE): _S.CLOSED,
        (_S.UP, _I.LOST): _S.CALLING,
        (_S.UP, _I.FINISHED): _S.ENDED,
        (_S.UP, _I.REFUSED): _S.FAILED,
        (_S.UP, _I.CLOSE): _S.CLOSED,
        (_S.ENDED, _I.CLOSE): _S.CLOSED,
        (_S.FAILED, _I.CLOSE): _S.CLOSED,
        (_S.CLOSED, _I.CLOSE): _S.CLOSED,
    },
)
"""Where each input leads. No entry: MachineError."""


NOT_THIS: Final = frozenset({400, 404, 415, 488, 501, 606})
"""Refusals of what is asked, or of what the party's phone offers: another one may be served all the same."""


def offers(leg: Session) -> bool:
    """Whether its phone waits for the answer to what it offers: it calls us, or was called without an offer."""
    return leg.early or leg.state is sessions.State.ACCEPTED


class ServiceBridge(Bridge):
    """A party's leg and a service's, joined. What the service says in INFO is for the limb."""

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """One of them asks for something."""
        if session is self.b and event.message.method == "INFO" and isinstance(self.owner, Limb):
            if not self.owner.takes_info(session, event):
                super().on_request(session, event)
        elif session is self.a and event.message.method == "INFO" and isinstance(self.owner, Limb):
            if not self.owner.flow.passes(session, event):
                super().on_request(session, event)
        else:
            super().on_request(session, event)


class Limb(Alone):
    """See the module. What the party does is its call's matter, what the service does is told to ``told``."""

    __slots__ = (
        "_branches",
        "_choose",
        "_early",
        "_reconnect",
        "_told",
        "_tried",
        "answer_headers",
        "bridge",
        "errand",
        "media",
        "result",
        "service",
        "state",
    )

    def __init__(
        self,
        flow: CallFlow,
        leg: Session,
        errand: Errand,
        told: Callable[[Limb], None],
        choose: Callable[[Collection[Service]], Service | None] | None = None,
    ) -> None:
        """``told`` is called when it is UP, ENDED or FAILED.

        ``choose``: which service is asked, given those that failed already; without it, the best for the errand.
        """
        super().__init__(flow, leg)
        self.errand = errand
        self._told = told
        self._choose = choose
        self.answer_headers: _core.Headers = ()
        """What a caller who is not answered yet is answered besides."""
        self.state = State.CALLING
        self.result: Mapping[str, str] = {}
        """What the service found out, where it is asked for that."""
        self.service: Service | None = None
        """The one that is asked."""
        self.media: Session | None = None
        """The dialog with it."""
        self.bridge: Bridge | None = None
        """Both, joined."""
        self._branches: Branches | None = None
        self._early: EarlyMedia | None = None
        """What comes before the service's answer."""
        self._reconnect: Reconnect | None = None
        self._tried: list[Service] = []

    def __repr__(self) -> str:
        return f"<Limb {self.flow.call.conn_id} {self.errand.need} {self.state.value}>"

    def _step(self, what: Input) -> State:
        before = self.state
        self.state = TABLE[before, what]
        return before

    # What its owner asks

    def hand_over(self, told: Callable[[Limb], None], choose: Callable[[Collection[Service]], Service | None]) -> None:
        """Another one owns it from now on."""
        self._told, self._choose = told, choose

    def start(self) -> None:
        """Swings a leg that is up to a service."""
        self.leg.handler = self
        self._call()

    def close(self) -> None:
        """Takes the leg away; it is the caller's to say what becomes of it. Harmless when it is closed."""
        self._step(Input.CLOSE)
        if self.leg.handler is self or self.leg.handler is self.bridge:
            self.leg.handler = SILENT
        self._let_go()

    def _let_go(self) -> None:
        """No dialog with the service any more, and none to come."""
        if self.service is not None:
            self.service.limbs.discard(self)
            self.service = None
        if self._branches is not None:
            self._branches.cancel()
            self._branches = None
        if self.bridge is not None:
            self.bridge.dissolve()
            self.bridge = None
        self._reconnect = None
        media, self.media = self.media, None
        if media is not None:
            media.handler = self
            media.hang_up()

    # Calling a service

    def _call(self) -> None:
        server = self.flow.server
        if self._choose is not None:
            service = self._choose(self._tried)
        else:
            service = server.services.choose(self.errand.need, server.clock.now(), self._tried)
        if service is None:
            self._fail(Input.EXHAUSTED)
            return
        self._tried.append(service)
        self.service = service
        service.limbs.add(self)
        extension = service.extension
        uri = self.errand.uri(extension.settings.contact)
        targets = [replace(target, uri=uri) for target in server.targets(extension)]
        if not targets:
            self._next(service)
            return
        domain = server.settings.domain
        offer = self.leg.media.heard if offers(self.leg) else b""
        self._early = EarlyMedia(self.flow, offered=bool(offer))
        settings = extension.settings
        self._branches = branches = Branches(server.clock, self, settings)
        invite = Invite(
            f"<sip:{self.flow.call.conn_id}@{domain}>",
            f"<{uri}>",
            headers=self._headers(),
            body=offer,
            patience=settings.sip_invite_timeout,
        )
        branches.start(server.dispatcher, self, targets, invite)

    def _headers(self) -> _core.Headers:
        """What the service is told of the call, and of whose leg it is."""
        call, party = self.flow.call, self.flow.party_of(self.leg)
        told = [SUPPORTED, ("X-Cordboard-ConnID", call.conn_id), ("X-Cordboard-CallUUID", call.uuid)]
        if party is not None:
            told.append(("X-Cordboard-Party", party.number))
        if self.leg.source:
            told.append((likeness.SOURCE, self.leg.source))
        like = "" if offers(self.leg) else str(likeness.of(self.leg.media.heard))
        return [*told, (likeness.HEADER, like)] if like else told

    def _next(self, failed: Service, *, works: bool = False) -> None:
        """A service did not do it: on to the next. ``works``: whether it is none the worse for it."""
        if not works:
            failed.failed(self.flow.server.clock.now())
        self._let_go()
        self._step(Input.LOST)
        self._call()

    def _fail(self, what: Input) -> None:
        self._let_go()
        self._step(what)
        self._told(self)

    def on_branch_progress(self, branches: Called, event: _core.ResponseEvent) -> None:  # noqa: ARG002
        """The service takes its time."""
        if self._early is not None:
            self._early.take(event)

    def on_branch_failure(self, branches: Called, failure: Failure) -> None:  # noqa: ARG002
        """The service refused, or does not answer."""
        self._branches = None
        if self.service is not None:
            self._next(self.service, works=failure.message is not None and failure.status in NOT_THIS)

    def on_branch_answer(self, branches: Called, session: Session, event: _core.ResponseEvent) -> None:  # noqa: ARG002
        """The service answered."""
        self._branches = None
        offer = event.message.body
        body = self._early.description(session, offer) if self._early is not None else offer
        self.media = session
        session.media.heard = body
        if not body or (not offer and offers(self.leg) and not self.leg.media.heard):
            assert self.service is not None  # noqa: S101 - it was called
            self._next(self.service)
            return
        self._step(Input.ANSWERED)
        if self.service is not None:
            self.service.works()
        if offers(self.leg):
            self._answer(session, body)
        else:
            self._swing(session, offer, body)

    def _swing(self, media: Session, offer: bytes, body: bytes) -> None:  # noqa: ARG002
        """Makes a party that is up the service's offer. ``body``: the same, or what it was answered before."""
        self._reconnect = Reconnect(self.flow, media, self.leg, self._joined, phones=False)
        if not offer:
            # Its offer came before the answer, and was answered.
            media.ack()
        self._bridge(media).engage(self._reconnect).start(offer)

    def _answer(self, media: Session, body: bytes) -> None:
        """Answers a party that waits for it with what the service says."""
        leg = self.leg
        offer = leg.media.heard
        for session in (leg, media):
            session.media.continued = True
        if leg.early:
            leg.answer(self.answer_headers, body)
        else:
            leg.ack(body)
        leg.media.said = body
        bridge = self._bridge(media)
        if offer:
            media.ack()
            media.media.said = offer
        else:
            bridge.expect_answer(leg)
        self._step(Input.JOINED)
        self._tried.clear()
        self._up()

    def _up(self) -> None:
        """The party is joined to the service."""
        self._told(self)

    def takes_info(self, session: Session, event: _core.RequestEvent) -> bool:  # noqa: ARG002
        """Whether what the service says in INFO is not for the party."""
        return False

    def _bridge(self, media: Session) -> Bridge:
        settings = self.service.extension.settings if self.service is not None else None
        intervals = [self.flow.audit_interval(), settings.session_audit_interval if settings is not None else 0.0]
        shortest = min((one for one in intervals if one > 0), default=0.0)
        self.bridge = ServiceBridge(self.flow.server.clock, self, self.leg, media, shortest)
        return self.bridge

    def _joined(self) -> None:
        reconnect, self._reconnect = self._reconnect, None
        if self.bridge is None or reconnect is None:
            return
        self.bridge.disengage()
        if not reconnect.joined:
            self._part()
            self._fail(Input.REFUSED)
            return
        if reconnect.sink is self.leg:
            self._took(reconnect.answer)
        self._step(Input.JOINED)
        self._tried.clear()
        self._up()

    def _took(self, answer: _core.Message | None) -> None:
        """The party's phone has taken the service's offer with that 2xx."""

    # The service is gone, or done

    def service_died(self) -> None:
        """The service does not answer its tests any more."""
        if self.state in (State.CALLING, State.JOINING, State.UP):
            self._lost(died=True)

    def _lost(self, *, died: bool = False) -> None:
        service = self.service
        self._part()
        if service is not None and (died or self.state is State.CALLING or self.errand.endless):
            self._next(service)
        else:
            self._finish()

    def _part(self) -> None:
        """What the party's phone says is heard here, until it is joined to somebody again."""
        self.leg.handler = self

    def _finish(self) -> None:
        """It is done."""
        self._let_go()
        self._step(Input.FINISHED)
        self._told(self)

    # BridgeHandler, and the handler of a leg that is not joined: what the party does is its call's matter.

    def on_hang_up(self, session: Session, message: _core.Message) -> None:
        """Somebody hung up."""
        if session is self.leg:
            super().on_hang_up(session, message)
        elif self.state in (State.JOINING, State.UP):
            self._lost()

    def on_lost(self, session: Session, reason: str) -> None:
        """Somebody is gone."""
        if session is self.leg:
            super().on_lost(session, reason)
        elif self.state in (State.JOINING, State.UP):
            self._lost(died=True)

    def on_media(self, session: Session, change: str) -> None:
        """The party's phone stops listening to the service, or listens again."""
        if session is self.leg:
            self.flow.on_media(session, change)

    def takes_offer(self, session: Session, event: _core.RequestEvent) -> bool:
        """Whether the call has its own way with an offer of the party's phone. The service may offer what it likes."""
        return session is self.leg and super().takes_offer(session, event)

    def on_refer(self, session: Session, event: _core.RequestEvent) -> None:
        """The party asks for a transfer."""
        if session is self.leg:
            super().on_refer(session, event)
        else:
            session.respond(event.transaction, 403)
