"""The switch's log: one line for each call that ended, more when asked for.

Lines are structured: an event in a few words, and fields; ``conn_id`` and ``call_id`` (a SIP Call-ID) on all that
belong to a call. Building the fields of a debug line costs, so ask :attr:`Log.debugging` first.
"""

from __future__ import annotations

import logging

import structlog


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

    def debug(self, event: str, **fields: object) -> None:
        """A line for who looks for a fault."""
        self._log.debug(event, **fields)

    def info(self, event: str, **fields: object) -> None:
        """A line for the operator."""
        self._log.info(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Something is wrong with a phone or its network."""
        self._log.warning(event, **fields)

    def fault(self, event: str, error: Exception, **fields: object) -> None:
        """Something is wrong with us."""
        self._log.error(event, exc_info=error, **fields)
