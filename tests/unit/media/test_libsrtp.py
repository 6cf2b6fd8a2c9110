"""libsrtp's own packets, which the core's tests encrypt to the octet and decrypt again.

SRTP has no chance in it: the same key, packet and index make the same octets. The packets are kept in a file beside
those tests; ``python tests/unit/media/test_libsrtp.py`` writes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pylibsrtp import Policy, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = Path(__file__).parents[3] / "crates/media/src/srtp/tests/libsrtp.txt"

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    "AES_CM_128_HMAC_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
}

SSRC = bytes.fromhex("decafbad")
LENGTHS = {65_533: 160, 65_534: 0, 65_535: 1, 0: 15, 1: 16, 2: 17, 3: 320}
"""Sequence numbers, across the end, with payloads of so many octets."""


def rtp(sequence: int, octets: int) -> bytes:
    """A packet; every other one with a source and an extension."""
    first, more = (0x80, b"") if sequence % 2 else (0x91, bytes.fromhex("00000001bede000110aa0000"))
    head = bytes([first, 8]) + sequence.to_bytes(2, "big") + bytes(4) + SSRC
    return head + more + bytes(range(octets % 256)) + bytes(octets - octets % 256)


def rtcp(octets: int) -> bytes:
    """A report of so many words behind its header."""
    return bytes([0x80, 201]) + (1 + octets // 4).to_bytes(2, "big") + SSRC + bytes(range(octets))


def lines() -> Iterator[str]:
    for name, (profile, length) in SUITES.items():
        key = bytes(range(100, 100 + length))
        yield f"suite {name} {key.hex()}"
        sender = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        for sequence, octets in LENGTHS.items():
            packet = rtp(sequence, octets)
            yield f"rtp {packet.hex()} {sender.protect(packet).hex()}"
        for octets in (0, 24, 4):
            packet = rtcp(octets)
            yield f"rtcp {packet.hex()} {sender.protect_rtcp(packet).hex()}"


def test_the_packets_kept_are_libsrtps() -> None:
    assert KEPT.read_text(encoding="ascii").splitlines() == list(lines())


if __name__ == "__main__":
    KEPT.write_text("".join(f"{line}\n" for line in lines()), encoding="ascii")
