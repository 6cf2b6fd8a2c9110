"""Comma lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cordboard.config.kinds.kind import BadValueError, Kind, Native


def items(text: str) -> tuple[str, ...]:
    """Split a comma list: spaces round the items go, empty items and repetitions too."""
    return tuple(dict.fromkeys(item for part in text.split(",") if (item := part.strip())))


class CommaList(Kind[tuple[str, ...]]):
    """What the comma lists share."""

    def text(self, value: tuple[str, ...]) -> str:
        """Join with commas, without spaces."""
        return ",".join(value)

    def native(self, value: tuple[str, ...]) -> Native:
        """Return a list."""
        return list(value)


CHALLENGED_METHODS: Final = (
    "REGISTER", "INVITE", "PUBLISH", "SUBSCRIBE", "MESSAGE", "REFER", "OPTIONS", "NOTIFY", "INFO", "UPDATE",
)  # fmt: skip
"""The methods that can be challenged. ACK and CANCEL never can (RFC 3261 section 22.1); BYE and PRACK belong to a
dialog whose INVITE was."""


@dataclass(frozen=True, slots=True)
class ChoiceList(CommaList):
    """Some of a few words, in order, each once."""

    choices: tuple[str, ...]
    label = "choices"

    @property
    def allowed(self) -> str:
        """Name the words."""
        return "a comma list of " + ", ".join(self.choices)

    def parse(self, text: str) -> tuple[str, ...]:
        """Read words in any case."""
        words = items(text.lower())
        if any(word not in self.choices for word in words):
            raise BadValueError(text)
        return words


@dataclass(frozen=True, slots=True)
class MethodList(CommaList):
    """Methods to challenge; kept in upper case as on the wire, printed in lower case as the note does."""

    label = "methods"

    @property
    def allowed(self) -> str:
        """Name the methods."""
        return "a comma list of " + ", ".join(method.lower() for method in CHALLENGED_METHODS)

    def parse(self, text: str) -> tuple[str, ...]:
        """Read methods in any case."""
        methods = items(text.upper())
        if any(method not in CHALLENGED_METHODS for method in methods):
            raise BadValueError(text)
        return methods

    def text(self, value: tuple[str, ...]) -> str:
        """Join in lower case."""
        return ",".join(value).lower()

    def native(self, value: tuple[str, ...]) -> Native:
        """Return a list in lower case."""
        return [method.lower() for method in value]
