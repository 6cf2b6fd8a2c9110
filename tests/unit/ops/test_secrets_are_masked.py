"""Whoever is shown a message cannot log in or listen with it."""

import pytest

from cordboard.ops.masking import masked

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
