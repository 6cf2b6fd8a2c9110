"""Media services by their address (NETANN, RFC 4240): what is wanted is all in the Request-URI.

    sip:annc@host;play=music/on_hold;repeat=forever      play to one party, BYE at the end
    sip:conf=17@host;mode=recvonly                       a seat in a conference, made by its first and ended by its last
    sip:dialog@host;voicexml=http://...                  a VoiceXML dialog
    sip:msml@host                                        a leg that takes MSML (RFC 5707)

Parameters that RFC 4240 does not know are marked as ours below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from cordboard._core import Uri
from cordboard.sip.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

FOREVER: Final = 0
"""As a number of times: without end."""

_PLAIN: Final = "/:.,-_~[]!$&+()*'"
"""What a URI parameter may have as it is (RFC 3261 25.1 paramchar)."""
_USER: Final = "-_.!~*'()&=+$,;?/"
"""What a user part may have as it is (RFC 3261 25.1 user-unreserved and unreserved)."""
_LOCALE: Final = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}")
_NAME: Final = re.compile(r"[\x21-\x7e]{1,128}")
_LARGEST: Final = 86_400_000
"""A day, in milliseconds: the longest time anybody may ask for."""

MODES: Final = ("sendrecv", "sendonly", "recvonly", "inactive")
"""What a party does in a conference, seen from itself."""


class NetannError(ValueError):
    """An address that asks for nothing that can be given."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        """The SIP status to refuse with."""
        self.reason = reason
        """Why, for a Warning."""
        super().__init__(f"{status}: {reason}")


@dataclass(frozen=True, slots=True)
class Announcement:
    """``annc``: something is played to one party (RFC 4240 section 3)."""

    play: str
    """What: a URL, or a name of the catalogue of prompts and music."""
    repeat: int = 1
    """How often; FOREVER for without end."""
    delay_ms: int = 0
    """Silence between two times."""
    duration_ms: int = 0
    """When it ends at the latest; 0 for never."""
    locale: str = ""
    """Its language."""
    params: tuple[str, ...] = ()
    """``param1`` to ``param9``: what is put into the announcement."""
    extension: str = ""
    content_type: str = ""
    early: int = 0
    """``early``, ours: played before the call is answered (183), which then ends with this status; 0 for answered."""


@dataclass(frozen=True, slots=True)
class Conference:
    """``conf=<id>``: a seat in a conference (RFC 4240 section 5)."""

    id: str
    mode: str = "sendrecv"
    """``mode``, ours: one of MODES."""
    party: str = ""
    """``party``, ours: a name for this party, for others' ``coach``."""
    coach: str = ""
    """``coach``, ours: the name of the only party that hears this one."""
    tones: bool = False
    """``tones``, ours: whether its coming and going is heard."""
    limit: int = 0
    """``limit``, ours: most parties of the conference; 0 for as many as the server takes. The first one's counts."""
    dtmf: str = "clamp"
    """``dtmf``, ours: ``pass`` where its digits shall be heard by the others."""


@dataclass(frozen=True, slots=True)
class VoiceXml:
    """``dialog``: a VoiceXML dialog (RFC 4240 section 4)."""

    script: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MsmlLeg:
    """``msml``: a leg that is told by MSML what to do (RFC 5707)."""


Service = Announcement | Conference | VoiceXml | MsmlLeg


def parse(uri: str) -> Service:
    """What a Request-URI asks for. Raises NetannError: 404 for a service that does not exist, 400 for nonsense."""
    try:
        address = Uri(uri)
    except ValueError as error:
        raise NetannError(400, f"Address not understood: {error}") from None
    service, equals, name = address.user.partition("=")
    params = {key.lower(): unquote(value) for key, value in address.params.items()}
    match service.lower():
        case "annc" if not equals:
            return _announcement(params)
        case "conf":
            return _conference(name, params)
        case "dialog" if not equals:
            return VoiceXml(params.pop("voicexml", ""), params)
        case "msml":
            return MsmlLeg()
    raise NetannError(404, f"No such service: {service[:40]}")


def _announcement(params: Mapping[str, str]) -> Announcement:
    play = params.get("play", "")
    if not play or len(play) > 2048:
        raise NetannError(404, "Announcement content not found: play= is missing" if not play else "play= is too long")
    repeat = params.get("repeat", "1")
    locale = params.get("locale", "")
    if locale and _LOCALE.fullmatch(locale) is None:
        raise NetannError(400, "locale= is no language")
    early = params.get("early", "")
    return Announcement(
        play,
        repeat=FOREVER if repeat.lower() == "forever" else max(1, _number("repeat", repeat, 100_000)),
        delay_ms=_number("delay", params.get("delay", "0"), _LARGEST),
        duration_ms=_number("duration", params.get("duration", "0"), _LARGEST),
        locale=locale,
        params=_numbered(params),
        extension=params.get("extension", ""),
        content_type=params.get("content-type", ""),
        early=_status(early) if early else 0,
    )


def _numbered(params: Mapping[str, str]) -> tuple[str, ...]:
    found: list[str] = []
    for index in range(1, 10):
        value = params.get(f"param{index}")
        if value is None:
            break
        found.append(value)
    return tuple(found)


def _conference(name: str, params: Mapping[str, str]) -> Conference:
    if _NAME.fullmatch(name) is None:
        raise NetannError(404, "No such conference: its name is empty or not printable")
    mode = params.get("mode", "sendrecv").lower()
    if mode not in MODES:
        raise NetannError(400, f"mode= is none of {', '.join(MODES)}")
    dtmf = params.get("dtmf", "clamp").lower()
    if dtmf not in ("clamp", "pass"):
        raise NetannError(400, "dtmf= is neither clamp nor pass")
    return Conference(
        name,
        mode=mode,
        party=params.get("party", "")[:128],
        coach=params.get("coach", "")[:128],
        tones=params.get("tones", "no").lower() in ("yes", "true", "1"),
        limit=_number("limit", params.get("limit", "0"), 100_000),
        dtmf=dtmf,
    )


def _number(name: str, text: str, most: int) -> int:
    number = whole_number(text, 2**64)
    if number is None:
        raise NetannError(400, f"{name}= is no number")
    return min(number, most)


def _status(text: str) -> int:
    if text.lower() in ("yes", "true"):
        return 480
    status = _number("early", text, 9999)
    if not 400 <= status <= 699:
        raise NetannError(400, "early= is neither yes nor a final status from 400 to 699")
    return status


def parameters(service: Service) -> list[tuple[str, str]]:
    """The parameters that ask for a service, not escaped; what is as by default is left out."""
    found: list[tuple[str, str]] = []
    match service:
        case Announcement():
            found.append(("play", service.play))
            if service.repeat != 1:
                found.append(("repeat", "forever" if service.repeat == FOREVER else str(service.repeat)))
            found += [
                (name, str(value))
                for name, value in (("delay", service.delay_ms), ("duration", service.duration_ms))
                if value
            ]
            found += [(f"param{index}", value) for index, value in enumerate(service.params, 1)]
            named = (("locale", service.locale), ("extension", service.extension))
            found += [(name, value) for name, value in (*named, ("content-type", service.content_type)) if value]
            if service.early:
                found.append(("early", str(service.early)))
        case Conference():
            found += [("mode", service.mode)] if service.mode != "sendrecv" else []
            found += [(name, value) for name, value in (("party", service.party), ("coach", service.coach)) if value]
            found += [("tones", "yes")] if service.tones else []
            found += [("limit", str(service.limit))] if service.limit else []
            found += [("dtmf", service.dtmf)] if service.dtmf != "clamp" else []
        case VoiceXml():
            found += [("voicexml", service.script), *service.params.items()]
        case MsmlLeg():
            pass
    return found


def user(service: Service) -> str:
    """The user part that asks for a service, not escaped."""
    match service:
        case Announcement():
            return "annc"
        case Conference():
            return f"conf={service.id}"
        case VoiceXml():
            return "dialog"
        case MsmlLeg():
            return "msml"


def uri(service: Service, host: str) -> str:
    """The address to ask for a service at ``host`` (``10.0.0.1``, ``ms.example:5090``, ``h;transport=tcp``)."""
    more = "".join(f";{name}={quote(value, safe=_PLAIN)}" for name, value in parameters(service))
    return f"sip:{quote(user(service), safe=_USER)}@{host}{more}"
