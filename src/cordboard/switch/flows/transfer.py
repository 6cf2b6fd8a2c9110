"""Transfer: one party of a call is replaced by another. One machine for all kinds, whoever asks for it.

    (none) --START--> CALLING: the target is being called, the transferor still has his call
    (none) --CONSULTED--> RINGING: the target of the consultation rings, the transferor still has both calls
    (none) --BOTH_UP--> DONE: main call and consultation are both up

    CALLING, RINGING --ANSWERED--> DONE
         |      |----FAILED--> UNDONE: the transferor has what he had
         |      |----SURVIVOR_LEFT--> UNDONE
         '------'----TRANSFEROR_LEFT--> BLIND --ANSWERED--> DONE
                                          '---FAILED, SURVIVOR_LEFT--> OVER: nobody is left to talk to

Single-step (unattended) starts in CALLING, blind and semi-attended in RINGING, attended in DONE. When the transferor is
out, by DONE or by BLIND, T-Library hears it (docs/switching.md): EventReleased
CallState Transferred on the transferor, EventPartyChanged on whoever is left; the ConnID of the main call survives.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from cordboard.model.enums import CallState
from cordboard.model.party import Move, Party, PartyState, advance
from cordboard.switch.features.caller_id import user_part
from cordboard.switch.flows.leaving import Leaving, answer_alone
from cordboard.switch.flows.reconnect import Reconnect
from cordboard.switch.headers import body_of
from cordboard.switch.legs import Branches, Failure
from cordboard.switch.records import Outcome, ReleasedBy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cordboard import _core
    from cordboard.model.ports import Link
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.legs import Called
    from cordboard.switch.routing import Extension, Target
    from cordboard.switch.trunks.selection import Trunk


class State(Enum):
    """Where a transfer is."""

    NEW = "new"
    CALLING = "calling"
    RINGING = "ringing"
    BLIND = "blind"
    DONE = "done"
    UNDONE = "undone"
    OVER = "over"


class Input(Enum):
    """What can happen to it."""

    START = "start"
    CONSULTED = "consulted"
    BOTH_UP = "both up"
    ANSWERED = "answered"
    FAILED = "failed"
    TRANSFEROR_LEFT = "transferor left"
    SURVIVOR_LEFT = "survivor left"


_S = State
_I = Input

TABLE: Final[dict[tuple[State, Input], State]] = {
    (_S.NEW, _I.START): _S.CALLING,
    (_S.NEW, _I.CONSULTED): _S.RINGING,
    (_S.NEW, _I.BOTH_UP): _S.DONE,
    (_S.CALLING, _I.ANSWERED): _S.DONE,
    (_S.CALLING, _I.FAILED): _S.UNDONE,
    (_S.CALLING, _I.TRANSFEROR_LEFT): _S.BLIND,
    (_S.CALLING, _I.SURVIVOR_LEFT): _S.UNDONE,
    (_S.RINGING, _I.ANSWERED): _S.DONE,
    (_S.RINGING, _I.FAILED): _S.UNDONE,
    (_S.RINGING, _I.TRANSFEROR_LEFT): _S.BLIND,
    (_S.RINGING, _I.SURVIVOR_LEFT): _S.UNDONE,
    (_S.BLIND, _I.ANSWERED): _S.DONE,
    (_S.BLIND, _I.FAILED): _S.OVER,
    (_S.BLIND, _I.SURVIVOR_LEFT): _S.OVER,
}
"""Where each input leads. No entry: TransferStateError."""

PENDING: Final = frozenset({_S.CALLING, _S.RINGING, _S.BLIND})
"""The states in which the target has not answered."""


class TransferStateError(Exception):
    """A transfer was given an input its state has no entry for."""

    def __init__(self, state: State, what: Input) -> None:
        self.state = state
        """The state it is in."""
        self.input = what
        """The input."""
        super().__init__(f"transfer: no {what.value} in state {state.value}")


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


class Transfer:
    """A transfer of a call, from the request to its end."""

    __slots__ = (
        "_early",
        "_trunk",
        "branches",
        "consult",
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
        self.branches: Called | None = None
        """The target while it is being called."""
        self._trunk: Trunk | None = None
        self._early: Session | None = None
        """The transferor's leg of the consultation."""
        self.state = State.NEW
        self.reference: tuple[int, Link | None] = (0, None)
        """The desktop's request that makes the transferor leave, for the first event it causes."""
        flow.transfer = self
        transferor.peer, survivor.peer = survivor, transferor

    def __repr__(self) -> str:
        return f"<Transfer {self.flow.call.conn_id} {self.state.value}>"

    def _step(self, what: Input) -> State:
        before = self.state
        after = TABLE.get((before, what))
        if after is None:
            raise TransferStateError(before, what)
        self.state = after
        return before

    # Starting

    def take(self, trunk: Trunk) -> None:
        """The target is called through a trunk, and counts there."""
        self._trunk = trunk
        self.flow.occupy(trunk)

    def call(
        self, target: Extension, targets: Sequence[Target], headers: _core.Headers, number: str = "", to: str = ""
    ) -> None:
        """Single-step: calls the target on behalf of the survivor, without an offer: it makes one when it answers.

        ``number`` and ``to``: the number beyond a trunk, and its address.
        """
        self._step(Input.START)
        flow = self.flow
        server = flow.server
        call = flow.call
        number = number or target.settings.number
        self.target = party = call.add(number, self.transferor.role, None if target.is_trunk else target.dn)
        party.peer = self.survivor
        caller = server.extensions.get(self.survivor.number)
        from_ = (
            caller.address if caller is not None else f"<sip:{user_part(party.peer.number)}@{server.settings.domain}>"
        )
        branches = Branches(server.clock, self)
        self.branches = branches
        branches.start(
            server.dispatcher,
            self,
            target.settings,
            targets,
            from_=from_,
            to=to or target.target_uri,
            contact_user=user_part(self.survivor.number),
            headers=[*(caller.identity if caller is not None else ()), *headers],
            body=b"",
        )

    def complete(self) -> None:
        """Two-step: the consultation's target takes the transferor's place, now or as soon as it answers."""
        consult = self.consult
        assert consult is not None  # noqa: S101 - the caller's
        self.target = consult.callee if consult.branches is not None else consult.party_opposite(self._consulting())
        self._early = self._consulting()
        if consult.branches is None:
            self._step(Input.BOTH_UP)
            session = consult.session_opposite(self._early)
            self._transferor_out()
            self.connect(session)
            return
        self._step(Input.CONSULTED)
        consult.transfer = self
        self.branches = consult.branches
        self.branches.owner = self
        if self.target is not None and self.target.alive:
            self.observer.progress(180)

    def _consulting(self) -> Session:
        consult = self.consult
        assert consult is not None  # noqa: S101
        party = consult.caller
        same = party is not None and party.number == self.transferor.number
        session = consult.a if same else consult.b
        assert session is not None  # noqa: S101
        return session

    # The target is being called: BranchesHandler

    def on_branch_progress(self, branches: Called, event: _core.ResponseEvent) -> None:
        """The target rings."""
        if event.status not in (180, 183):
            return
        if self.state is State.RINGING and self.consult is not None:
            self.consult.on_branch_progress(branches, event)
        else:
            self._ring()
        if self.state is not State.BLIND:
            self.observer.progress(180)

    def _ring(self) -> None:
        target = self.target
        if target is not None and target.state is PartyState.NULL:
            advance(target, Move.RING, self.flow.server.reporter, CallState.TRANSFERRED)

    def on_branch_answer(self, branches: Called, session: Session, event: _core.ResponseEvent) -> None:
        """The target answered: it is joined with the survivor."""
        self.branches = None
        offerless = self.consult is None or self.consult.asks_for_offer
        before = self._step(Input.ANSWERED)
        if before is State.RINGING and self.consult is not None:
            self.consult.branches = None
            self.consult.callee_call_id = branches.call_id
            self.consult.ring()
        else:
            self._ring()
            self.flow.branches = None
        if before is not State.BLIND:
            self._transferor_out()
        assert self.target is not None  # noqa: S101 - set when the target was called
        advance(self.target, Move.ANSWER, self.flow.server.reporter)
        body, _ = body_of(event.message)
        session.media.heard = body
        if not offerless:
            session.ack()
        elif not body:
            self.flow.b = session
            self.flow.end(Outcome.FAILED, 488, ReleasedBy.SERVER, "no offer from the target")
            return
        self.connect(session, body if offerless else b"")

    def on_branch_failure(self, branches: Called, failure: Failure) -> None:
        """The target will not answer."""
        self.branches = None
        status = 480 if failure.timeout or failure.message is None else failure.status
        before = self._step(Input.FAILED)
        if before is State.BLIND:
            self.flow.branches = None
            self._over(
                "no answer" if failure.timeout else f"target answered {failure.status}", refused=not failure.timeout
            )
            return
        self._undo(status, CallState.NO_ANSWER if failure.timeout else CallState.OK)
        if before is State.RINGING and self.consult is not None and not self.consult.over:
            self.consult.on_branch_failure(branches, failure)

    def _over(self, reason: str, *, refused: bool) -> None:
        """The transferor is gone, and the target will not answer."""
        target = self.target
        if refused and target is not None and target.alive:
            advance(target, Move.RELEASE, self.flow.server.reporter)
        self.flow.transfer = None
        self.flow.end(Outcome.ANSWERED, 200, ReleasedBy.SERVER, reason, first=self.survivor)

    def _undo(self, status: int, state: CallState = CallState.OK, move: Move = Move.RELEASE) -> None:
        """The transferor has what he had."""
        flow = self.flow
        flow.transfer = None
        if self._trunk is not None:
            flow.vacate(self._trunk)
        if self.consult is None:
            target = self.target
            if target is not None:
                if target.alive:
                    advance(target, move, flow.server.reporter, state)
                # One who never took part is none whom the others see.
                flow.call.parties.remove(target)
        else:
            self.consult.transfer = None
            if self.branches is not None:
                self.branches.owner = self.consult
                self.branches = None
            early = self._early
            if early is not None and early.over and not self.consult.over:
                self.consult.end(
                    Outcome.CANCELLED, 487, ReleasedBy.CALLER, "CANCEL", first=self.consult.party_of(early)
                )
        self.observer.finish(status)

    # Somebody leaves while the target is being called

    def left(self, session: Session) -> bool:
        """A phone left the main call. Whether it was the transferor's, and the call goes on without him."""
        if session is not self.session or self.state not in (State.CALLING, State.RINGING):
            return False
        self.leave()
        return True

    def leave(self) -> None:
        """The transferor does not wait for the target's answer."""
        self._step(Input.TRANSFEROR_LEFT)
        branches = self.branches
        self._transferor_out()
        self.flow.branches = branches
        self.flow.transfer = self
        self.survivor_session.handler = self

    def ended(self, flow: CallFlow) -> None:
        """The main call or the consultation ends by itself while the target is being called."""
        if self.state not in PENDING:
            return
        if flow is not self.flow:
            # There is nobody to transfer to any more.
            self._step(Input.FAILED)
            self.branches = None
            self._undo(487)
            return
        before = self._step(Input.SURVIVOR_LEFT)
        if before is State.CALLING and self.branches is not None:
            self.branches.cancel()
        if before is not State.BLIND:
            self._undo(487, move=Move.ABANDON)

    def consulting_left(self) -> bool:
        """The transferor gave up his leg of the consultation. Whether its target rings on, to be transferred to."""
        return self.state is State.RINGING

    def target_refused(self) -> None:
        """The target's desktop released the call before it was answered."""
        if self.branches is not None:
            self.branches.cancel()
            self.branches = self.flow.branches = None
        if self._step(Input.FAILED) is State.BLIND:
            self._over("ReleaseCall", refused=True)
        else:
            self._undo(603)

    # SessionHandler of the survivor's leg, while the transferor is gone and the target rings

    def on_bye(self, session: Session, message: _core.Message) -> None:
        """The survivor hung up."""
        self.flow.on_hang_up(session, message)

    def on_gone(self, session: Session, status: int) -> None:
        """The survivor's phone is gone."""
        self.flow.on_lost(session, f"far end gone ({status})")

    def on_no_ack(self, session: Session) -> None:
        """The survivor's phone never acknowledged."""
        self.flow.on_lost(session, "no ACK")

    def on_cancel(self, session: Session, message: _core.Message) -> None:
        """A CANCEL that won against our 2xx."""
        self.flow.on_hang_up(session, message)

    def on_ack(self, session: Session, message: _core.Message) -> None:
        """Of something before."""

    def on_cancelled_request(self, session: Session, transaction: int) -> None:
        """Of something before."""

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """It asks for something while there is nobody to ask."""
        answer_alone(session, event)

    # The transferor is out

    def _transferor_out(self) -> None:
        flow = self.flow
        server = flow.server
        reporter = server.reporter
        main = flow.call
        consult = self.consult
        transferor, survivor, target = self.transferor, self.survivor, self.target
        assert target is not None  # noqa: S101 - there is no transfer without
        leaving = [self.session]
        flow.part()
        previous = main.conn_id
        if consult is not None and self._early is not None:
            leaving.append(self._early)
            previous = consult.call.conn_id
            consulting = consult.party_of(self._early)
            consult.part()
            consult.transfer = None
            consult.branches = None
            if consult.call.user_data:
                main.user_data = {**consult.call.user_data, **(main.user_data or {})}
            if consulting is not None and consulting.alive:
                consulting.peer = target
                self._release(consulting, survivor)
            main.take_over(target)
            flow.trunks += consult.trunks
            consult.trunks.clear()
            consult.merged()
        if transferor.alive:
            self._release(transferor, target)
        survivor.peer, target.peer = target, survivor
        reporter.party_changed(survivor, main.conn_id, transferor)
        if consult is not None:
            reporter.party_changed(target, previous, transferor)
        flow.caller, flow.a = survivor, self.survivor_session
        flow.callee, flow.b = target, None
        gone = Leaving(self.observer.session or self.session, leaving)
        self.observer.finish(200, gone.end)

    def _release(self, party: Party, third: Party) -> None:
        reference_id, link = self.reference
        self.reference = (0, None)
        advance(
            party,
            Move.RELEASE,
            self.flow.server.reporter,
            CallState.TRANSFERRED,
            reference_id=reference_id,
            link=link,
            third=third,
        )

    def connect(self, session: Session | None, offer: bytes = b"") -> None:
        """Joins the survivor's leg and the target's."""
        flow = self.flow
        flow.transfer = None
        assert session is not None  # noqa: S101 - the caller's
        flow.b = session
        bridge = flow.join(self.survivor_session, session, flow.audit_interval())
        if offer:
            source, sink = session, self.survivor_session
        else:
            source, sink = self.survivor_session, session
        bridge.engage(Reconnect(flow, source, sink, bridge.disengage)).start(offer)
