"""Who may use the link: passwords of persons, the token of the local administrator, and the guard against guessing."""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import msgspec

from cordboard.files import write_whole
from cordboard.tlib.protocol import Role

TOKEN_USER: Final = "local administrator"  # noqa: S105 - a name
"""The name a session opened with the token goes by."""

_DELAY_FIRST: Final = 0.5
_DELAY_MAX: Final = 16.0
_FORGET_AFTER: Final = 600.0
_MAX_REMEMBERED: Final = 10_000


class Authenticator(Protocol):
    """Knows the persons."""

    def authenticate(self, user: str, password: str) -> Role | None:
        """The role of that person, or None when there is no such person or the password is wrong.

        Takes the same time in both cases. May take long: it is called on another thread.
        """


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class LoginGuard:
    """Makes guessing slow: every failure doubles the time the next answer takes, by user and by address."""

    def __init__(self) -> None:
        self._failures: OrderedDict[Hashable, _Failures] = OrderedDict()
        self.failed_total = 0
        """Failed logins since the start."""
        self.accepted_total = 0
        """Successful logins since the start."""
        self.refused_total = 0
        """Logins that were not looked at since the start."""

    def delay(self, user: str, address: str, now: float) -> float:
        """Seconds to wait before the login is looked at."""
        return max(self._delay(("user", user), now), self._delay(("address", address), now))

    def _delay(self, key: Hashable, now: float) -> float:
        failures = self._failures.get(key)
        if failures is None or now - failures.last >= _FORGET_AFTER:
            return 0.0
        return float(min(_DELAY_MAX, _DELAY_FIRST * 2 ** min(failures.count - 1, 16)))

    def failed(self, user: str, address: str, now: float) -> None:
        """A login was wrong."""
        self.failed_total += 1
        for key in (("user", user), ("address", address)):
            failures = self._failures.pop(key, None)
            if failures is None or now - failures.last >= _FORGET_AFTER:
                failures = _Failures(0, now)
            failures.count += 1
            failures.last = now
            self._failures[key] = failures
        while len(self._failures) > _MAX_REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        """A login was right: the user's failures are forgotten, the address keeps half of its own."""
        self.accepted_total += 1
        self._failures.pop(("user", user), None)
        failures = self._failures.get(("address", address))
        if failures is not None:
            failures.count //= 2
            if not failures.count:
                del self._failures[("address", address)]


def new_token() -> str:
    """A token nobody can guess."""
    return secrets.token_urlsafe(32)


def token_matches(given: str, token: str) -> bool:
    """Compares in a time that does not tell how much was right. No token given never matches."""
    return bool(given) and bool(token) and hmac.compare_digest(given.encode(), token.encode())


class LinkFile(msgspec.Struct, frozen=True):
    """What a running server leaves for programs on the same machine, under ``run/link.json`` of its state directory."""

    url: str
    """Of the T-Library link, as in ``ws://127.0.0.1:5080/tlib``."""
    token: str
    """Opens the link as administrator. The file is readable by its owner alone."""
    pid: int
    """The server's process."""
    master: str = ""
    """The file its configuration comes from (``up --config``); empty when the store is the master."""


def write_link_file(path: Path, link: LinkFile) -> None:
    """Writes the file so that nobody else can ever read it. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, msgspec.json.encode(link))


def read_link_file(path: Path) -> LinkFile:
    """Reads it. Raises OSError when there is none or it may not be read, ValueError when it is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=LinkFile)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
