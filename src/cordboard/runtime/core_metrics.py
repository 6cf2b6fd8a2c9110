"""What a SIP core counts, as metrics: of a SIP Server or of a Media Server, each with its own name for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.ops.metrics import PartCollector

if TYPE_CHECKING:
    from cordboard import _core

GAUGES: Final = frozenset(
    {
        "dialogs",
        "invite_client_transactions",
        "invite_server_transactions",
        "non_invite_client_transactions",
        "non_invite_server_transactions",
        "client_transactions",
        "server_transactions",
        "transactions",
        "provisionals_heard_reliably",
        "provisionals_sent_reliably",
        "requests_authenticating",
        "successes_unacknowledged",
        "tcp_connections",
        "tls_handshaking",
        "trace_bytes",
        "udp_receive_buffer",
    }
)
"""What it tells of the moment; all else only grows."""


def collector(name: str, help_text: str, endpoint: _core.Endpoint) -> PartCollector:
    """``name``: as for :class:`PartCollector`."""
    return PartCollector(name, help_text, endpoint.counters, gauges=GAUGES)
