"""A call that is transferred goes where any call to its target would: forwarded, hunting, by one trunk or the next."""

import pytest
from transfer_house import lines, talk_to_each_other, up

from cordboard.model import requests as rq
from cordboard.model.enums import AddressType
from cordboard.model.forwarding import Features
from cordboard.switch.settings import DnSettings
from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners

LEAVING = [None, "202", "180"]
"""When the transferor hangs up by himself: never, at once, when the target rings."""


@pytest.fixture
def centre():
    made = Centre(("1501", "1502", "1503", "1504", "1505", "t1", "t2"))
    made.trunk(made.phones["t1"], prefix="9", replace_prefix="")
    made.trunk(made.phones["t2"], prefix="9", replace_prefix="", priority=5)
    yield made
    made.hang_up()
    for number in ("t1", "t2"):
        made.configure(number, oos_check=0.0)
    made.run(100)
    assert made.leftovers() == []
    assert {trunk.calls for trunk in made.switch.trunks.values()} == {0}


def features(centre, number, **what):
    centre.switch.extensions[number].dn.features = Features(**what)


def refer(centre, number, leaves=None, run=20):
    a, b = up(centre)
    centre.desktop.events.clear()
    b.refer(number, leaves=leaves)
    centre.run(run)
    return a, b


@pytest.mark.parametrize("leaves", LEAVING)
def test_a_busy_target_forwards(centre, leaves):
    features(centre, "1503", busy="1504")
    centre.phones["1503"].manners = Manners(reject=(1.0, 486))
    a, b = refer(centre, "1503", leaves)
    assert b.over
    talk_to_each_other(a, centre.phones["1504"].calls[-1])
    assert lines(centre, "1503") == [
        "Ringing 1 TRANSFERRED INTERNAL DESTINATION other 1501",
        "Released 1 FORWARDED INTERNAL DESTINATION other 1501 third 1504 DESTINATION",
    ]
    assert lines(centre, "1504") == [
        "Ringing 1 FORWARDED INTERNAL DESTINATION other 1501",
        "OffHook",
        "Established 1 INTERNAL DESTINATION other 1501",
    ]


@pytest.mark.parametrize("leaves", LEAVING)
def test_a_target_that_does_not_answer_forwards(centre, leaves):
    features(centre, "1503", no_answer="91234")
    centre.configure("1503", no_answer_timeout=4.0)
    centre.phones["1503"].manners = Manners(answer=None)
    a, b = refer(centre, "1503", leaves)
    assert b.over
    assert centre.phones["1503"].calls[-1].events[-1] == "cancelled"
    talk_to_each_other(a, centre.phones["t1"].calls[-1])
    assert [line.split()[0] for line in lines(centre, "1503")] == ["Ringing", "Released"]


def test_a_target_that_forwards_in_a_circle_is_undone(centre):
    features(centre, "1503", always="1504")
    features(centre, "1504", always="1503")
    a, b = refer(centre, "1503")
    assert b.progress[-1].startswith("482")
    talk_to_each_other(a, b)


def test_a_target_that_forwards_to_the_transferor_is_busy(centre):
    features(centre, "1503", always="1502")
    a, b = refer(centre, "1503")
    assert b.progress[-1] == "486 Busy Here"
    talk_to_each_other(a, b)


@pytest.mark.parametrize("leaves", LEAVING)
@pytest.mark.parametrize("kind", ["fork", "linear"])
def test_a_hunt_group_is_transferred_to(centre, kind, leaves):
    centre.switch.configure(
        DnSettings(
            number="7000",
            address_type=AddressType.QUEUE,
            hunt=kind,
            members=("1503", "1504", "1505"),
            hunt_timeout=3.0,
        )
    )
    centre.phones["1503"].manners = Manners(reject=(1.0, 486))
    centre.phones["1504"].manners = Manners(answer=2.0)
    centre.phones["1505"].manners = Manners(answer=None)
    a, b = refer(centre, "7000", leaves)
    assert b.over
    talk_to_each_other(a, centre.phones["1504"].calls[-1])
    assert [line.split()[0] for line in lines(centre, "1504")] == ["Ringing", "OffHook", "Established"]
    assert [line.split()[0] for line in lines(centre, "1503")] == ["Ringing", "Released"]
    assert [line.split()[0] for line in lines(centre, "1505")] == (["Ringing", "Released"] if kind == "fork" else [])
    assert lines(centre, "1501")[-1].split()[0] == "PartyChanged"
    a.hang_up()
    centre.run(2)
    assert centre.phones["1504"].calls[-1].over
    assert lines(centre, "1501")[-2] == "Released 1 INTERNAL ORIGINATION other 1504"


@pytest.mark.parametrize("leaves", LEAVING)
def test_a_dead_trunk_is_followed_by_the_next(centre, leaves):
    centre.phones["t1"].manners = Manners(ring=None, reject=(0.1, 503))
    a, b = refer(centre, "91234", leaves)
    assert b.over
    assert len(centre.phones["t1"].calls) == 1
    talk_to_each_other(a, centre.phones["t2"].calls[-1])
    assert [trunk.calls for trunk in centre.switch.trunks.values()] == [0, 1]


def test_no_trunk_will_take_it(centre):
    for number in ("t1", "t2"):
        centre.phones[number].manners = Manners(ring=None, reject=(0.1, 503))
    a, b = refer(centre, "91234")
    assert b.progress[-1] == "480 Temporarily Unavailable"
    talk_to_each_other(a, b)
    assert [trunk.calls for trunk in centre.switch.trunks.values()] == [0, 0]


@pytest.mark.parametrize("leaves", LEAVING)
def test_the_targets_desktop_declines(centre, leaves):
    centre.phones["1503"].manners = Manners(answer=None)
    a, b = refer(centre, "1503", leaves, run=3)
    ringing = next(event for event in centre.desktop.events if type(event).__name__ == "EventRinging")
    assert centre.switch.request("link", rq.ReleaseCall(this_dn="1503", conn_id=ringing.conn_id), 5) == ()
    centre.run(5)
    assert centre.phones["1503"].calls[-1].events[-1] == "cancelled"
    assert [line.split()[0] for line in lines(centre, "1503")] == ["Ringing", "Released"]
    if leaves is None:
        assert b.progress[-1] == "603 Decline"
        talk_to_each_other(a, b)
    else:
        assert a.over
        assert b.over


@pytest.mark.parametrize("consulting", ["fork", "forwarding"])
@pytest.mark.parametrize("leaves", [None, "202"])
def test_a_consultation_that_still_rings_is_delivered_on(centre, consulting, leaves):
    """Semi-attended: who is being called may change after the transfer was asked for."""
    if consulting == "fork":
        centre.switch.configure(
            DnSettings(
                number="7000", address_type=AddressType.QUEUE, hunt="fork", members=("1503", "1504"), hunt_timeout=20.0
            )
        )
        number = "7000"
        centre.phones["1504"].manners = Manners(answer=6.0)
    else:
        number = "1503"
        features(centre, "1503", no_answer="1504")
        centre.configure("1503", no_answer_timeout=5.0)
    centre.phones["1503"].manners = Manners(answer=None)
    a, b = up(centre)
    b.hold()
    centre.run(1)
    asking = centre.phones["1502"].call(number)
    centre.run(2)
    b.refer(number, asking, leaves=leaves)
    centre.run(20)
    assert b.over
    assert asking.over
    far = centre.phones["1504"].calls[-1]
    talk_to_each_other(a, far)
    assert lines(centre, "1501")[-1].split()[0] == "PartyChanged"
    assert [line.split()[0] for line in lines(centre, "1503")][-1] == "Released"
    far.hang_up()
    centre.run(2)
    assert a.over
    assert lines(centre, "1501")[-2].endswith("other 1504")


@pytest.mark.parametrize("leaves", [None, "202"])
def test_a_consultation_that_forwards_to_who_is_transferred_is_no_transfer_to_himself(centre, leaves):
    features(centre, "1503", no_answer="1505")
    features(centre, "1505", no_answer="1501")
    for number in ("1503", "1505"):
        centre.configure(number, no_answer_timeout=4.0)
        centre.phones[number].manners = Manners(answer=None)
    a, b = up(centre)
    b.hold()
    centre.run(1)
    asking = centre.phones["1502"].call("1503")
    centre.run(2)
    centre.desktop.events.clear()
    b.refer("1503", asking, leaves=leaves)
    centre.run(30)
    assert len(centre.phones["1501"].calls) == 1
    assert asking.over
    assert [line.split()[0] for line in lines(centre, "1505")] == ["Ringing", "Released"]
    if leaves:
        assert (a.over, b.over) == (True, True)
        return
    assert b.progress[-1] == "486 Busy Here"
    b.retrieve()
    centre.run(1)
    talk_to_each_other(a, b)


def test_a_transferor_beyond_a_trunk_takes_up_none_of_it_any_more(centre):
    a = centre.phones["1501"].call("91234")
    centre.run(3)
    (far,) = centre.phones["t1"].calls
    far.refer("1503")
    centre.run(5)
    assert far.over
    talk_to_each_other(a, centre.phones["1503"].calls[-1])
    assert [trunk.calls for trunk in centre.switch.trunks.values()] == [0, 0]


def test_nor_does_his_consultation(centre):
    t1 = centre.phones["t1"]
    first = t1.call("1501")
    centre.run(3)
    second = t1.call("1502")
    centre.run(3)
    assert [trunk.calls for trunk in centre.switch.trunks.values()] == [2, 0]
    first.refer("1502", second)
    centre.run(5)
    assert first.over
    assert second.over
    talk_to_each_other(centre.phones["1501"].calls[-1], centre.phones["1502"].calls[-1])
    assert [trunk.calls for trunk in centre.switch.trunks.values()] == [0, 0]
