"""A transfer that failed: the transferor has what he had.

A target that answered for it is let go again, or put through to the transferor, if he had called it himself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.model.party import Move, advance
from cordboard.switch.flows.reconnect import Reconnect
from cordboard.switch.records import Outcome, ReleasedBy

if TYPE_CHECKING:
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.transfer import Transfer


def undo(transfer: Transfer, answered: Session | None, status: int) -> None:
    """Carries it out. ``answered``: the leg of a target that has answered and is in no call yet."""
    flow = transfer.flow
    consult = transfer.consult
    if consult is None:
        if answered is not None:
            _let_go(transfer, answered)
        # Who never took part is none whom the others see.
        flow.call.parties[:] = [party for party in flow.call.parties if party.ended_at == 0.0]
    else:
        consult.transfer = None
        if transfer.branches is not None:
            transfer.branches.owner = consult
            transfer.branches.keep_out(None)
            transfer.branches = None
        early = transfer.consulting
        if early is not None and early.over and not consult.over:
            consult.end(Outcome.CANCELLED, 487, ReleasedBy.CALLER, "CANCEL", first=consult.party_of(early))
        if answered is not None and not answered.over:
            _put_through(consult, answered)
    if flow.over:
        transfer.observer.break_off(status)
    else:
        transfer.observer.finish(status)


def _let_go(transfer: Transfer, answered: Session) -> None:
    """A target nobody had called but for the transfer goes again."""
    target = transfer.target
    answered.hang_up()
    if target is not None:
        if target.alive:
            advance(target, Move.RELEASE, transfer.flow.server.reporter)
        transfer.flow.forget(target)


def _put_through(consult: CallFlow, answered: Session) -> None:
    """The target has answered the consultation after all: the transferor talks to it, if he is still there."""
    a = consult.a
    if consult.over or a is None:
        answered.hang_up()
        return
    consult.branches = None
    consult.server.note_leg(consult.call, answered.call_id)
    consult.b = answered
    if a.early:
        consult.answer_nowhere()
    consult.rearrange(None)
    bridge = consult.join(a, answered, consult.audit_interval())
    consult.establish()
    bridge.engage(Reconnect(consult, answered, a, bridge.disengage)).start()
