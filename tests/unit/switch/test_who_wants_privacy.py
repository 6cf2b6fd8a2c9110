"""Whose identity is withheld, by his From and by Privacy (RFC 3323, RFC 3325)."""

from __future__ import annotations

import pytest

from cordboard._core import Message
from cordboard.switch.features.caller_id import wants_privacy


def invite(from_: str, *more: str) -> Message:
    lines = [
        "INVITE sip:1502@centre.example SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        f"From: {from_};tag=1",
        "To: <sip:1502@centre.example>",
        "Call-ID: 1",
        "CSeq: 1 INVITE",
        "Max-Forwards: 70",
        *more,
        "Content-Length: 0",
    ]
    return Message.parse("\r\n".join([*lines, "", ""]).encode())


@pytest.mark.parametrize(
    "from_",
    [
        "<sip:1501@centre.example>",
        '"Ada Lovelace" <sip:1501@centre.example>',
        '"anonymous" <sip:1501@centre.example;user=phone>',
        "Ada <sips:*21#@centre.example:5061>",
        '"A \\"B\\"" <sip:1501@centre.example>',
        "<sip:ada@centre.example>",
        "sip:1501@centre.example",
        "<tel:+49-30-1501>",
        "<sip:anonymous.ada@centre.example>",
    ],
)
def test_who_says_who_he_is_does_not(from_: str) -> None:
    assert not wants_privacy(invite(from_))


@pytest.mark.parametrize(
    "from_",
    [
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        "<sip:1501@anonymous.invalid>",
        "<sip:1501@Anonymous.INVALID:5060>",
        "<sip:Unavailable@centre.example>",
        "<sip:%61nonymous@centre.example>",
        "<sip:centre.example>",
        "<sip:;x=1@centre.example>",
        "<sip::secret@centre.example>",
        "<mailto:ada@centre.example>",
        "<1501@centre.example>",
        '"<sip:1501@centre.example>" <sip:anonymous@centre.example>',
        '"\\"<sip:1501@centre.example>" <sip:restricted@centre.example>',
    ],
)
def test_who_says_nobody_does(from_: str) -> None:
    assert wants_privacy(invite(from_))


def test_privacy_says_it_before_from() -> None:
    assert wants_privacy(invite("<sip:1501@centre.example>", "Privacy: id"))
    assert not wants_privacy(invite("<sip:anonymous@anonymous.invalid>", "Privacy: none"))
