"""A program that others wrote, started for a test and ended after it, whatever happens between."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

PACKAGES = {
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "linphonec": "linphone-cli",
    "tshark": "tshark",
    "sngrep": "sngrep",
    "kamailio": "kamailio",
    "postgres": "postgresql",
}
"""Debian's package of each program."""

_ELSEWHERE = {"postgres": "usr/lib/postgresql/*/bin/postgres"}
"""Programs that Debian keeps out of the path."""

POLL_SECONDS = 0.02


class MissingProgramError(RuntimeError):
    """The program is not installed."""

    def __init__(self, program: str) -> None:
        """Says how to get it."""
        self.program = program
        self.package = PACKAGES.get(program, program)
        super().__init__(f"{program} is not installed (on Debian: apt-get install {self.package})")


class StrangerError(AssertionError):
    """A stranger's program did not do what was expected of it in time; the end of its log is part of the message."""

    def __init__(self, program: str, what: str, log: str = "") -> None:
        """Keeps the last lines of the log."""
        tail = "\n".join(log.splitlines()[-40:])
        super().__init__(f"{program}: {what}" + (f"\n--- end of its log\n{tail}" if tail else ""))
        self.program = program
        self.what = what


def find(program: str) -> str:
    """The path of an installed program. Raises MissingProgramError."""
    path = shutil.which(program)
    if path is None and program in _ELSEWHERE:
        path = max(map(str, Path("/").glob(_ELSEWHERE[program])), default=None)
    if path is None:
        raise MissingProgramError(program)
    return path


def wait_until(ready: Callable[[], T | None], seconds: float, *, failed: Callable[[], StrangerError]) -> T:
    """Asks again and again until ``ready`` returns something true, at most ``seconds``; then raises ``failed()``."""
    deadline = time.monotonic() + seconds
    while True:
        result = ready()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise failed()
        time.sleep(POLL_SECONDS)


class Program:
    """One process with a folder of its own. Its output goes to ``log`` in that folder.

    A context manager: leaving it ends the process by its pid, politely first.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], folder: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        """Starts it. Raises MissingProgramError."""
        self.name = name
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log"
        self._cursor = 0
        self._condition = threading.Condition()
        self._lines: list[str] = []
        self._log_file = self.log.open("ab", buffering=0)
        self._process = subprocess.Popen(  # noqa: S603 - the arguments are the test kit's own
            [find(arguments[0]), *arguments[1:]],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"{name}-output", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def say(self, line: str) -> None:
        """Writes a line to its standard input."""
        if self._process.stdin is None:
            raise self.error("has no standard input")
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except OSError as reason:
            raise self.error(f"is gone: cannot say {line!r} ({reason})") from reason

    def expect_line(self, wanted: Callable[[str], T | None], seconds: float, what: str) -> T:
        """The first true answer of ``wanted`` to a line printed since the last one expected.

        Raises StrangerError after ``seconds``, or when the program ends before.
        """
        deadline = time.monotonic() + seconds
        with self._condition:
            while True:
                while self._cursor < len(self._lines):
                    line = self._lines[self._cursor]
                    self._cursor += 1
                    result = wanted(line)
                    if result:
                        return result
                left = deadline - time.monotonic()
                if left <= 0:
                    raise self.error(f"{what}: not within {seconds:g} s")
                if not self._reader.is_alive() and self._cursor == len(self._lines):
                    raise self.error(f"{what}: it ended before, exit code {self.exit_code}")
                self._condition.wait(min(left, 0.5))

    def wait(self, seconds: float) -> int:
        """Waits for its end; returns the exit code. Raises StrangerError after ``seconds``."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise self.error(f"still running after {seconds:g} s") from None
        self._reader.join(1)
        return code

    def output(self) -> str:
        """All it printed so far."""
        return self.log.read_text(errors="replace")

    def error(self, what: str) -> StrangerError:
        """An error of this program with the end of its log."""
        return StrangerError(self.name, what, self.output())

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal, unless it has ended."""
        if self._process.poll() is None:
            self._process.send_signal(number)

    def close(self) -> None:
        """Ends the process: TERM, and KILL after three seconds. Harmless when it has ended."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._reader.join(1)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log_file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        for raw in stream:
            if not self._log_file.closed:
                self._log_file.write(raw)
            with self._condition:
                self._lines.append(raw.decode(errors="replace").rstrip("\r\n"))
                self._condition.notify_all()
        with self._condition:
            self._condition.notify_all()
