"""The table of a party: every entry does what it says, and everything else is refused."""

import itertools

import pytest

from cordboard.model import events as ev
from cordboard.model.call import Call
from cordboard.model.connid import CallIds
from cordboard.model.dn import DN
from cordboard.model.enums import CallState, CallType, DNRole
from cordboard.model.errors import PartyStateError
from cordboard.model.party import OFF_HOOK, TABLE, Move, Party, PartyState, advance
from cordboard.model.reporter import Reporter


class Heard:
    def __init__(self, *, deaf=False):
        self.events = []
        self.deaf = deaf

    def wants(self, dn):  # noqa: ARG002
        return not self.deaf

    def emit(self, event, link=None):
        self.events.append((event, link))

    def names(self):
        return [type(event).__name__ for event, _ in self.events]


def make(*, deaf=False):
    heard = Heard(deaf=deaf)
    reporter = Reporter("sips", heard, lambda: 1000.25)
    ids = CallIds(started=1_790_000_000, seed=b"0123456789").next()
    call = Call(ids, call_type=CallType.INTERNAL, ani="1501", dnis="1502", created_at=1000.0)
    return heard, reporter, call


PATHS = {
    PartyState.NULL: [],
    PartyState.DIALING: [Move.DIAL],
    PartyState.RINGING: [Move.RING],
    PartyState.ESTABLISHED: [Move.RING, Move.ANSWER],
    PartyState.HELD: [Move.RING, Move.ANSWER, Move.HOLD],
    PartyState.FAILED: [Move.DIAL, Move.FAIL],
    PartyState.QUEUED: [Move.QUEUE],
    PartyState.RELEASED: [Move.DIAL, Move.RELEASE],
}


def party_in(state, reporter, call, dn):
    party = call.add("1502", DNRole.DESTINATION, dn)
    for move in PATHS[state]:
        advance(party, move, reporter)
    return party


@pytest.mark.parametrize(("state", "move"), list(itertools.product(PartyState, Move)))
def test_each_input_in_each_state(state, move):
    heard, reporter, call = make()
    dn = DN("1502")
    party = party_in(state, reporter, call, dn)
    assert party.state is state
    heard.events.clear()
    entry = TABLE.get((state, move))
    assert party.can(move) is (entry is not None)
    if entry is None:
        with pytest.raises(PartyStateError) as caught:
            advance(party, move, reporter)
        assert (caught.value.number, caught.value.state, caught.value.move) == ("1502", state.value, move.value)
        assert party.state is state
        assert heard.events == []
        return
    following, event = entry
    advance(party, move, reporter, CallState.BUSY)
    assert party.state is following
    names = [name for name in heard.names() if name not in ("EventOffHook", "EventOnHook")]
    assert names == [event.__name__]
    before, after = state in OFF_HOOK, following in OFF_HOOK
    assert ("EventOffHook" in heard.names()) is (after and not before)
    assert ("EventOnHook" in heard.names()) is (before and not after)
    if after and not before:
        assert heard.names()[0] == "EventOffHook"
    if before and not after:
        assert heard.names()[-1] == "EventOnHook"
    assert (party in dn.parties) is party.alive
    call_events = [event for event, _ in heard.events if isinstance(event, ev.CallEvent)]
    assert call_events[0].call_state is CallState.BUSY


def test_every_state_is_reached_and_left_but_released():
    reached = {following for following, _ in TABLE.values()} | {PartyState.NULL}
    left = {state for state, _ in TABLE}
    assert reached == set(PartyState)
    assert left == set(PartyState) - {PartyState.RELEASED}


def test_hook_follows_the_first_and_the_last_call():
    heard, reporter, call = make()
    dn = DN("1501")
    first = call.add("1501", DNRole.ORIGINATION, dn)
    second = Party(call, "1501", DNRole.DESTINATION, dn)
    advance(first, Move.DIAL, reporter)
    advance(second, Move.RING, reporter)
    advance(second, Move.ANSWER, reporter)
    advance(first, Move.RELEASE, reporter)
    advance(second, Move.RELEASE, reporter)
    assert heard.names() == [
        "EventOffHook",
        "EventDialing",
        "EventRinging",
        "EventEstablished",
        "EventReleased",
        "EventReleased",
        "EventOnHook",
    ]
    assert reporter.emitted == 7


def test_nothing_is_built_when_nobody_listens():
    heard, reporter, call = make(deaf=True)
    party = call.add("1501", DNRole.ORIGINATION, DN("1501"))
    advance(party, Move.DIAL, reporter)
    advance(party, Move.RELEASE, reporter)
    assert heard.events == []
    assert reporter.emitted == 0
    assert call.over


def test_a_stranger_gives_no_events():
    heard, reporter, call = make()
    party = call.add("0441234", DNRole.DESTINATION, None)
    advance(party, Move.RING, reporter)
    advance(party, Move.ANSWER, reporter)
    assert party.state is PartyState.ESTABLISHED
    assert call.answered_at == 1000.25
    assert heard.events == []


def test_events_carry_what_the_reference_lists():
    heard, reporter, call = make()
    call.user_data = {"account": "7"}
    caller = call.add("1501", DNRole.ORIGINATION, DN("1501"))
    advance(caller, Move.DIAL, reporter, reference_id=9, link="link")
    callee = call.add("1502", DNRole.DESTINATION, DN("1502"))
    advance(callee, Move.RING, reporter)
    (off, off_link), (dialing, dialing_link), (ringing, _) = heard.events
    assert (off.reference_id, off_link) == (0, None)
    assert (dialing.reference_id, dialing_link) == (9, "link")
    assert dialing.other_dn == "1502"
    assert dialing.other_dn_role is DNRole.DESTINATION
    assert dialing.this_dn_role is DNRole.ORIGINATION
    assert ringing == ev.EventRinging(
        server="sips",
        time=ev.Time(1000, 250_000),
        conn_id=call.conn_id,
        call_id=1,
        call_uuid=call.uuid,
        call_type=CallType.INTERNAL,
        propagated_call_type=CallType.INTERNAL,
        this_dn="1502",
        this_dn_role=DNRole.DESTINATION,
        other_dn="1501",
        other_dn_role=DNRole.ORIGINATION,
        dnis="1502",
        ani="1501",
        user_data={"account": "7"},
    )


def test_attached_data_is_told_to_all_parties_and_the_reference_to_one():
    heard, reporter, call = make()
    caller = call.add("1501", DNRole.ORIGINATION, DN("1501"))
    callee = call.add("1502", DNRole.DESTINATION, DN("1502"))
    advance(caller, Move.DIAL, reporter)
    advance(callee, Move.RING, reporter)
    heard.events.clear()
    call.user_data = {"k": "v"}
    reporter.data_changed(call, callee, reference_id=4, link="link")
    told = [(e.this_dn, e.reference_id, link, e.third_party_dn, e.user_data) for e, link in heard.events]
    assert told == [("1501", 0, None, "1502", {"k": "v"}), ("1502", 4, "link", "1502", {"k": "v"})]


@pytest.mark.parametrize("state", list(PartyState))
def test_a_snapshot_restores_the_same_call(state):
    _, reporter, call = make()
    dn = DN("1502")
    party_in(state, reporter, call, dn)
    call.add("999", DNRole.ORIGINATION, None)
    call.user_data = {"k": {"n": 1}}
    other = DN("1502")
    again = Call.restore(call.snapshot(), {"1502": other}.get)
    assert again.snapshot() == call.snapshot()
    assert [party.number for party in other.parties] == [party.number for party in dn.parties]
    assert (other.off_hook, again.over) == (dn.off_hook, call.over)
