"""What a kind of value is."""

from __future__ import annotations

import re
from typing import Final, Generic, TypeVar

T = TypeVar("T")


Native = bool | int | float | str | list[str]
"""How a value is written in a TOML file."""

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


def is_line(text: str) -> bool:
    """Tell whether a text has no control characters and no line breaks."""
    return CONTROL.search(text) is None


class BadValueError(ValueError):
    """The text is not a value of the kind. The option's owner makes a full error of it."""


class Kind(Generic[T]):
    """What the value of an option may be."""

    label: str
    """The kind's name in the documentation."""

    @property
    def allowed(self) -> str:
        """What is allowed, in words, for errors and documentation."""
        raise NotImplementedError

    def parse(self, text: str) -> T:
        """Read a value. Raises :class:`BadValueError`."""
        raise NotImplementedError

    def text(self, value: T) -> str:
        """Print a value so that :meth:`parse` gives it back."""
        return str(value)

    def native(self, value: T) -> Native:
        """Return the value as a TOML file would have it."""
        return self.text(value)

    def normal(self, value: T) -> T:
        """Check a value given as such and return its normal form. Raises :class:`BadValueError`."""
        return self.parse(self.text(value))
