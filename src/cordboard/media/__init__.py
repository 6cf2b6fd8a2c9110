"""Media as objects a flow can hold: legs that speak and listen, rooms that mix them, players and recorders.

:class:`Engine` is the real thing, on threads of the Rust core; ``cordboard.testkit.media`` has one without sound that
keeps what it was asked. Both have the face of :mod:`cordboard.media.face`.
"""

from cordboard.media.engine import Engine
from cordboard.media.face import (
    FOREVER,
    File,
    Leg,
    LegStats,
    Listener,
    Media,
    MediaRefusedError,
    PlayEnd,
    Player,
    Playing,
    RecordEnd,
    Recorder,
    Recording,
    Role,
    Room,
    Source,
    Srtp,
    Tone,
    Waves,
)
from cordboard.media.settings import EngineSettings

__all__ = [
    "FOREVER",
    "Engine",
    "EngineSettings",
    "File",
    "Leg",
    "LegStats",
    "Listener",
    "Media",
    "MediaRefusedError",
    "PlayEnd",
    "Player",
    "Playing",
    "RecordEnd",
    "Recorder",
    "Recording",
    "Role",
    "Room",
    "Source",
    "Srtp",
    "Tone",
    "Waves",
]
