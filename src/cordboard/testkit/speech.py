"""How a phone of the testkit describes its media, and whose description it takes."""

from __future__ import annotations

from dataclasses import dataclass

from cordboard._core import Sdp

KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5QUJjZGVm\r\n"


@dataclass(frozen=True, slots=True)
class Speech:
    """What the media of a phone is like."""

    host: str = ""
    """Where it receives, an IPv4 or IPv6 address; empty for where its signalling is."""
    srtp: str = "none"
    """``none``, ``offered`` (best effort: RTP/AVP with keys) or ``required`` (RTP/SAVP)."""
    payloads: str = "0 8"

    def says(self, origin: str, direction: str, host: str, port: int) -> bytes:
        """A description. ``origin``: the value of ``o=``. ``host``: where it receives now."""
        family = "IP6" if ":" in host else "IP4"
        line = "" if direction == "sendrecv" else f"a={direction}\r\n"
        profile = "RTP/SAVP" if self.srtp == "required" else "RTP/AVP"
        return (
            f"v=0\r\no={origin}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
            f"m=audio {port} {profile} {self.payloads}\r\n{'' if self.srtp == 'none' else KEY}{line}"
        ).encode()

    def takes(self, body: bytes) -> bool:
        """Whether it can talk to whoever describes himself so."""
        try:
            audio = next(one for one in Sdp.parse(body).media if one.kind == "audio")
        except (ValueError, StopIteration):
            return True
        if audio.address not in ("0.0.0.0", "::") and (":" in audio.address) != (":" in self.host):  # noqa: S104
            return False
        keys = b"a=crypto:" in body
        if self.srtp == "none" and audio.protocol == "RTP/SAVP":
            return False
        return (keys or self.srtp != "required") and bool(set(audio.formats) & set(self.payloads.split()))
