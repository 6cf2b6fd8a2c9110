"""Digits: from phone to phone, and of a desktop to the other party, in INFO or as telephone events."""

import pytest
from media_house import OurMediaServer, ask, errors, talk_to_each_other, up

from cordboard.model import events as ev
from cordboard.model import requests as rq
from cordboard.model.enums import AddressType, PrivateMessage
from cordboard.model.errors import Code
from cordboard.testkit.speech import Speech

RELAY = "application/dtmf-relay"


@pytest.fixture
def centre(make_centre):
    return make_centre(("1501", "1502", "1503"), hang_up=True)


@pytest.fixture
def talking(centre):
    a, b = up(centre)
    centre.desktop.events.clear()
    (conn_id,) = centre.switch.calls
    return centre, a, b, conn_id


def send(centre, conn_id, digits, dn="1502", reference=5):
    ask(centre, rq.SendDTMF(this_dn=dn, conn_id=conn_id, dtmf_digits=digits), reference)


def infos(centre, number):
    """The bodies of INFO that a phone got, in order, as digits."""
    host = centre.phones[number].node.address[0] if number in centre.phones else number
    return "".join(
        packet.data.partition(b"Signal=")[2][:1].decode()
        for packet in centre.network.packets
        if packet.target[0] == host and packet.data.startswith(b"INFO ") and b"Signal=" in packet.data
    )


def press(centre, call, body=b"Signal=5\r\nDuration=160\r\n", kind=RELAY, within=2):
    answers = []
    call.session.request("INFO", lambda status, _: answers.append(status), body=body, content_type=kind)
    centre.run(within)
    return answers


def sent(centre):
    return [
        (e.this_dn, e.dtmf_digits, e.reference_id) for e in centre.desktop.events if isinstance(e, ev.EventDTMFSent)
    ]


def anchor(centre, conn_id):
    ask(centre, rq.PrivateService(this_dn="1502", conn_id=conn_id, private_msg_id=PrivateMessage.RECORD_START))
    centre.run(1)


def test_info_passes_from_phone_to_phone(talking):
    centre, a, b, _ = talking
    assert press(centre, b) == [200]
    assert infos(centre, "1501") == "5"
    centre.phones["1501"].refused["INFO"] = 415
    assert press(centre, b) == [415]
    assert a.talking


@pytest.mark.parametrize("digits", ["5", "0123456789*#ABCD"])
def test_a_desktop_sends_digits_in_info(talking, digits):
    centre, a, b, conn_id = talking
    send(centre, conn_id, digits)
    centre.run(5)
    assert infos(centre, "1501") == digits
    assert infos(centre, "1502") == ""
    assert sent(centre) == [("1502", digits, 5)]
    talk_to_each_other(a, b)


def test_what_is_wrong(talking):
    centre, a, b, conn_id = talking
    for digits in ("", "x", "1" * 65, "1,2"):
        send(centre, conn_id, digits)
    assert errors(centre) == [Code.INVALID_ATTRIBUTE] * 4
    b.hold()
    centre.run(1)
    send(centre, conn_id, "5")
    send(centre, conn_id, "5", dn="1501")
    assert errors(centre)[4:] == [Code.WRONG_STATE] * 2 or infos(centre, "1502") == "5"
    a.hang_up()


def test_the_other_phone_takes_none(talking):
    centre, a, _, conn_id = talking
    centre.phones["1501"].refused["INFO"] = 415
    send(centre, conn_id, "57")
    assert errors(centre) == [Code.PHONE_REFUSED]
    assert infos(centre, "1501") == "5"
    assert a.talking


def test_the_other_one_hangs_up_amidst_the_digits(talking):
    centre, a, _, conn_id = talking
    centre.switch.request("desktop", rq.SendDTMF(this_dn="1502", conn_id=conn_id, dtmf_digits="1234567890"), 5)
    centre.run(0.3)
    a.hang_up()
    centre.run(3)
    assert sent(centre) == []
    assert errors(centre) == [Code.WRONG_STATE]


def test_digits_as_telephone_events(talking, ours):
    centre, a, b, conn_id = talking
    centre.configure("1501", dtmf="rtp")
    send(centre, conn_id, "42#")
    centre.run(6)
    assert ours.media.sent == ["42#"]
    assert infos(centre, "1501") == ""
    assert sent(centre) == [("1502", "42#", 5)]
    # The call was anchored for as long as it took.
    talk_to_each_other(a, b)
    assert not ours.server.legs


def test_digits_as_telephone_events_need_a_service(talking):
    centre, _, _, conn_id = talking
    centre.configure("1501", dtmf="rtp")
    send(centre, conn_id, "42#")
    assert errors(centre) == [Code.NO_SERVICE]


def test_the_service_is_gone_amidst_the_digits(talking, ours):
    centre, a, b, conn_id = talking
    centre.configure("1501", dtmf="rtp")
    send(centre, conn_id, "1" * 64)
    for leg in list(ours.server.legs):
        leg.hang_up()
    centre.run(5)
    assert errors(centre) == [Code.NO_SERVICE]
    centre.run(30)
    talk_to_each_other(a, b)


@pytest.mark.parametrize("after", [0.0, 0.002, 0.004, 0.006, 0.02, 0.1, 0.3])
def test_the_call_ends_before_or_amidst_the_digits(talking, ours, after):  # noqa: ARG001 - it is there
    centre, a, b, conn_id = talking
    centre.configure("1501", dtmf="rtp")
    centre.switch.request("x", rq.SendDTMF(this_dn="1502", conn_id=conn_id, dtmf_digits="42#"), 5)
    centre.run(after)
    centre.switch.request("x", rq.ClearCall(this_dn="1502", conn_id=conn_id), 6)
    centre.run(60)
    assert errors(centre) == [Code.NO_SERVICE]
    assert (a.over, b.over) == (True, True)
    assert centre.leftovers() == []


def test_the_service_takes_no_leg_for_the_digits(talking, ours):
    centre, a, b, conn_id = talking
    centre.configure("1501", dtmf="rtp")
    centre.network.remove(ours.node)
    send(centre, conn_id, "42#")
    centre.run(60)
    assert errors(centre) == [Code.NO_SERVICE]
    talk_to_each_other(a, b)


def test_info_passes_through_an_anchored_call(talking, tmp_path):
    centre, a, b, conn_id = talking
    ours = OurMediaServer(centre, recordings=tmp_path)
    anchor(centre, conn_id)
    assert len(ours.server.legs) == 2
    assert press(centre, b) == [200]
    assert infos(centre, "1501") == "5"
    assert press(centre, b, b"7", "application/dtmf") == [200]
    send(centre, conn_id, "9")
    assert infos(centre, "1501") == "59"
    assert ours.media.sent == []
    a.hang_up()
    centre.run(1)
    assert ours.idle


def test_info_is_translated_for_a_phone_that_takes_none(talking, tmp_path):
    centre, a, b, conn_id = talking
    ours = OurMediaServer(centre, recordings=tmp_path)
    anchor(centre, conn_id)
    centre.phones["1501"].refused["INFO"] = 415
    assert press(centre, b) == [200]
    assert ours.media.sent == ["5"]
    assert press(centre, b, b"nonsense", "text/plain") == [415]
    a.hang_up()


def only(centre, number, allow, speech=None):
    """A phone that says in Allow what it takes."""
    phone = centre.phones[number]
    phone.node.endpoint.set_policy(allow=allow, registration_expires=300, retry_after=5)
    if speech is not None:
        phone.speech = speech


class WithEvents(Speech):
    """That of a phone that takes telephone events."""

    def says(self, origin, direction, host, port):
        return Speech.says(self, origin, direction, host, port) + b"a=rtpmap:101 telephone-event/8000\r\n"


ANY = "INVITE, ACK, BYE, CANCEL, OPTIONS"


@pytest.mark.parametrize(
    ("allow", "events", "asked"),
    [(ANY, True, ""), (ANY, False, "57"), (ANY + ", INFO", True, "5"), (ANY + ", INFOS", True, "")],
)
@pytest.mark.parametrize("bridged", ["caller", "callee", "later"])
def test_a_phone_that_allows_no_info_is_not_asked_for_it(centre, ours, allow, events, asked, bridged):
    """Its Allow is in its INVITE, its 2xx, or its 2xx to the re-INVITE by which it was anchored."""
    a, b = ("1502", "1501") if bridged == "caller" else ("1501", "1502")
    # ``a`` presses the keys, ``b`` is to get them.
    only(centre, b, allow, WithEvents(srtp="none") if events else Speech())
    centre.phones[b].refused["INFO"] = 405
    if bridged != "later":
        centre.phones[a].speech = Speech(srtp="required")
        centre.configure(b, srtp="no")
        centre.configure(a, srtp="required")
    up(centre)
    if bridged == "later":
        anchor(centre, next(iter(centre.switch.calls)))
    assert len(ours.server.legs) == 2
    presser = centre.phones[a].calls[-1]
    assert press(centre, presser) == [200]
    assert press(centre, presser, b"Signal=7\r\n") == [200]
    # One that was asked in vain, and takes telephone events, is not asked again.
    assert infos(centre, b) == asked
    assert ours.media.sent == ["5", "7"]


def test_keys_pressed_fast_are_all_sent_in_order(talking, tmp_path):
    centre, a, b, conn_id = talking
    ours = OurMediaServer(centre, recordings=tmp_path)
    anchor(centre, conn_id)
    centre.phones["1501"].refused["INFO"] = 405
    answers = []
    for digit in b"0123456789":
        answers += press(centre, b, b"Signal=%c\r\nDuration=300\r\n" % digit, within=0.05)
    centre.run(8)
    assert ours.media.sent == list("0123456789")
    assert info_answers(centre, "1502") == ["200"] * 10
    assert a.talking


@pytest.fixture
def pending(talking, tmp_path):
    """1502 has sent INFO through an anchored call, and 1501 does not answer it."""
    centre, a, b, conn_id = talking
    ours = OurMediaServer(centre, recordings=tmp_path)
    anchor(centre, conn_id)
    centre.phones["1501"].deaf_to.add("INFO")
    answers = press(centre, b)
    assert answers == []
    return centre, a, b, ours


def test_info_is_answered_when_the_one_it_is_for_hangs_up(pending):
    centre, a, b, ours = pending
    a.hang_up()
    centre.run(1)
    assert b.over
    assert info_answers(centre, "1502") == ["481"]
    assert ours.idle


def info_answers(centre, number):
    """The statuses of final answers to INFO that a phone got."""
    target = centre.phones[number].node.address
    lines = [packet.data for packet in centre.network.packets if packet.target == target]
    return [data[8:11].decode() for data in lines if data.startswith(b"SIP/2.0 ") and b" INFO\r\n" in data]


def test_info_of_one_who_goes_is_answered_too(pending):
    centre, a, b, _ = pending
    b.hang_up()
    centre.run(1)
    assert a.over
    assert info_answers(centre, "1502") == ["487"]


def test_info_is_answered_when_the_one_it_is_for_leaves_a_call_that_goes_on(pending):
    centre, a, b, _ = pending
    a.refer("1503")
    centre.run(4)
    assert a.over
    assert b.talking
    assert info_answers(centre, "1502") == ["500"]


def test_an_update_is_answered_when_the_one_it_is_for_goes(talking):
    centre, a, b, _ = talking
    centre.phones["1501"].deaf_to.add("UPDATE")
    b.session.request("UPDATE", lambda *_: None, body=b.phone.sdp())
    centre.run(1)
    a.hang_up()
    centre.run(1)
    assert b.over
    target = centre.phones["1502"].node.address
    (answer,) = [p.data for p in centre.network.packets if p.target == target and b" UPDATE\r\n" in p.data]
    assert answer.startswith(b"SIP/2.0 481 ")


def test_digits_of_one_are_not_kept_from_the_other_but_those_in_a_conference_are(talking, tmp_path):
    centre, a, b, conn_id = talking
    ours = OurMediaServer(centre, recordings=tmp_path)
    anchor(centre, conn_id)
    (room,) = [room for room in ours.media.rooms if not room.closed]
    assert {role.clamp_dtmf for role in room.roles.values()} == {False}
    ask(centre, rq.SingleStepConference(this_dn="1502", conn_id=conn_id, other_dn="1503"))
    centre.run(6)
    (room,) = [room for room in ours.media.rooms if not room.closed]
    assert len(room.roles) == 3
    assert {role.clamp_dtmf for role in room.roles.values()} == {True}
    send(centre, conn_id, "9")
    assert errors(centre) == [Code.WRONG_STATE]
    for call in (a, b, centre.phones["1503"].calls[0]):
        call.hang_up()


def test_digits_go_to_a_trunk(centre, ours):
    centre.trunk(centre.phones["1503"], prefix="9", dtmf="rtp")
    assert centre.switch.extensions["1503"].settings.address_type is AddressType.TRUNK
    a = centre.phones["1501"].call("9123")
    centre.run(3)
    (conn_id,) = centre.switch.calls
    send(centre, conn_id, "7", dn="1501")
    centre.run(5)
    assert ours.media.sent == ["7"]
    assert a.talking


@pytest.fixture
def info_alone(centre, ours):
    """1501 talks to 1502, whose phone takes digits by INFO alone."""
    centre.configure("1502", dtmf="info-only")
    a, b = up(centre)
    centre.run(2)
    legs = {b"%s:%d sendrecv" % (leg.media.place[0].encode(), leg.media.place[1]): leg for leg in ours.server.legs}
    return centre, a, b, legs[a.hears], legs[b.hears]


def test_telephone_events_are_translated_for_a_phone_that_takes_info_alone(info_alone, ours):
    centre, _, _, of_a, of_b = info_alone
    of_a.media.press("42#", 120)
    centre.run(1)
    assert infos(centre, "1502") == "42#"
    assert infos(centre, "1501") == ""
    # The events themselves are kept from it; those of its own go to the other as they are.
    roles = of_a.media.room.roles
    assert (roles[of_a.media].clamp_dtmf, roles[of_b.media].clamp_dtmf) == (True, False)
    of_b.media.press("7")
    centre.run(1)
    assert infos(centre, "1501") == ""
    assert ours.media.sent == []


@pytest.mark.parametrize("first", ["info", "rtp"])
def test_a_digit_that_comes_both_ways_is_told_once(info_alone, first):
    centre, a, _, of_a, _ = info_alone
    for _ in range(2):
        for way in ("info", "rtp") if first == "info" else ("rtp", "info"):
            if way == "info":
                assert press(centre, a, within=0.2) == [200]
            else:
                of_a.media.press("5")
                centre.run(0.1)
        centre.run(2)
    assert infos(centre, "1502") == "55"


def test_a_desktop_sends_it_digits_by_info(info_alone, ours):
    centre, _, _, _, _ = info_alone
    (conn_id,) = centre.switch.calls
    send(centre, conn_id, "9", dn="1501")
    centre.run(1)
    assert infos(centre, "1502") == "9"
    assert ours.media.sent == []


def test_a_digit_it_does_not_take_is_lost_and_told(info_alone):
    centre, a, _, of_a, _ = info_alone
    centre.phones["1502"].refused["INFO"] = 415
    of_a.media.press("1")
    centre.run(1)
    assert a.talking
