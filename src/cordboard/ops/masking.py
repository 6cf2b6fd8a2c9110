"""Secrets in SIP messages, made unreadable before anybody is shown them. Lengths stay as they were."""

import re
from typing import Final

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


def _starred(match: "re.Match[bytes]") -> bytes:
    return match[1] + b"*" * len(match[2])


def _credentials(match: "re.Match[bytes]") -> bytes:
    scheme, _, rest = match[2].partition(b" ")
    if scheme.lower() != b"digest":
        return match[1] + scheme + (b" " + b"*" * len(rest) if rest else b"")
    return match[1] + _SECRET_PARAMETERS.sub(_starred, match[2])


def masked(data: bytes) -> bytes:
    """A message without what would help to log in or to listen.

    That is: digest responses with their nonces, other credentials, keys of SRTP (RFC 4568), passwords in bodies.
    """
    head, blank, body = data.partition(b"\r\n\r\n")
    head = _INFO.sub(_starred, _CREDENTIALS.sub(_credentials, head))
    if body:
        body = _PASSWORD.sub(_starred, _CRYPTO.sub(_starred, body))
    return head + blank + body
