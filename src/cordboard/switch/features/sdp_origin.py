"""One origin line for all that a phone is told of its media (RFC 3264 section 8, RFC 3725 section 4).

In a call we set up ourselves a phone first hears of media from us (the black hole), later from the other phone. To it
that is one session description which changes: ``o=`` keeps its name and session, and its version goes up by one.
"""

from __future__ import annotations


class Origin:
    """The origin line of what one phone is told."""

    __slots__ = ("_head", "_last", "_tail", "_version")

    def __init__(self, session: int, *, ipv6: bool) -> None:
        """``session``: a number that names the session description."""
        self._head = f"cordboard {session} "
        self._tail = " IN IP6 ::" if ipv6 else " IN IP4 0.0.0.0"
        self._version = 1
        self._last: bytes | None = None

    @property
    def line(self) -> str:
        """The value of ``o=`` now."""
        return f"{self._head}{self._version}{self._tail}"

    def put(self, body: bytes, content_type: str) -> bytes:
        """A description of the other phone's with our origin. What is no SDP alone stays as it is."""
        if not content_type.lower().startswith("application/sdp"):
            return body
        start = 0 if body.startswith(b"o=") else body.find(b"\no=") + 1
        if start == 0 and not body.startswith(b"o="):
            return body
        end = start
        while end < len(body) and body[end] not in b"\r\n":
            end += 1
        rest = body[:start] + body[end:]
        if rest != self._last:
            self._last = rest
            self._version += 1
        return body[:start] + b"o=" + self.line.encode() + body[end:]
