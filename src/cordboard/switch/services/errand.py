"""What is wanted of a media service, as the address it is asked at (NETANN, RFC 4240; MSML, RFC 5707).

    music, tones, announcements   sip:annc@service;play=music/on_hold;repeat=forever
    a place in a conference       sip:conf=0123456789abcdef@service
    all that needs commands       sip:msml@service
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


def play(
    what: str, *, need: str = TREATMENT, forever: bool = False, milliseconds: int = 0, times: int = 0, user: str = ""
) -> Errand:
    """Plays a file or a prompt to one party: ``forever``, for so long, so many times, or once."""
    parameters = [("play", what)]
    if forever:
        parameters.append(("repeat", "forever"))
    elif times:
        parameters.append(("repeat", str(times)))
    if milliseconds:
        parameters.append(("duration", str(milliseconds)))
    return Errand(need, user or "annc", tuple(parameters), endless=forever and not milliseconds)


def conference(name: str) -> Errand:
    """A place in the conference of that name; all who use the name at one service are together."""
    return Errand(MCU, f"conf={name}", endless=True)


def dialog() -> Errand:
    """A dialog that will be told by MSML what to do."""
    return Errand(MSML, "msml", endless=True)
