"""An endpoint that does nothing but write down what it is asked: for tests of one machine, without a core."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Said:
    """One command."""

    verb: str
    """``respond``, ``send``, ``send_in_dialog``, ``ack``, ``cancel``, ``forget`` ..."""
    what: tuple[object, ...]
    """Its positional arguments."""
    how: dict[str, Any]
    """Its named ones."""


@dataclass(slots=True)
class Text:
    """A message as far as machines look at it."""

    method: str = "INVITE"
    status: int = 0
    body: bytes = b""
    call_id: str = "call"
    lines: dict[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str | None:
        """The value of a header, by its exact name."""
        return self.lines.get(name)


class RequestEvent:
    """As in the core."""

    def __init__(self, transaction: int, dialog: int, method: str, *, in_dialog: bool = True) -> None:
        self.transaction = transaction
        self.dialog = dialog
        self.in_dialog = in_dialog
        self.message = Text(method)
        self.dn: str | None = None
        self.gruu: tuple[str, str] | None = None


class ResponseEvent:
    """As in the core."""

    def __init__(self, transaction: int, status: int, dialog: int | None = None, method: str = "INVITE") -> None:
        self.transaction = transaction
        self.dialog = dialog
        self.status = status
        self.message = Text(method, status)


class AckEvent:
    """As in the core."""

    def __init__(self, dialog: int) -> None:
        self.dialog = dialog
        self.message = Text("ACK")


class NoAckEvent:
    """As in the core."""

    def __init__(self, dialog: int) -> None:
        self.dialog = dialog


class CancelledEvent:
    """As in the core."""

    def __init__(self, transaction: int, dialog: int) -> None:
        self.transaction = transaction
        self.dialog = dialog
        self.message = Text("CANCEL")


class FailedEvent:
    """As in the core."""

    def __init__(self, transaction: int, failure: str = "timeout") -> None:
        self.transaction = transaction
        self.dialog: int | None = None
        self.call_id = "made-by-us"
        self.failure = failure


class Scripted:
    """The endpoint. Put events into :attr:`waiting`; find commands in :attr:`said`."""

    def __init__(self) -> None:
        self.waiting: list[Any] = []
        self.said: list[Said] = []
        self._next = 1000

    def events(self) -> list[Any]:
        """Takes what waits."""
        taken, self.waiting = self.waiting, []
        return taken

    def _keep(self, verb: str, what: tuple[object, ...], how: dict[str, Any]) -> int:
        self.said.append(Said(verb, what, how))
        self._next += 1
        return self._next

    def __getattr__(self, verb: str) -> Any:  # noqa: ANN401 - stands for every command
        if verb.startswith("_"):
            raise AttributeError(verb)
        return lambda *what, **how: self._keep(verb, what, how)

    def brief(self) -> list[str]:
        """The commands in a few words each: ``respond 200``, ``bye``, ``ack``; and forgets them."""
        found = []
        for said in self.said:
            if said.verb == "respond":
                found.append(f"respond {said.what[1]}")
            elif said.verb == "send_in_dialog":
                found.append(str(said.what[1]).lower())
            else:
                found.append(said.verb)
        self.said.clear()
        return found
