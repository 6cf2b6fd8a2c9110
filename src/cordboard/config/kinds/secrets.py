"""What is not to be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cordboard.config.kinds.kind import CONTROL, BadValueError, Kind
from cordboard.config.secret import Secret


@dataclass(frozen=True, slots=True)
class SecretText(Kind[Secret]):
    """A password: any text of one line."""

    limit: int = 256
    label = "secret"

    @property
    def allowed(self) -> str:
        """Name the limit."""
        return f"one line of text of at most {self.limit} characters"

    def parse(self, text: str) -> Secret:
        """Read it exactly, spaces included."""
        if len(text) > self.limit or CONTROL.search(text):
            raise BadValueError("***")
        return Secret(text)

    def text(self, value: Secret) -> str:
        """Give the secret away: only for a file or a row its owner asked for."""
        return value.reveal()


@dataclass(frozen=True, slots=True)
class SecretHex(Kind[Secret]):
    """A digest hash in hex, or nothing."""

    digits: int
    label = "secret"

    @property
    def allowed(self) -> str:
        """Name the length."""
        return f"{self.digits} hex digits"

    def parse(self, text: str) -> Secret:
        """Read hex in either case."""
        text = text.strip().lower()
        if text and not re.fullmatch(f"[0-9a-f]{{{self.digits}}}", text):
            raise BadValueError("***")
        return Secret(text)

    def text(self, value: Secret) -> str:
        """Give the hash away: only for a file or a row its owner asked for."""
        return value.reveal()
