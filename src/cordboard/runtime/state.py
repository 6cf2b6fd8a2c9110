"""The state directory: what a server keeps between runs, and the proof that no other server uses it."""

import contextlib
import fcntl
import importlib.metadata
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

STATE_VARIABLES: Final = ("CORDBOARD_STATE", "STATE_DIRECTORY")
"""Where the directory is named: our own variable, then systemd's."""


def version() -> str:
    """The version of this Cordboard."""
    try:
        return importlib.metadata.version("cordboard")
    except importlib.metadata.PackageNotFoundError:
        return "0"


def default_state() -> Path:
    """The state directory unless told: ``$CORDBOARD_STATE``, systemd's ``$STATE_DIRECTORY``, or the user's own."""
    for name in STATE_VARIABLES:
        if value := os.environ.get(name):
            return Path(value.split(":")[0])
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "cordboard"


DEMO: Final = "demo"
"""Where the demo lives within the default state directory."""


def running_state() -> Path:
    """The default state directory, or the demo's if only the demo runs."""
    state = default_state()
    demo = state / DEMO
    return demo if not link_file_of(state).exists() and link_file_of(demo).exists() else state


class StateError(Exception):
    """The state directory cannot be used. ``path`` and ``reason`` say which and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the state directory {path} cannot be used: {reason}")
        self.path = path
        self.reason = reason


class State:
    """A state directory in use by this process until closed."""

    def __init__(self, path: Path) -> None:
        """Makes the directory if need be and locks it. Raises StateError."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(path, error.strerror or str(error)) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            os.close(self._lock)
            raise StateError(path, f"another server uses it{f' (process {pid})' if pid else ''}") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    @property
    def database(self) -> str:
        """Configuration and call records: a file, or the URL in ``$CORDBOARD_DATABASE``."""
        return database_location(self.path)

    @property
    def bindings(self) -> Path:
        """The core's journal of registrations."""
        return self.path / "bindings.journal"

    @property
    def bans(self) -> Path:
        """Sources nobody listens to for a while."""
        return self.path / "bans.json"

    @property
    def link_file(self) -> Path:
        """URL and token of the T-Library link, for programs of the same user."""
        return link_file_of(self.path)

    def close(self) -> None:
        """Gives the directory free."""
        os.close(self._lock)


def database_of(state: Path) -> Path:
    """The database within a state directory."""
    return state / "cordboard.db"


def database_location(state: Path) -> str:
    """The database of a server: the URL in ``$CORDBOARD_DATABASE``, else the file in its state directory."""
    return os.environ.get("CORDBOARD_DATABASE") or str(database_of(state))


def link_file_of(state: Path) -> Path:
    """The link file within a state directory."""
    return state / "run" / "link.json"


def notify_systemd(message: str) -> None:
    """Tells systemd (``READY=1``, ``STOPPING=1`` ...) if it started us with Type=notify."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto(message.encode(), address)
        except OSError:
            return


@contextlib.contextmanager
def reloading() -> Iterator[None]:
    """While the configuration is read again. systemd (Type=notify-reload) waits for the end of it."""
    notify_systemd(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
    try:
        yield
    finally:
        notify_systemd("READY=1")
