"""What is wanted of a media service, as the address it is asked at (NETANN, RFC 4240).

music, tones, announcements   sip:annc@service;play=music/on_hold;repeat=forever
a seat in a conference        sip:conf=0123456789abcdef@service
a script                      sip:dialog@service;voicexml=http://scripts.example.com/balance.vxml
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from cordboard.sip.bodies import netann

if TYPE_CHECKING:
    from collections.abc import Mapping

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
APPLICATION: Final = "application"
"""A need: a VoiceXML script that is run."""


class Errand(NamedTuple):
    """What is wanted."""

    need: str
    """Which kind of service can do it: MUSIC, TREATMENT, MCU, MSML, RECORDER or APPLICATION."""
    asked: netann.Service
    """What it is asked for."""
    endless: bool = False
    """Whether it never ends by itself, so that a service that ends it has died."""

    def uri(self, contact: str) -> str:
        """The Request-URI at a service with that contact."""
        found = _CONTACT.match(contact)
        scheme, rest = (found["scheme"], found["rest"]) if found is not None else ("sip:", contact)
        return scheme + netann.uri(self.asked, rest).partition(":")[2]


def music(what: str, seconds: float = 0.0) -> Errand:
    """Plays a file to one party: for as long as it listens, or for so long."""
    return _over_and_over(MUSIC, what, seconds)


def tone(what: str, seconds: float = 0.0) -> Errand:
    """Plays a tone to one party: until something else comes, or for so long."""
    return _over_and_over(TREATMENT, what, seconds)


def _over_and_over(need: str, what: str, seconds: float) -> Errand:
    asked = netann.Announcement(what, repeat=netann.FOREVER, duration_ms=round(seconds * 1000))
    return Errand(need, asked, endless=not seconds)


def announcement(what: str, seconds: float = 0.0, locale: str = "") -> Errand:
    """Plays something to one party once, for so long at most."""
    return Errand(TREATMENT, netann.Announcement(what, duration_ms=round(seconds * 1000), locale=locale))


def dialog() -> Errand:
    """Takes a dialog by MSML with one party."""
    return Errand(MSML, netann.MsmlLeg())


def room() -> Errand:
    """Takes requests by MSML for a seat in a room."""
    return Errand(MSML, netann.MsmlLeg(), endless=True)


def application(script: str, params: Mapping[str, str]) -> Errand:
    """Runs a VoiceXML script with one party; ``params``: what the script is given."""
    return Errand(APPLICATION, netann.VoiceXml(script, params))


def conference(name: str) -> Errand:
    """A seat in a conference."""
    return Errand(MCU, netann.Conference(name), endless=True)
