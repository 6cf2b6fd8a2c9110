"""The transferor leaves: what T-Library hears of it, and what becomes of his legs and of the consultation.

He has EventReleased CallState Transferred, in both calls; whoever is left EventPartyChanged. The main call takes over
the consultation, its data and whoever rings there; his legs end when he has been told how the transfer went.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.model.enums import CallState
from cordboard.model.party import Move, Party, advance
from cordboard.model.userdata import inherit
from cordboard.switch.flows.leaving import Leaving

if TYPE_CHECKING:
    from cordboard.switch.flows.transfer import Transfer


def out(transfer: Transfer) -> None:
    """Takes him out, and puts the target, who may still ring, into his place."""
    flow = transfer.flow
    server = flow.server
    reporter = server.reporter
    main = flow.call
    consult = transfer.consult
    transferor, survivor, target = transfer.transferor, transfer.survivor, transfer.target
    assert target is not None  # noqa: S101 - there is no transfer without
    ringing = transfer.branches.parties if transfer.branches is not None else [target]
    leaving = [transfer.session]
    flow.part()
    flow.free_trunk_of(transferor)
    previous = main.conn_id
    if consult is not None and transfer.consulting is not None:
        leaving.append(transfer.consulting)
        previous = consult.call.conn_id
        consulting = consult.party_of(transfer.consulting)
        if transfer.branches is not None:
            transfer.branches.hush()
        consult.part()
        consult.transfer = None
        consult.branches = None
        main.user_data = inherit(main.user_data, consult.call.user_data)
        if consulting is not None:
            consult.free_trunk_of(consulting)
            if consulting.alive:
                consulting.peer = target
                _release(transfer, consulting, survivor)
        flow.absorb(consult, ringing)
        if transfer.branches is not None:
            transfer.branches.move(flow)
    if transferor.alive:
        _release(transfer, transferor, target)
    survivor.peer = target
    reporter.party_changed(survivor, main.conn_id, transferor)
    for party in ringing:
        party.peer = survivor
        if consult is not None:
            reporter.party_changed(party, previous, transferor)
    flow.caller, flow.a = survivor, transfer.survivor_session
    flow.callee, flow.b = target, None
    gone = Leaving(transfer.observer.session or transfer.session, leaving)
    transfer.observer.finish(200, gone.end)


def _release(transfer: Transfer, party: Party, third: Party) -> None:
    reference_id, link = transfer.reference
    transfer.reference = (0, None)
    advance(
        party,
        Move.RELEASE,
        transfer.flow.server.reporter,
        CallState.TRANSFERRED,
        reference_id=reference_id,
        link=link,
        third=third,
    )
