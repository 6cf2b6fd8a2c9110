"""Secrets in SIP messages and events, made unreadable before anybody is shown them. Lengths stay as they were."""

import re
from typing import Final, TypeVar

import msgspec

from cordboard.model.enums import TreatmentType
from cordboard.model.events import Event
from cordboard.model.requests import ApplyTreatment, Request

_CREDENTIALS: Final = re.compile(
    rb"^((?:proxy-)?authorization[ \t]*:[ \t]*)([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE | re.MULTILINE
)
_SECRET_PARAMETERS: Final = re.compile(
    rb'\b((?:response|cnonce|nonce|opaque|rspauth|nextnonce)[ \t]*=[ \t]*"?)([^",\r\n]+)', re.IGNORECASE
)
_INFO: Final = re.compile(rb"^((?:proxy-)?authentication-info[ \t]*:[ \t]*)([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_CRYPTO: Final = re.compile(rb"^(a=crypto:[^\r\n]*?inline:)([^|\r\n ]+)", re.MULTILINE)
_PASSWORD: Final = re.compile(
    rb"(<(?:\w+:)?password[^>]*>|\bpassword\"?[ \t]*[=:][ \t]*\"?)([^<\"\r\n&;]+)", re.IGNORECASE
)

_DIGITS: Final = (
    re.compile(rb"^([ \t]*signal[ \t]*=[ \t]*)([0-9a-d*#]+)", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"(<name>\s*dtmf\.(?:digits|last)\s*</name>\s*<value>)([^<]*)"),
    re.compile(rb"(<dtmfgen\b[^>]*?\bdigits\s*=\s*[\"'])([^\"']*)"),
)
"""In INFO ``application/dtmf-relay``, and in MSML (RFC 5707): what was collected, what is to be sent."""
_PLAIN_DIGIT: Final = re.compile(
    rb"^(?:content-type|c)[ \t]*:[ \t]*application/dtmf[ \t]*(?:;|\r|$)", re.IGNORECASE | re.MULTILINE
)
_DIGIT_FIELDS: Final = ("dtmf_digits", "collected_digits", "last_collected_digit")
"""Of events and requests."""

_Told = TypeVar("_Told", bound=Event | Request)


def _starred(match: "re.Match[bytes]") -> bytes:
    return match[1] + b"*" * len(match[2])


def _credentials(match: "re.Match[bytes]") -> bytes:
    scheme, _, rest = match[2].partition(b" ")
    if scheme.lower() != b"digest":
        return match[1] + scheme + (b" " + b"*" * len(rest) if rest else b"")
    return match[1] + _SECRET_PARAMETERS.sub(_starred, match[2])


def masked(data: bytes, *, digits: bool = False) -> bytes:
    """A message without what would help to log in or to listen.

    That is: digest responses with their nonces, other credentials, keys of SRTP (RFC 4568), passwords in bodies; and
    the keys somebody pressed, a PIN or the number of a card, unless ``digits``.
    """
    head, blank, body = data.partition(b"\r\n\r\n")
    head = _INFO.sub(_starred, _CREDENTIALS.sub(_credentials, head))
    if body:
        body = _PASSWORD.sub(_starred, _CRYPTO.sub(_starred, body))
        if not digits:
            body = b"*" * len(body) if _PLAIN_DIGIT.search(head) else body
            for pattern in _DIGITS:
                body = pattern.sub(_starred, body)
    return head + blank + body


def without_digits(what: _Told) -> _Told:
    """An event or a request without the keys somebody pressed, or is to press."""
    found: dict[str, object] = {name: "*" * len(had) for name in _DIGIT_FIELDS if (had := getattr(what, name, None))}
    if isinstance(what, ApplyTreatment) and what.treatment_type is TreatmentType.VERIFY_DIGITS:
        parameters = what.parameters or {}
        hidden = {key: "*" * len(str(value)) if key == "DIGITS" else value for key, value in parameters.items()}
        found["parameters"] = hidden
    return msgspec.structs.replace(what, **found) if found else what
