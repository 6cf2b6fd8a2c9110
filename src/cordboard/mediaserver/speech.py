"""Texts made into speech by a synthesiser of the machine, once each: flite, espeak-ng or espeak, where installed.

A text that has been said before is a file of the cache. One that has not is being rendered when its dialog starts; the
step that plays it waits. Rendering runs elsewhere and is told on the event loop.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
from typing import TYPE_CHECKING, Final, NamedTuple

from cordboard.mediaserver.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

LONGEST: Final = 1_000
"""Most characters of a text."""
MOST_WAITING: Final = 64
"""Most texts being rendered at once."""
MOST_KEPT: Final = 2_000
"""Most texts in the cache; those not said for the longest go first."""
SECONDS: Final = 20
"""How long a synthesiser may take."""

PROGRAMS: Final = ("flite", "espeak-ng", "espeak")
"""In the order they are tried."""

_log: Final = Log()


class SpeechError(Exception):
    """A text cannot be said."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.reason = reason
        super().__init__(f"{text[:60]}: {reason}")


class Job(NamedTuple):
    """What is to be run."""

    command: tuple[str, ...]
    said: str
    """What goes into it."""
    made: Path
    """The file it makes."""
    path: Path
    """What that becomes when it is whole."""


def render(job: Job) -> str:
    """Runs a job; what went wrong, if anything did. Takes a while."""
    try:
        job.made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        done = subprocess.run(  # noqa: S603 - a program that was found, without a shell
            job.command, input=job.said.encode(), capture_output=True, timeout=SECONDS, check=False
        )
        if done.returncode or not job.made.is_file() or not job.made.stat().st_size:
            said = done.stderr.decode(errors="replace").strip()
            return said[:200] or f"it ended with {done.returncode} and made nothing"
        job.made.replace(job.path)
        _forget_oldest(job.path.parent)
    except subprocess.TimeoutExpired:
        return f"it took longer than {SECONDS} s"
    except OSError as error:
        return error.strerror or str(error)
    finally:
        with contextlib.suppress(OSError):
            job.made.unlink(missing_ok=True)
    return ""


def _forget_oldest(folder: Path) -> None:
    """Lets go what the cache has too many of. One that was just said or made is the youngest of them."""
    with contextlib.suppress(OSError):
        kept = [path for path in folder.iterdir() if path.suffix == ".wav" and not path.name.startswith(".")]
        if len(kept) > MOST_KEPT:
            kept.sort(key=lambda path: path.stat().st_mtime)
            for path in kept[: len(kept) - MOST_KEPT]:
                path.unlink(missing_ok=True)


class Speech:
    """See the module."""

    def __init__(self, folder: Path | None, program: str, run: Callable[[Job, Callable[[str], None]], None]) -> None:
        """``folder``: the cache; None says nothing. ``program``: one of PROGRAMS, ``auto``, or ``off``.

        ``run``: has a job rendered elsewhere, and tells on the loop what went wrong, if anything did.
        """
        self._folder = folder
        self._run = run
        wanted = PROGRAMS if program == "auto" else () if program == "off" else (program,)
        found = ((name, shutil.which(name)) for name in wanted)
        self._program = next(((name, path) for name, path in found if path is not None), None)
        self._missing = (
            "speech is switched off (media-speech)" if program == "off" else f"none of {', '.join(wanted)} is installed"
        )
        self._waiting: dict[Path, list[Callable[[], None]]] = {}

    @property
    def program(self) -> str:
        """What synthesises; empty for nothing."""
        return self._program[0] if self._program is not None else ""

    def say(self, text: str, language: str) -> Path:
        """The file of a text, there or in the making. Raises SpeechError."""
        text = " ".join(text.split())
        if not text or len(text) > LONGEST:
            raise SpeechError(text, f"a text has 1 to {LONGEST} characters")
        if self._folder is None or self._program is None:
            raise SpeechError(text, self._missing if self._folder is not None else "there is no folder for speech")
        name, command = self._program
        language = language.lower().replace("_", "-")
        if name == "flite" and language.split("-", maxsplit=1)[0] != "en":
            raise SpeechError(text, f"flite speaks English alone, not {language[:20]}; espeak-ng speaks more")
        key = hashlib.sha256(f"{name}\0{language}\0{text}".encode()).hexdigest()[:40]
        path = self._folder / f"{key}.wav"
        if path in self._waiting:
            return path
        if path.is_file():
            with contextlib.suppress(OSError):
                path.touch()
            return path
        if len(self._waiting) >= MOST_WAITING:
            raise SpeechError(text, f"{MOST_WAITING} texts are being rendered already")
        self._waiting[path] = []
        self._run(_job(name, command, language, text, path), lambda wrong: self._rendered(path, text, wrong))
        return path

    def when_ready(self, paths: Iterable[Path], then: Callable[[], None]) -> bool:
        """Calls ``then`` once those of the files that are in the making are done; whether it must be waited for."""
        waited = [path for path in dict.fromkeys(paths) if path in self._waiting]
        left = len(waited)

        def one() -> None:
            nonlocal left
            left -= 1
            if not left:
                then()

        for path in waited:
            self._waiting[path].append(one)
        return bool(waited)

    def _rendered(self, path: Path, text: str, wrong: str) -> None:
        if wrong:
            _log.warning("text not said", program=self.program, text=text[:60], reason=wrong)
        for told in self._waiting.pop(path, ()):
            told()


def _job(name: str, command: str, language: str, text: str, path: Path) -> Job:
    made = path.with_name(f".{path.name}")
    if name == "flite":
        return Job((command, "-voice", "slt", "-t", text, "-o", str(made)), "", made, path)
    return Job((command, "-v", language or "en", "--stdin", "-w", str(made)), text, made, path)
