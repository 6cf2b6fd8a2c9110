"""``cordboard calls``: the calls there are now, and the records of those that were."""

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from cordboard.cli.lines import duration, moment, outcome_style, shown
from cordboard.cli.link import Way, fail, out, over_link, run
from cordboard.model.enums import CallType
from cordboard.model.events import EventAddressInfo, EventPartyInfo
from cordboard.model.requests import QueryAddress
from cordboard.runtime.state import database_location, running_state
from cordboard.switch.records import CallRecord

app = typer.Typer(name="calls", add_completion=False, rich_markup_mode="rich")


@app.callback(invoke_without_command=True)
@over_link
def calls(
    context: typer.Context,
    *,
    live: Annotated[bool, typer.Option("--live", help="Only calls there are now.")] = False,
    recent: Annotated[bool, typer.Option("--recent", help="Only records of ended calls.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Most records to show.")] = 20,
    number: Annotated[str, typer.Option("--number", help="Only calls this number was a party of.")] = "",
    outcome: Annotated[
        str, typer.Option("--outcome", help="Only records with this outcome: answered, busy, no-answer, cancelled ...")
    ] = "",
    way: Way,
) -> None:
    """Show the calls there are now and the latest that ended.

    [bold]Examples[/]

      cordboard calls                              both

      cordboard calls --live                       now

      cordboard calls --recent -n 100 --number 1501

      cordboard calls --recent --json | jq 'select(.outcome == "busy")'

    Calls of the moment come over the T-Library link and need an administrator (or the server on this machine). Records
    are read from the store in the state directory.
    """
    if context.invoked_subcommand is not None:
        return
    if not recent:
        parties = run(lambda: _live(way))
        found = [p for p in parties if not number or number in p.parties]
        if way.as_json:
            for party in found:
                typer.echo(msgspec.json.encode(party).decode())
        else:
            out.print(_live_table(found) if found else "[dim]No calls now.[/]")
    if not live:
        records = _records(way.state or running_state(), limit, number, outcome)
        if way.as_json:
            for record in records:
                typer.echo(msgspec.json.encode(record).decode())
        else:
            out.print(_record_table(records) if records else "[dim]No records of ended calls.[/]")


async def _live(way: Way) -> list[EventPartyInfo]:
    """One EventPartyInfo for each call."""
    async with way.client() as link:
        reference_id = await link.request(QueryAddress(this_dn="*"))
        found: dict[str, EventPartyInfo] = {}
        async for event in link.events():
            if isinstance(event, EventPartyInfo):
                # The caller's view where there is one: it knows whom it called.
                if event.conn_id not in found or event.this_dn == event.ani:
                    found[event.conn_id] = event
            elif getattr(event, "reference_id", 0) == reference_id:
                if not isinstance(event, EventAddressInfo):
                    fail(getattr(event, "error_message", "refused"))
                break
        return sorted(found.values(), key=lambda p: p.creation_time.sec if p.creation_time else 0)


def _records(state: Path, limit: int, number: str, outcome: str) -> list[CallRecord]:
    # SQLAlchemy takes its time to load.
    from cordboard.config.database import Database, StoreError
    from cordboard.ops.records import recent as read_recent

    where = database_location(state)
    if "://" not in where and not Path(where).exists():
        return []
    try:
        database = Database(where)
        try:
            return list(read_recent(database, limit=limit, number=number, outcome=outcome))
        finally:
            database.close()
    except StoreError as error:
        fail(str(error))


def _live_table(parties: list[EventPartyInfo]) -> Table:
    table = Table(title=f"{len(parties)} call{'s' if len(parties) != 1 else ''} now", title_justify="left")
    for column in ("ConnID", "From", "To", "State", "Type", "For"):
        table.add_column(column)
    now = time.time()
    for party in parties:
        started = party.creation_time.sec if party.creation_time else now
        table.add_row(
            party.conn_id,
            shown(party.ani or party.this_dn),
            shown(party.dnis or party.other_dn or ""),
            f"[green]{party.party_state}[/]" if party.party_state == "established" else party.party_state,
            CallType(party.call_type).name.lower(),
            duration(now - started),
        )
    return table


def _record_table(records: list[CallRecord]) -> Table:
    table = Table(title="Ended calls, the latest first", title_justify="left")
    for column in ("Began", "From", "To", "Outcome", "SIP", "Rang", "Talked", "Ended by", "ConnID"):
        table.add_column(column)
    for record in records:
        style = outcome_style(record.outcome)
        rang = (record.answered_at or record.ended_at) - record.ringing_at if record.ringing_at else None
        talked = record.ended_at - record.answered_at if record.answered_at else None
        table.add_row(
            moment(record.created_at),
            shown(record.caller),
            shown(record.callee),
            f"[{style}]{record.outcome}[/]",
            str(record.status),
            duration(rang) if rang is not None else "",
            duration(talked) if talked is not None else "",
            shown(f"{record.released_by} ({record.reason})" if record.reason else record.released_by),
            record.conn_id,
        )
    return table
