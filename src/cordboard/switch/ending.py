"""The end of a call: its legs, its parties, its record; and what it leaves behind, which is nothing.

Each part is done whatever becomes of the others: an error nobody foresaw in one of them is logged and counted, and the
call is gone all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cordboard.model.enums import CallState
from cordboard.model.errors import Code, TLibError
from cordboard.model.party import LIVE, Move, advance
from cordboard.switch.records import CallRecord, Outcome, ReleasedBy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.switch.callflow import CallFlow


# Named once: looking a member up costs more than the step it stands for.
_ABANDON, _FAIL, _RELEASE = Move.ABANDON, Move.FAIL, Move.RELEASE
_OK = CallState.OK


class Ending(msgspec.Struct, frozen=True):
    """How a call ends."""

    outcome: str
    status: int
    """What a caller is answered that has no answer yet."""
    released_by: str
    reason: str
    first: Party | None = None
    """Who is released before the others."""
    state: CallState = CallState.OK
    """The CallState for a callee that still rings."""
    headers: _core.Headers = ()
    reference_id: int = 0
    link: Link | None = None


def end(flow: CallFlow, how: Ending) -> None:
    """Ends a call. Raises nothing."""
    more = flow.owed or flow.transfer or flow.anchoring or flow.arrangement or flow.branches
    _carry_out(PARTS if more else PLAIN, flow, how)


def absorb(flow: CallFlow, other: CallFlow, parties: Iterable[Party], outcome: str) -> None:
    """Takes over another call's trunks and, of its parties, these. It is over; its legs are the first one's to end."""
    for party in parties:
        leg = other.session_of(party)
        if leg is not None:
            flow.server.note_leg(flow.call, leg.call_id)
        flow.call.take_over(party)
        known = other.strangers.get(party) if other.strangers is not None else None
        if known is not None:
            flow.meet(party, *known)
    flow.trunks += other.trunks
    other.trunks = ()
    other.over = True
    other.branches = None
    _carry_out(LEFT_OF_IT, other, Ending(outcome, 200, ReleasedBy.CALLER, outcome))


def _carry_out(parts: Iterable[Callable[[CallFlow, Ending], None]], flow: CallFlow, how: Ending) -> None:
    for part in parts:
        try:
            part(flow, how)
        except Exception as error:
            what = part.__name__.strip("_").replace("_", " ")
            flow.server.note_fault("call not ended in full", error, conn_id=flow.call.conn_id, part=what)


# The parts, in their order.


def _own(flow: CallFlow, how: Ending) -> None:  # noqa: ARG001
    flow.wind_up()


def _owed(flow: CallFlow, how: Ending) -> None:  # noqa: ARG001
    for done in flow.owed:
        done(TLibError(Code.WRONG_STATE, "the call has ended"))


def _transfer(flow: CallFlow, how: Ending) -> None:  # noqa: ARG001
    transfer, flow.transfer = flow.transfer, None
    if transfer is not None:
        transfer.ended(flow)


def _bridge(flow: CallFlow, how: Ending) -> None:  # noqa: ARG001
    if flow.bridge is not None:
        flow.bridge.stop()


def _anchoring(flow: CallFlow, how: Ending) -> None:  # noqa: ARG001
    if flow.anchoring is not None:
        flow.anchoring.close()


def _arrangement(flow: CallFlow, how: Ending) -> None:  # noqa: ARG001
    flow.rearrange(None)


def _branches(flow: CallFlow, how: Ending) -> None:
    if flow.branches is not None:
        flow.branches.cancel(how.headers)
        flow.callee_call_id = flow.branches.call_id or flow.callee_call_id


def _first_leg(flow: CallFlow, how: Ending) -> None:
    if flow.a is not None:
        flow.a.end(how.status if how.status >= 300 else 480, how.headers)


def _second_leg(flow: CallFlow, how: Ending) -> None:
    if flow.b is not None:
        flow.b.hang_up(how.headers)


def _parties(flow: CallFlow, how: Ending) -> None:
    reporter = flow.server.reporter
    first, state = how.first, how.state
    if first is not None and first.state in LIVE:
        advance(first, _RELEASE, reporter, _OK, how.reference_id, how.link)
    call, caller, callee = flow.call, flow.caller, flow.callee
    if caller is not None and caller.state in LIVE:
        if first is not None and first is callee and caller.can(_FAIL):
            # The callee refused, by hand: to the caller that is a busy destination.
            advance(caller, _FAIL, reporter, CallState.BUSY)
        if callee is None or callee.state not in LIVE:
            advance(caller, _RELEASE, reporter)
    gave_up = call.answered_at > 0 or how.outcome == Outcome.CANCELLED
    if callee is not None and callee.state in LIVE:
        # Who rings while the other one goes has been abandoned: a caller who gave up, or one who was transferred.
        advance(callee, _ABANDON if gave_up and callee.can(_ABANDON) else _RELEASE, reporter, state)
    several = call.parties != [caller, callee]
    if several:
        for party in call.parties:
            # Who rings beside the callee: members of a hunt group, or whom the call was to be transferred to.
            if party is not caller and party is not callee and party.can(_ABANDON):
                advance(party, _ABANDON if gave_up else _RELEASE, reporter, state)
    if caller is not None and caller.state in LIVE:
        advance(caller, _RELEASE, reporter)
    if several:
        for party in call.parties:
            # The members of a conference.
            if party is not caller and party is not callee and party.state in LIVE:
                advance(party, _RELEASE, reporter)


def _record(flow: CallFlow, how: Ending) -> None:
    call = flow.call
    server = flow.server
    call.ended_at = ended = server.reporter.now()
    server.meters.call_ended(how.outcome, ended - call.answered_at if call.answered_at else 0.0)
    # More than fifteen values by name would be gathered in a dictionary first.
    record = CallRecord(
        call.conn_id,
        call.uuid,
        int(call.call_type),
        caller=call.ani,
        callee=call.dnis,
        requested=flow.requested,
        caller_call_id=flow.caller_call_id,
        callee_call_id=flow.callee_call_id,
        created_at=call.created_at,
        ringing_at=flow.ringing_at,
        answered_at=call.answered_at or None,
        ended_at=ended,
        outcome=how.outcome,
        status=how.status,
        released_by=how.released_by,
        reason=how.reason,
    )
    server.records.write(record)


def _leave(flow: CallFlow, how: Ending) -> None:  # noqa: ARG001
    """The server knows the call no more."""
    server = flow.server
    server.calls.pop(flow.call.conn_id, None)
    if flow.trunks:
        for trunk in flow.trunks:
            trunk.calls -= 1
        flow.trunks = ()
    server.book.end(flow.call)
    if not server.calls:
        server.empty()


def _let_go(flow: CallFlow, how: Ending) -> None:  # noqa: ARG001
    flow.let_go()


LEFT_OF_IT: Final = (_owed, _anchoring, _record, _leave)
"""What a call still does that another one has taken over."""

PARTS: Final = (
    _own,
    _owed,
    _transfer,
    _bridge,
    _anchoring,
    _arrangement,
    _branches,
    _first_leg,
    _second_leg,
    _parties,
    _record,
    _leave,
    _let_go,
)
"""What the end of a call consists of."""

PLAIN: Final = tuple(part for part in PARTS if part not in (_owed, _transfer, _anchoring, _arrangement, _branches))
"""The same, of a call that is merely talked in: the others have nothing to do there."""
