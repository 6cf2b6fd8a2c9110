"""Prompts: what the platform says, found by name and language.

A name is that of a file without its ending, folders included: ``vm-goodbye``, ``digits/7``. It is looked for in the
operator's own folders first, then in what ships with the package; in the language asked for (``en-gb``), in its main
language (``en``), then in the default one. An operator's folder may have a folder per language, or none.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SHIPPED: Final = Path(__file__).resolve().parent
"""Where the prompts of the package are."""

DEFAULT_LANGUAGE: Final = "en"

LANGUAGES: Final = 64
"""Languages whose texts are remembered: whoever asks names the language."""

ENDINGS: Final = (".wav", ".opus", ".ogg", ".ulaw", ".ul", ".alaw", ".al", ".sln", ".sln16", ".raw")
"""Endings of sound files, in the order they are looked for."""

TEXT: Final = ".txt"
"""Ending of a text that is said."""

MOST_TEXT: Final = 4096
"""Most bytes of it that are read."""

_NAME: Final = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_+.-]*(/[A-Za-z0-9_+-][A-Za-z0-9_+.-]*){0,7}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}")


class PromptError(LookupError):
    """There is no such prompt."""

    def __init__(self, name: str, languages: Sequence[str]) -> None:
        self.name = name
        """What was asked for."""
        self.languages = tuple(languages)
        """The languages it was looked for in."""
        super().__init__(f"no prompt {name!r} in {', '.join(languages) or 'any language'}")


class Catalogue:
    """All prompts there are, the operator's before ours."""

    def __init__(self, folders: Sequence[Path] = (), *, language: str = DEFAULT_LANGUAGE) -> None:
        """``folders``: the operator's, the first before the second. ``language``: where none is asked for."""
        self._folders = (*(folder.resolve() for folder in folders), SHIPPED)
        self._language = language

    def find(self, name: str, language: str = "") -> Path:
        """The file of a prompt. Raises PromptError; a name that would lead out of the folders is none."""
        return self._search(name, language, _sound)

    def text(self, name: str, language: str = "") -> str:
        """What a prompt says that an operator has as a text, ``<name>.txt``. Raises PromptError."""
        path = self._search(name, language, _text)
        try:
            return path.read_bytes()[:MOST_TEXT].decode()
        except (OSError, ValueError):
            raise PromptError(name, self._languages(language)) from None

    def _search(self, name: str, language: str, look: Callable[[Path, str], Path | None]) -> Path:
        languages = self._languages(language)
        if _NAME.fullmatch(name) is None:
            raise PromptError(name, languages)
        for folder in self._folders:
            for place in (*(folder / one for one in languages), folder):
                if (found := look(place, name)) is not None and found.resolve().is_relative_to(folder):
                    return found
        raise PromptError(name, languages)

    def _languages(self, language: str) -> list[str]:
        asked = language.lower().replace("_", "-") if _LANGUAGE.fullmatch(language) else ""
        wanted = (asked, asked.split("-", maxsplit=1)[0], self._language, DEFAULT_LANGUAGE)
        return list(dict.fromkeys(one for one in wanted if one))


def _sound(place: Path, name: str) -> Path | None:
    exact = place / name
    if exact.suffix in ENDINGS and exact.is_file():
        return exact
    candidates: Iterator[Path] = (place / f"{name}{ending}" for ending in ENDINGS)
    return next((path for path in candidates if path.is_file()), None)


def _text(place: Path, name: str) -> Path | None:
    path = place / f"{name}{TEXT}"
    return path if path.is_file() else None


@lru_cache(LANGUAGES)
def texts(language: str = DEFAULT_LANGUAGE) -> Mapping[str, str]:
    """What the shipped prompts of a language say, by name; nothing for a language that does not ship."""
    if _LANGUAGE.fullmatch(language) is None:
        return {}
    path = SHIPPED / f"{language}.toml"
    if not path.is_file():
        return {}
    prompts: dict[str, str] = tomllib.loads(path.read_text())["prompts"]
    return prompts
