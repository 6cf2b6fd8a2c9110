"""How a phone is told to ring, and to answer by itself."""

import pytest

from cordboard.model import requests as rq


@pytest.fixture
def centre(make_centre):
    made = make_centre(["1501", "1502", "trunk"])
    made.trunk(made.phones["trunk"], prefix="9")
    return made


def invite_after(centre, caller="1501", headers=()):
    centre.phones[caller].call("1502", hang_up_after=1, headers=headers)
    centre.run(5)
    return centre.phones["1502"].calls[-1].invite


@pytest.mark.parametrize(
    ("value", "bare", "sent"),
    [
        ("info=alert-autoanswer", False, "<http://10.0.0.1>;info=alert-autoanswer"),
        ("info=alert-autoanswer", True, "info=alert-autoanswer"),
        ("http://a.example/ring.wav", False, "<http://a.example/ring.wav>"),
        ("http://a.example/ring.wav;info=x", False, "<http://a.example/ring.wav>;info=x"),
        ("Bellcore-dr3", False, "<http://10.0.0.1/Bellcore-dr3>"),
        ("Bellcore-dr3", True, "Bellcore-dr3"),
        ("<urn:alert:service:call-waiting>", False, "<urn:alert:service:call-waiting>"),
    ],
)
def test_the_option_of_the_called_dn_is_sent(centre, value, bare, sent):
    centre.configure("1502", alert_info=value, alert_info_bare=bare)
    assert invite_after(centre).headers("Alert-Info") == [sent]


def test_a_distinctive_ring_passes_and_the_option_comes_before_it(centre):
    asked = [("Alert-Info", "<http://a/ring>;info=vip")]
    assert invite_after(centre, headers=asked).headers("Alert-Info") == [asked[0][1]]
    centre.configure("1502", alert_info="<http://own>")
    assert invite_after(centre, headers=asked).headers("Alert-Info") == ["<http://own>"]


def test_answer_mode_passes_between_our_own(centre):
    invite = invite_after(centre, headers=[("Answer-Mode", "Auto;require"), ("Priv-Answer-Mode", "Auto")])
    assert invite.header("Answer-Mode") == "Auto;require"
    assert invite.header("Priv-Answer-Mode") == "Auto"


@pytest.mark.parametrize(("option", "sent"), [("none", None), ("auto", "Auto"), ("manual", "Manual")])
def test_answer_mode_is_the_called_dns_to_decide(centre, option, sent):
    centre.configure("1502", answer_mode=option)
    invite = invite_after(centre, headers=[("Answer-Mode", "Auto;require"), ("Priv-Answer-Mode", "Auto")])
    assert invite.header("Answer-Mode") == sent
    assert invite.header("Priv-Answer-Mode") is None


INTRUSIVE = [
    ("Answer-Mode", "Auto"),
    ("Alert-Info", "<http://x>;info=alert-autoanswer"),
    ("Call-Info", "<sip:x>;answer-after=0"),
]


@pytest.mark.parametrize("trusted", [False, True])
def test_no_stranger_makes_a_phone_answer_by_itself(centre, trusted):
    centre.configure("trunk", trusted=trusted)
    invite = invite_after(centre, "trunk", INTRUSIVE)
    for name, value in INTRUSIVE:
        assert invite.header(name) == (value if trusted else None)


def test_a_stranger_may_choose_the_ring(centre):
    invite = invite_after(centre, "trunk", [("Alert-Info", "<http://x/ring>")])
    assert invite.header("Alert-Info") == "<http://x/ring>"


def test_the_phone_a_desktop_calls_from_is_told_too(centre):
    centre.configure("1501", alert_info="info=alert-autoanswer")
    centre.switch.request("link", rq.MakeCall(this_dn="1501", other_dn="1502"), 1)
    centre.run(3)
    own = centre.phones["1501"].calls[0]
    assert own.invite.header("Alert-Info") == "<http://10.0.0.1>;info=alert-autoanswer"
    own.hang_up()
    centre.run(5)
