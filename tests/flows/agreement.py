"""What phones, server and events must agree on: at rest while calls are up, and when all have ended."""

from collections import Counter, defaultdict

from cordboard.model import events as ev
from cordboard.model.party import TABLE, PartyState
from cordboard.switch.bridge import Bridge

BESIDE = {
    ev.EventPartyAdded,
    ev.EventPartyDeleted,
    ev.EventRouteRequest,
    ev.EventRouteUsed,
    ev.EventTreatmentApplied,
    ev.EventTreatmentEnd,
    ev.EventTreatmentNotApplied,
    ev.EventPrivateInfo,
    ev.EventDTMFSent,
}
"""Events that move no party."""

TALKING = (PartyState.ESTABLISHED, PartyState.HELD)


def follow(centre):
    """Gives each DN's events to the table of the party, across the changes of ConnID that transfers make.

    Returns where each party is by its events, and what each hook did.
    """
    parties = {}
    hooks = defaultdict(list)
    for event in centre.desktop.events:
        kind = type(event)
        if kind in (ev.EventOffHook, ev.EventOnHook):
            hooks[event.this_dn].append(kind)
        if not isinstance(event, ev.CallEvent):
            continue
        key = event.this_dn, event.conn_id
        if kind in BESIDE:
            assert parties[key] not in (PartyState.NULL, PartyState.RELEASED)
            continue
        if kind is ev.EventPartyChanged:
            state = parties.pop((event.this_dn, event.previous_conn_id))
            assert state not in (PartyState.NULL, PartyState.RELEASED)
            parties[key] = state
            continue
        state = parties.get(key, PartyState.NULL)
        if state is PartyState.RELEASED:
            state = PartyState.NULL  # the same DN may come back to a call by a transfer
        found = [after for (before, _), (after, made) in TABLE.items() if before is state and made is kind]
        assert found, (kind.__name__, state, key)
        parties[key] = found[0]
    return parties, hooks


def all_ended(centre):
    """Every call has ended for phones, server and events, and left nothing."""
    assert centre.leftovers() == []
    parties, hooks = follow(centre)
    assert set(parties.values()) <= {PartyState.RELEASED}
    for number, kinds in hooks.items():
        assert kinds == [ev.EventOffHook, ev.EventOnHook] * (len(kinds) // 2), number
    records = centre.desktop.records
    assert len({record.conn_id for record in records}) == len(records)
    told = {event.conn_id for event in centre.desktop.events if isinstance(event, ev.CallEvent)}
    # A call a desktop asked for, whose own phone did not take it, never was one for T-Library.
    untold = [record for record in records if record.conn_id not in told]
    assert told <= {record.conn_id for record in records}
    assert all(record.requested and record.answered_at is None for record in untold), untold
    outcomes = Counter(record.outcome for record in records)
    assert outcomes == {kind: count for kind, count in centre.tally.outcomes.items() if count}
    return outcomes


def at_rest(centre, numbers, *, keys_only=True):
    """Nothing has moved for a while: whoever is in a call by one is so by all, and those who talk hear each other.

    ``keys_only``: nobody is held or taken back by a desktop, so that a phone knows whether it holds.
    """
    switch = centre.switch
    by_events, _ = follow(centre)
    assert switch.faults == 0
    legs = 0
    for number in numbers:
        live = [call for call in centre.phones[number].calls if not call.over]
        assert all(call.talking for call in live), (number, [call.events for call in live])
        parties = list(switch.extensions[number].dn.parties)
        assert len(parties) == len(live), (number, parties, [call.events for call in live])
        for party in parties:
            assert party.state in TALKING, party
            assert by_events[number, party.call.conn_id] is party.state, party
            assert party.call.conn_id in switch.calls
        # Who is held by ``inactive`` has nothing left to say to hold as well (RFC 6337 5.3).
        held = [p for p in parties if any(one.state is PartyState.HELD for one in p.call.parties)]
        assert not keys_only or sum(call.holding for call in live) <= len(held), number
        legs += len(live)
    alive = {key for key, state in by_events.items() if state is not PartyState.RELEASED}
    parties = [(party, conn_id) for conn_id, flow in switch.calls.items() for party in flow.call.parties]
    there = {(party.number, conn_id) for party, conn_id in parties if party.alive}
    assert alive == there, alive ^ there
    for flow in switch.calls.values():
        assert flow.transfer is None, flow
        assert flow.branches is None, flow
        assert flow.settled, flow
        hear_each_other(centre, flow)
    assert len(switch.dispatcher.dialogs) == legs + switch.services.legs


def place(body):
    """Where a description wants its media sent."""
    lines = dict(line.split(b"=", 1) for line in body.split(b"\r\n") if b"=" in line)
    return lines[b"c"].split()[-1], lines[b"m"].split()[1]


def hear_each_other(centre, flow):
    """Two who are joined and do not hold send to each other, as the server has it and as their phones do."""
    bridge = flow.bridge
    if not isinstance(bridge, Bridge):
        return
    for near, far in ((bridge.a, bridge.b), (bridge.b, bridge.a)):
        party, other = flow.party_of(near), flow.party_of(far)
        if PartyState.HELD in (party.state, other.state):
            continue
        said, heard = place(near.media.said), place(far.media.heard)
        assert said == heard, (party, said, heard)
        phones = [place(call.bodies[-1]) for call in centre.phones[party.number].calls if not call.over and call.bodies]
        assert said in phones, (party, said, phones)
