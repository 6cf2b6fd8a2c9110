"""The switch's log: what goes wrong, and more when asked for. The line of each call is made of its record.

Lines are structured: an event in a few words, and fields; ``conn_id`` and ``call_id`` (a SIP Call-ID) on all that
belong to a call. Building the fields of a debug line costs, so ask :attr:`Log.debugging` first.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable


class Log:
    """A thin face on structlog."""

    __slots__ = ("_log", "debugging")

    def __init__(self, name: str = "cordboard.switch") -> None:
        self._log = structlog.get_logger(name)
        self.debugging = False
        """Whether debug lines are wanted; set by :meth:`refresh`."""
        self.refresh(name)

    def refresh(self, name: str = "cordboard.switch") -> None:
        """Looks up the log level anew."""
        self.debugging = logging.getLogger(name).isEnabledFor(logging.DEBUG)

    # What is given is not handed on once more: to whoever asks for a method, that of the logger itself is given.

    @property
    def debug(self) -> Callable[..., None]:
        """A line for who looks for a fault: the event, and fields by their names."""
        return self._log.bind().debug  # type: ignore[no-any-return]

    @property
    def info(self) -> Callable[..., None]:
        """A line for the operator."""
        return self._log.bind().info  # type: ignore[no-any-return]

    @property
    def warning(self) -> Callable[..., None]:
        """Something is wrong with a phone or its network."""
        return self._log.bind().warning  # type: ignore[no-any-return]

    def fault(self, event: str, error: Exception, **fields: object) -> None:
        """Something is wrong with us."""
        self._log.error(event, exc_info=error, **fields)
