"""What passes before the answer: reliable responses and PRACK, UPDATE, INFO, early media of several who ring."""

from dataclasses import replace

import pytest
from transfer_house import talk_to_each_other

from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners, Phone

RELIABLE = (("Supported", "100rel"),)
RINGS = Manners(ring=0.1, ring_status=183, early_media=True, reliable=True, answer=4.0)


@pytest.fixture
def centre(make_centre):
    made = make_centre(("1501", "1502", "1503"), hang_up=True)
    made.phones["1502"].manners = RINGS
    return made


def ringing(centre, seconds=1.0, headers=RELIABLE, **how):
    call = centre.phones["1501"].call("1502", headers=headers, **how)
    centre.run(seconds)
    return call, centre.phones["1502"].calls[-1]


def early_dialog(call):
    (dialog,) = call.phone.dispatcher.dialogs
    return dialog


def answers_early(call, status=200):
    """Has a caller's phone answer what comes before the answer."""

    def guest(event):
        message = event.message
        call.note(message.method.lower())
        offered = message.method == "UPDATE" and message.body
        if offered:
            call.bodies.append(message.body)
        body = call.phone.sdp() if offered and status < 300 else b""
        call.phone.node.endpoint.respond(event.transaction, status, body=body)
        return True

    call.outgoing.guest = guest


def sent(centre, method, to):
    address = centre.phones[to].node.address
    return [p.data for p in centre.network.packets if p.target == address and p.data.startswith(method.encode())]


def test_a_reliable_response_is_reliable_all_the_way(centre):
    a, b = ringing(centre)
    assert a.events == ["183", "prack 200"]
    assert b"10.0.1.2" in a.bodies[0]
    (prack,) = sent(centre, "PRACK", "1502")
    assert b"RAck: " in prack
    centre.run(5)
    assert a.events == ["183", "prack 200", "answered"]
    assert b.events == ["invite", "ringing", "answer sent", "acked"]
    talk_to_each_other(a, b)


def test_a_caller_who_does_not_know_it_is_told_plainly(centre):
    a, _ = ringing(centre, headers=())
    assert a.events == ["183"]
    assert sent(centre, "PRACK", "1502") == []
    assert b"100rel" not in sent(centre, "INVITE", "1502")[0]


def test_a_caller_who_requires_it_gets_it_of_a_callee_who_does_not_know_it(centre):
    centre.phones["1502"].manners = replace(RINGS, reliable=False)
    a, b = ringing(centre, headers=(("Require", "100rel"),), seconds=6)
    assert a.events == ["183", "prack 200", "answered"]
    assert sent(centre, "PRACK", "1502") == []
    talk_to_each_other(a, b)


def test_a_reliable_180_without_media(centre):
    centre.phones["1502"].manners = Manners(ring=0.1, reliable=True, answer=2.0)
    a, b = ringing(centre, seconds=5)
    assert a.events == ["180", "prack 200", "answered"]
    talk_to_each_other(a, b)


def test_a_lost_prack_is_asked_for_again(centre):
    lost = []

    def lose(packet):
        if packet.data.startswith(b"PRACK") and len(lost) < 3:
            lost.append(packet)
            return False
        return True

    centre.network.filter = lose
    a, b = ringing(centre, seconds=10)
    assert len(lost) == 3
    assert a.events == ["183", "prack 200", "answered"]
    talk_to_each_other(a, b)


def test_a_prack_that_never_comes_ends_the_call(centre):
    centre.phones["1502"].manners = replace(RINGS, answer=None)
    centre.network.filter = lambda packet: not packet.data.startswith(b"PRACK")
    a, b = ringing(centre, seconds=50)
    assert a.over
    assert b.over


def test_an_offer_in_prack_is_answered_in_its_200(centre):
    phone = centre.phones["1501"]
    phone.pracks_with = phone.sdp()
    a, b = ringing(centre)
    assert a.events == ["183", "prack 200"]
    assert b.events == ["invite", "ringing", "prack"]
    assert b.bodies[-1].startswith(b"v=0\r\no=1501")
    assert len(a.bodies) == 2
    centre.run(5)
    talk_to_each_other(a, b)


def test_a_call_without_an_offer_is_agreed_before_it_is_answered(centre):
    a, b = ringing(centre, offer=False)
    assert a.events == ["183", "prack 200"]
    assert b.events == ["invite", "ringing", "prack"]
    talk_to_each_other(a, b)
    centre.run(5)
    assert a.events[-1] == "answered"
    assert b.events[-1] == "acked"
    talk_to_each_other(a, b)


@pytest.mark.parametrize("offer", [True, False])
def test_a_call_agreed_before_the_answer_is_held_and_retrieved_after_it(centre, offer):
    a, b = ringing(centre, seconds=6, offer=offer)
    a.hold()
    centre.run(1)
    assert b.hears.endswith(b"sendonly")
    b.hold()
    centre.run(1)
    a.retrieve()
    centre.run(1)
    b.retrieve()
    centre.run(1)
    talk_to_each_other(a, b)


@pytest.mark.parametrize("offer", [True, False])
def test_a_call_agreed_before_the_answer_is_transferred(centre, offer):
    a, b = ringing(centre, seconds=6, offer=offer)
    b.refer("1503")
    centre.run(5)
    talk_to_each_other(a, centre.phones["1503"].calls[-1])


def test_update_of_the_caller_before_the_answer(centre):
    a, b = ringing(centre)
    a.ask_early("UPDATE", a.phone.sdp("sendonly"), early_dialog(a))
    centre.run(0.5)
    assert a.events[-1] == "update 200"
    assert b.events[-1] == "update"
    assert a.bodies[-1].endswith(b"recvonly\r\n")
    centre.run(5)
    assert a.talking
    assert b.talking


def test_update_of_the_callee_before_the_answer(centre):
    a, b = ringing(centre)
    answers_early(a)
    b.ask_early("UPDATE", b.phone.sdp())
    centre.run(0.5)
    assert a.events[-1] == "update"
    assert b.events[-1] == "update 200"
    talk_to_each_other(a, b)
    centre.run(5)
    assert b.events[-1] == "acked"


def test_update_that_is_refused_before_the_answer(centre):
    a, b = ringing(centre)
    answers_early(a, 488)
    b.ask_early("UPDATE", b.phone.sdp())
    centre.run(0.5)
    assert b.events[-1] == "update 488"
    centre.run(5)
    assert a.talking


def test_glare_of_two_updates_before_the_answer(centre):
    a, b = ringing(centre)
    answers_early(a)
    a.ask_early("UPDATE", a.phone.sdp(), early_dialog(a))
    b.ask_early("UPDATE", b.phone.sdp())
    centre.run(1)
    assert "update 491" in (*a.events, *b.events)
    centre.run(5)
    assert a.talking


def test_an_update_with_an_offer_before_anything_is_agreed_is_refused(centre):
    centre.phones["1502"].manners = replace(RINGS, reliable=False, answer=None)
    a, b = ringing(centre, headers=())
    a.ask_early("UPDATE", a.phone.sdp(), early_dialog(a))
    b.ask_early("UPDATE", b.phone.sdp())
    centre.run(0.5)
    assert a.events[-1] == "update 491"
    assert b.events[-1] == "update 491"


def test_info_passes_before_the_answer(centre):
    a, b = ringing(centre)
    answers_early(a)
    a.ask_early("INFO", b"Signal=5", early_dialog(a), "application/dtmf-relay")
    b.ask_early("INFO", b"Signal=6", kind="application/dtmf-relay")
    centre.run(0.5)
    assert sorted(a.events[-2:]) == ["info", "info 200"]
    assert b.phone.seen[-1] == "INFO"
    assert sent(centre, "INFO", "1502")[0].endswith(b"Signal=5")
    assert sent(centre, "INFO", "1501")[0].endswith(b"Signal=6")


def test_a_caller_who_gives_up_between_183_and_prack(centre):
    centre.network.filter = lambda packet: not packet.data.startswith(b"PRACK")
    a, b = ringing(centre, seconds=0.5)
    a.hang_up()
    centre.network.filter = None
    centre.run(5)
    assert "487" in a.events
    assert b.events[-1] == "cancelled"


# Several who ring.


@pytest.fixture
def two():
    """1502 has two phones."""
    made = Centre(("1501", "1502"), registering=True)
    second = Phone(made.network, "1502", "10.0.1.20", made.node.address)
    made.phones["1502b"] = second
    second.register()
    made.run(2)
    yield made
    made.hang_up()
    made.run(100)
    assert made.leftovers() == []


@pytest.mark.parametrize("offer", [True, False])
@pytest.mark.parametrize("reliable", [True, False])
@pytest.mark.parametrize("winner", ["1502", "1502b"])
def test_whoever_answers_is_heard_whoever_was_heard_before(two, winner, reliable, offer):
    for number, at in (("1502", 0.1), ("1502b", 0.3)):
        answer = 3.0 if number == winner else None
        two.phones[number].manners = replace(RINGS, ring=at, reliable=reliable, answer=answer)
    call = two.phones["1501"].call("1502", offer=offer, headers=RELIABLE)
    two.run(1)
    assert [body for body in call.bodies if b"10.0.1.20" in body] == [], "the second is not heard while the first is"
    two.run(10)
    assert call.talking
    talk_to_each_other(call, two.phones[winner].calls[-1])
    (loser,) = [phone.calls[-1] for number, phone in two.phones.items() if number not in ("1501", winner)]
    assert loser.events[-1] == "cancelled"


def test_early_media_goes_on_at_the_next_destination(centre):
    centre.phones["1502"].manners = replace(RINGS, reliable=False, reject=(2.0, 486))
    centre.phones["1503"].manners = replace(RINGS, reliable=False, answer=2.0)
    dn = centre.switch.extensions["1502"].dn
    dn.features = replace(dn.features, busy="1503")
    a, _ = ringing(centre, seconds=3, headers=())
    assert b"10.0.1.3" in a.bodies[-1]
    centre.run(5)
    talk_to_each_other(a, centre.phones["1503"].calls[-1])
