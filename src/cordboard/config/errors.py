"""What can be wrong with a configuration, as types with fields.

Every error says which object it is about, which option or field, the value given and what is allowed, and where it was
read if it came from a file. A secret value is never carried: the readers put ``***`` in its place.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

E = TypeVar("E", bound="ConfigError")


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file: lines and columns count from 1, 0 means the whole file (or the whole line)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Print as ``file:line:column``, the form editors follow."""
        parts = [self.file]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


class ConfigError(Exception):
    """The configuration is wrong. The base of every error of this package."""

    where: Where | None = None
    """Where it was read, if from a file."""

    def at(self, where: Where | None) -> Self:
        """Say where it was read; the first place told stays."""
        if self.where is None:
            self.where = where
        return self

    def sentence(self) -> str:
        """Say what is wrong, without the place."""
        return super().__str__()

    def __str__(self) -> str:
        """Print the place, if known, and the sentence."""
        return f"{self.where}: {self.sentence()}" if self.where else self.sentence()

    @property
    def problems(self) -> tuple[ConfigError, ...]:
        """The single problems this error stands for: itself, unless it gathers several."""
        return (self,)


class OptionValueError(ConfigError):
    """An option (or a field of an object) has a value that is not allowed."""

    def __init__(self, owner: str, option: str, value: str, allowed: str) -> None:
        super().__init__(owner, option, value, allowed)
        self.owner = owner
        """The object, as people name it: ``DN 1501``."""
        self.option = option
        self.value = value
        self.allowed = allowed
        """What would have been right, in words."""

    def sentence(self) -> str:
        """Name the object, the option, the value and what is allowed."""
        return f"{self.owner}: {self.option} = {self.value!r} is not allowed; allowed: {self.allowed}"


class UnknownOptionError(ConfigError):
    """An option no level declares was asked for by name (in a file it is only warned about)."""

    def __init__(self, owner: str, option: str, nearest: str | None) -> None:
        super().__init__(owner, option, nearest)
        self.owner = owner
        self.option = option
        self.nearest = nearest

    def sentence(self) -> str:
        """Name the option and the nearest known one."""
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{self.owner}: there is no option {self.option}{hint}"


class MissingReferenceError(ConfigError):
    """An object names another one that is missing or of the wrong kind."""

    def __init__(self, owner: str, option: str, target: str, reason: str) -> None:
        super().__init__(owner, option, target, reason)
        self.owner = owner
        self.option = option
        self.target = target
        self.reason = reason

    def sentence(self) -> str:
        """Name both objects and what is wrong between them."""
        return f"{self.owner}: {self.option} = {self.target!r}: {self.reason}"


class DuplicateError(ConfigError):
    """Two objects of one kind have the same name."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner

    def sentence(self) -> str:
        """Name the object."""
        return f"{self.owner} is given more than once"


class UnknownObjectError(ConfigError):
    """No object has that name."""

    def __init__(self, owner: str, nearest: str | None = None) -> None:
        super().__init__(owner, nearest)
        self.owner = owner
        self.nearest = nearest

    def sentence(self) -> str:
        """Name the object and the nearest known one."""
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"there is no {self.owner}{hint}"


class FileSyntaxError(ConfigError):
    """A file does not have the form it should have."""

    def __init__(self, reason: str, where: Where) -> None:
        super().__init__(reason)
        self.reason = reason
        self.where = where

    def sentence(self) -> str:
        """Say what is wrong with the text."""
        return self.reason


class InvalidConfigError(ConfigError):
    """Several problems found in one go, so that a file is put right in one go."""

    def __init__(self, problems: Sequence[ConfigError]) -> None:
        super().__init__(*problems)
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[ConfigError, ...]:
        """The single problems, in the order found."""
        return self._problems

    def __str__(self) -> str:
        """Print one problem a line."""
        return "\n".join(str(problem) for problem in self._problems)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth a warning that changes nothing: an unknown option that is kept, an option without effect."""

    owner: str
    option: str
    text: str
    where: Where | None = None

    def at(self, where: Where | None) -> Notice:
        """Return the same notice with its place."""
        return replace(self, where=where)

    def __str__(self) -> str:
        """Print the place, if known, the object, the option and the text."""
        sentence = f"{self.owner}: {self.option}: {self.text}"
        return f"{self.where}: {sentence}" if self.where else sentence


def raise_all(problems: Sequence[ConfigError]) -> None:
    """Raise the one problem as it is, or several as :class:`InvalidConfigError`; nothing if there is none."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise InvalidConfigError(problems)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like ``name``, if any looks like it at all."""
    folded = {candidate.lower().replace("_", "-"): candidate for candidate in known}
    match = difflib.get_close_matches(name.lower().replace("_", "-"), folded, n=1, cutoff=0.7)
    return folded[match[0]] if match else None
