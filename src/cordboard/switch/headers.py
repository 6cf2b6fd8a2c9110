"""Which headers pass from one leg of a call to the other.

We are a back-to-back user agent: each leg has its own Via, Route, Record-Route, Contact, Call-ID, tags, CSeq, Allow,
Supported, User-Agent and credentials, and nothing of them is shown to the other side. What the two people (or their
phones) have to say to each other passes, and only that:

- Subject, Priority, Organization, Error-Info, Date (RFC 3261)
- Warning, without the name of who warns: that is an address (RFC 3261 20.43)
- Alert-Info and Call-Info (RFC 3261)
- Reason (RFC 3326), User-to-User (RFC 7433), Info-Package (RFC 6086)
- Content-Disposition and Content-Language, which describe the body that passes
- all that begins with ``X-``

In-Reply-To does not pass: it names calls of the other leg. Answer-Mode (RFC 5373) and how a call came here are matters
of ``features.alerting`` and ``features.diversion``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from cordboard import _core
from cordboard.sip.numbers import whole_number

NAMES: Final = (
    "Alert-Info",
    "Call-Info",
    "Content-Disposition",
    "Content-Language",
    "Date",
    "Error-Info",
    "Info-Package",
    "Organization",
    "Priority",
    "Reason",
    "Subject",
    "User-to-User",
    "Warning",
)
PREFIX: Final = "X-"

END_TO_END: Final = _core.HeaderNames(NAMES, prefix=PREFIX)
"""Names of headers that pass."""

MAX_PASSED: Final = 20
"""Most headers that pass with one message."""

_WARNING: Final = re.compile(r'(\d{3})\s+[^\s",]+\s+("(?:[^"\\]|\\.)*")')


def end_to_end(message: _core.Message, names: _core.HeaderNames = END_TO_END) -> list[tuple[str, str]]:
    """The headers of a message that pass to the other leg."""
    passed = message.select(names)
    if not passed:
        return passed
    said = [(name, _anonymous(value) if name == "Warning" else value) for name, value in passed[:MAX_PASSED]]
    return [pair for pair in said if pair != ("Warning", "")]


def _anonymous(warning: str) -> str:
    """A Warning that says what is wrong, and not where; empty if it cannot be read."""
    return ", ".join(f"{code} cordboard {text}" for code, text in _WARNING.findall(warning))


@lru_cache(256)
def one_hop_less(value: str | None) -> str:
    """Max-Forwards of the next leg, so that a loop through us ends (RFC 3261 16.6 step 3)."""
    number = whole_number(value, 255)
    return "70" if number is None else str(max(0, number - 1))
