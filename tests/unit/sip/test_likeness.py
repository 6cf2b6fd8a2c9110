"""What a phone's media is like, read from its descriptions and told in a header."""

import pytest

from cordboard.sip import likeness
from cordboard.sip.likeness import Likeness, Srtp

KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5QUJjZGVm\r\n"


def description(address: str, profile: str, key: str = "", port: int = 4000) -> bytes:
    family = "IP6" if ":" in address else "IP4"
    return (
        f"v=0\r\no=- 1 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n"
        f"m=audio {port} {profile} 0\r\n{key}"
    ).encode()


CASES = [
    (description("192.0.2.1", "RTP/AVP"), "IP4 RTP/AVP"),
    (description("192.0.2.1", "RTP/AVP", KEY), "IP4 RTP/AVP crypto"),
    (description("2001:db8::1", "RTP/SAVP", KEY), "IP6 RTP/SAVP"),
    (description("2001:db8::1", "RTP/SAVPF", KEY), "IP6 RTP/SAVP"),
    (description("192.0.2.1", "UDP/TLS/RTP/SAVPF"), "IP4"),
    (description("0.0.0.0", "RTP/AVP"), "RTP/AVP"),
    (description("::", "RTP/SAVP", KEY), "RTP/SAVP"),
    (description("phone.example.com", "RTP/AVP"), "RTP/AVP"),
    (description("192.0.2.1", "RTP/AVP", port=0), ""),
    (b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=video 4000 RTP/AVP 96\r\nc=IN IP4 192.0.2.1\r\n", ""),
    (b"nothing", ""),
    (b"", ""),
]


@pytest.mark.parametrize(("body", "words"), CASES)
def test_it_is_told_and_understood(body: bytes, words: str) -> None:
    found = likeness.of(body)
    assert str(found) == words
    assert likeness.told(words) == found._replace(address="")


@pytest.mark.parametrize("value", [None, "", "IP5", "IP6 AVT/RTP", "RTP/AVP RTP/SAVP", "crypto"])
def test_words_nobody_knows_are_left_out(value: str | None) -> None:
    assert likeness.told(value) == Likeness(True if "IP6" in (value or "") else None, Srtp.UNKNOWN)


@pytest.mark.parametrize(
    ("value", "source"),
    [("203.0.113.7", "203.0.113.7"), (" 2001:DB8::1 ", "2001:db8::1"), ("home.example", ""), ("", ""), (None, "")],
)
def test_a_source_is_an_address_or_nothing(value: str | None, source: str) -> None:
    assert likeness.source_told(value) == source
