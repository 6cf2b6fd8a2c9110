"""SIP messages as a capture file that Wireshark, tshark and sngrep read: each in an IP and UDP header of our making.

The classic format (magic a1b2c3d4, microseconds) with link type 101, raw IP. What came over TCP or TLS is written as if
it were one datagram: what the wire carried is not kept, only the messages.
"""

import ipaddress
import struct
from collections.abc import Iterable
from typing import Final

from cordboard.ops.trace import Message

_RAW_IP: Final = 101
_UDP: Final = 17
LONGEST: Final = 65_000
"""Bytes of a message that are written."""


def header() -> bytes:
    """The beginning of a file."""
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, _RAW_IP)


def record(message: Message) -> bytes:
    """One message."""
    sender, receiver = (message.local, message.remote) if message.outgoing else (message.remote, message.local)
    source, target = ipaddress.ip_address(sender[0]), ipaddress.ip_address(receiver[0])
    if source.version != target.version:
        source, target = (
            ipaddress.IPv6Address(f"::ffff:{one}") if one.version == 4 else one for one in (source, target)
        )
    data = message.data[:LONGEST]
    udp = struct.pack("!HHHH", sender[1], receiver[1], 8 + len(data), 0)
    if source.version == 4:
        length = 20 + len(udp) + len(data)
        plain = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, 64, _UDP, 0) + source.packed + target.packed
        ip = plain[:10] + struct.pack("!H", _checksum(plain)) + plain[12:]
    else:
        udp = udp[:6] + struct.pack("!H", _checksum_v6(source.packed + target.packed, udp + data))
        ip = struct.pack("!IHBB", 0x60000000, len(udp) + len(data), _UDP, 64) + source.packed + target.packed
    packet = ip + udp + data
    seconds, rest = divmod(round(message.at * 1e6), 1_000_000)
    return struct.pack("<IIII", seconds, rest, len(packet), len(packet)) + packet


def capture(messages: Iterable[Message]) -> bytes:
    """A whole file."""
    return header() + b"".join(map(record, messages))


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) // 2 * 2]))
    if len(data) % 2:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _checksum_v6(addresses: bytes, segment: bytes) -> int:
    """RFC 8200 8.1: UDP over IPv6 must have one."""
    return _checksum(addresses + struct.pack("!II", len(segment), _UDP) + segment) or 0xFFFF
