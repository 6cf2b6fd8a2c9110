"""Phones that cannot talk directly, with early media or without, under loss: nothing is left over at the end."""

import random
from dataclasses import replace

import pytest
from media_house import OurMediaServer
from test_bridged_media import HOME, IPV6, SECURE

from cordboard.switch.settings import DnSettings
from cordboard.testkit.network import Weather
from cordboard.testkit.phone import Manners
from cordboard.testkit.speech import Speech

SPEECHES = [SECURE, IPV6, HOME, Speech(), Speech(payloads="8"), Speech(payloads="0")]
OURS = ("calls of the switch", "dialogs of the switch", "transactions of the switch", "parties on")


def manners(chance):
    return Manners(
        ring_status=chance.choice([180, 183]),
        early_media=chance.random() < 0.8,
        reliable=chance.random() < 0.4,
        answer=chance.uniform(0.2, 5) if chance.random() < 0.7 else None,
        reject=(chance.uniform(0.2, 5), chance.choice([486, 488, 603])) if chance.random() < 0.2 else None,
    )


@pytest.mark.parametrize("seed", range(24))
def test_calls(make_centre, seed):
    chance = random.Random(seed)
    centre = make_centre(("1501", "1502", "1503"), seed=seed, weather=Weather(loss=chance.choice([0.0, 0.1, 0.2])))
    ours = OurMediaServer(centre)
    for phone in centre.phones.values():
        phone.speech, phone.manners = chance.choice(SPEECHES), manners(chance)
    centre.switch.configure(DnSettings(number="700", hunt="fork", members=("1502", "1503")))
    centre.configure("1502", srtp=chance.choice(["no", "auto", "required"]))
    if chance.random() < 0.5:
        dn = centre.switch.extensions["1502"].dn
        dn.features = replace(dn.features, busy="1503", no_answer="1503")
    for _ in range(6):
        headers = [("Supported", "100rel")] if chance.random() < 0.5 else []
        call = centre.phones["1501"].call(chance.choice(["1502", "1503", "700"]), headers=headers)
        centre.run(chance.uniform(0.001, 6))
        if chance.random() < 0.3:
            call.hang_up()
        if chance.random() < 0.2:
            for leg in list(ours.server.legs):
                leg.hang_up()
        centre.run(chance.uniform(0.01, 4))
    for _ in range(2):
        # A phone whose answer was lost may find out late that it has a call.
        centre.hang_up()
        centre.run(200)
    assert [one for one in centre.leftovers() if one.startswith(OURS) or "faults of" in one] == []
    assert not ours.server.legs
