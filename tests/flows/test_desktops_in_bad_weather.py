"""Calls made, released and marked from desktops, and phones that hang up, in bad weather: nothing is left over."""

from random import Random

import pytest

from cordboard.model import events as ev
from cordboard.model import requests as rq
from cordboard.testkit.centre import Centre
from cordboard.testkit.network import Weather
from cordboard.testkit.phone import Manners

NUMBERS = [str(1501 + n) for n in range(10)]


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_every_request_is_answered_and_every_call_ends(seed):
    centre = Centre(NUMBERS, seed=seed, weather=Weather(0.15, 0.15, (0.001, 0.4)), keep=False)
    random = Random(seed)
    for number, phone in centre.phones.items():
        centre.configure(number, no_answer_timeout=8.0, session_audit_interval=5.0, max_calls=0)
        phone.choose = lambda _: Manners(
            ring=random.choice([None, random.uniform(0, 1)]),
            answer=random.choice([None, random.uniform(0, 4), random.uniform(0, 4)]),
            reject=random.choice([None, None, None, (random.uniform(0, 3), random.choice([486, 603, 500, 404]))]),
            hang_up=random.uniform(0, 15),
        )
    asked = []

    def make():
        this, other = random.sample(NUMBERS, 2)
        asked.append(len(asked) + 1)
        answers = centre.switch.request("link", rq.MakeCall(this_dn=this, other_dn=other), asked[-1])
        assert answers == ()

    def meddle():
        if not centre.switch.calls:
            return
        conn_id, flow = random.choice(list(centre.switch.calls.items()))
        this = random.choice([flow.call.ani, flow.call.dnis])
        request = random.choice(
            [
                rq.ReleaseCall(this_dn=this, conn_id=conn_id),
                rq.AttachUserData(this_dn=this, conn_id=conn_id, user_data={"k": random.randrange(9)}),
            ]
        )
        centre.switch.request("link", request, 0)

    moment = 0.0
    for _ in range(150):
        moment += random.uniform(0, 0.3)
        centre.clock.call_later(moment, random.choice([make, make, meddle]))
    centre.run(moment + 300)
    assert centre.leftovers() == []
    assert len(asked) > 50
    assert len(centre.desktop.records) == len(asked)
    # Each MakeCall had exactly one answer: EventDialing, or EventError.
    answered = [e.reference_id for e in centre.desktop.events if isinstance(e, ev.EventDialing | ev.EventError)]
    assert sorted(answered) == asked
    hooks = [type(e) for e in centre.desktop.events if isinstance(e, ev.EventOffHook | ev.EventOnHook)]
    assert hooks.count(ev.EventOffHook) == hooks.count(ev.EventOnHook)
