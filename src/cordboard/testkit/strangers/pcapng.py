"""Packets out of a capture file that is still being written: pcapng, UDP over IPv4 and IPv6, on loopback."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = struct.Struct("<II")
_OPTION = struct.Struct("<HH")
_INTERFACE = struct.Struct("<HHI")
_ENHANCED = struct.Struct("<5I")
_INTERFACE_DESCRIPTION_BLOCK = 1
_ENHANCED_PACKET_BLOCK = 6
_TIME_RESOLUTION = 9
"""The option if_tsresol (draft-ietf-opsawg-pcapng section 4.2): a power of ten, or of two with the high bit set."""
_MICROSECONDS = 1e6
_ETHERNET_HEADER = 14
_UDP = 17
_IPV6_HEADER = 40


@dataclass(frozen=True, slots=True)
class Datagram:
    """One UDP datagram."""

    at: float
    """When it passed, in seconds of the capture's clock."""
    port: int
    """To which port."""
    payload: bytes


class Reader:
    """Reads on from where it stopped; a block that is not yet whole is left for the next time."""

    def __init__(self, file: Path) -> None:
        """``file``: as tshark writes it on this machine: little endian, Ethernet frames of one interface."""
        self._file = file
        self._offset = 0
        self._ticks = _MICROSECONDS
        """Of the capture's clock, a second."""

    def read(self) -> Iterator[Datagram]:
        """The UDP datagrams written since the last time."""
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        at = 0
        while at + _BLOCK.size <= len(data):
            kind, length = _BLOCK.unpack_from(data, at)
            if length < 12 or at + length > len(data):
                break
            if kind == _INTERFACE_DESCRIPTION_BLOCK:
                self._ticks = _ticks(data[at + _BLOCK.size + _INTERFACE.size : at + length - 4])
            elif kind == _ENHANCED_PACKET_BLOCK:
                _, high, low, captured, _ = _ENHANCED.unpack_from(data, at + _BLOCK.size)
                start = at + _BLOCK.size + _ENHANCED.size
                datagram = _udp(((high << 32) + low) / self._ticks, data[start : start + captured])
                if datagram is not None:
                    yield datagram
            at += length
            self._offset += length


def _ticks(options: bytes) -> float:
    """How many units of time a second has, by the options of an interface."""
    at = 0
    while at + _OPTION.size <= len(options):
        code, length = _OPTION.unpack_from(options, at)
        if code == _TIME_RESOLUTION and length == 1:
            value = options[at + _OPTION.size]
            return 2.0 ** (value & 0x7F) if value & 0x80 else 10.0**value
        at += _OPTION.size + (length + 3) // 4 * 4
    return _MICROSECONDS


def _udp(at: float, frame: bytes) -> Datagram | None:
    packet = frame[_ETHERNET_HEADER:]
    if not packet:
        return None
    if packet[0] >> 4 == 4:
        protocol, header = packet[9], (packet[0] & 0x0F) * 4
    else:
        protocol, header = packet[6], _IPV6_HEADER
    if protocol != _UDP or len(packet) < header + 8:
        return None
    return Datagram(at, int.from_bytes(packet[header + 2 : header + 4]), packet[header + 8 :])
