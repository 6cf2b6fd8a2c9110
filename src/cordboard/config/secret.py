"""Secrets and what is kept in their place.

The plain SIP password of a DN is not kept: the store holds the two digest hashes HA1 of RFC 7616 section 3.4.2 (MD5 and
SHA-256), which are bound to a user name and a realm. The password of a person is kept as an argon2id hash.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import secrets
from typing import Final, Literal, final

Algorithm = Literal["MD5", "SHA-256"]
ALGORITHMS: Final[tuple[Algorithm, ...]] = ("MD5", "SHA-256")
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters and digits that nobody mixes up on a phone's display: no i, l, o, I, O, 0, 1."""


@final
class Secret:
    """A text that must not be seen: it prints as ``***`` everywhere. Only :meth:`reveal` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself: for a file its owner asked for, or for a comparison."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))


def ha1(username: str, realm: str, password: str, algorithm: Algorithm) -> str:
    """Return the digest hash of a password in lower-case hex (RFC 7616 section 3.4.2)."""
    data = f"{username}:{realm}:{password}".encode()
    if algorithm == "MD5":
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    return hashlib.sha256(data).hexdigest()


def generate_password(length: int = 16) -> str:
    """Return a random password that can be typed on a phone (about 5.8 bits a character)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def hash_person_password(password: str) -> str:
    """Return the argon2id hash of a person's password, in its PHC text form."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)


def is_person_hash(text: str) -> bool:
    """Tell whether a text is an argon2id hash in PHC form whose parameters can be read."""
    from argon2 import extract_parameters
    from argon2.exceptions import InvalidHashError

    if not text.startswith("$argon2id$") or not text.isascii():
        return False
    try:
        extract_parameters(text)
    except (InvalidHashError, ValueError):
        return False
    return True


def check_person_password(hashed: str, password: str) -> bool:
    """Compare a password with its argon2id hash. Takes tens of milliseconds by design: keep it off the event loop."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return PasswordHasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


@functools.cache
def decoy_hash() -> str:
    """Return the hash an unknown user's password is compared with, so that the time taken does not tell who exists."""
    return hash_person_password(secrets.token_hex(16))
