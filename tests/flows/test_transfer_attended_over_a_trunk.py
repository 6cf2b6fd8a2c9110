"""REFER with Replaces by who consulted a stranger beyond a trunk: they are joined, or he has both his calls still."""

import pytest
from transfer_house import held_up, lines, talk_to_each_other

from cordboard.testkit.phone import Manners

LEAVING = [None, "202", "100", "200"]
"""When the transferor hangs up by himself: never, at once, or as he is told of progress."""

CONSULTS = [
    "Held 1 INTERNAL DESTINATION other 1501",
    "Dialing 2 previous 1 CONSULT ORIGINATION other 91234",
    "NetworkReached 2 previous 1 CONSULT ORIGINATION other 91234",
    "Established 2 previous 1 CONSULT ORIGINATION other 91234",
]
"""Events of 1502, who holds 1501 and calls outside."""

GIVES_AWAY = [
    "Released 2 previous 1 TRANSFERRED CONSULT ORIGINATION other 91234 third 1501 ORIGINATION",
    "Released 1 TRANSFERRED INTERNAL DESTINATION other 1501 third 91234 DESTINATION",
    "OnHook",
]
GETS = "PartyChanged 1 previous 1 TRANSFERRED INTERNAL ORIGINATION other 91234 third 1502 TRANSFERRED_BY"


@pytest.fixture
def centre(make_centre):
    """One line to the carrier t1; callers from outside have one through t2."""
    made = make_centre(("1501", "1502", "1503", "t1", "t2"), hang_up=True)
    made.trunk(made.phones["t1"], prefix="9", replace_prefix="", capacity=1)
    made.trunk(made.phones["t2"], capacity=1)
    yield made
    made.hang_up()
    for number in ("t1", "t2"):
        made.configure(number, oos_check=0.0)
    made.run(5)
    assert taken(made) == [0, 0]


@pytest.fixture
def held(centre):
    """1501 called 1502, who holds; the events start here."""
    return centre, *held_up(centre)


def consult(centre, seconds=3):
    """1502 calls outside: his call, and the carrier's."""
    call = centre.phones["1502"].call("91234")
    centre.run(seconds)
    return call, centre.phones["t1"].calls[-1]


def taken(centre):
    """How many calls each trunk has."""
    return [trunk.calls for trunk in centre.switch.trunks.values()]


def gets_outside(centre):
    """Whether 1503 finds the line free; he hangs up at once."""
    call = centre.phones["1503"].call("95678", hang_up_after=0.5)
    centre.run(5)
    assert call.over
    return "answered" in call.events


def is_refused_by(centre, call, status, b, second):
    """One of those to be joined refuses, or says nothing (0); the transferor is told once, and for good."""
    if status:
        call.phone.refused["INVITE"] = status
    else:
        call.phone.deaf_to.add("INVITE")
    b.refer("91234", second)
    centre.run(45)
    assert b.progress == ["202", "100 Trying", "488 Not Acceptable Here"]
    assert b.subscription.startswith("terminated")


def has_both_his_calls(centre, a, b, second, far):
    """Nothing has come of the transfer, and only the transferor knows that there was to be one."""
    talk_to_each_other(second, far)
    assert b.talking
    assert b.holding
    assert a.talking
    assert a.hears.endswith(b"sendonly")
    assert lines(centre, "1501") == []
    assert lines(centre, "1502") == CONSULTS
    assert taken(centre) == [1, 0]


@pytest.mark.parametrize("leaves", LEAVING)
def test_the_events_are_those_of_the_two_step_transfer(held, leaves):
    centre, a, b = held
    second, far = consult(centre)
    assert taken(centre) == [1, 0]
    b.refer("91234", second, leaves=leaves)
    centre.run(5)
    if leaves is None:
        assert b.progress == ["202", "100 Trying", "200 OK"]
        assert b.subscription.startswith("terminated")
    assert b.over
    assert second.over
    talk_to_each_other(a, far)
    assert lines(centre, "1502") == CONSULTS + GIVES_AWAY
    assert lines(centre, "1501") == [GETS]
    # A trunk is no DN that desktops watch.
    assert len(centre.desktop.events) == len(CONSULTS + GIVES_AWAY) + 1


@pytest.mark.parametrize("who", ["a", "far"])
def test_the_line_is_taken_until_the_pair_hangs_up(held, who):
    centre, a, b = held
    second, far = consult(centre)
    b.refer("91234", second)
    centre.run(5)
    assert taken(centre) == [1, 0]
    assert not gets_outside(centre)
    talk_to_each_other(a, far)
    centre.desktop.events.clear()
    (a if who == "a" else far).hang_up()
    centre.run(2)
    assert a.over
    assert far.over
    assert lines(centre) == ["Released 1 INTERNAL ORIGINATION other 91234", "OnHook"]
    assert taken(centre) == [0, 0]
    assert gets_outside(centre)
    outcomes = [(r.outcome, r.caller, r.callee) for r in centre.desktop.records if r.caller != "1503"]
    assert outcomes == [("transferred", "1502", "91234"), ("answered", "1501", "1502")]


def test_who_came_through_one_trunk_is_joined_with_a_stranger_beyond_another(centre):
    a, b = held_up(centre, "t2")
    second, far = consult(centre)
    b.refer("91234", second)
    centre.run(5)
    assert b.progress == ["202", "100 Trying", "200 OK"]
    talk_to_each_other(a, far)
    said = [line.replace("INTERNAL", "INBOUND").replace("1501", "t2") for line in CONSULTS + GIVES_AWAY]
    assert lines(centre) == said
    # No DN is left in the call, but it still takes a line of each trunk.
    assert taken(centre) == [1, 1]
    assert not gets_outside(centre)
    a.hang_up()
    centre.run(2)
    assert far.over
    assert taken(centre) == [0, 0]
    assert gets_outside(centre)


@pytest.mark.parametrize("status", [403, 488, 503, 603, 0])
def test_a_carrier_that_will_not_join_them_leaves_the_transferor_both_his_calls(held, status):
    centre, a, b = held
    second, far = consult(centre)
    is_refused_by(centre, far, status, b, second)
    has_both_his_calls(centre, a, b, second, far)
    far.phone.refused.clear()
    far.phone.deaf_to.clear()
    second.hang_up()
    centre.run(2)
    assert far.over
    assert taken(centre) == [0, 0]
    b.retrieve()
    centre.run(2)
    talk_to_each_other(a, b)
    assert [line.split()[0] for line in lines(centre, "1502")[len(CONSULTS) :]] == ["Released", "Retrieved"]


def test_having_been_refused_once_he_may_ask_again(held):
    centre, a, b = held
    second, far = consult(centre)
    far.phone.refused["INVITE"] = 488
    b.refer("91234", second)
    centre.run(5)
    has_both_his_calls(centre, a, b, second, far)
    far.phone.refused.clear()
    b.refer("91234", second)
    centre.run(5)
    assert b.progress[3:] == ["202", "100 Trying", "200 OK"]
    talk_to_each_other(a, far)
    assert lines(centre, "1502") == CONSULTS + GIVES_AWAY
    assert lines(centre, "1501") == [GETS]
    assert taken(centre) == [1, 0]


@pytest.mark.parametrize("status", [403, 488, 503, 603, 0])
def test_a_first_party_that_will_not_be_joined_leaves_him_both_too(held, status):
    centre, a, b = held
    second, far = consult(centre)
    is_refused_by(centre, a, status, b, second)
    has_both_his_calls(centre, a, b, second, far)


@pytest.mark.parametrize("how", ["481", "408", "BYE"])
def test_a_carrier_that_has_no_such_call_any_more_frees_the_line(held, how):
    """481 and 408 say that the dialog is gone (RFC 3261 12.2.1.2)."""
    centre, a, b = held
    second, far = consult(centre)
    if how == "BYE":
        far.phone.hesitates = 1.0
        centre.clock.call_later(0.5, far.hang_up)
    else:
        far.phone.refused["INVITE"] = int(how)
    b.refer("91234", second)
    centre.run(5)
    assert b.progress == ["202", "100 Trying", "487 Request Terminated"]
    assert second.over
    assert taken(centre) == [0, 0]
    assert lines(centre, "1501") == []
    assert lines(centre, "1502") == [*CONSULTS, "Released 2 previous 1 CONSULT ORIGINATION other 91234"]
    far.phone.refused.clear()
    b.retrieve()
    centre.run(2)
    talk_to_each_other(a, b)
    assert gets_outside(centre)


@pytest.mark.parametrize("status", [481, 408])
def test_a_first_party_that_has_no_such_call_any_more_ends_the_transfer_and_he_is_told(held, status):
    """The answer to his REFER, and that he has been told 100, are still on their way then."""
    centre, a, b = held
    second, far = consult(centre)
    a.phone.refused["INVITE"] = status
    b.refer("91234", second)
    centre.run(5)
    assert b.progress == ["202", "100 Trying", "487 Request Terminated"]
    assert b.subscription.startswith("terminated")
    assert a.over
    assert b.over
    talk_to_each_other(second, far)
    assert taken(centre) == [1, 0]


def test_the_carrier_still_rings_and_answers(held):
    centre, a, b = held
    centre.phones["t1"].manners = Manners(answer=3.0)
    second, far = consult(centre, seconds=1)
    b.refer("91234", second)
    centre.run(1)
    assert b.progress == ["202", "100 Trying", "180 Ringing"]
    centre.run(5)
    assert b.progress[-1] == "200 OK"
    assert b.over
    assert second.over
    talk_to_each_other(a, far)
    assert lines(centre, "1502") == CONSULTS[:3] + GIVES_AWAY
    assert lines(centre, "1501") == [GETS]
    assert taken(centre) == [1, 0]


@pytest.mark.parametrize(("status", "told"), [(486, "486 Busy Here"), (404, "404 Not Found"), (603, "603 Decline")])
def test_the_carrier_still_rings_and_then_refuses(held, status, told):
    centre, a, b = held
    centre.phones["t1"].manners = Manners(reject=(3.0, status))
    second, far = consult(centre, seconds=1)
    b.refer("91234", second)
    centre.run(10)
    assert b.progress == ["202", "100 Trying", "180 Ringing", told]
    assert second.over
    assert far.over
    assert lines(centre, "1501") == []
    assert not [line for line in lines(centre, "1502") if "TRANSFERRED" in line]
    assert taken(centre) == [0, 0]
    b.retrieve()
    centre.run(2)
    talk_to_each_other(a, b)
