"""A ladder diagram as text: who sent what to whom, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cordboard import _core
    from cordboard.testkit.network import Packet, VirtualNetwork


def summary(data: bytes) -> str:
    """What a message is, in a few words: ``INVITE +sdp``, ``180 INVITE``, ``ACK``."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    first = lines[0].split(" ", 2)
    if lines[0].startswith("SIP/2.0 "):
        method = next((line.split()[-1] for line in lines if line.lower().startswith("cseq:")), "?")
        text = f"{first[1]} {method}"
    else:
        text = first[0]
    return f"{text} +body" if body else text


def ladder(network: VirtualNetwork, packets: Iterable[Packet] | None = None, *, times: bool = False) -> str:
    """The packets of a network, or those given, as one line each, under a line of names.

    A lost packet ends in an ``x``.
    """
    chosen = list(network.packets if packets is None else packets)
    columns: dict[_core.Address, int] = {}
    for packet in chosen:
        for address in (packet.source, packet.target):
            columns.setdefault(address, len(columns))
    width = 24
    lines = ["".join(network.name_of(address).ljust(width) for address in columns).rstrip()]
    for packet in chosen:
        left, right = columns[packet.source], columns[packet.target]
        text = f" {summary(packet.data)} "
        low, high = min(left, right), max(left, right)
        span = (high - low) * width - 1
        middle = text.center(span - 1, "-")
        end = "x" if packet.lost else ">" if right > left else "<"
        arrow = f"{middle}{end}" if right > left else f"{end}{middle}"
        line = "|".ljust(width) * low + "|" + arrow + "|"
        line += ("|".rjust(width)) * (len(columns) - 1 - high)
        lines.append(f"{packet.sent:9.3f}  {line}" if times else line)
    return "\n".join(line.rstrip() for line in lines) + "\n"
