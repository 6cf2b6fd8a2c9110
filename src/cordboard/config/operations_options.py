"""The options of those who run a server."""

from __future__ import annotations

from cordboard.config.kinds import (
    Choice,
    Duration,
    Host,
    Integer,
    SecretText,
    SocketAddress,
    Text,
    split_socket_address,
)
from cordboard.config.optionset import Option, OptionSet
from cordboard.config.secret import Secret
from cordboard.config.shared_options import BOOL, DAY, OURS


class ProcessOptions(OptionSet):
    """What any server has: logs, health and metrics, an orderly stop."""

    __slots__ = ()

    http_address = Option(
        "http-address",
        Host(),
        "127.0.0.1",
        "Address health and metrics listen on.",
        source=OURS,
        since="0.1",
        restart=True,
    )
    http_port = Option(
        "http-port",
        Integer(0, 65535),
        8080,
        "Port of health and metrics; 0 takes any free one.",
        source=OURS,
        since="0.1",
        restart=True,
    )
    log_level = Option(
        "log-level",
        Choice(("debug", "info", "warning", "error")),
        "info",
        "Least level that is logged.",
        source=OURS,
        since="0.1",
        example="debug",
    )
    log_format = Option(
        "log-format",
        Choice(("auto", "text", "json")),
        "auto",
        "Form of the log: text for people, JSON for machines; auto takes text on a terminal.",
        source=OURS,
        since="0.1",
        restart=True,
    )
    drain_timeout = Option(
        "drain-timeout",
        Duration(0, DAY),
        30.0,
        "On a stop new calls are answered 503 and calls in progress have this long to end by themselves.",
        source=OURS,
        since="0.1",
        example="10m",
    )


class OperationsOptions(ProcessOptions):
    """What those who run a server see of it: logs, metrics, call records, traces, an orderly stop."""

    __slots__ = ()

    cdr_enabled = Option(
        "cdr-enabled", BOOL, True, "A record is written for every call.", source=OURS, since="0.1", restart=True
    )
    cdr_keep = Option(
        "cdr-keep",
        Duration(0, 3650 * DAY),
        90 * DAY,
        "How long call records are kept; 0 means for ever.",
        source=OURS,
        since="0.1",
        example="30d",
    )
    cdr_file = Option(
        "cdr-file",
        Text(1024),
        "",
        "File that also gets every call record, one JSON object a line.",
        source=OURS,
        since="0.1",
        restart=True,
        example="/var/log/cordboard/calls.jsonl",
    )
    cdr_csv_file = Option(
        "cdr-csv-file",
        Text(1024),
        "",
        "File that also gets every call record, as CSV; its name gets the day or hour: calls-20261128.csv.",
        source=OURS,
        since="0.2",
        restart=True,
        example="/var/log/cordboard/calls.csv",
    )
    cdr_csv_roll = Option(
        "cdr-csv-roll",
        Choice(("day", "hour", "never")),
        "day",
        "How often the file of cdr-csv-file gives way to the next, by local time.",
        source=OURS,
        since="0.2",
        restart=True,
    )
    cdr_csv_size = Option(
        "cdr-csv-size",
        Integer(0, 1 << 40),
        0,
        "Bytes after which a next file of the same day or hour begins (calls-20261128.2.csv); 0: any size.",
        source=OURS,
        since="0.2",
        restart=True,
        example="100000000",
    )
    cdr_csv_keep = Option(
        "cdr-csv-keep",
        Integer(0, 1_000_000),
        0,
        "Files of cdr-csv-file that are kept, the latest; 0 keeps all.",
        source=OURS,
        since="0.2",
        restart=True,
        example="31",
    )
    trace_calls = Option(
        "trace-calls",
        Integer(0, 100_000),
        200,
        "Calls whose T-Library events are kept for cordboard trace when they have ended, the latest; 0 keeps nothing.",
        source=OURS,
        since="0.2",
        example="1000",
    )
    trace_memory = Option(
        "trace-memory",
        Integer(1 << 16, 1 << 32),
        16 << 20,
        "Bytes of messages kept for cordboard trace; the oldest go first.",
        source=OURS,
        since="0.2",
    )
    trace_digits = Option(
        "trace-digits",
        BOOL,
        False,
        "Whether cordboard trace shows the keys parties press, PINs and card numbers among them; else they are masked.",
        source=OURS,
        since="0.2",
        example="true",
    )
    hep_address = Option(
        "hep-address",
        SocketAddress(),
        "",
        "Literal address and port of a collector that is sent a copy of every SIP message and T-Library event (HEPv3 "
        "over UDP). Empty: none.",
        source=OURS,
        since="0.2",
        example="192.0.2.60:9060",
    )
    hep_id = Option(
        "hep-id",
        Integer(0, 4_294_967_295),
        2001,
        "Number of this server at the collector.",
        source=OURS,
        since="0.2",
    )
    hep_password = Option(
        "hep-password", SecretText(), Secret(""), "What the collector wants to hear.", source=OURS, since="0.2"
    )

    def collector(self) -> tuple[str, int] | None:
        """Return the collector's address; None for none. The text has been checked."""
        return split_socket_address(self.hep_address) if self.hep_address else None
