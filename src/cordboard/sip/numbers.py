"""Whole numbers in the texts of others: ``1*DIGIT`` (RFC 5234 B.1), ten signs and no more.

``str.isdigit`` alone takes superscripts as well, which ``int`` does not read, and ``int`` reads the digits of every
script, signs and underscores.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 20
"""More digits than any number anybody means."""


def whole_number(text: str | None, most: int) -> int | None:
    """The number that a text is; None if it is none, or more than ``most``."""
    if not text or len(text) > LONGEST or not (text.isascii() and text.isdigit()):
        return None
    number = int(text)
    return number if number <= most else None
