"""A virtual centre's calls as a trace, for the same ladder that ``cordboard trace`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard import _core
from cordboard.model.events import CallEvent
from cordboard.ops.masking import masked
from cordboard.ops.trace import Message, Trace, step_of
from cordboard.testkit.centre import EPOCH

if TYPE_CHECKING:
    from cordboard.testkit.centre import Centre


def trace_of(centre: Centre) -> Trace:
    """All that went between the switch and its phones, registrations apart, and every event of a call.

    A message to the switch is there at the moment it was sent, lost ones included.
    """
    ours = centre.node.address
    messages = []
    for number, packet in enumerate(centre.network.packets, 1):
        if ours not in {packet.source, packet.target} or _core.Message.parse(packet.data).method == "REGISTER":
            continue
        outgoing = packet.source == ours
        remote = packet.target if outgoing else packet.source
        messages.append(
            Message(number, EPOCH + packet.sent, outgoing, "udp", ours, remote, masked(packet.data, digits=True))
        )
    events = [event for event in centre.desktop.events if isinstance(event, CallEvent)]
    conn_ids = list(dict.fromkeys(event.conn_id for event in events))
    return Trace(conn_ids, [], messages, [step_of(event) for event in events], live=bool(centre.switch.calls))
