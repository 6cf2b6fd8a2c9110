"""A party whose packets libsrtp encrypts and decrypts. Needs numpy and pylibsrtp (``cordboard[testkit]``)."""

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING

from pylibsrtp import Error, Policy, Session

from cordboard.testkit.rtp_party import RtpParty

if TYPE_CHECKING:
    import asyncio

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    "AES_CM_128_HMAC_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
}
"""Those libsrtp has, with the octets of key and salt."""


class _Sealing:
    """A transport that encrypts."""

    def __init__(self, transport: asyncio.DatagramTransport, session: Session) -> None:
        self._transport = transport
        self._session = session

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        """Encrypts and sends."""
        self._transport.sendto(self._session.protect(data), address)

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


class SrtpParty(RtpParty):
    """Says and hears SRTP once keys are agreed to."""

    suite = ""
    key = b""
    refused = 0
    """Packets that were not authentic."""
    reports = 0
    """Reports that were."""
    _opening: Session | None = None

    def offer(self, suite: str, profile: str) -> bytes:
        """A description with a key."""
        host, port = self.address
        return (
            f"v=0\r\no=- 7 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} {profile} {self.coding.payload_type}\r\n"
            f"{self.line(suite)}a=rtcp-mux\r\n"
        ).encode()

    def line(self, suite: str, tag: int = 1) -> str:
        """The line with its key, which stays the same for the suite (RFC 4568)."""
        if self.suite != suite:
            self.suite, self.key = suite, os.urandom(SUITES[suite][1])
        return f"a=crypto:{tag} {suite} inline:{base64.b64encode(self.key).decode()}\r\n"

    def agree(self, description: bytes) -> None:
        """Takes the other one's key, from an answer or a later offer."""
        found = re.search(rf"^a=crypto:\d+ {self.suite} inline:([^|\s]+)", description.decode(), re.MULTILINE)
        if found is None:
            raise ValueError(f"no key for {self.suite} in {description.decode()}")
        profile = SUITES[self.suite][0]
        theirs = base64.b64decode(found[1])
        self._opening = Session(Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
        if not isinstance(self._transport, _Sealing):
            sealing = Session(Policy(key=self.key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
            self._transport = _Sealing(self._transport, sealing)  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        """Decrypts what comes."""
        if self._opening is None:
            self.refused += 1
            return
        try:
            if 192 <= data[1] <= 223:
                self._opening.unprotect_rtcp(data)
                self.reports += 1
            else:
                super().datagram_received(self._opening.unprotect(data), addr)
        except Error:
            self.refused += 1
