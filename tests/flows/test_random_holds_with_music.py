"""Random keys on four phones and random requests of two desktops, with two media servers of which one is bad at times.

Whenever all rest, and in the end, phones, server and events agree and nothing is left over, no media dialog either.
"""

from collections import Counter
from random import Random

import pytest
from agreement import all_ended, at_rest
from test_random_keys import BAD, FAIR, NUMBERS, press

from cordboard.model import requests as rq
from cordboard.model.enums import ForwardMode
from cordboard.model.party import PartyState
from cordboard.testkit.centre import Centre

KINDS = [
    rq.HoldCall,
    rq.RetrieveCall,
    rq.HoldCall,
    rq.RetrieveCall,
    rq.AlternateCall,
    rq.ReconnectCall,
    rq.InitiateTransfer,
    rq.MuteTransfer,
    rq.CompleteTransfer,
    rq.CompleteTransfer,
    rq.SingleStepTransfer,
    rq.InitiateConference,
    rq.CompleteConference,
    rq.CompleteConference,
    rq.SingleStepConference,
    rq.DeleteFromConference,
    rq.ReleaseCall,
    rq.ClearCall,
]

FEATURES = [rq.CallSetForward, rq.CallCancelForward, rq.CallCancelForward, rq.SetDNDOn, rq.SetDNDOff, rq.SetDNDOff]

LINKS = ("desktop", "supervisor")

MODES = [mode for mode in ForwardMode if mode is not ForwardMode.NONE]

OTHERS = {"previous_conn_id", "transfer_conn_id", "conference_conn_id"}

OF_ONE_CALL = [kind for kind in KINDS if not OTHERS & set(kind.__struct_fields__)]


def configure(centre, random, done):
    """A desktop forwards a DN, or wants its peace, for a while."""
    kind = random.choice(FEATURES)
    more = {}
    if kind is rq.CallSetForward:
        more = {"other_dn": random.choice(NUMBERS), "forward_mode": random.choice(MODES)}
    request = kind(this_dn=random.choice(NUMBERS), **more)
    answers = centre.switch.request(random.choice(LINKS), request, 1)
    done[f"{kind.__name__} {'refused' if answers else 'taken'}"] += 1


def make(centre, random, done):
    """A desktop makes a call."""
    request = rq.MakeCall(this_dn=random.choice(NUMBERS), other_dn=random.choice((*NUMBERS, "9999")))
    answers = centre.switch.request(random.choice(LINKS), request, 1)
    done[f"MakeCall {'refused' if answers else 'taken'}"] += 1


def fitting(centre, random, kind, dn, calls):
    """Of a DN's calls those to ask for, the rare ones preferred that the request is made for."""
    calls = random.sample(calls, len(calls))
    parties = {one: centre.switch.calls[one].call.parties for one in calls}
    if kind is rq.DeleteFromConference:
        calls.sort(key=lambda one: len(parties[one]), reverse=True)
    elif kind in (rq.AlternateCall, rq.ReconnectCall):
        held = {one: any(p.number == dn and p.state is PartyState.HELD for p in parties[one]) for one in calls}
        calls.sort(key=held.get)
        calls.insert(1, calls.pop())
    return calls


def ask(centre, random, done):
    """One request of a desktop, sensible or not."""
    calls = list(centre.switch.calls)
    if not calls:
        return
    # Most requests of one who has the calls they need, so that they lead somewhere.
    having = {dn: [one for one, flow in centre.switch.calls.items() if flow.call.party_of(dn)] for dn in NUMBERS}
    sensible = any(having.values()) and random.random() < 0.9
    kinds = KINDS if not sensible or any(len(held) > 1 for held in having.values()) else OF_ONE_CALL
    if any(len(flow.call.parties) > 2 for flow in centre.switch.calls.values()):
        kinds = [*kinds, *[rq.DeleteFromConference] * 3]
    kind = random.choice(kinds)
    able = [dn for dn in NUMBERS if len(having[dn]) > (kind not in OF_ONE_CALL)]
    dn = random.choice(able if sensible else NUMBERS)
    chosen = fitting(centre, random, kind, dn, having[dn]) if sensible else random.choices(calls, k=2)
    more = {}
    for name in kind.__struct_fields__:
        if name == "other_dn":
            inside = kind is rq.DeleteFromConference and chosen[0] in centre.switch.calls
            there = [party.number for party in centre.switch.calls[chosen[0]].call.parties] if inside else ()
            more[name] = random.choice(there or NUMBERS)
        elif name in OTHERS:
            more[name] = chosen[1]
    request = kind(this_dn=dn, conn_id=chosen[0], **more)
    answers = centre.switch.request(random.choice(LINKS), request, 1)
    done[f"{kind.__name__} {'refused' if answers else 'taken'}"] += 1


@pytest.mark.parametrize(
    ("seed", "steps", "weather"),
    [(11, 8000, FAIR), (12, 5000, BAD), (15, 5000, BAD)],
    ids=["fair", "bad", "bad again"],
)
def test_nothing_is_left(seed, steps, weather):
    centre = Centre(NUMBERS, seed=seed, weather=weather, keep=False)
    servers = [centre.media_server("ms1", "10.0.2.1", recovery_timeout=5.0), centre.media_server("ms2", "10.0.2.2")]
    for number in NUMBERS:
        centre.configure(number, no_answer_timeout=12.0, session_audit_interval=20.0, max_calls=6)
    random = Random(seed)
    done = Counter()
    for step in range(steps):
        chance = random.random()
        if chance < 0.45:
            ask(centre, random, done)
        elif chance < 0.5:
            make(centre, random, done)
        elif chance < 0.53:
            configure(centre, random, done)
        else:
            press(centre, random, done)
        if random.random() < 0.02:
            servers[0].refuse[random.choice(["annc", "conf"])] = random.choice([0, 486, 503])
        if random.random() < 0.02 and servers[1].open:
            random.choice(servers[1].open).hang_up()
        centre.run(random.choice([0.0, 0.01, 0.1, 0.5, 1.0, 3.0]))
        if step % 100 == 99:
            for phone in (centre.phones[number] for number in NUMBERS):
                phone.calls = [call for call in phone.calls if not call.over]
        if step % 500 == 499:
            centre.run(100)
            at_rest(centre, NUMBERS, keys_only=False)
    for _ in range(20):
        for number in NUMBERS:
            for call in centre.phones[number].calls:
                call.hang_up()
        centre.run(20)
    centre.run(120)
    assert min(len(server.media) for server in servers) > 20
    assert [server.open for server in servers] == [[], []]
    all_ended(centre)
    for kind in (*KINDS, *FEATURES, rq.MakeCall):
        assert done[f"{kind.__name__} taken"] > 0, done
