"""Random keys and requests as in test_random_holds_with_music, with recordings, digits, a Routing Point and treatments.

The media services are two Media Servers, all of them but the sound, of which one hangs up on its legs at times.
"""

from collections import Counter
from random import Random

import pytest
from agreement import all_ended, at_rest
from media_house import OurMediaServer
from test_random_holds_with_music import ask, make
from test_random_keys import BAD, FAIR, NUMBERS, press

from cordboard.model import requests as rq
from cordboard.model.enums import AddressType, PrivateMessage, TreatmentType
from cordboard.switch.settings import DnSettings
from cordboard.testkit.centre import Centre
from cordboard.testkit.speech import Speech

POINT = "8000"
RECORDING = [one for one in PrivateMessage if one < 4000]
TREATMENTS = [
    (TreatmentType.MUSIC, {"DURATION": 3}),
    (TreatmentType.RING_BACK, {"DURATION": 2}),
    (TreatmentType.PLAY_ANNOUNCEMENT, {"FILE": "all-busy"}),
    (TreatmentType.COLLECT_DIGITS, {"MAX_DIGITS": 2, "START_TIMEOUT": 2}),
    (TreatmentType.CANCEL_CALL, None),
]


def media_request(centre, random, done):
    """One request about media, sensible or not."""
    having = [(one, party) for one, flow in centre.switch.calls.items() for party in flow.call.parties if party.alive]
    if not having:
        return
    waiting = [(one, party) for one, party in having if party.number == POINT]
    conn_id, party = random.choice(waiting if waiting and random.random() < 0.5 else having)
    about = {"this_dn": party.number, "conn_id": conn_id}
    kind, parameters = random.choice(TREATMENTS)
    request = random.choice(
        [
            rq.PrivateService(private_msg_id=random.choice(RECORDING), **about),
            rq.PrivateService(private_msg_id=PrivateMessage.RECORD_START, **about),
            rq.SendDTMF(dtmf_digits="12", **about),
            rq.ApplyTreatment(treatment_type=kind, parameters=parameters, **about),
            rq.ApplyTreatment(treatment_type=kind, parameters=parameters, **about),
            rq.RouteCall(other_dn=random.choice(NUMBERS), **about),
        ]
    )
    answers = centre.switch.request("desktop", request, 1)
    done[f"{type(request).__name__} {'refused' if answers else 'taken'}"] += 1


SPEECHES = [Speech(), Speech("2001:db8::1"), Speech(srtp="required"), Speech(srtp="offered")]
"""What phones are like that cannot all talk to each other directly."""


@pytest.mark.parametrize(
    ("seed", "steps", "weather", "speeches"),
    [(21, 3000, FAIR, [Speech()]), (22, 2000, BAD, [Speech()]), (23, 1500, FAIR, SPEECHES), (24, 1200, BAD, SPEECHES)],
    ids=["fair", "bad", "fair, bridged", "bad, bridged"],
)
def test_nothing_is_left(seed, steps, weather, speeches, tmp_path):
    centre = Centre(NUMBERS, seed=seed, weather=weather, keep=False)
    servers = [
        OurMediaServer(centre, f"ms{n}", f"10.0.2.{n}", recordings=tmp_path / f"{n}", recovery_timeout=5.0)
        for n in (1, 2)
    ]
    for number in NUMBERS:
        centre.configure(number, no_answer_timeout=12.0, session_audit_interval=20.0, max_calls=6)
    for index, number in enumerate(NUMBERS):
        centre.phones[number].speech = speeches[index % len(speeches)]
    centre.configure("1504", dtmf="rtp", record="source")
    if len(speeches) > 1:
        centre.configure("1501", dtmf="info-only")
    centre.switch.configure(
        DnSettings(number=POINT, address_type=AddressType.ROUTE_DN, router_timeout=15.0, max_calls=0)
    )
    random = Random(seed)
    done = Counter()
    for step in range(steps):
        chance = random.random()
        if chance < 0.25:
            ask(centre, random, done)
        elif chance < 0.3:
            make(centre, random, done)
        elif chance < 0.35:
            centre.phones[random.choice(NUMBERS)].call(POINT)
        elif chance < 0.55:
            media_request(centre, random, done)
        else:
            press(centre, random, done)
        if random.random() < 0.02 and servers[1].server.legs:
            random.choice(list(servers[1].server.legs)).hang_up()
        centre.run(random.choice([0.0, 0.01, 0.1, 0.5, 1.0, 3.0]))
        if step % 100 == 99:
            for phone in centre.phones.values():
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
    assert [server.idle for server in servers] == [True, True]
    assert [server.server.faults for server in servers] == [0, 0]
    assert centre.switch.points == {}
    all_ended(centre)
    counted = centre.switch.services.counters()
    assert counted["recordings_started"] > 5
    assert counted["anchored"] > 5
    for kind in (rq.PrivateService, rq.SendDTMF, rq.ApplyTreatment, rq.RouteCall):
        assert done[f"{kind.__name__} taken"] > 0, done
