"""MESSAGE from DN to DN outside a call: who gets it, from whom, and what the sender is told."""

import pytest

from cordboard.model.enums import AddressType
from cordboard.model.forwarding import Features
from cordboard.switch import text_message
from cordboard.switch.settings import DnSettings
from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Phone


@pytest.fixture
def centre(make_centre):
    return make_centre(("1501", "1502", "1503"))


def write(centre, number="1502", text=b"Are you free?", headers=(), seconds=1.0, sender="1501"):
    """Sends one, and returns how it was answered."""
    phone = centre.phones[sender]
    phone.write(number, text, headers)
    centre.run(seconds)
    return phone.answers[-1] if phone.answers else None


def sent_to(centre, host):
    return [p.data for p in centre.network.packets if p.target[0] == host and p.data.startswith(b"MESSAGE")]


def test_it_reaches_the_phone_as_it_is_and_from_whom_we_know(centre):
    kept = [("Subject", "Lunch"), ("X-Mood", "hungry"), ("Contact", "<sip:1501@10.0.1.1>"), ("Max-Forwards", "20")]
    assert write(centre, headers=kept) == 200
    (text,) = centre.phones["1502"].texts
    assert text.body == b"Are you free?"
    assert text.header("Content-Type") == "text/plain"
    assert text.header("Subject") == "Lunch"
    assert text.header("X-Mood") == "hungry"
    assert text.address("From")[:2] == ("Phone 1501", "sip:1501@10.0.0.1")
    assert text.header("P-Asserted-Identity") == '"Phone 1501" <sip:1501@10.0.0.1>'
    assert text.header("Max-Forwards") == "19"
    assert text.header("Contact") is None, "a MESSAGE makes no dialog (RFC 3428 section 4)"
    assert centre.tally.messages == {200: 1}


@pytest.mark.parametrize("trusted", [True, False])
def test_who_withholds_himself_is_told_to_the_trusted_only(centre, trusted):
    centre.configure("1502", trusted=trusted)
    assert write(centre, headers=[("Privacy", "id"), ("Subject", "It is me, 1501")]) == 200
    (text,) = centre.phones["1502"].texts
    assert "anonymous" in text.header("From")
    assert (text.header("P-Asserted-Identity") is not None) is trusted
    assert (text.header("Subject") is not None) is trusted


@pytest.mark.parametrize(
    ("number", "status"), [("7777", 404), ("8000", 404), ("1503", 480), ("1501", 482), ("91234", 403), ("t1", 403)]
)
def test_where_it_cannot_go(centre, number, status):
    centre.switch.configure(DnSettings(number="8000", address_type=AddressType.ROUTE_DN))
    centre.switch.configure(
        DnSettings(number="t1", address_type=AddressType.TRUNK, contact="sip:10.0.3.1", peers=("10.0.3.1",), prefix="9")
    )
    centre.configure("1503", contact="")
    assert write(centre, number) == status
    assert sent_to(centre, "10.0.3.1") == []
    assert centre.tally.messages == {status: 1}


def test_it_does_not_come_from_outside(centre):
    centre.configure("1501", address_type=AddressType.TRUNK, peers=("10.0.1.1",))
    assert write(centre) == 403
    assert centre.phones["1502"].texts == []


def test_switched_off(centre):
    centre.settings(pass_messages=False)
    assert write(centre) == 403
    assert centre.phones["1502"].texts == []


@pytest.mark.parametrize(("size", "status"), [(text_message.MOST_BYTES, 200), (text_message.MOST_BYTES + 1, 413)])
def test_it_is_bounded(centre, size, status):
    assert write(centre, text=b"x" * size) == status


def test_only_so_many_are_under_way(centre, monkeypatch):
    monkeypatch.setattr(text_message, "MOST_UNDER_WAY", 2)
    centre.phones["1502"].deaf_to.add("MESSAGE")
    for _ in range(3):
        centre.phones["1501"].write("1502", b"?")
    centre.run(1)
    assert centre.phones["1501"].answers == [503]
    centre.run(20)
    assert centre.phones["1501"].answers == [503, 480, 480]
    centre.phones["1502"].deaf_to.clear()
    assert write(centre) == 200


def test_none_is_taken_while_the_server_drains(centre):
    centre.switch.drain()
    assert write(centre) == 503


@pytest.mark.parametrize(("says", "told"), [(202, 202), (486, 486), (415, 415), (405, 480), (481, 480), (503, 480)])
def test_what_the_phone_says_is_told_where_it_is_for_the_sender(centre, says, told):
    centre.phones["1502"].refused["MESSAGE"] = says
    assert write(centre) == told


def test_a_phone_that_says_nothing_is_not_waited_for_until_the_sender_gives_up(centre):
    centre.phones["1502"].deaf_to.add("MESSAGE")
    assert write(centre, seconds=text_message.PATIENCE - 1) is None
    centre.run(2)
    assert centre.phones["1501"].answers == [480]


def test_a_retransmission_is_no_second_message(centre):
    dropped = []

    def lossy(packet):
        if packet.source == centre.node.address and packet.data.startswith(b"SIP/2.0 200") and not dropped:
            dropped.append(packet)
            return False
        return True

    centre.network.filter = lossy
    assert write(centre, seconds=3) == 200
    assert dropped
    assert len(centre.phones["1502"].texts) == 1


def test_do_not_disturb_and_forwarding_are_about_calls(centre):
    centre.switch.extensions["1502"].dn.features = Features(dnd=True, always="1503")
    assert write(centre) == 200
    assert len(centre.phones["1502"].texts) == 1
    assert centre.phones["1503"].texts == []


def test_within_a_call_it_goes_to_the_other_party_and_nobody_else(centre):
    call = centre.phones["1501"].call("1502", hang_up_after=5)
    centre.run(2)
    answers = []
    call.session.request("MESSAGE", lambda status, _: answers.append(status), body=b"hi", content_type="text/plain")
    centre.run(1)
    assert answers == [200]
    assert centre.phones["1502"].seen == ["MESSAGE"]
    assert centre.phones["1502"].texts == []
    assert centre.tally.messages == {}


def test_every_phone_of_the_dn_gets_it_and_one_that_takes_it_is_enough():
    centre = Centre(("1501", "1502"), registering=True)
    second = Phone(centre.network, "1502", "10.0.1.20", centre.node.address)
    centre.phones["1502b"] = second
    second.register()
    centre.run(2)
    second.refused["MESSAGE"] = 486
    assert write(centre) == 200
    assert len(centre.phones["1502"].texts) == len(second.texts) == 1
    centre.phones["1502"].refused["MESSAGE"] = 415
    assert write(centre) == 486, "the best of both (RFC 3261 16.7)"
    centre.phones["1502"].deaf_to.add("MESSAGE")
    second.refused.clear()
    assert write(centre) == 200
    centre.run(100)
    assert centre.leftovers() == []


def test_who_must_prove_who_he_is_to_call_must_do_so_to_write(centre):
    centre.configure("1501", ha1=(("MD5", "0" * 32),), authenticate=("register", "invite"))
    assert write(centre) == 401
    assert centre.phones["1502"].texts == []
    centre.configure("1501", authenticate=("register",))
    assert write(centre) == 200
