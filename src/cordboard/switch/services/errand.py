"""What is wanted of a media service, as the address it is asked at (NETANN, RFC 4240).

music, tones, announcements   sip:annc@service;play=music/on_hold;repeat=forever
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote

_CONTACT: Final = re.compile(r"^(?P<scheme>sips?:)(?:[^@;?<>\s]*@)?(?P<rest>[^?<>\s]+)", re.IGNORECASE)

MUSIC: Final = "music"
"""A need: music for a party on hold."""
TREATMENT: Final = "treatment"
"""A need: a tone or an announcement."""
MCU: Final = "mcu"
"""A need: a conference."""
MSML: Final = "msml"
"""A need: a dialog that takes MSML."""
RECORDER: Final = "recorder"
"""A need: a recording."""


class Errand(NamedTuple):
    """What is wanted."""

    need: str
    """Which kind of service can do it: MUSIC, TREATMENT, MCU, MSML or RECORDER."""
    user: str
    """User part of the address."""
    parameters: tuple[tuple[str, str], ...] = ()
    endless: bool = False
    """Whether it never ends by itself, so that a service that ends it has died."""

    def uri(self, contact: str) -> str:
        """The Request-URI at a service with that contact."""
        found = _CONTACT.match(contact)
        scheme, rest = (found["scheme"], found["rest"]) if found is not None else ("sip:", contact)
        more = "".join(f";{name}={quote(value, safe=_PLAIN)}" for name, value in self.parameters)
        return f"{scheme}{self.user}@{rest}{more}"


_PLAIN: Final = "/:.,-_~[]!$&+()*'"
"""What a URI parameter may have as it is (RFC 3261 25.1 paramchar)."""


def music(what: str) -> Errand:
    """Plays a file to one party for as long as it listens."""
    return Errand(MUSIC, "annc", (("play", what), ("repeat", "forever")), endless=True)
