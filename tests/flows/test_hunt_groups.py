"""Hunt groups: fork, linear, circular, with members that are busy, do not answer, refuse or forward."""

import pytest

from cordboard.model import requests as rq
from cordboard.model.enums import AddressType, DNRole
from cordboard.switch.settings import DnSettings
from cordboard.testkit.phone import Manners

MEMBERS = ("1502", "1503", "1504")


@pytest.fixture
def centre(make_centre):
    return make_centre(["1501", "1502", "1503", "1504", "1505"])


def group(centre, kind, timeout=5.0, **more):
    settings = {"address_type": AddressType.QUEUE, "hunt": kind, "members": MEMBERS, "hunt_timeout": timeout} | more
    centre.switch.configure(DnSettings(number="7000", **settings))


def manners(centre, **by_number):
    for number, what in by_number.items():
        centre.phones[number.removeprefix("n")].manners = what


def called(centre):
    return [number for number in MEMBERS for call in centre.phones[number].calls if call.inbound]


def hunt(centre, run=20, **more):
    call = centre.phones["1501"].call("7000", **({"hang_up_after": 1} | more))
    centre.run(run)
    return call


@pytest.mark.parametrize("kind", ["fork", "linear", "circular"])
def test_a_member_is_told_of_the_queue(centre, kind):
    group(centre, kind)
    manners(centre, n1503=Manners(answer=3.0), n1504=Manners(answer=3.0))
    call = hunt(centre)
    assert call.events == ["180", "answered", "bye sent"]
    ringing = next(e for e in centre.desktop.events if type(e).__name__ == "EventRinging" and e.this_dn == "1502")
    assert ringing.call_state.name == "COVERED"
    assert (ringing.this_queue, ringing.dnis, ringing.other_dn) == ("7000", "7000", "1501")
    mine = [e for e in centre.desktop.events if type(e).__name__ == "EventEstablished"]
    assert [(e.this_dn, e.other_dn, e.this_queue) for e in mine] == [("1502", "1501", "7000"), ("1501", "1502", None)]
    assert centre.desktop.told("7000") == []


def test_fork_rings_all_and_the_first_wins(centre):
    group(centre, "fork")
    manners(centre, n1502=Manners(answer=None), n1503=Manners(answer=2.0), n1504=Manners(answer=None))
    call = hunt(centre)
    assert call.events == ["180", "answered", "bye sent"]
    assert centre.phones["1502"].calls[0].events == ["invite", "ringing", "cancelled"]
    assert centre.phones["1503"].calls[0].events == ["invite", "ringing", "answer sent", "acked", "bye"]
    assert centre.desktop.told("1502") == centre.desktop.told("1504") == ["Ringing COVERED", "Released"]
    assert centre.desktop.told("1503") == ["Ringing COVERED", "OffHook", "Established", "Released", "OnHook"]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Established", "Released", "OnHook"]
    others = {e.other_dn for e in centre.desktop.events if getattr(e, "conn_id", 0) and e.this_dn in MEMBERS}
    assert others == {"1501"}
    seen = [e.other_dn for e in centre.desktop.events if getattr(e, "conn_id", 0) and e.this_dn == "1501"]
    assert seen == ["7000", "1503", "1503"]


def test_fork_tells_of_each_member_when_its_own_phone_rings(centre):
    group(centre, "fork")
    manners(centre, n1502=Manners(answer=None), n1503=Manners(answer=None), n1504=Manners(ring=3.0, answer=None))
    call = centre.phones["1501"].call("7000")
    centre.run(2)
    assert centre.desktop.told("1502") == centre.desktop.told("1503") == ["Ringing COVERED"]
    assert centre.desktop.told("1504") == []
    centre.run(2)
    assert centre.desktop.told("1504") == ["Ringing COVERED"]
    call.hang_up()
    centre.run(2)
    assert centre.desktop.told("1504") == ["Ringing COVERED", "Abandoned"]


def test_fork_given_up_by_the_caller(centre):
    group(centre, "fork")
    for number in MEMBERS:
        centre.phones[number].manners = Manners(answer=None)
    call = hunt(centre, cancel_after=2, hang_up_after=None)
    assert call.events == ["180", "cancel sent", "487"]
    for number in MEMBERS:
        assert centre.desktop.told(number) == ["Ringing COVERED", "Abandoned"]


def test_linear_goes_on_when_a_member_does_not_answer_or_refuses(centre):
    group(centre, "linear", timeout=4.0)
    manners(centre, n1502=Manners(answer=None), n1503=Manners(ring=0.1, reject=(1.0, 486)))
    call = hunt(centre)
    assert call.events == ["180", "answered", "bye sent"]
    assert called(centre) == list(MEMBERS)
    assert centre.desktop.told("1502") == ["Ringing COVERED", "Released NO_ANSWER"]
    assert centre.desktop.told("1503") == ["Ringing COVERED", "Released BUSY"]
    assert centre.desktop.told("1504")[:3] == ["Ringing COVERED", "OffHook", "Established"]


def test_linear_begins_anew_and_circular_goes_on(centre):
    for kind, expected in (("linear", ["1502", "1502"]), ("circular", ["1502", "1502", "1502", "1503"])):
        group(centre, kind)
        hunt(centre)
        hunt(centre)
        assert called(centre) == expected


def test_who_talks_or_is_not_to_be_disturbed_or_out_of_service_is_passed_over(centre):
    group(centre, "linear")
    centre.switch.request("link", rq.SetDNDOn(this_dn="1502"), 1)
    centre.phones["1503"].call("1505", hang_up_after=30)
    centre.run(3)
    call = hunt(centre)
    assert call.events == ["180", "answered", "bye sent"]
    assert called(centre) == ["1504"]
    centre.configure("1504", contact="")
    call = hunt(centre, run=3)
    assert call.events == ["486"]
    centre.run(30)


def test_forwarding_of_a_member_does_not_count(centre):
    group(centre, "linear")
    centre.switch.request("link", rq.CallSetForward(this_dn="1502", other_dn="1505"), 1)
    hunt(centre)
    assert called(centre) == ["1502"]


@pytest.mark.parametrize("kind", ["fork", "linear", "circular"])
def test_nobody_answers(centre, kind):
    group(centre, kind, timeout=3.0)
    for number in MEMBERS:
        centre.phones[number].manners = Manners(answer=None)
    call = hunt(centre)
    assert call.events == ["180", "480"]
    assert called(centre) == list(MEMBERS)
    assert centre.desktop.told("1501")[2] == "DestinationBusy NO_ANSWER"


def test_the_group_forwards_when_nobody_answers(centre):
    group(centre, "linear", timeout=3.0)
    for number in MEMBERS:
        centre.phones[number].manners = Manners(answer=None)
    centre.switch.request("link", rq.CallSetForward(this_dn="7000", other_dn="1505", forward_mode=3), 1)
    call = hunt(centre)
    assert call.events == ["180", "answered", "bye sent"]
    assert centre.desktop.told("1505")[0] == "Ringing FORWARDED"


def test_a_caller_who_is_a_member_is_not_called(centre):
    group(centre, "fork")
    call = centre.phones["1502"].call("7000", hang_up_after=1)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    assert [c.inbound for c in centre.phones["1502"].calls] == [False]


@pytest.mark.parametrize("kind", ["fork", "linear"])
def test_a_desktop_lets_one_member_go_and_the_others_ring_on(centre, kind):
    group(centre, kind, timeout=10.0)
    manners(centre, n1502=Manners(answer=None), n1503=Manners(answer=5.0), n1504=Manners(answer=None))
    call = centre.phones["1501"].call("7000", hang_up_after=1)
    centre.run(2)
    ringing = next(e for e in centre.desktop.events if type(e).__name__ == "EventRinging" and e.this_dn == "1502")
    assert centre.switch.request("link", rq.ReleaseCall(this_dn="1502", conn_id=ringing.conn_id), 5) == ()
    released = centre.desktop.events[-1] if kind == "fork" else None
    assert released is None or (released.this_dn, released.reference_id) == ("1502", 5)
    centre.run(20)
    assert call.events == ["180", "answered", "bye sent"]
    assert centre.desktop.told("1502") == ["Ringing COVERED", "Released"]
    assert centre.desktop.told("1503")[-4:] == ["OffHook", "Established", "Released", "OnHook"]


def test_roles_in_a_group(centre):
    group(centre, "fork")
    hunt(centre)
    events = [e for e in centre.desktop.events if getattr(e, "conn_id", 0)]
    assert {e.this_dn_role for e in events if e.this_dn == "1501"} == {DNRole.ORIGINATION}
    assert {e.this_dn_role for e in events if e.this_dn in MEMBERS} == {DNRole.DESTINATION}
