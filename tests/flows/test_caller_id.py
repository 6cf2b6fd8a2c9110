"""Who a phone is shown, and who is withheld: to phones, to trusted and untrusted trunks, and from them."""

import pytest

from cordboard.testkit.phone import Manners

ANONYMOUS = ("Anonymous", "sip:anonymous@anonymous.invalid")


@pytest.fixture
def centre(make_centre):
    made = make_centre(["1501", "1502", "trunk"])
    trunk = made.phones["trunk"]
    made.trunk(trunk, prefix="9", replace_prefix="")
    return made


def invite_to(centre, number):
    (call,) = centre.phones[number].calls
    return call.invite


def called(centre, number="1502", caller="1501", **more):
    call = centre.phones[caller].call(number, hang_up_after=1, **more)
    centre.run(5)
    return call


def from_of(message):
    return message.address("From")[:2]


def test_privacy_withholds_name_and_number_from_a_phone_but_not_from_the_desktop(centre):
    called(centre, headers=[("Privacy", "id"), ("Organization", "Us"), ("Subject", "Me")])
    invite = invite_to(centre, "1502")
    assert from_of(invite) == ANONYMOUS
    assert invite.header("P-Asserted-Identity") is None
    assert invite.header("Privacy") == "id"
    assert invite.header("Organization") is None
    assert b"1501" not in invite.to_bytes().partition(b"\r\n\r\n")[0]
    ringing = next(e for e in centre.desktop.events if type(e).__name__ == "EventRinging")
    assert (ringing.ani, ringing.other_dn) == ("1501", "1501")


def test_a_trusted_peer_is_told_with_the_wish_for_privacy(centre):
    centre.configure("1502", trusted=True)
    called(centre, headers=[("Privacy", "header;id")])
    invite = invite_to(centre, "1502")
    assert from_of(invite) == ANONYMOUS
    assert invite.header("P-Asserted-Identity") == '"Phone 1501" <sip:1501@10.0.0.1>'
    assert invite.header("Privacy") == "id"


@pytest.mark.parametrize(
    ("kinds", "pai", "rpid"),
    [(("pai",), True, False), (("rpid",), False, True), (("pai", "rpid"), True, True), ((), False, False)],
)
def test_each_peer_is_told_in_the_headers_it_knows(centre, kinds, pai, rpid):
    centre.configure("1502", identity_headers=kinds)
    called(centre)
    invite = invite_to(centre, "1502")
    assert (invite.header("P-Asserted-Identity") is not None) is pai
    expected = '"Phone 1501" <sip:1501@10.0.0.1>;party=calling;screen=yes;privacy=off'
    assert invite.header("Remote-Party-ID") == (expected if rpid else None)


def test_the_caller_is_told_who_he_is_connected_to(centre):
    centre.configure("1501", identity_headers=("rpid",))
    call = called(centre)
    expected = '"Phone 1502" <sip:1502@10.0.0.1>;party=called;screen=yes;privacy=off'
    assert call.answer.header("Remote-Party-ID") == expected


def test_a_callee_may_withhold_himself(centre):
    centre.phones["1502"].manners = Manners(headers=(("Privacy", "id"),))
    call = called(centre)
    assert call.answer.header("P-Asserted-Identity") is None


def test_what_a_phone_asserts_of_itself_does_not_count(centre):
    called(centre, headers=[("P-Asserted-Identity", "<sip:911@x>"), ("Remote-Party-ID", "<sip:911@x>")])
    invite = invite_to(centre, "1502")
    assert invite.headers("P-Asserted-Identity") == ['"Phone 1501" <sip:1501@10.0.0.1>']
    assert invite.header("Remote-Party-ID") is None


CLAIM = [("P-Asserted-Identity", '"Ann" <sip:+4930123@carrier.example>')]


def test_from_an_untrusted_trunk_only_from_counts(centre):
    called(centre, caller="trunk", headers=[*CLAIM, ("Diversion", "<sip:1@x>;counter=1")])
    invite = invite_to(centre, "1502")
    assert from_of(invite) == ("Phone trunk", "sip:trunk@10.0.0.1")
    assert invite.header("P-Asserted-Identity") == '"Phone trunk" <sip:trunk@10.0.0.1>'
    assert invite.header("Diversion") is None


@pytest.mark.parametrize("name", ["P-Asserted-Identity", "Remote-Party-ID"])
def test_a_trusted_trunk_says_who_calls(centre, name):
    centre.configure("trunk", trusted=True)
    called(centre, caller="trunk", headers=[(name, CLAIM[0][1]), ("Diversion", "<sip:1@x>;counter=1")])
    invite = invite_to(centre, "1502")
    assert from_of(invite) == ("Ann", "sip:+4930123@10.0.0.1")
    assert invite.header("Diversion") == "<sip:1@10.0.0.1>;counter=1"
    ringing = next(e for e in centre.desktop.events if type(e).__name__ == "EventRinging")
    assert ringing.ani == "+4930123"


def test_a_trusted_trunks_caller_may_be_withheld(centre):
    centre.configure("trunk", trusted=True)
    called(centre, caller="trunk", headers=[*CLAIM, ("Privacy", "id")])
    invite = invite_to(centre, "1502")
    assert from_of(invite) == ANONYMOUS
    assert invite.header("P-Asserted-Identity") is None


@pytest.mark.parametrize("private", [False, True])
def test_anonymous_calls_are_refused_by_who_wants_none(centre, private):
    centre.configure("1502", reject_anonymous=True)
    call = centre.phones["1501"].call("1502", hang_up_after=1, headers=[("Privacy", "id")] if private else [])
    centre.run(5)
    assert call.events == (["433"] if private else ["180", "answered", "bye sent"])
    assert len(centre.phones["1502"].calls) == (0 if private else 1)


@pytest.mark.parametrize("trusted", [False, True])
def test_toward_a_trunk_privacy_is_kept(centre, trusted):
    centre.configure("trunk", trusted=trusted)
    called(centre, "91234", headers=[("Privacy", "id")])
    invite = invite_to(centre, "trunk")
    assert from_of(invite) == ANONYMOUS
    assert (invite.header("P-Asserted-Identity") is not None) is trusted


def test_a_trusted_trunk_says_who_answered(centre):
    centre.configure("trunk", trusted=True)
    centre.phones["trunk"].manners = Manners(headers=(("P-Asserted-Identity", '"Bo" <sip:77@carrier>'),))
    call = called(centre, "91234")
    assert call.answer.header("P-Asserted-Identity") == '"Bo" <sip:77@10.0.0.1>'


def test_of_an_untrusted_trunk_the_number_dialled_is_shown(centre):
    centre.phones["trunk"].manners = Manners(headers=(("P-Asserted-Identity", '"Bo" <sip:77@carrier>'),))
    call = called(centre, "91234")
    assert call.answer.header("P-Asserted-Identity") == "<sip:91234@10.0.0.1>"
