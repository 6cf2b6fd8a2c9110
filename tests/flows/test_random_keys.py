"""Random sequences of keys on four phones, under loss, duplication and reordering.

Afterwards nothing is left over, and phones, server and events agree: each party's events follow the party's table
through all transfers, each hook goes off and on in turns, each call has one record.
"""

from collections import Counter
from random import Random

import pytest
from agreement import all_ended, at_rest

from cordboard.testkit.centre import Centre
from cordboard.testkit.network import Weather
from cordboard.testkit.phone import Manners

NUMBERS = ("1501", "1502", "1503", "1504")
FAIR = Weather()
BAD = Weather(loss=0.08, duplication=0.05, delay=(0.001, 0.2))


def press(centre, random, done):
    """One key on one phone."""
    phone = centre.phones[random.choice(NUMBERS)]
    phone.manners = Manners(
        ring_status=random.choice([180, 180, 183]),
        early_media=random.random() < 0.3,
        reliable=random.random() < 0.3,
        ring=random.uniform(0.05, 0.5),
        answer=random.choice([None, random.uniform(0.5, 3), random.uniform(0.2, 1)]),
        reject=random.choice([None, None, None, None, None, None, (random.uniform(0.1, 3), random.choice([486, 603]))]),
    )
    live = [call for call in phone.calls if not call.over and call.session is not None]
    talking = [call for call in live if call.talking]
    keys = ["dial", "dial", "hold", "hold", "retrieve", "refer", "attended", "attended", "attended", "hang up"]
    keys += ["ask", "take over"]
    key = random.choice(keys)
    leaves = random.choice([None, None, "202", "100", "180", "200"])
    if key == "dial" and len(live) < 3:
        phone.call(
            random.choice(NUMBERS),
            cancel_after=random.choice([None, None, random.uniform(0, 3)]),
            offer=random.random() < 0.9,
            headers=random.choice([(), (), (("Supported", "100rel"),)]),
        )
    elif key == "take over" and len(live) < 3:
        there = [call for other in centre.phones.values() for call in other.calls if not call.over and call.identity[1]]
        if not there:
            return
        taken = random.choice(there)
        headers = [("Replaces", taken.replaces()), ("Referred-By", f"<sip:{taken.phone.number}@centre.example>")]
        phone.call(random.choice(NUMBERS), headers=headers)
    elif key == "ask" and talking:
        method = random.choice(["INFO", "MESSAGE", "OPTIONS", "UPDATE", "FOO"])
        random.choice(talking).session.request(method, lambda status, event: None)  # noqa: ARG005
    elif key == "hang up" and live:
        random.choice(live).hang_up()
    elif key in ("hold", "retrieve") and talking:
        call, method = random.choice(talking), random.choice(["INVITE", "INVITE", "UPDATE"])
        if key == "hold":
            call.hold(random.choice(["sendonly", "inactive", "0.0.0.0"]), method)
        else:
            call.retrieve(method)
    elif key == "refer" and talking:
        random.choice(talking).refer(random.choice((*NUMBERS, "9999")), leaves=leaves)
    elif key == "attended" and talking:
        call = random.choice(talking)
        others = [other for other in phone.calls if other is not call and not other.over and other.identity[1]]
        if not others:
            return
        call.refer("x", random.choice(others), leaves=leaves)
    else:
        return
    done[key] += 1


def run(seed, steps, weather):
    centre = Centre(NUMBERS, seed=seed, weather=weather, keep=False)
    for number in NUMBERS:
        centre.configure(number, no_answer_timeout=12.0, session_audit_interval=20.0, max_calls=6)
    random = Random(seed)
    done = Counter()
    for step in range(steps):
        press(centre, random, done)
        centre.run(random.choice([0.0, 0.01, 0.1, 0.5, 1.0, 3.0]))
        if step % 100 == 99:
            for phone in centre.phones.values():
                phone.calls = [call for call in phone.calls if not call.over]
        if step % 500 == 499:
            centre.run(80)
            at_rest(centre, NUMBERS)
    for _ in range(20):
        centre.hang_up()
        centre.run(20)
    centre.run(120)
    return centre, done


@pytest.mark.parametrize(
    ("seed", "steps", "weather"),
    [(1, 4000, FAIR), (2, 3000, BAD), (3, 3000, BAD)],
    ids=["fair", "bad", "bad again"],
)
def test_nothing_is_left_and_all_agree(seed, steps, weather):
    centre, done = run(seed, steps, weather)
    assert min(done.values()) > steps / 60, done
    outcomes = all_ended(centre)
    assert outcomes["transferred"] > 5, outcomes
