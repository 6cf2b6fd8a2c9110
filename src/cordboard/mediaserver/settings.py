"""What the media server must know of itself; the options ``media-...`` fill it in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - a field's type


@dataclass(frozen=True, slots=True)
class MediaServerSettings:
    """The server as configured. Times are seconds."""

    domain: str
    """Host part of the addresses it gives out."""
    peers: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses (host, or host:port) of the SIP Servers it works for; nobody else is served."""
    max_legs: int = 2_000
    """Most legs at once; one more is answered 503."""
    retry_after: int = 5
    """Seconds of Retry-After with a 503."""
    conference_limit: int = 200
    """Most parties of a conference."""
    conference_loudest: int = 3
    """How many of those who talk at once are mixed, the loudest; 0 for all."""
    max_conferences: int = 500
    """Most conferences at once."""
    language: str = "en"
    """Of prompts where none is asked for."""
    country: str = "us"
    """Whose tones are played (ISO 3166)."""
    folders: tuple[Path, ...] = ()
    """Where the operator's own sounds are, the first before the second."""
    recordings: Path | None = None
    """Where recordings go; None records nothing."""
    record_format: str = "wav"
    """Of recordings whose name does not say it: ``wav`` or ``opus``."""
    record_channels: int = 1
    """2: the first party on the left, the others on the right."""
    longest_record: int = 14_400
    """Longest recording there may be."""
    session_refresh: int = 0
    """The session timer asked of callers; 0 for none but what they ask for."""
    dialogs_per_leg: int = 16
    """Most MSML dialogs on one leg or conference."""
