"""INVITE with Replaces (RFC 3891): a phone, or a server beyond a trunk, takes a leg's place in one of our calls."""

import pytest
from media_house import at_service
from transfer_house import lines, talk_to_each_other, up

from cordboard._core import Message
from cordboard.model.enums import AddressType
from cordboard.switch.settings import DnSettings
from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners
from cordboard.testkit.phone_call import identity


@pytest.fixture
def centre():
    made = Centre(("1501", "1502", "1503", "1504", "t1", "t2"))
    made.trunk(made.phones["t1"], prefix="9", replace_prefix="")
    made.trunk(made.phones["t2"], prefix="8", replace_prefix="")
    yield made
    made.hang_up()
    for number in ("t1", "t2"):
        made.configure(number, oos_check=0.0)
    made.run(100)
    assert made.leftovers() == []
    assert {trunk.calls for trunk in made.switch.trunks.values()} == {0}


def take(centre, call, by="1503", *, more="", referred=True, run=3, **how):
    """A phone asks for the place of another phone in its call, as the switch knows that call."""
    headers = [("Replaces", call.replaces() + more)]
    if referred:
        headers.append(("Referred-By", f"<sip:{call.phone.number}@centre.example>"))
    newcomer = centre.phones[by].call("1501", headers=headers, **how)
    centre.run(run)
    return newcomer


def unchanged(centre, a, b):
    assert a.talking
    assert b.talking
    talk_to_each_other(a, b)
    assert centre.desktop.events == []


@pytest.mark.parametrize("offer", [True, False])
@pytest.mark.parametrize("replaced", ["caller", "callee"])
def test_a_phone_takes_the_place_of_another(centre, replaced, offer):
    a, b = up(centre)
    centre.desktop.events.clear()
    gone, stays = (a, b) if replaced == "caller" else (b, a)
    role = "ORIGINATION" if replaced == "caller" else "DESTINATION"
    mine = "DESTINATION" if replaced == "caller" else "ORIGINATION"
    c = take(centre, gone, offer=offer)
    assert c.events == ["answered"]
    assert gone.events[-1] == "bye"
    assert stays.talking
    talk_to_each_other(stays, c)
    here, there = gone.phone.number, stays.phone.number
    assert lines(centre, here) == [
        f"Released 1 TRANSFERRED INTERNAL {role} other {there} third 1503 {role}",
        "OnHook",
    ]
    assert lines(centre, "1503") == [
        f"Ringing 1 TRANSFERRED INTERNAL {role} other {there}",
        "OffHook",
        f"Established 1 INTERNAL {role} other {there}",
    ]
    assert lines(centre, there) == [
        f"PartyChanged 1 previous 1 TRANSFERRED INTERNAL {mine} other 1503 third {here} TRANSFERRED_BY"
    ]
    c.hang_up()
    centre.run(2)
    assert stays.events[-1] == "bye"
    assert lines(centre, there)[-2] == f"Released 1 INTERNAL {mine} other 1503"
    assert len(centre.desktop.records) == 1


def test_the_newcomer_is_told_who_he_talks_to(centre):
    _, b = up(centre)
    c = take(centre, b)
    assert "1501" in c.answer.header("P-Asserted-Identity")


def test_one_phone_of_a_dn_takes_a_call_from_the_other(centre):
    a, b = up(centre)
    other = centre.phones["1504"]
    other.number = "1502"
    centre.configure("1502", peers=(other.node.address[0],))
    c = take(centre, b, "1504", referred=False)
    assert c.events == ["answered"]
    assert b.events[-1] == "bye"
    talk_to_each_other(a, c)


def test_a_held_call_is_taken_over_and_heard(centre):
    a, b = up(centre)
    b.hold()
    centre.run(1)
    assert a.hears.endswith(b"sendonly")
    c = take(centre, b)
    talk_to_each_other(a, c)


@pytest.mark.parametrize("holder", ["replaced", "stays"])
def test_a_call_that_is_held_with_music_is_taken_over(centre, holder):
    server = centre.media_server()
    a, b = up(centre)
    (b if holder == "replaced" else a).hold()
    centre.run(1)
    assert len(server.open) == 1
    c = take(centre, b)
    assert c.events == ["answered"]
    assert server.open == []
    if holder == "stays":
        # He still holds, and now it is the newcomer who waits.
        assert not c.hears.endswith(b"sendrecv")
        a.retrieve()
        centre.run(1)
    talk_to_each_other(a, c)


def test_music_that_comes_late_does_not_come_between_who_is_joined(centre):
    """The service answers after the other party took the newcomer, and before the newcomer's ACK."""
    server = centre.media_server()
    a, b = up(centre)
    start = centre.network.clock.now()

    def arrives(packet):
        late = {server.node.address: (b"SIP/2.0 200", 1.2), centre.phones["1503"].node.address: (b"ACK ", 1.6)}
        kind, seconds = late.get(packet.source, (b"", 0.0))
        return not packet.data.startswith(kind) or packet.sent - start >= seconds

    centre.network.filter = arrives
    b.hold()
    centre.run(1.3)
    assert server.open
    assert not a.hears.startswith(server.node.address[0].encode())
    c = take(centre, b, run=10)
    assert c.events == ["answered"]
    talk_to_each_other(a, c)
    assert server.open == []


@pytest.mark.parametrize("after", [0.001, 0.25, 0.298, 0.299, 0.3, 0.301, 0.302, 0.304])
def test_a_newcomer_who_gives_up_leaves_the_music_playing(centre, after):
    server = centre.media_server()
    a, b = up(centre)
    b.hold()
    centre.run(1)
    a.phone.hesitates = 0.3
    take(centre, b, cancel_after=after, run=40)
    assert a.over == (after > 0.302)
    if not a.over:
        at_service(a, server.open[0])
        b.retrieve()
        centre.run(1)
        talk_to_each_other(a, b)


def test_who_is_taken_over_and_took_over_again(centre):
    a, b = up(centre)
    c = take(centre, b)
    d = take(centre, c, "1504")
    assert c.events[-1] == "bye"
    talk_to_each_other(a, d)
    b.over = True


@pytest.mark.parametrize("refusing", ["once", "glare"])
def test_a_phone_that_will_not_take_the_newcomer_keeps_its_call(centre, refusing):
    a, b = up(centre)
    centre.desktop.events.clear()
    a.phone.refused["INVITE"] = 488 if refusing == "once" else 491
    if refusing == "once":
        centre.network.clock.call_later(0.3, a.phone.refused.clear)
    c = take(centre, b, run=90)
    assert c.events == ["488"]
    a.phone.refused.clear()
    unchanged(centre, a, b)


@pytest.mark.parametrize("after", [0.001, 0.25, 0.298, 0.299, 0.3, 0.301, 0.302, 0.303, 0.305, 0.31])
@pytest.mark.parametrize("offer", [True, False])
def test_a_newcomer_who_gives_up_in_any_instant(centre, after, offer):
    a, b = up(centre)
    a.phone.hesitates = 0.3
    c = take(centre, b, cancel_after=after, offer=offer, run=40)
    c.hang_up()
    centre.run(10)
    assert c.over
    if a.over:
        # He had the call for a moment, and has hung up.
        assert after > 0.3
        assert b.over
    else:
        assert after < 0.305
        assert a.talking
        assert b.talking
        talk_to_each_other(a, b)


@pytest.mark.parametrize("who", ["stays", "replaced"])
def test_somebody_hangs_up_meanwhile(centre, who):
    a, b = up(centre)
    a.phone.deaf_to.add("INVITE")
    c = take(centre, b, run=1)
    (a if who == "stays" else b).hang_up()
    centre.run(5)
    # A phone that hangs up refuses what it is being asked first.
    assert c.events == (["488"] if who == "stays" else ["603"])
    assert a.over
    assert b.over


@pytest.mark.parametrize(
    ("more", "referred", "by", "status"),
    [
        (";early-only", True, "1503", "486"),
        ("", False, "1503", "403"),
        ("", True, "t1", "403"),
    ],
)
def test_who_may_not(centre, more, referred, by, status):
    a, b = up(centre)
    centre.desktop.events.clear()
    c = take(centre, b, by, more=more, referred=referred)
    assert c.events == [status]
    unchanged(centre, a, b)


def test_nobody_talks_to_himself(centre):
    a, b = up(centre)
    centre.desktop.events.clear()
    c = take(centre, b, "1501")
    assert c.events == ["403"]
    unchanged(centre, a, b)


def test_it_names_nothing(centre):
    call = centre.phones["1501"].call("1502", headers=[("Replaces", "nothing;to-tag=a;from-tag=b")])
    centre.run(5)
    assert call.events == ["481"]
    assert centre.phones["1502"].calls == []
    assert centre.desktop.events == []


@pytest.mark.parametrize("headers", [[("Replaces", "x;to-tag=a;from-tag=b"), ("Replaces", "y;to-tag=a;from-tag=b")]])
def test_two_at_once(centre, headers):
    call = centre.phones["1501"].call("1502", headers=headers)
    centre.run(5)
    assert call.events == ["400"]


@pytest.mark.parametrize("later", [0.0, 3.0, 60.0])
def test_it_names_a_call_that_has_ended(centre, later):
    _, b = up(centre)
    b.hang_up()
    centre.run(later)
    c = take(centre, b)
    assert c.events == ["603"]


def test_a_caller_that_is_not_answered_yet_cannot_be_replaced(centre):
    centre.phones["1502"].manners = Manners(answer=None)
    a = centre.phones["1501"].call("1502")
    centre.run(2)
    c = take(centre, a)
    assert c.events == ["481"]


def test_a_call_that_is_being_transferred_is_left_alone(centre):
    a, b = up(centre)
    centre.phones["1504"].manners = Manners(answer=10.0)
    b.refer("1504")
    centre.run(2)
    c = take(centre, b)
    assert c.events == ["491"]
    centre.run(15)
    talk_to_each_other(a, centre.phones["1504"].calls[-1])


# Trunks: a server beyond one has put another phone of its own in the place of the one that talked to us.


@pytest.mark.parametrize("inbound", [True, False])
@pytest.mark.parametrize("held", [True, False])
def test_a_server_beyond_a_trunk_replaces_its_leg(centre, inbound, held):
    if inbound:
        far = centre.phones["t1"].call("1501")
        centre.run(3)
        near = centre.phones["1501"].calls[-1]
    else:
        near = centre.phones["1501"].call("91234")
        centre.run(3)
        far = centre.phones["t1"].calls[-1]
    if held:
        far.hold()
        centre.run(1)
    centre.desktop.events.clear()
    new = centre.phones["t1"].call("1501", headers=[("Replaces", far.replaces())])
    centre.run(3)
    assert new.events == ["answered"]
    assert far.events[-1] == "bye"
    talk_to_each_other(near, new)
    assert [line.split()[0] for line in lines(centre)] == ["PartyChanged"]
    assert [trunk.calls for trunk in centre.switch.trunks.values()] == [1, 0]
    near.hang_up()
    centre.run(2)
    assert new.events[-1] == "bye"


def test_another_trunk_may_not_unless_it_is_trusted_and_was_sent(centre):
    near = centre.phones["1501"].call("91234")
    centre.run(3)
    far = centre.phones["t1"].calls[-1]
    sent = [("Replaces", far.replaces()), ("Referred-By", "<sip:91234@centre.example>")]
    assert near.talking
    refused = centre.phones["t2"].call("1501", headers=sent)
    centre.run(3)
    assert refused.events == ["403"]
    centre.configure("t2", trusted=True)
    new = centre.phones["t2"].call("1501", headers=sent)
    centre.run(3)
    assert new.events == ["answered"]
    talk_to_each_other(near, new)
    assert [trunk.calls for trunk in centre.switch.trunks.values()] == [0, 1]


# Pickup: the leg that is named still rings.


def ringing(centre, number="1502", caller="1501", **how):
    call = centre.phones[caller].call(number, **how)
    centre.run(2)
    target = centre.phones[number if number in centre.phones else "1502"].calls[-1]
    call_id = target.invite.call_id.encode()
    said = next(p.data for p in centre.network.packets if p.data[:11] == b"SIP/2.0 180" and call_id in p.data)
    target.identity = identity(Message.parse(said), ours="To")
    return call, target


@pytest.mark.parametrize("offered", [True, False])
@pytest.mark.parametrize("offer", [True, False])
@pytest.mark.parametrize("more", ["", ";early-only"])
def test_a_ringing_phone_is_picked_up(centre, offered, offer, more):
    centre.phones["1502"].manners = Manners(answer=None)
    a, b = ringing(centre, offer=offered)
    c = take(centre, b, more=more, offer=offer, run=5)
    assert c.events == ["answered"]
    assert a.talking
    assert b.events[-1] == "cancelled"
    talk_to_each_other(a, c)
    assert lines(centre, "1502") == [
        "Ringing 1 INTERNAL DESTINATION other 1501",
        "Released 1 PICKED_UP INTERNAL DESTINATION other 1501 third 1503 DESTINATION",
    ]
    assert lines(centre, "1503") == [
        "Ringing 1 PICKED_UP INTERNAL DESTINATION other 1501",
        "OffHook",
        "Established 1 INTERNAL DESTINATION other 1501",
    ]
    assert lines(centre, "1501")[-1] == "Established 1 INTERNAL ORIGINATION other 1503"
    a.hang_up()
    centre.run(3)
    assert c.events[-1] == "bye"
    (record,) = centre.desktop.records
    assert (record.outcome, record.caller, record.callee) == ("answered", "1501", "1502")


def test_one_of_a_hunt_group_is_picked_up_and_the_others_stop(centre):
    centre.switch.configure(
        DnSettings(number="7000", address_type=AddressType.QUEUE, hunt="fork", members=("1502", "1504"))
    )
    for number in ("1502", "1504"):
        centre.phones[number].manners = Manners(answer=None)
    a, b = ringing(centre, "7000")
    c = take(centre, b)
    talk_to_each_other(a, c)
    assert centre.phones["1504"].calls[-1].events[-1] == "cancelled"
    assert [line.split()[0] for line in lines(centre, "1504")] == ["Ringing", "Released"]


def test_a_pickup_that_is_refused_lets_the_phone_ring_on(centre):
    centre.phones["1502"].manners = Manners(answer=6.0)
    a, b = ringing(centre)
    c = take(centre, b, referred=False)
    assert c.events == ["403"]
    centre.run(5)
    talk_to_each_other(a, b)


@pytest.mark.parametrize("who", ["caller", "picker"])
@pytest.mark.parametrize("after", [0.001, 0.01, 0.03, 0.05, 0.07, 0.1, 0.2])
def test_somebody_gives_up_in_any_instant_of_a_pickup(centre, who, after):
    centre.phones["1502"].manners = Manners(answer=None)
    a, b = ringing(centre)
    a.phone.hesitates = 0.05
    c = take(centre, b, run=0)
    centre.run(after)
    (a if who == "caller" else c).hang_up()
    centre.run(40)
    for call in (a, b, c):
        call.hang_up()
    centre.run(5)
    assert a.over
    assert b.over
    assert c.over
    for number in ("1501", "1502", "1503"):
        assert lines(centre, number)[-1].split()[0] in ("OnHook", "Released", "Abandoned")


def test_a_caller_does_not_pick_up_his_own_call(centre):
    centre.phones["1502"].manners = Manners(answer=3.0)
    a, b = ringing(centre)
    c = take(centre, b, "1501", run=1)
    assert c.events == ["403"]
    centre.run(3)
    talk_to_each_other(a, b)
