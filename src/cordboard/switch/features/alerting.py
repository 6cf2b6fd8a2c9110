"""How a phone is to ring, and whether it is to answer by itself: Alert-Info and Answer-Mode.

Option ``sip-alert-info`` of the called DN comes before whatever the caller sent. RFC 3261 20.4 wants a URI in angle
brackets before the parameters; what is configured without one gets one:

    info=alert-autoanswer          Alert-Info: <http://centre.example>;info=alert-autoanswer
    http://centre.example/ring.wav Alert-Info: <http://centre.example/ring.wav>
    Bellcore-dr3                   Alert-Info: <http://centre.example/Bellcore-dr3>
    <urn:alert:service:auto>;x=y   as it is

With ``sip-alert-info-form=bare`` it goes as it is configured, for phones that compare the whole value.

Whether a phone answers by itself is for the switch to say (RFC 5373 section 5.2: policy). Our own DNs may ask for it,
as may trusted peers; from others Answer-Mode, Priv-Answer-Mode and values of Alert-Info and Call-Info that mean the
same are taken out, so that no stranger listens to a room.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cordboard import _core
from cordboard.switch.headers import NAMES, PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cordboard.switch.settings import DnSettings

ANSWER_MODES: Final = frozenset({"answer-mode", "priv-answer-mode"})
OF_CALLER: Final = _core.HeaderNames([*NAMES, "Answer-Mode", "Priv-Answer-Mode"], prefix=PREFIX)
"""Names of headers that pass from a caller who may say how the other phone is to answer."""

_BY_ITSELF: Final = re.compile(r"answer-after|auto-?answer|alert-?internal-?auto|service:auto", re.IGNORECASE)
_URI: Final = re.compile(r"(?:https?|sips?|urn|file|cid|ftp):\S+", re.IGNORECASE)


def alert_info(value: str, domain: str, *, bare: bool) -> str:
    """The value of Alert-Info for the option's."""
    if bare or value.startswith("<"):
        return value
    if _URI.match(value):
        uri, semicolon, parameters = value.partition(";")
        return f"<{uri}>{semicolon}{parameters}"
    if "=" in value:
        return f"<http://{domain}>;{value.lstrip(';')}"
    return f"<http://{domain}/{value}>"


def of_dn(settings: DnSettings, domain: str) -> tuple[tuple[str, str], ...]:
    """The headers a DN's own options put into each INVITE to it."""
    found = []
    if settings.alert_info:
        found.append(("Alert-Info", alert_info(settings.alert_info, domain, bare=settings.alert_info_bare)))
    if settings.answer_mode in ("auto", "manual"):
        found.append(("Answer-Mode", settings.answer_mode.capitalize()))
    return tuple(found)


def harmless(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of a stranger without those that would have a phone answer by itself."""
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in ANSWER_MODES
        and not (name.lower() in ("alert-info", "call-info") and _BY_ITSELF.search(value))
    ]


def own_names(own: Iterable[tuple[str, str]], settings: DnSettings) -> frozenset[str]:
    """Names of the headers in whose place a DN has its own, or none."""
    names = frozenset(name.lower() for name, _ in own)
    return names if settings.answer_mode == "pass" else names | ANSWER_MODES
