"""Who a phone shows: name and number of the other party (RFC 3261 20.20, RFC 3325)."""

from __future__ import annotations

from typing import Final

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\r": " ", "\n": " ", "\0": " "})


def name_addr(name: str, number: str, domain: str) -> str:
    """A display name and address: ``"Ada Lovelace" <sip:1501@centre.example>``."""
    user = user_part(number)
    if not name:
        return f"<sip:{user}@{domain}>"
    return f'"{name.translate(_ESCAPES)}" <sip:{user}@{domain}>'


def asserted(address: str) -> tuple[str, str]:
    """The header by which we, who know, tell a phone of ours who the other party is (RFC 3325 section 9.1)."""
    return ("P-Asserted-Identity", address)


_USER_CHARACTERS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,?/")


def user_part(number: str) -> str:
    """A number as the user part of a SIP URI, with what that may not hold escaped (RFC 3261 25.1)."""
    if number.isalnum() and number.isascii():
        return number
    return "".join(chr(byte) if byte in _USER_CHARACTERS else f"%{byte:02X}" for byte in number.encode())
