"""The ears on the wire: what they hear in packets that are written by hand."""

import math
import struct
from pathlib import Path

import pytest

from cordboard.testkit.strangers import g711
from cordboard.testkit.strangers.ears import NOISE, whose
from cordboard.testkit.strangers.pcapng import Datagram, Reader

VOICES = (("ann", 450.0), ("bob", 700.0))


def mu_law(value: int) -> int:
    """Encodes by search in the decoder's table, so that the two cannot err together in the formula."""
    table = g711.decode(g711.PCMU, bytes(range(256)))
    assert table is not None
    return min(range(256), key=lambda code: abs(table[code] - value))


def voice(*hertz: float, peak: float = 8000.0) -> bytes:
    return bytes(
        mu_law(round(sum(peak * math.sin(2 * math.pi * h * i / 8000) for h in hertz) / len(hertz))) for i in range(160)
    )


def test_the_tables_are_those_of_g711() -> None:
    """The ends of both laws and their smallest steps, by ITU-T G.711 tables 1 and 2 (16 bit scale)."""
    assert list(g711.decode(g711.PCMU, b"\x00\x7f\x80\xff") or []) == [-32124, 0, 32124, 0]
    assert list(g711.decode(g711.PCMA, b"\x2a\xaa\xd5\x55") or []) == [-32256, 32256, 8, -8]
    assert g711.decode(101, b"\x01\x02\x03\x04") is None


@pytest.mark.parametrize(
    ("payload", "who"),
    [
        (voice(450), "ann"),
        (voice(700), "bob"),
        (voice(1000), NOISE),
        (voice(450, 700), "ann+bob"),
        (voice(450, 1000), NOISE),
        (voice(450, peak=40), None),
        (b"\xff" * 160, None),
    ],
    ids=["ann", "bob", "a stranger", "both at once", "one and a stranger", "too faint", "silence"],
)
def test_a_packet_is_put_down_to_whose_voice_it_is(payload: bytes, who: str | None) -> None:
    assert whose(g711.PCMU, payload, VOICES) == who


def block(kind: int, body: bytes) -> bytes:
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def packet(ticks: int, port: int, payload: bytes) -> bytes:
    udp = struct.pack(">HHHH", 4000, port, 8 + len(payload), 0) + payload
    address = b"\x7f\x00\x00\x01"
    frame = b"\x00" * 12 + b"\x08\x00" + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + address * 2
    frame += udp
    padded = frame + b"\x00" * (-len(frame) % 4)
    return block(6, struct.pack("<5I", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame)) + padded)


@pytest.mark.parametrize(("options", "ticks"), [(b"", 10**6), (b"\x09\x00\x01\x00\x09\x00\x00\x00", 10**9)])
def test_a_capture_is_read_while_it_is_written(tmp_path: Path, options: bytes, ticks: int) -> None:
    file = tmp_path / "capture.pcapng"
    reader = Reader(file)
    assert list(reader.read()) == []
    whole = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(
        1, struct.pack("<HHI", 1, 0, 0) + options
    )
    whole += packet(5 * ticks, 4002, b"one") + packet(6 * ticks, 4004, b"two!")
    file.write_bytes(whole[:-3])
    assert list(reader.read()) == [Datagram(5.0, 4002, b"one")]
    file.write_bytes(whole)
    assert list(reader.read()) == [Datagram(6.0, 4004, b"two!")]
