"""Bodies of several parts (RFC 2046 5.1), as SIP has them: a description and what goes with it."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MIXED: Final = "multipart/mixed"
MOST: Final = 8
"""Most parts that are looked at."""

_BOUNDARY: Final = "cordboard-part"


def essence(content_type: str) -> str:
    """A Content-Type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def split(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    """The parts of a body with their types; the body itself where it is not of several. Empty for an unreadable one."""
    kind = essence(content_type)
    if not kind.startswith("multipart/"):
        return [(kind, body)]
    head = f"Content-Type: {content_type}\r\n\r\n".encode("ascii", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        return []
    found: list[tuple[str, bytes]] = []
    for part in list(message.iter_parts())[:MOST]:
        payload = part.get_payload(decode=True)
        found.append((part.get_content_type(), payload if isinstance(payload, bytes) else b""))
    return found


def joined(parts: Sequence[tuple[str, bytes]]) -> tuple[bytes, str]:
    """One body of these parts, and its type. A single part is left as it is."""
    if len(parts) == 1:
        return parts[0][1], parts[0][0]
    boundary = _BOUNDARY
    while any(boundary.encode() in body for _, body in parts):
        boundary += "-x"
    lines = [f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode() + body + b"\r\n" for kind, body in parts]
    return b"".join(lines) + f"--{boundary}--\r\n".encode(), f"{MIXED};boundary={boundary}"
