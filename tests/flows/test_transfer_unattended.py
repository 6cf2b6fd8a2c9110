"""REFER to a number: the other party is given to a third, and whatever goes wrong leaves the call as it was."""

import pytest
from media_house import ask
from transfer_house import lines, talk_to_each_other, up

from cordboard.model import requests as rq
from cordboard.model.forwarding import Features
from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners


@pytest.fixture
def three():
    centre = Centre(("1501", "1502", "1503"))
    a, b = up(centre)
    centre.desktop.events.clear()
    yield centre, a, b
    centre.hang_up()
    centre.run(100)
    assert centre.leftovers() == []


def target(centre):
    return centre.phones["1503"].calls[-1]


def test_the_callee_transfers_the_caller(three):
    centre, a, b = three
    b.refer("1503")
    centre.run(5)
    assert b.progress == ["202", "100 Trying", "180 Ringing", "200 OK"]
    assert b.subscription.startswith("terminated")
    assert b.events[-1] == "bye"
    c = target(centre)
    assert a.talking
    assert c.talking
    talk_to_each_other(a, c)
    assert lines(centre, "1502") == [
        "Released 1 TRANSFERRED INTERNAL DESTINATION other 1501 third 1503 DESTINATION",
        "OnHook",
    ]
    assert lines(centre, "1503") == [
        "Ringing 1 TRANSFERRED INTERNAL DESTINATION other 1501",
        "OffHook",
        "Established 1 INTERNAL DESTINATION other 1501",
    ]
    assert lines(centre, "1501") == [
        "PartyChanged 1 previous 1 TRANSFERRED INTERNAL ORIGINATION other 1503 third 1502 TRANSFERRED_BY"
    ]
    centre.desktop.events.clear()
    a.hang_up()
    centre.run(2)
    assert c.events[-1] == "bye"
    assert lines(centre, "1501") == ["Released 1 INTERNAL ORIGINATION other 1503", "OnHook"]
    assert lines(centre, "1503") == ["Released 1 INTERNAL DESTINATION other 1501", "OnHook"]
    (record,) = centre.desktop.records
    assert (record.outcome, record.caller, record.callee) == ("answered", "1501", "1502")


def test_the_caller_transfers_the_callee(three):
    centre, a, b = three
    a.refer("1503")
    centre.run(5)
    c = target(centre)
    assert a.over
    talk_to_each_other(b, c)
    assert lines(centre, "1502") == [
        "PartyChanged 1 previous 1 TRANSFERRED INTERNAL DESTINATION other 1503 third 1501 TRANSFERRED_BY"
    ]
    assert lines(centre, "1501") == [
        "Released 1 TRANSFERRED INTERNAL ORIGINATION other 1502 third 1503 ORIGINATION",
        "OnHook",
    ]
    c.hang_up()
    centre.run(2)
    assert b.over


def test_a_held_party_is_transferred_and_hears_again(three):
    centre, a, b = three
    b.hold()
    centre.run(1)
    assert a.hears.endswith(b"sendonly")
    b.refer("1503")
    centre.run(5)
    talk_to_each_other(a, target(centre))
    assert lines(centre, "1502")[0].startswith("Held")
    assert lines(centre, "1502")[1].startswith("Released 1 TRANSFERRED")


@pytest.mark.parametrize(
    ("number", "manners", "told"),
    [
        ("1503", Manners(ring=None, reject=(0.1, 486)), "486 Busy Here"),
        ("1503", Manners(reject=(1.0, 603)), "603 Decline"),
        ("1503", Manners(answer=None), "480 Temporarily Unavailable"),
        ("9999", None, "404 Not Found"),
        ("1501", None, "486 Busy Here"),
        ("1502", None, "486 Busy Here"),
    ],
)
def test_whatever_goes_wrong_with_the_target_leaves_the_call_as_it_was(three, number, manners, told):
    centre, a, b = three
    centre.configure("1503", no_answer_timeout=5.0)
    if manners is not None:
        centre.phones["1503"].manners = manners
    b.hold()
    centre.run(1)
    b.refer(number)
    centre.run(10)
    assert b.progress[-1] == told
    assert b.subscription.startswith("terminated")
    assert a.talking
    assert b.talking
    b.retrieve()
    centre.run(1)
    talk_to_each_other(a, b)
    assert not [line for line in lines(centre, "1501") if "PartyChanged" in line]
    assert [line.split()[0] for line in lines(centre, "1502")] == ["Held", "Retrieved"]
    for line in lines(centre, "1502"):
        assert line.endswith("other 1501")
    for line in lines(centre, "1503"):
        assert line.split()[0] in ("Ringing", "Released")
    a.hang_up()
    centre.run(2)
    assert b.events[-1] == "bye"


def test_a_dn_that_is_out_of_service_cannot_be_transferred_to(three):
    centre, a, b = three
    centre.configure("1503", contact="")
    b.refer("1503")
    centre.run(2)
    assert b.progress == ["202", "100 Trying", "480 Temporarily Unavailable"]
    assert a.talking
    assert b.talking


@pytest.mark.parametrize(
    "target",
    [
        "<sip:@>",
        "<sip:10.0.0.1>",
        "nonsense",
        "<http://example.org/>",
        "<sip:1503@10.0.0.1;method=BYE>",
    ],
)
def test_a_refer_to_that_asks_for_nothing_we_can_call(three, target):
    centre, a, b = three
    b.refer("", target=target)
    centre.run(1)
    assert b.progress == ["400"]
    assert a.talking
    assert b.talking


def test_two_refers_at_once(three):
    centre, a, b = three
    centre.phones["1503"].manners = Manners(answer=2.0)
    b.refer("1503")
    a.refer("1503")
    centre.run(1)
    assert sorted([a.progress[0], b.progress[0]]) == ["202", "491"]
    centre.run(5)
    winner, loser = (b, a) if b.progress[0] == "202" else (a, b)
    assert winner.over
    talk_to_each_other(loser, target(centre))


def test_the_transferor_hangs_up_at_once(three):
    centre, a, b = three
    centre.phones["1503"].manners = Manners(ring=0.5, answer=3.0)
    b.refer("1503", leaves="202")
    centre.run(1.5)
    assert b.over
    assert lines(centre, "1502")[-1] == "OnHook"
    assert lines(centre, "1503") == ["Ringing 1 TRANSFERRED INTERNAL DESTINATION other 1501"]
    assert lines(centre, "1501")[0].startswith("PartyChanged 1 previous 1 TRANSFERRED INTERNAL ORIGINATION other 1503")
    centre.run(5)
    talk_to_each_other(a, target(centre))


@pytest.mark.parametrize(
    ("manners", "ended"),
    [(Manners(reject=(2.0, 486)), "Released"), (Manners(answer=None), "Abandoned")],
)
def test_the_transferor_hung_up_and_the_target_does_not_answer(three, manners, ended):
    centre, a, b = three
    centre.configure("1503", no_answer_timeout=5.0)
    centre.phones["1503"].manners = manners
    b.refer("1503", leaves="180")
    centre.run(10)
    assert b.over
    assert a.events[-1] == "bye"
    assert [line.split()[0] for line in lines(centre, "1503")] == ["Ringing", ended]
    assert [line.split()[0] for line in lines(centre, "1501")] == ["PartyChanged", "Released", "OnHook"]
    assert len(centre.desktop.records) == 1


def test_the_transferred_party_hangs_up_while_the_target_rings(three):
    centre, a, b = three
    centre.phones["1503"].manners = Manners(answer=None)
    b.refer("1503")
    centre.run(2)
    a.hang_up()
    centre.run(2)
    assert b.over
    assert target(centre).events[-1] == "cancelled"
    assert [line.split()[0] for line in lines(centre, "1503")] == ["Ringing", "Abandoned"]
    assert [line.split()[0] for line in lines(centre, "1501")] == ["Released", "OnHook"]
    assert [line.split()[0] for line in lines(centre, "1502")] == ["Released", "OnHook"]


def test_the_transferred_party_hangs_up_after_the_transferor_did(three):
    centre, a, b = three
    centre.phones["1503"].manners = Manners(answer=None)
    b.refer("1503", leaves="202")
    centre.run(2)
    a.hang_up()
    centre.run(2)
    assert target(centre).events[-1] == "cancelled"
    assert [line.split()[0] for line in lines(centre, "1503")] == ["Ringing", "Abandoned"]


def test_no_notify_for_who_wants_none(three):
    centre, a, b = three
    b.refer("1503", headers=[("Refer-Sub", "false"), ("Supported", "norefersub")])
    centre.run(5)
    assert b.progress == ["202"]
    answer = next(
        p.data
        for p in centre.network.packets
        if b"CSeq" in p.data and b" REFER" in p.data and p.data[:11] == b"SIP/2.0 202"
    )
    assert b"Refer-Sub: false" in answer
    assert b.over
    talk_to_each_other(a, target(centre))


@pytest.mark.parametrize("given", ["<sip:1502@centre.example>", ""])
def test_the_target_learns_who_sent_him_the_call(three, given):
    centre, _, b = three
    b.refer("1503", headers=[("Referred-By", given)] if given else [])
    centre.run(3)
    invite = target(centre).invite
    assert invite.header("Referred-By") == (given or '"Phone 1502" <sip:1502@10.0.0.1>')
    assert "1501" in invite.header("From")


def test_a_phone_that_refuses_notifies_is_transferred_all_the_same(three):
    centre, a, b = three
    b.phone.refused["NOTIFY"] = 481
    b.refer("1503")
    centre.run(5)
    assert b.events[-1] == "bye"
    talk_to_each_other(a, target(centre))


def test_a_transferred_call_is_transferred_again_and_held(three):
    centre, a, b = three
    b.refer("1503")
    centre.run(5)
    c = target(centre)
    c.hold()
    centre.run(1)
    assert a.hears.endswith(b"sendonly")
    c.refer("1502")
    centre.run(5)
    assert c.over
    talk_to_each_other(a, centre.phones["1502"].calls[-1])


def test_who_answered_and_cannot_be_joined_is_let_go(three):
    centre, a, b = three
    a.phone.refused["INVITE"] = 488
    b.refer("1503")
    centre.run(5)
    # Both ways were tried: with the target's offer, and with one of the survivor's.
    assert a.phone.seen == ["INVITE", "INVITE"]
    assert b.progress == ["202", "100 Trying", "180 Ringing", "488 Not Acceptable Here"]
    assert target(centre).events[-1] == "bye"
    talk_to_each_other(a, b)
    assert [line.split()[0] for line in lines(centre, "1503")] == ["Ringing", "Released"]
    assert lines(centre, "1501") == lines(centre, "1502") == []
    a.phone.refused.clear()
    b.refer("1503")
    centre.run(5)
    talk_to_each_other(a, target(centre))


def test_nobody_is_left_to_return_to_when_the_transferor_did_not_wait(three):
    centre, a, b = three
    a.phone.refused["INVITE"] = 488
    b.refer("1503", leaves="180")
    centre.run(5)
    # The call is up without media that are agreed, until somebody hangs up or offers some.
    c = target(centre)
    a.phone.refused.clear()
    assert a.talking
    assert c.talking
    c.hold()
    centre.run(1)
    c.retrieve()
    centre.run(1)
    talk_to_each_other(a, c)


def test_a_desktop_releases_who_answered_before_he_is_joined(three):
    centre, a, b = three
    (call,) = centre.switch.calls
    a.phone.hesitates = 1.0
    b.refer("1503")
    centre.run(1.5)
    centre.desktop.events.clear()
    ask(centre, rq.ReleaseCall(this_dn="1503", conn_id=call))
    centre.run(5)
    assert b.progress[-1] == "480 Temporarily Unavailable"
    assert lines(centre) == ["Released 1 INTERNAL DESTINATION other 1501"]
    a.phone.hesitates = 0.0
    b.retrieve()
    centre.run(5)
    talk_to_each_other(a, b)


def test_a_target_not_to_be_disturbed_is_busy(three):
    centre, a, b = three
    centre.switch.extensions["1503"].dn.features = Features(dnd=True)
    b.refer("1503")
    centre.run(2)
    assert b.progress[-1] == "486 Busy Here"
    assert a.talking
    assert b.talking


def test_a_target_beyond_a_trunk():
    centre = Centre(("1501", "1502", "t1"))
    centre.trunk(centre.phones["t1"], prefix="9", replace_prefix="")
    a, b = up(centre)
    b.refer("91234")
    centre.run(5)
    assert b.progress[-1] == "200 OK"
    far = centre.phones["t1"].calls[-1]
    assert far.invite.uri.startswith("sip:1234@")
    talk_to_each_other(a, far)
    assert [trunk.calls for trunk in centre.switch.trunks.values()] == [1]
    assert lines(centre, "1501")[-1].startswith(
        "PartyChanged 1 previous 1 TRANSFERRED INTERNAL ORIGINATION other 91234"
    )
    far.hang_up()
    centre.run(2)
    assert a.over
    centre.configure("t1", oos_check=0.0)
    centre.run(100)
    assert centre.leftovers() == []
    assert [trunk.calls for trunk in centre.switch.trunks.values()] == [0]
