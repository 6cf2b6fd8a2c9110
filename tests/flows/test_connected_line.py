"""Whom a phone is told it talks to, when that changes: after transfers of all kinds, by trust and privacy."""

import pytest
from media_house import ask
from transfer_house import talk_to_each_other, up

from cordboard._core import HeaderNames, Message
from cordboard.model import requests as rq
from cordboard.testkit.phone import Manners


@pytest.fixture
def centre(make_centre):
    made = make_centre(("1501", "1502", "1503", "trunk"), hang_up=True)
    made.trunk(made.phones["trunk"], prefix="9", replace_prefix="")
    return made


def told(centre, number):
    """Identity headers of the last re-INVITE a phone had."""
    address = centre.phones[number].node.address
    packets = [p.data for p in centre.network.packets if p.target == address and p.data.startswith(b"INVITE")]
    message = Message.parse(packets[-1])
    return dict(message.select(NAMES))


NAMES = HeaderNames(["P-Asserted-Identity", "Remote-Party-ID", "Privacy"])
PHONE_1501 = '"Phone 1501" <sip:1501@10.0.0.1>'
PHONE_1503 = '"Phone 1503" <sip:1503@10.0.0.1>'


def unattended(centre, b):  # noqa: ARG001
    b.refer("1503")


def semi_attended(centre, b):
    centre.phones["1503"].manners = Manners(answer=3.0)
    second = centre.phones["1502"].call("1503")
    centre.run(1)
    b.refer("1503", second)


def attended(centre, b):
    second = centre.phones["1502"].call("1503")
    centre.run(3)
    b.refer("1503", second)


def single_step(centre, b):  # noqa: ARG001
    (main,) = centre.switch.calls
    ask(centre, rq.SingleStepTransfer(this_dn="1502", conn_id=main, other_dn="1503"))


def replaced(centre, b):
    headers = [("Replaces", b.replaces()), ("Referred-By", "<sip:1502@centre.example>")]
    centre.phones["1503"].call("1501", headers=headers)


@pytest.mark.parametrize("kind", [unattended, semi_attended, attended, single_step, replaced])
def test_who_stays_is_told_of_who_comes(centre, kind):
    a, b = up(centre)
    kind(centre, b)
    centre.run(8)
    talk_to_each_other(a, centre.phones["1503"].calls[-1])
    assert told(centre, "1501") == {"P-Asserted-Identity": PHONE_1503}


def test_who_was_consulted_is_told_of_whom_he_is_given(centre):
    _, b = up(centre)
    attended(centre, b)
    centre.run(5)
    assert told(centre, "1503") == {"P-Asserted-Identity": PHONE_1501}


@pytest.mark.parametrize(
    ("kinds", "names"),
    [(("rpid",), {"Remote-Party-ID"}), (("pai", "rpid"), {"P-Asserted-Identity", "Remote-Party-ID"}), ((), set())],
)
def test_each_is_told_in_the_headers_it_knows(centre, kinds, names):
    centre.configure("1501", identity_headers=kinds)
    _, b = up(centre)
    unattended(centre, b)
    centre.run(8)
    found = told(centre, "1501")
    assert set(found) == names
    assert all("1503" in value for value in found.values())


@pytest.mark.parametrize("trusted", [False, True])
def test_who_withholds_himself_is_told_to_the_trusted_only(centre, trusted):
    centre.configure("1503", trusted=trusted)
    centre.phones["1501"].call("1502", headers=[("Privacy", "id")])
    centre.run(3)
    attended(centre, centre.phones["1502"].calls[-1])
    centre.run(5)
    assert told(centre, "1503") == ({"P-Asserted-Identity": PHONE_1501} if trusted else {}) | {"Privacy": "id"}


@pytest.mark.parametrize("kind", [unattended, attended])
def test_a_target_that_withholds_himself_when_he_answers(centre, kind):
    centre.phones["1503"].manners = Manners(headers=(("Privacy", "id"),))
    _, b = up(centre)
    kind(centre, b)
    centre.run(8)
    assert told(centre, "1501") == {"Privacy": "id"}


@pytest.mark.parametrize("trusted", [False, True])
def test_toward_a_trunk(centre, trusted):
    centre.configure("trunk", trusted=trusted)
    a = centre.phones["1501"].call("91234")
    centre.run(3)
    a.refer("1503")
    centre.run(5)
    talk_to_each_other(centre.phones["trunk"].calls[-1], centre.phones["1503"].calls[-1])
    assert told(centre, "trunk") == {"P-Asserted-Identity": PHONE_1503}


def test_a_transfer_that_failed_tells_the_old_again(centre):
    _, b = up(centre)
    b.hold()
    centre.run(1)
    second = centre.phones["1502"].call("1503")
    centre.run(3)
    c = centre.phones["1503"]
    c.refused["INVITE"] = 488
    b.refer("1503", second)
    centre.run(0.02)
    c.refused.clear()
    centre.run(5)
    assert b.progress[-1].startswith("488")
    assert told(centre, "1501") == {"P-Asserted-Identity": '"Phone 1502" <sip:1502@10.0.0.1>'}
