"""The media server's log. ``call_id`` is the SIP Call-ID of a leg, ``conn_id`` the call it belongs to."""

from __future__ import annotations

import structlog


class Log:
    """A thin face on structlog."""

    __slots__ = ("_log",)

    def __init__(self, name: str = "cordboard.mediaserver") -> None:
        self._log = structlog.get_logger(name)

    def info(self, event: str, **fields: object) -> None:
        """A line for the operator."""
        self._log.info(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Something is wrong with a party, its network or a file."""
        self._log.warning(event, **fields)

    def fault(self, event: str, error: Exception, **fields: object) -> None:
        """Something is wrong with the server."""
        self._log.error(event, exc_info=error, **fields)
