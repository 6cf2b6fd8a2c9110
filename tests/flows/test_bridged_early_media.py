"""Before the answer, where two phones cannot talk directly: the caller hears who is called through the Media Server."""

from dataclasses import replace

import pytest
from media_house import OurMediaServer
from test_bridged_media import HOME, IPV6, SECURE, anchored, at_home, speak, talk_directly
from test_invite_with_replaces import take

from cordboard._core import Message
from cordboard.switch.settings import DnSettings
from cordboard.testkit.phone import Manners, Phone
from cordboard.testkit.phone_call import identity
from cordboard.testkit.speech import Speech

HEARD = Manners(ring=0.1, ring_status=183, early_media=True, answer=4.0)
RELIABLE = [("Supported", "100rel")]


@pytest.fixture
def centre(make_centre):
    made = make_centre(("1501", "1502", "1503"), hang_up=True)
    made.phones["1502"].manners = made.phones["1503"].manners = HEARD
    return made


def last(centre, number):
    return centre.phones[number].calls[-1]


def ringing(centre, number="1502", seconds=1.0, headers=()):
    call = centre.phones["1501"].call(number, headers=headers)
    centre.run(seconds)
    return call


def picked(centre, number):
    """The call of a ringing phone, with what names it to the switch."""
    call = last(centre, number)
    call_id = call.invite.call_id.encode()
    said = next(p.data for p in centre.network.packets if p.data[:11] == b"SIP/2.0 183" and call_id in p.data)
    call.identity = identity(Message.parse(said), ours="To")
    return call


def to(call):
    """Where a phone was told to send, each time it was told."""
    return [body for body in call.bodies if b"m=audio" in body]


PAIRS = [
    (IPV6, Speech(), {}),
    (SECURE, Speech(), {}),
    (SECURE, Speech(), {"srtp": "no"}),
    (Speech(), SECURE, {}),
    (Speech(), SECURE, {"srtp": "required"}),
    (Speech(payloads="0"), Speech(payloads="8"), {}),
]


@pytest.mark.parametrize(("caller", "callee", "settings"), PAIRS)
@pytest.mark.parametrize(("status", "reliable"), [(183, False), (183, True), (180, False)])
def test_the_caller_hears_the_callee(centre, ours, caller, callee, settings, status, reliable):
    speak(centre, _1501=caller, _1502=callee)
    centre.configure("1502", **settings)
    centre.phones["1502"].manners = replace(HEARD, ring_status=status, reliable=reliable)
    a = ringing(centre, headers=RELIABLE if reliable else ())
    b = last(centre, "1502")
    assert str(status) in a.events
    assert not b.talking
    anchored(ours, a, b)
    before = to(a)
    assert len(before) == 1
    assert a.events.count("prack 200") == reliable
    centre.run(5)
    assert a.talking
    assert b.talking
    anchored(ours, a, b)
    # The 200 says it again; nothing is left to agree on.
    assert set(to(a)) == set(before)
    assert (a.events.count("re-invite"), b.events.count("re-invite")) == (0, 0)
    assert centre.switch.services.counted["anchored"] == 1


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_behind_a_nat(centre, ours, who):
    """Of a callee it must be known before: by his registration, or by the option."""
    at_home(centre, "1600", "203.0.113.7", media_nat="auto" if who == "caller" else "yes").manners = HEARD
    caller, number = ("1600", "1502") if who == "caller" else ("1501", "1600")
    a = centre.phones[caller].call(number)
    centre.run(1)
    anchored(ours, a, last(centre, number))
    centre.run(5)
    assert a.talking
    anchored(ours, a, last(centre, number))


@pytest.mark.parametrize("speech", [HOME, SECURE, IPV6])
def test_a_carrier(centre, ours, speech):
    at_home(centre, "1600", "203.0.113.7").speech = speech
    carrier = Phone(centre.network, "carrier", "198.51.100.1", centre.node.address)
    centre.phones["carrier"] = carrier
    carrier.manners = HEARD
    centre.switch.configure(DnSettings(number="carrier", contact=carrier.contact))
    centre.trunk(carrier, prefix="9")
    a = centre.phones["1600"].call("91234")
    centre.run(1)
    anchored(ours, a, carrier.calls[-1])
    centre.run(5)
    anchored(ours, a, carrier.calls[-1])
    assert centre.desktop.told("1600")[:3] == ["OffHook", "Dialing", "NetworkReached"]


def test_recording_begins_with_the_answer(centre, ours):
    speak(centre, _1501=IPV6)
    centre.configure("1501", record="source")
    a = ringing(centre)
    assert not any(room.recorders for room in ours.media.rooms)
    centre.run(5)
    anchored(ours, a, last(centre, "1502"))
    assert sum(len(room.recorders) for room in ours.media.rooms) == 1


def test_one_who_says_nothing_before_the_answer_takes_no_seat_from_the_caller(centre, ours):
    speak(centre, _1501=IPV6)
    centre.phones["1502"].manners = Manners(answer=3.0)
    a = ringing(centre)
    assert a.events == ["180"]
    assert len(ours.server.legs) == 1
    centre.run(4)
    anchored(ours, a, last(centre, "1502"))


@pytest.mark.parametrize("second", [Speech(), SECURE])
@pytest.mark.parametrize("early", [True, False])
def test_the_next_one_is_heard_in_the_same_room(centre, ours, second, early):
    """He may be one whose phone the caller's can talk to directly: then it does, after the answer."""
    speak(centre, _1501=SECURE, _1503=second)
    for number in ("1502", "1503"):
        centre.configure(number, srtp="no" if centre.phones[number].speech.srtp == "none" else "auto")
    centre.phones["1502"].manners = replace(HEARD, answer=None, reject=(1.0, 486))
    centre.phones["1503"].manners = replace(HEARD, early_media=early)
    dn = centre.switch.extensions["1502"].dn
    dn.features = replace(dn.features, busy="1503")
    a = ringing(centre, seconds=0.5)
    anchored(ours, a, last(centre, "1502"))
    centre.run(1.5)
    told = to(a)
    assert len(told) == 1
    if second is not SECURE and early:
        anchored(ours, a, last(centre, "1503"))
    centre.run(6)
    assert a.talking
    if second is SECURE:
        talk_directly(a, last(centre, "1503"))
        assert not ours.server.legs
    else:
        anchored(ours, a, last(centre, "1503"))
        assert set(to(a)) == set(told)


@pytest.mark.parametrize("winner", ["1502", "1503"])
def test_of_several_the_first_is_heard_and_whoever_answers_talks(centre, ours, winner):
    speak(centre, _1501=SECURE)
    for number in ("1502", "1503"):
        centre.configure(number, srtp="no")
        centre.phones[number].manners = replace(HEARD, answer=3.0 if number == winner else 20.0)
    centre.switch.configure(DnSettings(number="700", hunt="fork", members=("1502", "1503")))
    a = ringing(centre, "700")
    (room,) = (room for room in ours.media.rooms if not room.closed)
    assert len(room.roles) == 2
    centre.run(5)
    anchored(ours, a, last(centre, winner))
    assert len(ours.server.legs) == 2


def test_a_member_who_can_talk_directly_answers_while_another_is_heard(centre, ours):
    speak(centre, _1501=SECURE, _1503=SECURE)
    centre.configure("1502", srtp="no")
    centre.phones["1502"].manners = replace(HEARD, answer=20.0)
    centre.phones["1503"].manners = replace(HEARD, ring=0.5, answer=3.0)
    centre.switch.configure(DnSettings(number="700", hunt="fork", members=("1502", "1503")))
    a = ringing(centre, "700")
    assert len(to(a)) == 1
    centre.run(6)
    talk_directly(a, last(centre, "1503"))
    assert ours.idle


@pytest.mark.parametrize("when", ["before", "heard"])
def test_the_caller_gives_up(centre, ours, when):
    speak(centre, _1501=SECURE)
    centre.configure("1502", srtp="no")
    a = ringing(centre, seconds=0.002 if when == "before" else 1.0)
    a.hang_up()
    centre.run(2)
    assert a.over
    assert all(call.over for call in centre.phones["1502"].calls)
    assert ours.idle


def test_the_callee_refuses_in_the_end(centre, ours):
    speak(centre, _1501=IPV6)
    centre.phones["1502"].manners = replace(HEARD, answer=None, reject=(2.0, 486))
    a = ringing(centre, seconds=4.0)
    assert a.events[-1] == "486"
    assert ours.idle


def test_nobody_answers(centre, ours):
    speak(centre, _1501=IPV6)
    centre.configure("1502", no_answer_timeout=5.0)
    centre.phones["1502"].manners = replace(HEARD, answer=None)
    a = ringing(centre, seconds=8.0)
    assert a.events[-1] == "480"
    assert ours.idle


@pytest.mark.parametrize("again", [True, False])
def test_the_service_dies_while_the_callee_is_heard(centre, ours, again):
    speak(centre, _1501=IPV6)
    a = ringing(centre)
    other = OurMediaServer(centre, "other", "10.0.2.10") if again else None
    for leg in list(ours.server.legs):
        leg.hang_up()
    centre.switch.unconfigure("ours")
    centre.run(1)
    assert a.events == ["183"]
    centre.run(15)
    if other is not None:
        assert a.talking
        anchored(other, a, last(centre, "1502"))
        a.hang_up()
        centre.run(1)
        assert other.idle
    else:
        assert a.over
        assert last(centre, "1502").over


def test_no_service_can_be_had_any_more(centre, ours):
    """It is called without an offer, as long as there is hope; the call fails when it is answered."""
    speak(centre, _1501=IPV6)
    centre.network.remove(ours.node)
    a = ringing(centre, seconds=3.0)
    assert a.events == ["183"]
    b = last(centre, "1502")
    assert b.invite.body == b""
    assert to(a) == []
    centre.run(8)
    assert a.events[-1] == "480"
    assert b.over


def test_one_who_refuses_every_offer_makes_one_himself(centre, ours):
    speak(centre, _1501=SECURE, _1502=Speech(payloads="8"))
    centre.phones["1502"].speech = _Picky(payloads="8")
    a = ringing(centre, seconds=7.0)
    offers = [call.invite.body != b"" for call in centre.phones["1502"].calls]
    assert offers == [True, True, True, False]
    assert a.talking
    assert len(ours.server.legs) == 2


class _Picky(Speech):
    """That of a phone that takes no offer at all."""

    def takes(self, body):
        return body == b""


def test_a_callee_who_rang_for_the_transferor(centre, ours):
    """The target of a consultation is heard by who consults; it stays when he transfers while it rings."""
    speak(centre, _1502=IPV6)
    first = centre.phones["1502"]
    centre.phones["1501"].manners = Manners()
    main = first.call("1501")
    centre.run(3)
    main.hold()
    centre.run(1)
    consult = first.call("1503")
    centre.run(1)
    c = last(centre, "1503")
    assert len(to(consult)) == 1
    main.refer("1503", consult, leaves="100")
    centre.run(6)
    assert main.over
    talk_directly(last(centre, "1501"), c)
    assert ours.idle


def test_a_phone_picks_up_a_call_of_one_who_hears_another(centre, ours):
    speak(centre, _1501=IPV6)
    a = ringing(centre)
    anchored(ours, a, last(centre, "1502"))
    c = take(centre, picked(centre, "1502"), run=5)
    assert last(centre, "1502").over
    anchored(ours, a, c)
