"""A DN with several phones, and DNs that come and go."""

import pytest

from cordboard.testkit.phone import Manners, Phone


@pytest.fixture
def centre(make_centre):
    made = make_centre(registering=True)
    desk = made.phones["1502"]
    second = Phone(made.network, "1502", "10.0.1.20", made.node.address)
    made.phones["1502b"] = second
    second.register()
    made.run(2)
    assert (desk.registered, second.registered) == (200, 200)
    assert len(made.switch.extensions["1502"].targets()) == 2
    return made


def test_all_phones_ring_and_the_first_answer_wins(centre):
    a, b, c = centre.phones.values()
    c.manners = Manners(answer=0.5)
    call = a.call("1502", hang_up_after=3)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    assert b.calls[0].events == ["invite", "ringing", "cancelled"]
    assert c.calls[0].events == ["invite", "ringing", "answer sent", "acked", "bye"]
    assert centre.desktop.told("1502") == ["Ringing", "OffHook", "Established", "Released", "OnHook"]
    cancel = [p for p in centre.network.packets if p.data.startswith(b"CANCEL")]
    assert b'Reason: SIP;cause=200;text="Call completed elsewhere"' in cancel[0].data


def test_both_answer_at_once_and_the_second_is_hung_up(centre):
    a, b, c = centre.phones.values()
    call = a.call("1502", hang_up_after=3)
    centre.run(10)
    ends = sorted(phone.calls[0].events[-1] for phone in (b, c))
    assert call.events == ["180", "answered", "bye sent"]
    assert ends == ["bye", "bye"]
    assert [phone.calls[0].events[:4] for phone in (b, c)] == [["invite", "ringing", "answer sent", "acked"]] * 2
    assert len(centre.desktop.records) == 1


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("one", "other", "told"), [(486, 404, 486), (480, 603, 603), (503, 486, 486), (500, 484, 484)])
def test_the_best_of_the_refusals_is_told(centre, one, other, told, turned):
    a, b, c = centre.phones.values()
    b.manners = Manners(reject=(0.5, other if turned else one))
    c.manners = Manners(reject=(1.0, one if turned else other))
    call = a.call("1502")
    centre.run(10)
    assert call.events == ["180", str(told)]


def test_a_refusal_for_all_ends_the_others(centre):
    a, b, c = centre.phones.values()
    b.manners = Manners(reject=(0.5, 603))
    c.manners = Manners(answer=None)
    call = a.call("1502")
    centre.run(5)
    assert call.events == ["180", "603"]
    assert c.calls[0].events[-1] == "cancelled"


def test_one_busy_phone_does_not_end_the_call(centre):
    a, b, _ = centre.phones.values()
    b.manners = Manners(ring=None, reject=(0.0, 486))
    call = a.call("1502", hang_up_after=1)
    centre.run(5)
    assert call.events == ["180", "answered", "bye sent"]


def test_early_media_of_one_fork_only(centre):
    a, b, c = centre.phones.values()
    b.manners = Manners(ring=0.1, ring_status=183, early_media=True, answer=None)
    c.manners = Manners(ring=0.2, ring_status=183, early_media=True, answer=2.0)
    call = a.call("1502", hang_up_after=1)
    centre.run(5)
    # A phone may take what it was told first for the answer: it is offered the other's media once more.
    assert call.events == ["183", "answered", "re-invite", "acked", "bye sent"]
    assert b"10.0.1.2\r" in call.bodies[0]
    assert b"10.0.1.20" in call.bodies[1]
    assert b"10.0.1.20" in call.bodies[2]


def test_the_caller_cancels_all(centre):
    a, b, c = centre.phones.values()
    b.manners = c.manners = Manners(answer=None)
    call = a.call("1502", cancel_after=2)
    centre.run(5)
    assert call.events == ["180", "cancel sent", "487"]
    assert [phone.calls[0].events[-1] for phone in (b, c)] == ["cancelled", "cancelled"]
    assert centre.desktop.told("1502") == ["Ringing", "Abandoned"]


def test_a_dn_goes_out_of_service_with_its_last_phone_and_comes_back(centre):
    _, b, c = centre.phones.values()
    b.register(0)
    centre.run(1)
    assert centre.desktop.told() == []
    c.register(0)
    centre.run(1)
    assert centre.desktop.told("1502") == ["DNOutOfService"]
    assert not centre.switch.extensions["1502"].dn.in_service
    call = centre.phones["1501"].call("1502")
    centre.run(1)
    assert call.events == ["480"]
    b.register()
    centre.run(1)
    assert centre.desktop.told("1502") == ["DNOutOfService", "DNBackInService"]


def test_an_expired_registration_is_noticed(centre):
    _, b, c = centre.phones.values()
    c.register(0)
    b.register(60)
    centre.run(59)
    assert centre.desktop.told("1502") == []
    centre.run(5)
    assert centre.desktop.told("1502") == ["DNOutOfService"]


def test_a_dn_taken_out_of_the_configuration(centre):
    centre.switch.unconfigure("1502")
    assert centre.desktop.told("1502") == ["DNOutOfService"]
    call = centre.phones["1501"].call("1502")
    centre.run(1)
    assert call.events == ["404"]
