"""Transfer: one party of a call is replaced by another. One machine for all kinds, whoever asks for it.

    flows/transfer_machine.py    its states
    flows/transferor.py          he is out
    flows/transfer_undone.py     he has what he had
    flows/uniting.py             the two others are being joined

Single-step (unattended) starts in CALLING, blind and semi-attended in RINGING, attended in JOINING. A target that
answered and cannot be joined is let go again, or put through to the transferor, if he had called it. When he is out, by
DONE or by BLIND, T-Library hears it (docs/switching.md): EventReleased CallState Transferred on the transferor,
EventPartyChanged on whoever is left; the ConnID of the main call survives.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from cordboard.model.enums import CallState
from cordboard.model.party import Move, Party, advance
from cordboard.switch.delivery import RINGING, Delivery, Offer, Refusal, refusal_of
from cordboard.switch.flows import anchoring, music, tones, transfer_undone, transferor
from cordboard.switch.flows.early_media import SUPPORTED, EarlyMedia
from cordboard.switch.flows.leaving import Alone
from cordboard.switch.flows.reconnect import Reconnect
from cordboard.switch.flows.transfer_machine import PENDING, TABLE, Input, State
from cordboard.switch.flows.uniting import Uniting
from cordboard.switch.records import Outcome, ReleasedBy

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.model.ports import Link
    from cordboard.sip.session import Session
    from cordboard.switch.bridge import Bridge
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.legs import Called, Failure


HUNG_UP: Final = Refusal(Outcome.REJECTED, 480, CallState.GENERAL_ERROR, "hung up at once", ReleasedBy.CALLEE)
"""Why it failed that somebody answered."""


class Observer:
    """Who asked for the transfer, and wants to know how it goes. This one does not."""

    session: Session | None = None
    """The leg it asked on."""

    def progress(self, status: int) -> None:
        """The target rings."""

    def finish(self, status: int, done: Callable[[], None] | None = None) -> None:  # noqa: ARG002
        """It succeeded (200) or failed; ``done`` is to be called in any case."""
        if done is not None:
            done()

    def break_off(self, status: int) -> None:
        """It failed, for the call it was asked in ends now: there is no time to wait for answers."""


class Transfer:
    """A transfer of a call, from the request to its end."""

    __slots__ = (
        "_alone",
        "_answered",
        "_early_media",
        "_uniting",
        "branches",
        "consult",
        "consulting",
        "flow",
        "observer",
        "reference",
        "session",
        "state",
        "survivor",
        "survivor_session",
        "target",
        "transferor",
    )

    def __init__(self, flow: CallFlow, session: Session, observer: Observer, consult: CallFlow | None = None) -> None:
        """``flow``: the main call, whose ConnID survives. ``session``: the transferor's leg of it."""
        self.flow = flow
        self.consult = consult
        self.observer = observer
        self.session = session
        transferor, survivor, other = (
            flow.party_of(session),
            flow.party_opposite(session),
            flow.session_opposite(session),
        )
        assert transferor is not None  # noqa: S101 - an answered call has both
        assert survivor is not None  # noqa: S101
        assert other is not None  # noqa: S101
        self.transferor = transferor
        self.survivor = survivor
        self.survivor_session = other
        self.target: Party | None = None
        self.branches: Delivery | None = None
        """The target while it is being called."""
        self.consulting: Session | None = None
        """The transferor's leg of the consultation."""
        self._early_media = EarlyMedia(flow, offered=False, otherwise=partial(tones.ring_back, flow))
        """What comes before the target's answer, unless the consultation takes it."""
        self._alone = Alone(flow, flow.on_hang_up, flow.on_lost)
        """Handler of the survivor's leg, while nobody is at the other end."""
        self._answered: Session | None = None
        """The target's leg, once it has answered and is in no call yet."""
        self._uniting: Uniting | None = None
        """The joining of the two that are left, while the transferor is still there."""
        self.state = State.NEW
        self.reference: tuple[int, Link | None] = (0, None)
        """The desktop's request that makes the transferor leave, for the first event it causes."""
        flow.transfer = self
        transferor.peer, survivor.peer = survivor, transferor

    def __repr__(self) -> str:
        return f"<Transfer {self.flow.call.conn_id} {self.state.value}>"

    def _step(self, what: Input) -> State:
        before = self.state
        self.state = TABLE[before, what]
        return before

    # Starting

    def call(self, number: str, headers: _core.Headers) -> None:
        """Single-step: calls the target on behalf of the survivor, without an offer: it makes one when it answers.

        It goes where any call to that number would: forwarded, hunting, by one trunk after the other. ``headers``: what
        its INVITE says besides.
        """
        self._step(Input.START)
        flow = self.flow
        asking = flow.extension_of(self.transferor)
        survivor = flow.extension_of(self.survivor)
        offer = Offer(survivor, flow.identity_of(self.survivor), headers, besides=asking, added=[SUPPORTED])
        self.branches = Delivery(
            flow.server, flow, offer, owner=self, role=self.transferor.role, arrived=CallState.TRANSFERRED
        )
        self.branches.start(number, outward=asking is None or not asking.is_trunk)

    def complete(self) -> None:
        """Two-step: the consultation's target takes the transferor's place, now or as soon as it answers."""
        consult = self.consult
        assert consult is not None  # noqa: S101 - the caller's
        self.consulting = leg = self._leg_of_consultation()
        self.target = consult.callee if consult.branches is not None else consult.party_opposite(leg)
        delivery = consult.branches
        if not isinstance(delivery, Delivery):
            self._step(Input.BOTH_UP)
            consult.transfer = self
            far = consult.session_opposite(self.consulting)
            assert far is not None  # noqa: S101 - a call that is up has both
            self._join(far)
            return
        self._step(Input.CONSULTED)
        consult.transfer = self
        self.branches = delivery
        delivery.owner = self
        delivery.keep_out(self.flow.extension_of(self.survivor))
        if self.target is not None and self.target.alive:
            self.observer.progress(180)

    def _leg_of_consultation(self) -> Session:
        consult = self.consult
        assert consult is not None  # noqa: S101
        party = consult.caller
        same = party is not None and party.number == self.transferor.number
        session = consult.a if same else consult.b
        assert session is not None  # noqa: S101
        return session

    # Survivor and target are being joined

    def _join(self, far: Session, offer: bytes = b"") -> None:
        target = self.target
        assert target is not None  # noqa: S101 - it is up
        known = self.consult or self.flow
        self._uniting = Uniting(self.flow, self.survivor_session, far, target, self._united, known=known, offer=offer)
        self._uniting.start(self._target_left)

    def _target_left(self) -> None:
        """The target answered, and hung up before anybody heard it."""
        self._failed(HUNG_UP)

    def _united(self) -> None:
        """The survivor and the target hear each other, or would not."""
        uniting = self._uniting
        assert uniting is not None  # noqa: S101 - it is its end
        if uniting.joined:
            self._step(Input.JOINED)
            self._unite()
            music.go_on_holding(self.flow)
        else:
            self._step(Input.FAILED)
            self._undo(488)

    def _unite(self) -> Bridge:
        """The target takes the transferor's place."""
        uniting, self._uniting = self._uniting, None
        target = self.target
        assert uniting is not None  # noqa: S101 - the two are being joined, or have been
        assert target is not None  # noqa: S101
        uniting.let_go()
        transferor.out(self)
        if target.can(Move.ANSWER):
            advance(target, Move.ANSWER, self.flow.server.reporter)
        return self._bridge(uniting.far)

    def _bridge(self, far: Session) -> Bridge:
        flow = self.flow
        flow.transfer = None
        flow.rearrange(None)
        flow.b = far
        anchoring.as_configured(flow)
        return flow.join(self.survivor_session, far, flow.audit_interval())

    # The target is being called: the Recipient of its delivery

    @property
    def waiting(self) -> Party | None:
        """Who waits for the target's answer."""
        return self.consult.waiting if self.state is State.RINGING and self.consult is not None else self.survivor

    def called(self, party: Party) -> None:
        """Somebody is being called."""
        self.target = party
        if self.state is State.RINGING and self.consult is not None:
            self.consult.called(party)
            return
        party.peer = self.survivor
        if self.state is State.BLIND:
            self.flow.callee = self.survivor.peer = party

    def dropped(self, party: Party) -> None:
        """Somebody is not being called any more."""
        if self.target is party:
            others = self.branches.parties if self.branches is not None else []
            self.target = others[-1] if others else None
        if self.state is State.RINGING and self.consult is not None:
            self.consult.dropped(party)
        elif self.state is State.BLIND:
            self.flow.callee = self.target

    def queued(self) -> None:
        """The target is a Routing Point: to the transferor that is as good as ringing."""
        self.observer.progress(180)

    def on_branch_progress(self, branches: Called, event: _core.ResponseEvent) -> None:
        """The target rings; who waits for it alone hears what it has to be heard."""
        consulting = self.state is State.RINGING and self.consult is not None
        rings = event.status in RINGING
        if self.consult is not None and consulting:
            self.consult.on_branch_progress(branches, event)
        if rings and self.state is not State.BLIND:
            self.observer.progress(180)
        if consulting:
            return
        blind = self.state is State.BLIND
        heard = self._early_media.take(event, self.survivor_session if blind else None, self._alone)
        if blind and rings and not heard:
            tones.ring_back(self.flow)

    def on_branch_answer(self, branches: Called, session: Session, event: _core.ResponseEvent) -> None:
        """The target answered: it is joined with the survivor."""
        self.branches = None
        target, consult = self.target, self.consult
        assert target is not None  # noqa: S101 - set when the target was called
        before = self._step(Input.ANSWERED)
        self.flow.ring(target)
        body = event.message.body
        session.media.heard = self._early_media.description(session, body)
        if consult is not None:
            consult.callee_call_id = branches.call_id
            self.flow.server.note_leg(self.flow.call, session.call_id)
        offer = body if consult is None or consult.asks_for_offer else b""
        joined = self._early_media.joined_with(session)
        if joined or not offer:
            session.ack()
        if before is not State.BLIND:
            self._answered = session
            self._join(session, offer)
            return
        flow = self.flow
        flow.branches = None
        advance(target, Move.ANSWER, flow.server.reporter)
        bridge = self._bridge(session)
        if joined:
            music.go_on_holding(flow)
        else:
            source, sink = (session, self.survivor_session) if offer else (self.survivor_session, session)
            bridge.engage(Reconnect(flow, source, sink, partial(self._joined, bridge))).start(offer)

    def _joined(self, bridge: Bridge) -> None:
        """The two that are left have been joined after the transferor had gone, or would not be."""
        bridge.disengage()
        if self.flow.bridge is bridge:
            music.go_on_holding(self.flow)

    def on_branch_failure(self, branches: Called, failure: Failure) -> None:  # noqa: ARG002
        """Nobody will answer; whoever was called has been let go."""
        self.branches = None
        self._failed(refusal_of(failure))

    def _failed(self, refusal: Refusal) -> None:
        """The target will not take the transferor's place."""
        self._early_media.close()
        before = self._step(Input.FAILED)
        if before is State.BLIND:
            # The transferor is gone: there is nobody left to talk to.
            self.flow.branches = self.flow.transfer = None
            self.flow.end(Outcome.ANSWERED, 200, ReleasedBy.SERVER, refusal.reason, first=self.survivor)
            return
        self._undo(refusal.status)
        consult = self.consult
        if consult is not None and isinstance(consult.branches, Delivery) and not consult.over:
            consult.on_branch_failure(consult.branches, refusal)

    def _undo(self, status: int) -> None:
        """The transferor has what he had."""
        self.flow.transfer = None
        uniting, self._uniting = self._uniting, None
        answered, self._answered = self._answered, None
        if uniting is not None:
            uniting.undo()
        transfer_undone.undo(self, answered, status)

    # Somebody leaves while the target is being called or joined

    def left(self, session: Session) -> bool:
        """A phone left the main call. Whether it was the transferor's, and the call goes on without him."""
        if self.state is State.JOINING:
            going = session is self.session or session is self.consulting
        else:
            going = session is self.session and self.state in (State.CALLING, State.RINGING)
        if going:
            self.leave()
        return going

    def leave(self) -> None:
        """The transferor does not wait for the target's answer."""
        if self._step(Input.TRANSFEROR_LEFT) is State.JOINING:
            uniting = self._uniting
            bridge = self._unite()
            if uniting is not None:
                uniting.go_on(bridge, partial(self._joined, bridge))
            return
        branches, consult, flow = self.branches, self.consult, self.flow
        agreed = self._early_media.dialog
        if consult is not None:
            agreed = consult.early_dialog
            ring_back = partial(tones.ring_back, flow)
            self._early_media = EarlyMedia(flow, offered=not consult.asks_for_offer, otherwise=ring_back)
        transferor.out(self)
        if branches is not None:
            branches.forsaken = True
        flow.branches = branches
        flow.transfer = self
        self.survivor_session.handler = self._alone
        if self._early_media.redirect(self.survivor_session, self._alone, agreed):
            return
        if self.target is not None and self.target.alive:
            tones.ring_back(flow)

    def ended(self, flow: CallFlow) -> None:
        """The main call or the consultation ends by itself while the target is being called or joined."""
        if self.state is not State.JOINING and self.state not in PENDING:
            return
        if flow is not self.flow:
            # There is nobody to transfer to any more.
            self._step(Input.FAILED)
            self.branches = None
            self._undo(487)
            return
        self._early_media.close()
        before = self._step(Input.SURVIVOR_LEFT)
        if before is State.CALLING and self.branches is not None:
            self.branches.cancel()
            self.branches = None
        if before is not State.BLIND:
            self._undo(487)

    @property
    def joining(self) -> bool:
        """Whether it is a change of media that ends soon; a target that rings may take long."""
        return self.state is State.JOINING

    def consulting_left(self) -> bool:
        """The transferor gave up his leg of the consultation. Whether its target stays, to be transferred to."""
        return self.state is State.RINGING or self.state is State.JOINING

    def decline(self, party: Party, reference_id: int, link: Link | None) -> bool:
        """A desktop releases the target before it has taken the transferor's place. Whether that is what was done."""
        if self.branches is not None:
            return self.branches.decline(party, reference_id, link)
        if self._answered is None or party is not self.target:
            return False
        self._answered.hang_up()
        if party.alive:
            advance(party, Move.RELEASE, self.flow.server.reporter, reference_id=reference_id, link=link)
        self._target_left()
        return True
