"""1,000 calls of mixed outcomes under loss, duplication and reordering: both ends, events and records agree.

Each call has a number of its own in its Subject, by which the ends are paired. Graded for every call: it is over at
both ends and in the switch; the record, the events of both DNs and what both phones saw tell the same story.
"""

from collections import Counter, defaultdict
from functools import partial
from random import Random

import pytest

from cordboard.model import events as ev
from cordboard.model.party import OFF_HOOK, TABLE, PartyState
from cordboard.switch.records import Outcome
from cordboard.testkit.centre import Centre
from cordboard.testkit.network import Weather
from cordboard.testkit.phone import Manners

BAD = Weather(loss=0.1, duplication=0.1, delay=(0.001, 0.3))
NUMBERS = [str(1501 + n) for n in range(20)]
KINDS = (
    "answer, caller ends",
    "answer, callee ends",
    "busy",
    "reject",
    "no answer",
    "cancel",
    "unknown",
    "early media",
)


def mannered(random, kind):
    ring, answer = random.uniform(0, 1), random.uniform(1, 4)
    match kind:
        case "answer, callee ends":
            return Manners(ring=ring, answer=answer, hang_up=random.uniform(0, 10))
        case "busy":
            return Manners(ring=None, reject=(ring, 486))
        case "reject":
            return Manners(ring=ring, reject=(answer, random.choice([603, 480, 488, 500])))
        case "no answer" | "cancel":
            return Manners(ring=ring, answer=None if kind == "no answer" else random.uniform(1, 6))
        case "early media":
            return Manners(ring=ring, ring_status=183, early_media=True, answer=answer)
    return Manners(ring=ring, answer=answer)


def run(seed, count, weather):
    centre = Centre(NUMBERS, seed=seed, weather=weather, keep=False)
    random = Random(seed)
    for number in NUMBERS:
        centre.configure(number, no_answer_timeout=15.0, session_audit_interval=7.0, max_calls=0)
    calls, manners = [], []
    for phone in centre.phones.values():
        phone.choose = lambda invite: manners[int(invite.header("X-Number"))]

    def begin(kind):
        caller, callee = random.sample(NUMBERS, 2)
        manners.append(mannered(random, kind))
        call = centre.phones[caller].call(
            "9999" if kind == "unknown" else callee,
            cancel_after=random.uniform(0, 6) if kind == "cancel" else None,
            hang_up_after=None if kind == "answer, callee ends" else random.uniform(0, 20),
            headers=[("X-Number", str(len(calls)))],
            offer=random.random() < 0.9,
        )
        calls.append(call)

    start = 0.0
    for _ in range(count):
        start += random.uniform(0, 0.1)
        centre.clock.call_later(start, partial(begin, random.choice(KINDS)))
    centre.run(start + 1)
    for _ in range(40):
        centre.run(10)
        # A callee whose BYE crossed with anything may still wait for its caller: everyone goes home in the end.
        if not centre.switch.calls and all(call.over for phone in centre.phones.values() for call in phone.calls):
            break
    centre.run(100)
    return centre, calls


def stories(centre):
    """Events by call and DN."""
    told = defaultdict(list)
    for event in centre.desktop.events:
        if isinstance(event, ev.CallEvent):
            told[event.conn_id, event.this_dn_role].append(event)
    return told


def follows_the_table(events):
    state = PartyState.NULL
    for event in events:
        step = [after for (before, _), (after, kind) in TABLE.items() if before is state and kind is type(event)]
        assert step, f"{type(event).__name__} in state {state}"
        state = step[0]
    return state


@pytest.mark.parametrize(("seed", "count"), [(1, 1000), (2, 200), (3, 200)])
def test_all_end_in_the_right_state_on_both_sides_and_in_the_events(seed, count):
    centre, calls = run(seed, count, BAD)
    assert len(calls) == count
    assert centre.leftovers() == []
    assert centre.network.counts["lost"] > count
    records = {record.caller_call_id: record for record in centre.desktop.records}
    assert len(records) == len(centre.desktop.records) == len(calls)

    callees = defaultdict(list)
    for phone in centre.phones.values():
        for call in phone.calls:
            if call.inbound:
                callees[call.invite.header("X-Number")].append(call)
    told = stories(centre)
    outcomes = Counter()
    for index, call in enumerate(calls):
        record = records[call.outgoing.call_id]
        ends = callees[str(index)]
        assert len(ends) <= 1
        outcomes[record.outcome] += 1
        caller_story = [type(e).__name__.removeprefix("Event") for e in told[record.conn_id, 1]]
        callee_story = [type(e).__name__.removeprefix("Event") for e in told[record.conn_id, 2]]
        assert follows_the_table(told[record.conn_id, 1]) is PartyState.RELEASED
        if callee_story:
            assert follows_the_table(told[record.conn_id, 2]) is PartyState.RELEASED
        talked = "Established" in caller_story
        assert talked == ("Established" in callee_story)
        assert talked == (record.outcome == Outcome.ANSWERED) == (record.answered_at is not None)
        # What the phones saw.
        if "answered" in call.events:
            assert talked
        if record.outcome == Outcome.ANSWERED:
            assert "answer sent" in ends[0].events
        elif record.outcome == Outcome.CANCELLED:
            assert "cancel sent" in call.events
        else:
            assert call.events[-1] in {str(record.status), "487"}
        if record.outcome == Outcome.UNKNOWN_NUMBER:
            assert ends == []
            assert callee_story == []
        if "DestinationBusy" in caller_story:
            assert not talked
    assert set(outcomes) >= {"answered", "busy", "rejected", "no-answer", "cancelled", "unknown-number", "failed"}
    assert outcomes == centre.tally.outcomes

    # The hook of each DN: off and on in turns, and on at the end.
    for number in NUMBERS:
        mine = [type(event) for event in centre.desktop.events if event.this_dn == number]
        hooks = [kind for kind in mine if kind in (ev.EventOffHook, ev.EventOnHook)]
        assert hooks == [ev.EventOffHook, ev.EventOnHook] * (len(hooks) // 2)
        assert all(party.state not in OFF_HOOK for party in centre.switch.extensions[number].dn.parties)


def test_the_same_seed_gives_the_same_run():
    def heard(seed):
        centre, _ = run(seed, 60, BAD)
        return [(type(e).__name__, e.this_dn, e.time) for e in centre.desktop.events]

    assert heard(5) == heard(5)
    assert heard(5) != heard(6)
