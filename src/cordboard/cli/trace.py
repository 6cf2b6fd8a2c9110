"""``cordboard trace``: the ladder of a call, all its legs and what the desktops asked and were told."""

import contextlib
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.table import Table

from cordboard.cli.admin import NotFoundError, ask
from cordboard.cli.lines import moment, shown
from cordboard.cli.link import JsonOption, StateOption, err, fail, out
from cordboard.ops import pcap
from cordboard.ops.ladder import Ladder
from cordboard.ops.terminals import visible
from cordboard.ops.trace import KnownCall, Message, Step, Trace
from cordboard.runtime.tracing import TRACE_PATH

app = typer.Typer(name="trace", add_completion=False, rich_markup_mode="rich")

CONN_ID: Final = re.compile(r"[0-9a-f]{16}")
INTERVAL: Final = 0.25
"""Seconds between two looks at a call that is followed."""
LAST_LOOKS: Final = 4
"""Looks at a call after it has ended: answers to its BYEs are still to come."""


@app.command()
def trace(
    name: Annotated[
        str, typer.Argument(help="ConnID of the call, or Call-ID of any leg; none lists the calls.", show_default=False)
    ] = "",
    *,
    dn: Annotated[str, typer.Option("--dn", help="The latest call of this DN or number.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print as it happens, until the call ends.")] = False,
    messages: Annotated[
        bool, typer.Option("--messages", "-m", help="Each message and event in full; secrets are masked.")
    ] = False,
    as_json: JsonOption = False,
    file: Annotated[
        Path | None, typer.Option("--pcap", help="Write the messages to a file for Wireshark.", show_default=False)
    ] = None,
    state: StateOption = None,
) -> None:
    """Print the ladder of a call: every leg, and what the desktops asked and were told, in time order.

    A call is traced with the consultations made for it, while it goes on or afterwards: the server keeps the latest
    calls (options trace-calls and trace-memory).

    [bold]Examples[/]

      cordboard trace                              the calls that can be traced

      cordboard trace 0123456789abcdef             a call by its ConnID

      cordboard trace 3848276298220188511@10.0.1.1 by the Call-ID of one of its legs

      cordboard trace --dn 1501 --follow           the call 1501 has now, or its next one, as it happens

      cordboard trace --dn 1501 --messages         with every message in full

      cordboard trace --dn 1501 --pcap call.pcap   for Wireshark
    """
    if name and dn:
        fail("give a call or --dn, not both", 64)
    if not name and not dn:
        _list(state, as_json=as_json)
        return
    # A Call-ID may look like a ConnID: baresip's do.
    kinds = ("dn",) if dn else ("conn_id", "call_id") if CONN_ID.fullmatch(name) else ("call_id",)
    viewer = _Viewer(state, [(kind, dn or name) for kind in kinds], details=messages, as_json=as_json)
    try:
        viewer.follow() if follow else viewer.once()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        if file is not None and viewer.messages:
            _write(file, viewer.messages)


def _write(file: Path, messages: list[Message]) -> None:
    try:
        file.write_bytes(pcap.capture(messages))
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    err.print(f"[dim]{len(messages)} messages in {shown(str(file))}[/]")


def _list(state: Path | None, *, as_json: bool) -> None:
    calls = msgspec.json.decode(ask(state, TRACE_PATH), type=list[KnownCall])
    if as_json:
        for call in calls:
            typer.echo(msgspec.json.encode(call).decode())
        return
    if not calls:
        out.print("[dim]No calls are known. (Option trace-calls says how many are kept.)[/]")
        return
    table = Table(title=f"{len(calls)} call{'s' if len(calls) != 1 else ''}, the latest last", title_justify="left")
    for column in ("Began", "Parties", "ConnID", ""):
        table.add_column(column)
    for call in calls:
        table.add_row(moment(call.at), shown(", ".join(call.dns)), call.conn_id, "[green]now[/]" if call.live else "")
    out.print(table)


@dataclass(slots=True)
class _Seen:
    """How far a trace has been printed."""

    message: int = 0
    step: int = 0


class _Viewer:
    """Prints a trace, at once or as it grows."""

    def __init__(self, state: Path | None, wanted: list[tuple[str, str]], *, details: bool, as_json: bool) -> None:
        """``wanted``: what the call may be known by, the likeliest first."""
        self.messages: list[Message] = []
        self._state = state
        self._wanted = wanted
        self._details = details
        self._as_json = as_json
        self._seen = _Seen()
        self._ladder = Ladder()

    def once(self) -> None:
        """What there is now."""
        found = self._look()
        if found is None:
            what, name = self._wanted[0]
            told = {"dn": f"no call of {name}", "conn_id": f"no call {name}", "call_id": f"no call with a leg {name}"}
            fail(f"{told[what]} is known; cordboard trace lists those that are")
        self._print(found)

    def follow(self) -> None:
        """Waits for the call, and prints it as it happens until it has ended."""
        found = self._look()
        waiting = found is None or not found.live
        if waiting:
            err.print("[dim]waiting for the call; Ctrl-C ends[/]")
        while found is None or not found.live:
            time.sleep(INTERVAL)
            found = self._look()
        # From here on it is this call, whatever its DN does next.
        self._wanted = [("conn_id", found.conn_ids[0])]
        looks = LAST_LOOKS
        while looks:
            self._print(found)
            time.sleep(INTERVAL)
            found = self._look() or found
            looks = LAST_LOOKS if found.live else looks - 1

    def _look(self) -> Trace | None:
        after = str(self._seen.message)
        for kind, name in self._wanted:
            with contextlib.suppress(NotFoundError):
                return msgspec.json.decode(ask(self._state, TRACE_PATH, {kind: name, "after": after}), type=Trace)
        return None

    def _print(self, found: Trace) -> None:
        """Prints what has not been printed of it."""
        seen = self._seen
        # Two looks may overlap only in what has been printed.
        fresh = [message for message in found.messages if message.number > seen.message]
        new = msgspec.structs.replace(found, messages=fresh, steps=found.steps[seen.step :])
        seen.step = max(seen.step, len(found.steps))
        if fresh:
            seen.message = fresh[-1].number
        self.messages += fresh
        if self._as_json:
            items: list[Message | Step] = [*new.messages, *new.steps]
            for item in sorted(items, key=lambda item: item.at):
                typer.echo(msgspec.json.encode(item).decode())
            return
        rows = self._ladder.add(new)
        if rows and self._ladder.changed:
            for line in self._ladder.heading():
                out.print(visible(line), markup=False)
        for line in self._ladder.lines(rows, details=self._details):
            out.print(visible(line), markup=False)
