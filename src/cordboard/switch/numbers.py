"""Numbers in URIs."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

_VISUAL: Final = str.maketrans("", "", "-.() ")

_PLAIN: Final = re.compile(r"sip:([0-9A-Za-z]+)@")
"""How nearly all URIs begin: with nothing to take apart."""

_USER_CHARACTERS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,?/")


def user_part(number: str) -> str:
    """A number as the user part of a SIP URI, with what that may not hold escaped (RFC 3261 25.1)."""
    if number.isalnum() and number.isascii():
        return number
    return "".join(chr(byte) if byte in _USER_CHARACTERS else f"%{byte:02X}" for byte in number.encode())


def number_of(uri: str) -> str:
    """The number a URI names: its user part, without parameters and password, escapes decoded; empty for none.

    What cannot be printed, such as an escape of a terminal or a line's end, is in no number.
    """
    plain = _PLAIN.match(uri)
    if plain is not None:
        return plain[1]
    number = _number_of(uri)
    return number if number.isprintable() else ""


def _number_of(uri: str) -> str:
    scheme, _, rest = uri.partition(":")
    scheme = scheme.lower()
    if scheme in {"sip", "sips"}:
        user, at, _ = rest.partition("@")
        if not at:
            return ""
        user = user.partition(";")[0].partition(":")[0]
        return unquote(user) if "%" in user else user
    if scheme == "tel":
        return rest.partition(";")[0].translate(_VISUAL)
    return ""
