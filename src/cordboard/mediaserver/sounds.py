"""From what is asked to be played to sounds.

    music/on_hold            a file of the operator's folders, then of those that ship: music, then prompts
    tone/busy, tone/busy/de  a tone, of the server's country or another; ``silence`` for none
    users/alice/3            what a user recorded for all to hear (RecordUserAnnouncement), in the folder of recordings
    file:///greeting.wav     a file within the operator's folders, never outside of them
    http://...               not fetched: what is played must be here before somebody waits for it
    queue/place              a text of the operator's folders, queue/place.txt: "You are number {1:number}. {2}"

In such a text ``{1}`` to ``{9}`` are what NETANN gives as ``param1`` to ``param9`` (RFC 4240 section 3.1): as words, or
said as what it is, ``number``, ``digits``, ``date``, ``time``, ``duration`` ... (RFC 5707 9.2.1.1).

The names that SIP Servers are used to give for tones (``music/ring_back``, ``music/busy_5sec`` ...) are tones too,
unless the operator has a file of that name.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from cordboard.media import File, Source, Tone, Waves
from cordboard.mediaserver.prompts import ENDINGS, LANGUAGES, Catalogue, PromptError, saying, texts
from cordboard.mediaserver.recordings import ANNOUNCEMENTS
from cordboard.mediaserver.speech import SpeechError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cordboard.mediaserver.speech import Speech

MUSIC: Final = Path(__file__).resolve().parent / "music"
"""The music that ships."""

TONES: Final = frozenset(
    {"dial", "ringback", "busy", "fast-busy", "call-waiting", "beep", "sit", "howler", "confirm", "enter", "leave"}
)
"""Tones that can be asked for by name."""

SECOND: Final = 1000

_PLACE: Final = re.compile(r"\{([1-9])(?::([a-z]+))?\}")
"""Where something is put into a text."""

FAMILIAR: Final[dict[str, Source]] = {
    "music/ring_back": Tone("ringback"),
    "music/ringback": Tone("ringback"),
    "music/busy_5sec": Tone("busy"),
    "music/busy": Tone("busy"),
    "music/fast_busy_5sec": Tone("fast-busy"),
    "music/fast_busy": Tone("fast-busy"),
    "music/atb_5sec": Tone("fast-busy"),
    "music/silence": Waves(SECOND),
    "silence": Waves(SECOND),
}
"""Names SIP Servers use, and what they mean."""


class SoundError(LookupError):
    """There is nothing to play."""

    def __init__(self, asked: str, reason: str) -> None:
        self.asked = asked
        """What was asked for."""
        self.reason = reason
        """Why it cannot be."""
        super().__init__(f"{asked[:120]}: {reason}")


class Sounds:
    """Everything that can be played."""

    def __init__(
        self,
        folders: Sequence[Path] = (),
        *,
        language: str = "en",
        country: str = "us",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        speech: Speech | None = None,
        recorded: Path | None = None,
    ) -> None:
        """``now``: the time of day where dates are said, with its zone. ``speech``: says texts; None says none.

        ``recorded``: where announcements of users are; None where nothing is recorded.
        """
        self._folders = tuple(folder.resolve() for folder in folders)
        self._music = Catalogue((*self._folders, MUSIC.parent), language=language)
        self._recorded = None if recorded is None else Catalogue((recorded,), language=language)
        self._country = country
        self._language = language
        self._speech = speech
        self._now = now

    def find(self, asked: str, language: str = "") -> Source:
        """One sound. Raises SoundError."""
        scheme, colon, rest = asked.partition(":")
        if colon and "/" not in scheme:
            return self._by_url(asked, scheme.lower(), rest, language)
        name = asked.strip("/")
        kind, _, tone = name.partition("/")
        if kind == "tone":
            return self._tone(asked, tone)
        try:
            return File(self._music.find(name, language))
        except PromptError:
            familiar = FAMILIAR.get(name)
            if familiar is None:
                return self._announcement(asked, name)
        return Tone(familiar.name, self._country) if isinstance(familiar, Tone) else familiar

    def _announcement(self, asked: str, name: str) -> Source:
        """What a user recorded for others to hear; of the recordings nothing else is played."""
        if self._recorded is None or not name.startswith(f"{ANNOUNCEMENTS}/"):
            raise SoundError(asked, "no such sound")
        try:
            return File(self._recorded.find(name))
        except PromptError:
            raise SoundError(asked, "no such sound") from None

    def announce(self, asked: str, language: str, params: Sequence[str]) -> tuple[Source, ...]:
        """A sound, or a text with something put into it. Raises SoundError."""
        try:
            text = self._music.text(asked.strip("/"), language)
        except PromptError:
            return (self.find(asked, language),)
        found: list[Source] = []
        words, end = "", 0
        for place in _PLACE.finditer(text):
            words += text[end : place.start()]
            end = place.end()
            index = int(place[1])
            if index > len(params):
                raise SoundError(asked, f"param{index}= is missing")
            if place[2]:
                found += [*self._words(words, language), *self.say(place[2], params[index - 1], language=language)]
                words = ""
            else:
                words += params[index - 1]
        return (*found, *self._words(words + text[end:], language))

    def _words(self, text: str, language: str) -> list[Source]:
        return [self.speak(text.lstrip(" \r\n\t.,;:!?"), language)] if _plain(text) else []

    def _by_url(self, asked: str, scheme: str, rest: str, language: str) -> Source:
        if scheme in ("http", "https"):
            raise SoundError(asked, "sounds are not fetched over HTTP")
        if scheme != "file":
            raise SoundError(asked, f"no sounds by {scheme[:20]}:")
        try:
            split = urlsplit(f"file:{rest}")
        except ValueError:
            raise SoundError(asked, "address not understood") from None
        path = unquote(f"{split.netloc}/{split.path}" if split.netloc not in ("", "localhost") else split.path)
        for folder in self._folders:
            for candidate in (Path(path), folder / path.lstrip("/")):
                # A link or a .. that leads out of the folder is not followed.
                found = _existing(candidate)
                if found is not None and found.is_relative_to(folder):
                    return File(found)
        return self._named(asked, path.lstrip("/"), language)

    def _named(self, asked: str, name: str, language: str) -> Source:
        try:
            return File(self._music.find(name, language))
        except PromptError:
            raise SoundError(asked, "no such sound") from None

    def _tone(self, asked: str, tone: str) -> Source:
        name, _, country = tone.partition("/")
        if name == "silence":
            return Waves(SECOND)
        if name not in TONES:
            raise SoundError(asked, f"no such tone; there are {', '.join(sorted(TONES))}")
        return Tone(name, country or self._country)

    def speak(self, text: str, language: str = "") -> Source:
        """A text: a prompt that says it, or speech. Raises SoundError."""
        language = language or self._language
        name = _by_text(language.split("-", maxsplit=1)[0].lower()).get(_plain(text))
        if name is not None:
            return self.find(name, language)
        if self._speech is None:
            raise SoundError(text, "there is no speech synthesiser")
        try:
            return File(self._speech.say(text, language))
        except SpeechError as error:
            raise SoundError(text, error.reason) from None

    def when_ready(self, sources: Sequence[Source], then: Callable[[], None]) -> bool:
        """Calls ``then`` once speech among them is there; whether it must be waited for."""
        paths = [source.path for source in sources if isinstance(source, File)]
        return self._speech is not None and self._speech.when_ready(paths, then)

    def say(self, kind: str, value: str, subtype: str = "", language: str = "") -> list[Source]:
        """A value as sounds (RFC 5707 9.2.1.1). Raises SoundError for a kind or a value that cannot be said."""
        try:
            names = _spoken(kind, value, subtype, self._now)
        except ValueError as error:
            raise SoundError(f"{kind} {value}", f"cannot be said: {error}") from None
        return [self.find(name, language) for name in names]


def _plain(text: str) -> str:
    """A text without what is not heard."""
    return " ".join("".join(sign if sign.isalnum() else " " for sign in text.casefold()).split())


@lru_cache(LANGUAGES)
def _by_text(language: str) -> Mapping[str, str]:
    """The names of the shipped prompts of a language by what they say."""
    return {_plain(text): name for name, text in texts(language).items()}


def _existing(path: Path) -> Path | None:
    for candidate in (path, *(path.with_name(path.name + ending) for ending in ENDINGS)):
        try:
            if candidate.is_file():
                return candidate.resolve()
        except (OSError, ValueError):
            return None
    return None


def _spoken(kind: str, value: str, subtype: str, now: Callable[[], datetime]) -> list[str]:
    match kind:
        case "digits" | "characters" | "string" | "dn":
            return saying.characters(value)
        case "number" if subtype == "ord":
            return saying.ordinal(int(value))
        case "number" | "integer":
            return saying.number(int(value))
        case "duration":
            return saying.duration(int(value))
        case "date":
            return saying.day(_date(value), now().date())
        case "time":
            return saying.clock(_time(value))
        case "datetime":
            moment = datetime.fromisoformat(value)
            today = now()
            return saying.moment(moment if moment.tzinfo else moment.replace(tzinfo=today.tzinfo), today)
    raise ValueError(f"no such kind of value: {kind[:40]}")


def _date(value: str) -> date:
    """``20261231`` or ``2026-12-31``."""
    return date.fromisoformat(value)


def _time(value: str) -> time:
    """``1745``, ``174500`` or ``17:45``."""
    return time.fromisoformat(value if ":" in value else f"T{value}")
