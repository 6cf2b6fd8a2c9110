"""What the engine must know to start; the options ``media-...`` fill it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cordboard.media.face import Srtp


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The engine as configured. Times are seconds."""

    addresses: tuple[str, ...] = ("127.0.0.1",)
    """Where legs receive: the first of each family of addresses is used."""
    advertise: tuple[tuple[str, str], ...] = ()
    """Pairs of such an address and the one peers are told in its place."""
    ports: tuple[int, int] = (16_384, 32_767)
    """The first and the last."""
    port_rest: float = 5.0
    """How long a port is not used again."""
    threads: int = 1
    """Threads packets are handled on."""
    realtime: bool = False
    """Whether they go before all that is not of real time on this machine, where it lets them."""
    codecs: tuple[str, ...] | None = None
    """In the order offered, as ``PCMA``, ``G722``, ``L16/16000``; None for the engine's own."""
    ptime: int = 20
    """Milliseconds of sound in a packet, where the peer does not mind."""
    srtp: Srtp = "optional"
    """How legs are encrypted of which nothing is said."""
    comfort_noise: bool = False
    """Whether a peer may say what its pauses sound like rather than send them (RFC 3389)."""
    inband_digits: bool = False
    """Whether keys in the sound of a peer that knows no events are sent as events to the one it is joined with."""
    country: str = "us"
    """Whose tones are played where none is named (ISO 3166)."""
    report_interval: float = 5.0
    """Between two reports to a peer, and between two of quality."""
    lost_after: float = 10.0
    """After how long nothing coming is told."""
    one_way_after: float = 5.0
    """After how long of sending with never an answer it is told that only one hears the other."""
    sound_cache: int = 64 << 20
    """Octets of sounds kept decoded."""
