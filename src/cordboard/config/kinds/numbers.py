"""Numbers of DNs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cordboard.config.kinds.kind import BadValueError, Kind
from cordboard.config.kinds.lists import CommaList, items

_DN: Final = re.compile(r"[A-Za-z0-9_.+*#~!:-]{1,64}")
DN_ALLOWED: Final = "1 to 64 letters, digits and the signs _ . + * # ~ ! : -"


def is_dn(text: str) -> bool:
    """Tell whether a text can be the number of a DN."""
    return _DN.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class DnNumber(Kind[str]):
    """The number of a DN, or nothing."""

    label = "DN"

    @property
    def allowed(self) -> str:
        """Name the alphabet."""
        return "the number of a DN: " + DN_ALLOWED

    def parse(self, text: str) -> str:
        """Read a number."""
        text = text.strip()
        if text and not is_dn(text):
            raise BadValueError(text)
        return text


@dataclass(frozen=True, slots=True)
class DnList(CommaList):
    """Numbers of DNs, in order, each once."""

    label = "DNs"

    @property
    def allowed(self) -> str:
        """Name the alphabet."""
        return "a comma list of numbers of DNs"

    def parse(self, text: str) -> tuple[str, ...]:
        """Read numbers."""
        numbers = items(text)
        if not all(is_dn(number) for number in numbers):
            raise BadValueError(text)
        return numbers
