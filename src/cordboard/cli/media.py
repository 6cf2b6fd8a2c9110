"""``cordboard media``: what the Media Server on this machine does now."""

import msgspec
import typer
from rich.table import Table

from cordboard.cli.admin import NotFoundError, ask
from cordboard.cli.lines import shown
from cordboard.cli.link import JsonOption, StateOption, fail, out
from cordboard.mediaserver.overview import ConferenceView, LegView, Overview
from cordboard.runtime.media_routes import MEDIA_PATH

app = typer.Typer(name="media", add_completion=False, rich_markup_mode="rich")


@app.command()
def media(*, as_json: JsonOption = False, state: StateOption = None) -> None:
    """Show the legs and conferences of the Media Server on this machine, and how good they sound.

    [bold]Examples[/]

      cordboard media                                    of the server with the usual state directory

      cordboard media --state /var/lib/cordboard/media   of one that runs alone

      cordboard media --json | jq '.legs[] | select(.mos < 3.5)'
    """
    try:
        found = msgspec.json.decode(ask(state, MEDIA_PATH), type=Overview)
    except NotFoundError:
        fail("no Media Server runs within this server; see option media-server")
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    out.print(f"Legs: {found.used} of {found.limit}{', draining' if found.draining else ''}")
    if found.legs:
        out.print(_legs(found.legs))
    if found.conferences:
        out.print(_conferences(found.conferences))
    if found.recorded:
        out.print(f"Calls being recorded: {shown(', '.join(found.recorded))}")


def _legs(legs: list[LegView]) -> Table:
    table = Table()
    for column in (
        "Leg",
        "For",
        "Party",
        "Codec",
        "Sound to",
        "In",
        "Lost",
        "Jitter",
        "Out",
        "MOS",
        "Conference",
        "ConnID",
    ):
        table.add_column(column)
    for leg in legs:
        table.add_row(
            shown(leg.id),
            leg.service if leg.state == "up" else f"{leg.service} ({leg.state})",
            shown(leg.party),
            shown(leg.codec),
            shown(leg.remote),
            str(leg.received),
            str(leg.lost),
            f"{leg.jitter_ms:.0f} ms" if leg.received else "",
            str(leg.sent),
            _mos(leg),
            shown(leg.conference),
            shown(leg.conn_id),
        )
    return table


def _mos(leg: LegView) -> str:
    """The score; with a tilde where the codec's share of it is assumed."""
    if leg.mos is None:
        return ""
    style = "green" if leg.mos >= 4.0 else "yellow" if leg.mos >= 3.5 else "red"
    return f"[{style}]{'~' if leg.mos_assumed else ''}{leg.mos:.1f}[/]"


def _conferences(conferences: list[ConferenceView]) -> Table:
    table = Table(title="Conferences", title_justify="left")
    for column in ("Name", "Parties", "Speaking", "Dialogs"):
        table.add_column(column)
    for one in conferences:
        lists = (one.parties, one.speakers, one.dialogs)
        table.add_row(shown(one.name), *(shown(", ".join(names)) for names in lists))
    return table
