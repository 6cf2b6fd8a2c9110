"""What a stranger's phone hears is what was sent to it: the ear the other tests judge by is judged here."""

import math
import re
import socket
import struct
from pathlib import Path

import pytest
from raw_phone import SECONDS, RawPhone, header, status

from cordboard.testkit.strangers import Account, Baresip, assert_heard
from cordboard.testkit.strangers.g711 import PCMU, encode

FRAME = 160
"""Samples of 20 ms of G.711."""
HERTZ = 500.0
EARLY, LATER = 0xA0A0, 0xB0B0
"""Synchronisation sources (RFC 3550 5.1): of the voice that is cut off at once, and of the one that stays."""


@pytest.mark.strangers("baresip")
def test_a_second_voice_is_heard_when_the_first_had_hardly_begun(tmp_path: Path) -> None:
    """A call held as soon as it is up: two packets of one source, then another whose numbers are lower.

    With its jitter buffer baresip forgets the first source's numbers only once it has played of it; if it has not, all
    of the second's packets are late ones to it.
    """
    with (
        Baresip(Account("bob"), tmp_path / "bob") as bob,
        RawPhone(("127.0.0.1", bob.port)) as caller,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media,
    ):
        media.bind(("127.0.0.1", 0))
        offer = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {media.getsockname()[1]} RTP/AVP 0\r\na=sendrecv\r\n"
        )
        invite = caller.request("INVITE", bob.address, user="ann", body=offer)
        caller.send(invite)
        bob.wait_incoming()
        bob.answer()
        ok = caller.receive(lambda message: status(message) == 200)
        tag = header(ok, "To").partition(";tag=")[2]
        caller.send(caller.request("ACK", bob.address, user="ann", call_id=header(invite, "Call-ID"), to_tag=tag))
        bob.wait_established()
        found = re.search(r"^m=audio (\d+) ", ok, re.MULTILINE)
        assert found, ok
        ear = ("127.0.0.1", int(found.group(1)))
        media.settimeout(SECONDS)
        for number in range(100):
            media.recv(2048)  # bob's own voice keeps the time
            source, first = (EARLY, 20_000) if number < 2 else (LATER, 10_000)
            media.sendto(_packet(source, first + number, number), ear)
        assert_heard(bob.wait_audio(1.5), HERTZ)


def _packet(source: int, sequence: int, frame: int) -> bytes:
    samples = (round(8000 * math.sin(2 * math.pi * HERTZ * n / 8000)) for n in range(FRAME))
    return struct.pack("!BBHII", 0x80, PCMU, sequence, frame * FRAME, source) + encode(PCMU, samples)
