"""Phones that cannot talk to each other directly: one of IPv6 and one of IPv4, of SRTP and of RTP, one behind a NAT."""

from itertools import product
from pathlib import Path

import pytest
from media_house import OurMediaServer, ask, talk_to_each_other, up

from cordboard.model import requests as rq
from cordboard.switch.settings import DnSettings
from cordboard.testkit.ladder import ladder
from cordboard.testkit.phone import Manners, Phone
from cordboard.testkit.speech import Speech

LADDERS = Path(__file__).parent / "ladders"
IPV6 = Speech("2001:db8::1")
SECURE = Speech(srtp="required")
BEST_EFFORT = Speech(srtp="offered")
HOME = Speech("192.168.1.20")
MU_LAW, A_LAW = Speech(payloads="0"), Speech(payloads="8")


@pytest.fixture
def centre(make_centre):
    return make_centre(("1501", "1502", "1503"), hang_up=True)


def anchored(ours, *calls):
    """Each phone's voice goes to a leg of its own that knows where the phone receives; all are in one room."""
    legs = {b"%s:%d sendrecv" % (leg.media.place[0].encode(), leg.media.place[1]): leg for leg in ours.server.legs}
    assert sorted(call.hears for call in calls) == sorted(legs), ([call.hears for call in calls], list(legs))
    for call in calls:
        heard = legs[call.hears].media.heard
        assert call.phone.speech.takes(legs[call.hears].media.said)
        host = call.phone.speech.host or call.phone.node.address[0]
        assert f"c=IN {'IP6' if ':' in host else 'IP4'} {host}\r\n".encode() in heard
        assert legs[call.hears].media.source == call.phone.node.address[0]
        assert (b"RTP/SAVP" in heard) == (call.phone.speech.srtp == "required")
    (room,) = {leg.media.room for leg in legs.values()}
    assert len(room.roles) == len(calls)


def speak(centre, **speeches):
    for number, speech in speeches.items():
        centre.phones[number.removeprefix("_")].speech = speech


PAIRS = [(IPV6, Speech()), (Speech(), IPV6)]


@pytest.mark.parametrize(("caller", "callee"), PAIRS)
def test_ipv4_and_ipv6(centre, ours, caller, callee):
    speak(centre, _1501=caller, _1502=callee)
    a, b = up(centre)
    anchored(ours, a, b)


def test_ladder(centre, ours):
    speak(centre, _1501=SECURE)
    centre.configure("1502", srtp="no")
    a, b = up(centre)
    centre.run(1)
    anchored(ours, a, b)
    assert (a.events.count("re-invite"), b.events.count("re-invite")) == (0, 0)
    a.hang_up()
    centre.run(1)
    assert ladder(centre.network) == (LADDERS / "bridged.txt").read_text()


SECURITIES = [
    (SECURE, Speech(), "auto", True),
    (SECURE, Speech(), "no", True),
    (Speech(), SECURE, "auto", True),
    (Speech(), SECURE, "required", True),
    (BEST_EFFORT, SECURE, "auto", False),
    (BEST_EFFORT, SECURE, "required", False),
    (BEST_EFFORT, BEST_EFFORT, "auto", False),
    (SECURE, SECURE, "auto", False),
    (SECURE, SECURE, "required", False),
    (SECURE, BEST_EFFORT, "auto", False),
]


@pytest.mark.parametrize(("caller", "callee", "option", "bridged"), SECURITIES)
def test_srtp_and_rtp(centre, ours, caller, callee, option, bridged):
    """SRTP passes from end to end where both speak it, best effort too; the option spares the refused offer."""
    speak(centre, _1501=caller, _1502=callee)
    centre.configure("1502", srtp=option)
    a, b = up(centre)
    centre.run(1)
    if bridged:
        anchored(ours, a, b)
    else:
        talk_to_each_other(a, b)
        assert not ours.server.legs
    refused = sum(call.events == ["invite", "488 sent"] for call in centre.phones["1502"].calls)
    assert refused == (1 if bridged and option == "auto" else 0)


def test_codecs_that_differ_are_bridged_too(centre, ours):
    speak(centre, _1501=MU_LAW, _1502=A_LAW)
    anchored(ours, *up(centre))


def test_what_cannot_be_bridged_is_refused_as_it_was(centre, ours):
    speak(centre, _1501=Speech(payloads="3"), _1502=Speech(payloads="4"))
    call = centre.phones["1501"].call("1502")
    centre.run(3)
    assert call.events[-1] in ("480", "488")
    assert ours.idle
    # What it has refused of one is no reason not to ask it for another.
    speak(centre, _1501=SECURE, _1502=Speech())
    anchored(ours, *up(centre))


@pytest.mark.parametrize("without", ["service", "1501", "1502"])
def test_it_is_not_bridged(centre, without):
    """No Media Server, or one of the two wants none: the offer passes as it is, and so does the refusal."""
    if without != "service":
        ours = OurMediaServer(centre)
        centre.configure(without, media_anchor="no")
    speak(centre, _1501=SECURE)
    centre.configure("1502", srtp="no")
    call = centre.phones["1501"].call("1502")
    centre.run(3)
    assert call.events[-1] == "488"
    assert [one.events for one in centre.phones["1502"].calls] == [["invite", "488 sent"]]
    assert without == "service" or ours.idle


def test_the_service_does_not_answer(centre, ours):
    speak(centre, _1501=SECURE)
    centre.network.remove(ours.node)
    call = centre.phones["1501"].call("1502")
    centre.run(10)
    assert call.events[-1] == "480"
    (other,) = (one for one in centre.phones["1502"].calls if one.events[-1] != "488 sent")
    assert other.events[-1] == "bye"


def test_the_service_dies_and_another_goes_on(centre, ours):
    speak(centre, _1501=IPV6)
    a, b = up(centre)
    anchored(ours, a, b)
    other = OurMediaServer(centre, "other", "10.0.2.10")
    centre.configure("ours", oos_check=5.0, session_audit_interval=0)
    centre.network.remove(ours.node)
    centre.run(60)
    anchored(other, a, b)
    centre.switch.unconfigure("ours")
    for leg in list(ours.server.legs):
        leg.gone()
    for session in list(ours.server.dispatcher.dialogs.values()):
        session.hang_up()
    a.hang_up()
    centre.run(2)
    assert other.idle


@pytest.mark.usefixtures("ours")
def test_the_caller_gives_up_while_it_is_bridged(centre):
    speak(centre, _1501=SECURE)
    call = centre.phones["1501"].call("1502")
    while len(centre.phones["1502"].calls) < 2 or not centre.phones["1502"].calls[1].talking:
        centre.run(0.005)
    call.hang_up()
    centre.run(5)
    assert call.over
    assert centre.phones["1502"].calls[1].over


@pytest.mark.parametrize("by", ["phone", "desktop"])
@pytest.mark.parametrize("holder", ["1501", "1502"])
@pytest.mark.parametrize(("caller", "callee"), [(IPV6, Speech()), (SECURE, Speech()), (MU_LAW, A_LAW)])
def test_hold_and_retrieve(centre, ours, caller, callee, holder, by):
    speak(centre, _1501=caller, _1502=callee)
    a, b = up(centre)
    anchored(ours, a, b)
    (conn_id,) = centre.switch.calls
    for _ in range(2):
        key = a if holder == "1501" else b
        if by == "phone":
            key.hold()
        else:
            ask(centre, rq.HoldCall(this_dn=holder, conn_id=conn_id))
        centre.run(2)
        assert len(ours.server.legs) == 1, "music"
        if by == "phone":
            key.retrieve()
        else:
            ask(centre, rq.RetrieveCall(this_dn=holder, conn_id=conn_id))
        centre.run(2)
        anchored(ours, a, b)
    assert "Retrieved" in centre.desktop.told(holder)


@pytest.mark.parametrize(
    ("caller", "to"), [*product([IPV6, SECURE], [Speech(), IPV6, SECURE]), (MU_LAW, A_LAW), (A_LAW, MU_LAW)]
)
@pytest.mark.parametrize("how", ["unattended", "attended"])
def test_a_transfer_is_judged_anew(centre, ours, caller, to, how):
    """Where the two who are left can talk directly, they do; else they are anchored."""
    speak(centre, _1501=caller, _1503=to)
    a, b = up(centre)
    if how == "attended":
        second, c = up(centre, "1502", "1503")
        b.refer("1503", second)
    else:
        b.refer("1503")
    centre.run(8)
    c = centre.phones["1503"].calls[-1]
    assert b.over
    if caller == to:
        talk_directly(a, c)
        assert not ours.server.legs
    else:
        anchored(ours, a, c)


def talk_directly(one, other):
    for near, far in ((one, other), (other, one)):
        host = far.phone.speech.host or far.phone.node.address[0]
        assert near.hears.startswith(host.encode()), near.hears
        assert near.hears.endswith(b"sendrecv")


@pytest.mark.parametrize("caller", [IPV6, SECURE])
def test_a_call_of_a_desktop(centre, ours, caller):
    speak(centre, _1501=caller)
    centre.configure("1501", srtp="required" if caller is SECURE else "auto")
    ask(centre, rq.MakeCall(this_dn="1501", other_dn="1502"), 3)
    centre.run(5)
    anchored(ours, centre.phones["1501"].calls[0], centre.phones["1502"].calls[0])


@pytest.mark.parametrize("guest", [Speech(), SECURE])
def test_a_guest_of_a_conference(centre, ours, guest):
    speak(centre, _1503=guest)
    centre.configure("1503", srtp="required" if guest is SECURE else "auto")
    a, b = up(centre)
    (conn_id,) = centre.switch.calls
    ask(centre, rq.SingleStepConference(this_dn="1502", conn_id=conn_id, other_dn="1503"), 4)
    centre.run(5)
    anchored(ours, a, b, centre.phones["1503"].calls[0])


def test_members_of_a_hunt_group_are_each_called_in_their_way(centre, ours):
    speak(centre, _1501=SECURE, _1502=Speech(), _1503=SECURE)
    centre.configure("1502", srtp="no", hunt="none")
    centre.phones["1502"].manners = Manners(answer=None)
    centre.switch.configure(DnSettings(number="700", hunt="fork", members=("1502", "1503")))
    call = centre.phones["1501"].call("700")
    centre.run(3)
    talk_directly(call, centre.phones["1503"].calls[0])
    assert not ours.server.legs
    call.hang_up()
    centre.run(1)
    centre.phones["1502"].manners = Manners()
    centre.phones["1503"].manners = Manners(answer=None)
    call = centre.phones["1501"].call("700")
    centre.run(3)
    anchored(ours, call, centre.phones["1502"].calls[-1])


def at_home(centre, number, outside, inside="192.168.1.20", port=5060, **settings):
    """A phone whose router sends for it from an outer address; its media says the inner one."""
    phone = centre.phones[number] = Phone(centre.network, number, outside, centre.node.address, port)
    phone.speech = Speech(inside)
    centre.switch.configure(DnSettings(number=number, contact=phone.contact, **settings))
    return phone


HOMES = [("caller", "auto", True), ("caller", "no", False), ("callee", "auto", True), ("callee", "no", False)]


@pytest.mark.parametrize(("who", "option", "bridged"), HOMES)
def test_a_phone_behind_a_nat(centre, ours, who, option, bridged):
    """Its media goes through the Media Server, which finds it where it sends from."""
    at_home(centre, "1600", "203.0.113.7", media_nat=option)
    pair = ("1600", "1502") if who == "caller" else ("1501", "1600")
    a, b = up(centre, *pair)
    centre.run(2)
    if bridged:
        anchored(ours, a, b)
        # Of a caller it is known beforehand.
        assert a.events.count("re-invite") == (0 if who == "caller" else 1)
    else:
        talk_directly(a, b)
        assert ours.idle


@pytest.mark.parametrize(("port", "host", "bridged"), [(5070, "203.0.113.7", False), (5060, "203.0.113.8", True)])
def test_two_behind_the_same_nat_reach_each_other(centre, ours, port, host, bridged):
    at_home(centre, "1600", "203.0.113.7")
    at_home(centre, "1601", host, "192.168.1.21", port)
    a, b = up(centre, "1600", "1601")
    centre.run(2)
    if bridged:
        anchored(ours, a, b)
    else:
        talk_directly(a, b)
        assert ours.idle


@pytest.mark.parametrize("option", ["auto", "yes"])
def test_an_address_that_differs_is_no_nat_by_itself(centre, ours, option):
    """A gateway may have its media elsewhere; who says it is a NAT is believed."""
    at_home(centre, "1600", "203.0.113.7", "203.0.113.99", media_nat=option)
    a, b = up(centre, "1600", "1502")
    centre.run(2)
    if option == "yes":
        anchored(ours, a, b)
    else:
        talk_directly(a, b)


def test_a_nat_without_a_service_is_left_alone(centre):
    at_home(centre, "1600", "203.0.113.7")
    a, b = up(centre, "1600", "1502")
    centre.run(60)
    talk_directly(a, b)
    assert (a.events.count("re-invite"), b.events.count("re-invite")) == (0, 0)


@pytest.mark.parametrize("speech", [HOME, SECURE, IPV6])
def test_a_call_to_a_carrier(centre, ours, speech):
    """It is made the offer of the Media Server; SRTP it has refused first."""
    phone = at_home(centre, "1600", "203.0.113.7")
    phone.speech = speech
    carrier = Phone(centre.network, "carrier", "198.51.100.1", centre.node.address)
    centre.phones["carrier"] = carrier
    centre.switch.configure(DnSettings(number="carrier", contact=carrier.contact))
    centre.trunk(carrier, prefix="9")
    call = phone.call("91234")
    centre.run(4)
    anchored(ours, call, carrier.calls[-1])
    first = carrier.calls[0].invite
    assert first is not None
    assert first.body != b""
    assert len(centre.switch.calls) == 1


def test_a_call_from_a_carrier(centre, ours):
    carrier = Phone(centre.network, "carrier", "198.51.100.1", centre.node.address)
    centre.phones["carrier"] = carrier
    centre.switch.configure(DnSettings(number="carrier", contact=carrier.contact))
    centre.trunk(carrier)
    speak(centre, _1501=SECURE)
    centre.configure("1501", srtp="required")
    call = carrier.call("1501")
    centre.run(4)
    anchored(ours, call, centre.phones["1501"].calls[0])
