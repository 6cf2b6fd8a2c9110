"""Whoever is shown a message cannot log in or listen with it."""

import pytest

from cordboard.model.enums import CallType, TreatmentType
from cordboard.model.events import EventDTMFSent, EventReleased, EventTreatmentEnd
from cordboard.model.requests import ApplyTreatment, SendDTMF
from cordboard.ops.masking import masked, without_digits
from cordboard.sip.bodies import dtmf
from cordboard.sip.bodies.msml import CONTENT_TYPE, model
from cordboard.sip.bodies.msml.write import to_bytes

HEAD = "INVITE sip:1502@centre.example SIP/2.0\r\nCall-ID: 1\r\n"


def mask(text: str) -> str:
    return masked(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "secrets", "kept"),
    [
        (
            'Authorization: Digest username="1501", realm="r", nonce="n0nce", uri="sip:x", response="0123abc"',
            ["n0nce", "0123abc"],
            ['username="1501"', 'realm="r"', 'uri="sip:x"'],
        ),
        ('proxy-authorization : Digest username="1501",\r\n response="0123abc"', ["0123abc"], ["1501"]),
        ("Authorization: Bearer abc.def.ghi", ["abc.def.ghi"], ["Bearer"]),
        ("Authorization: Basic dXNlcjpwdw==", ["dXNlcjpwdw"], ["Basic"]),
        ('Authentication-Info: rspauth="77aa"', ["77aa"], ["Authentication-Info"]),
    ],
)
def test_credentials(header: str, secrets: list[str], kept: list[str]) -> None:
    message = f"{HEAD}{header}\r\nMax-Forwards: 70\r\n\r\n"
    shown = mask(message)
    assert len(shown) == len(message)
    for secret in secrets:
        assert secret not in shown
    for word in [*kept, "INVITE sip:1502@centre.example", "Max-Forwards: 70"]:
        assert word in shown


def test_keys_of_srtp_and_passwords_in_bodies() -> None:
    shown = mask(
        f"{HEAD}\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7|2^20\r\na=ptime:20\r\n"
    )
    assert "WVNf" not in shown
    assert "|2^20\r\na=ptime:20" in shown
    assert "hunter2" not in mask(f"{HEAD}\r\n<account><password>hunter2</password></account>")
    assert "hunter2" not in mask(f'{HEAD}\r\n{{"password": "hunter2"}}')


def test_what_is_no_secret_stays() -> None:
    message = f'{HEAD}WWW-Authenticate: Digest realm="r", nonce="n"\r\n\r\nv=0\r\n'
    assert mask(message) == message
    assert masked(b"\r\n\r\n") == b"\r\n\r\n"
    assert masked(b"") == b""


@pytest.mark.parametrize(
    ("kind", "body", "pressed", "kept"),
    [
        (dtmf.RELAY, dtmf.relay("7", 160), b"7", b"Duration=160"),
        (dtmf.RELAY, b"duration=100\r\n signal = 11\r\n", b"11", b"duration=100"),
        (dtmf.PLAIN, b"7", b"7", b""),
        (
            CONTENT_TYPE,
            to_bytes(
                model.Event("msml.dialog.exit", "conf:c", (("dtmf.digits", "471199"), ("dtmf.end", "dtmf.match")))
            ),
            b"471199",
            b"dtmf.match",
        ),
        (
            CONTENT_TYPE,
            to_bytes((model.DialogStart("conn:1", (model.GenerateDigits("471199"),)),)),
            b"471199",
            b"conn:1",
        ),
    ],
)
def test_keys_that_are_pressed_unless_they_are_wanted(kind: str, body: bytes, pressed: bytes, kept: bytes) -> None:
    message = f"INFO sip:x SIP/2.0\r\nContent-Type: {kind}\r\n\r\n".encode() + body
    shown = masked(message)
    assert pressed in message
    assert pressed not in shown.partition(b"\r\n\r\n")[2]
    assert kept in shown
    assert len(shown) == len(message)
    assert masked(message, digits=True) == message


def test_keys_in_events_and_requests() -> None:
    call = {"this_dn": "1501", "conn_id": "a", "call_id": 1, "call_uuid": "0" * 32, "call_type": CallType.INTERNAL}
    sent = without_digits(EventDTMFSent(dtmf_digits="4711", **call))
    assert (sent.dtmf_digits, sent.this_dn) == ("****", "1501")
    ended = without_digits(EventTreatmentEnd(collected_digits="4711", last_collected_digit="#", **call))
    assert (ended.collected_digits, ended.last_collected_digit) == ("****", "*")
    assert without_digits(SendDTMF(this_dn="1501", conn_id="a", dtmf_digits="12")).dtmf_digits == "**"
    pin = {"DIGITS": "4711", "RETRIES": 2}
    asked = ApplyTreatment(
        this_dn="1501", conn_id="a", treatment_type=TreatmentType.VERIFY_DIGITS, parameters=dict(pin)
    )
    assert without_digits(asked).parameters == {"DIGITS": "****", "RETRIES": 2}
    assert asked.parameters == pin
    released = EventReleased(**call)
    assert without_digits(released) is released
