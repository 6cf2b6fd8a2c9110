"""Which headers pass from one leg of a call to the other.

We are a back-to-back user agent: each leg has its own Via, Route, Record-Route, Contact, Call-ID, tags, CSeq, Allow,
Supported, User-Agent and credentials, and nothing of them is shown to the other side. What the two people (or their
phones) have to say to each other passes, and only that:

- Subject, Priority, Organization, In-Reply-To, Error-Info, Warning, Date (RFC 3261)
- Alert-Info and Call-Info (RFC 3261)
- Reason (RFC 3326), User-to-User (RFC 7433), Info-Package (RFC 6086)
- Content-Disposition and Content-Language, which describe the body that passes
- all that begins with ``X-``

Answer-Mode (RFC 5373) and how a call came here are matters of ``features.alerting`` and ``features.diversion``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cordboard import _core

END_TO_END: Final = frozenset(
    {
        "alert-info",
        "call-info",
        "content-disposition",
        "content-language",
        "date",
        "error-info",
        "in-reply-to",
        "info-package",
        "organization",
        "priority",
        "reason",
        "subject",
        "user-to-user",
        "warning",
    }
)
"""Names of headers that pass, in lower case; ``X-`` ones besides."""

MAX_PASSED: Final = 20
"""Most headers that pass with one message."""


def end_to_end(message: _core.Message) -> list[tuple[str, str]]:
    """The headers of a message that pass to the other leg."""
    passed = [
        pair for pair in message.all_headers() if (name := pair[0].lower()) in END_TO_END or name.startswith("x-")
    ]
    return passed if len(passed) <= MAX_PASSED else passed[:MAX_PASSED]


def body_of(message: _core.Message) -> tuple[bytes, str]:
    """The body of a message and its Content-Type."""
    body = message.body
    if not body:
        return b"", "application/sdp"
    return body, message.header("Content-Type") or "application/octet-stream"
