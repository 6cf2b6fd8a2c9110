"""Allow, Retry-After and the expiry of registrations are what the switch says, and what it does."""

import dataclasses
import re

import pytest

from cordboard.switch.bridge import ALLOW
from cordboard.testkit.centre import Centre

SWITCH = ("10.0.0.1", 5060)
PHONE = ("10.0.1.1", 5060)


def ask(centre, method, *, headers=(), number="1502", serial=[0]):  # noqa: B006 - counts over all tests
    """One request from 1501's address; returns the answers."""
    serial[0] += 1
    lines = [
        f"{method} sip:{number}@10.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKask{serial[0]}",
        "Max-Forwards: 70",
        "From: <sip:1501@10.0.0.1>;tag=ask",
        f"To: <sip:{number}@10.0.0.1>",
        f"Call-ID: ask{serial[0]}",
        f"CSeq: 1 {method}",
        *headers,
        "Content-Length: 0",
    ]
    endpoint = centre.node.endpoint
    endpoint.receive(("\r\n".join(lines) + "\r\n\r\n").encode(), "udp", SWITCH, PHONE, centre.clock.now())
    centre.node.drain()
    return [data.decode() for _, data in endpoint.transmits() if f"ask{serial[0]}" in data.decode()]


def header(message, name):
    return re.findall(rf"^{name}: (.*)\r$", message, re.MULTILINE)


def allowed(message):
    (line,) = header(message, "Allow")
    return {method.strip() for method in line.split(",")}


def test_options_lists_what_the_switch_serves(centre):
    (answer,) = ask(centre, "OPTIONS")
    assert allowed(answer) == {method.strip() for method in ALLOW[0][1].split(",")}


def test_an_invite_of_ours_lists_the_same(centre):
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(3)
    (call,) = centre.phones["1502"].calls
    assert call.invite.header("Allow") == ALLOW[0][1]


@pytest.mark.parametrize("method", sorted(set(ALLOW[0][1].split(", ")) - {"ACK", "CANCEL", "BYE", "INVITE"}))
def test_what_is_allowed_is_served_within_a_call(centre, method):
    call = centre.phones["1501"].call("1502", hang_up_after=10)
    centre.run(2)
    answers = []
    call.session.request(method, lambda status, event: answers.append(status))  # noqa: ARG005
    centre.run(2)
    # A REFER that names nobody is a bad one (RFC 3515 2.4.2), which only who serves it can say; a PRACK that
    # acknowledges nothing is answered so (RFC 3262 section 3).
    assert answers == [{"REFER": 400, "PRACK": 481}.get(method, 200)]


@pytest.mark.parametrize("method", ["NOTIFY", "SUBSCRIBE", "PUBLISH"])
def test_what_is_not_served_is_not_allowed(centre, method):
    assert method not in ALLOW[0][1]
    answer = ask(centre, method)[-1]
    assert answer.split()[1] in {"405", "481", "489"}


def test_a_registration_that_asks_for_no_time_gets_the_configured_one():
    centre = Centre(("1501",), registering=True)
    contact = "Contact: <sip:1501@10.0.1.1:6000>"
    (answer,) = ask(centre, "REGISTER", headers=(contact,), number="1501")
    assert any("6000" in line and "expires=1800" in line for line in header(answer, "Contact"))
    centre.switch.set_settings(dataclasses.replace(centre.switch.settings, registration_expires=77))
    other = contact.replace("6000", "6001")
    (answer,) = ask(centre, "REGISTER", headers=(other,), number="1501")
    assert any("6001" in line and "expires=77" in line for line in header(answer, "Contact"))
