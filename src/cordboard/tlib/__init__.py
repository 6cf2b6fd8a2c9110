"""The T-Library link: JSON over WebSocket with numbered events. ``docs/tlib-link.md`` describes it for any language."""

from cordboard.tlib.client import TLibClient
from cordboard.tlib.errors import (
    ConnectError,
    LinkClosedError,
    LinkError,
    LoginError,
    RequestError,
    RequestLostError,
    RequestTimeoutError,
    ServerFaultError,
    VersionError,
)
from cordboard.tlib.told import LinkEvent, SnapshotTaken, UnknownEvent

__all__ = [
    "ConnectError",
    "LinkClosedError",
    "LinkError",
    "LinkEvent",
    "LoginError",
    "RequestError",
    "RequestLostError",
    "RequestTimeoutError",
    "ServerFaultError",
    "SnapshotTaken",
    "TLibClient",
    "UnknownEvent",
    "VersionError",
]
