"""Messages as a capture file; that others read it is proved in tests/interop/test_capture.py."""

import struct

import pytest

from cordboard.ops.pcap import LONGEST, capture, header, record
from cordboard.ops.trace import Message


def message(local: str, remote: str, data: bytes = b"BYE", *, outgoing: bool = True) -> Message:
    return Message(1, 1_790_000_000.000_25, outgoing, "tls", (local, 5061), (remote, 40_000), data)


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize("data", [b"BYE", b"BYES", b""])
def test_ipv4(data: bytes) -> None:
    packet = record(message("192.0.2.1", "192.0.2.2", data))
    seconds, micros, kept, original = struct.unpack("<IIII", packet[:16])
    assert (seconds, micros, kept, original) == (1_790_000_000, 250, 28 + len(data), 28 + len(data))
    ip, udp = packet[16:36], packet[36:]
    assert checksum(ip) == 0xFFFF
    assert (ip[12:16], ip[16:20]) == (bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]))
    assert struct.unpack("!HHH", udp[:6]) == (5061, 40_000, 8 + len(data))
    assert udp[8:] == data


@pytest.mark.parametrize("data", [b"BYE", b"BYES"])
@pytest.mark.parametrize("remote", ["2001:db8::2", "192.0.2.2"])
def test_ipv6_and_a_mixture_of_both(remote: str, data: bytes) -> None:
    packet = record(message("2001:db8::1", remote, data, outgoing=False))
    ip, udp = packet[16:56], packet[56:]
    assert ip[0] >> 4 == 6
    assert struct.unpack("!HH", udp[:4]) == (40_000, 5061)
    assert checksum(ip[8:] + struct.pack("!II", len(udp), 17) + udp) == 0xFFFF


def test_a_message_longer_than_a_packet_is_cut() -> None:
    assert len(record(message("::1", "::1", b"x" * 70_000))) == 16 + 48 + LONGEST


def test_a_file_begins_with_its_header() -> None:
    messages = [message("192.0.2.1", "192.0.2.2")] * 2
    assert capture(messages) == header() + record(messages[0]) * 2
    assert capture([])[:4] == b"\xd4\xc3\xb2\xa1"
