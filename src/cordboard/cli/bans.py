"""``cordboard bans``: sources the server does not listen to for a while."""

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from cordboard.cli.admin import ask
from cordboard.cli.lines import duration, moment, shown
from cordboard.cli.link import JsonOption, StateOption, out
from cordboard.runtime.bans import BANS_PATH, Ban

app = typer.Typer(
    name="bans",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Sources that are banned.",
)


@app.callback()
def root() -> None:
    """Sources that failed to prove themselves too often, and are not listened to for a while."""


@app.command(name="list")
def list_(*, as_json: JsonOption = False, state: StateOption = None) -> None:
    """Show the bans of the server on this machine, the latest first."""
    bans = _ask("GET", state)
    if as_json:
        for ban in bans:
            typer.echo(msgspec.json.encode(ban).decode())
        return
    if not bans:
        out.print("[dim]Nobody is banned.[/]")
        return
    table = Table(title=f"{len(bans)} source{'s' if len(bans) != 1 else ''} banned", title_justify="left")
    for column in ("Source", "Over", "Since", "For another"):
        table.add_column(column)
    now = time.time()
    for ban in bans:
        table.add_row(ban.source, ban.transport, moment(ban.since), duration(ban.until - now))
    out.print(table)


@app.command()
def clear(
    source: Annotated[str, typer.Argument(help="An address of the source; without it every ban ends.")] = "",
    *,
    state: StateOption = None,
) -> None:
    """End the ban of a source, or every ban."""
    before = _ask("DELETE", state, source)
    after = _ask("GET", state)
    ended = [ban for ban in before if ban not in after]
    if source:
        out.print(shown(f"{source} is heard again." if ended else f"{source} was not banned."))
    else:
        out.print(f"Bans ended: {len(ended)}")


def _ask(method: str, state: Path | None, source: str = "") -> list[Ban]:
    """Asks the server on this machine; returns the bans there were."""
    answer = ask(state, BANS_PATH, {"source": source} if source else None, method=method)
    return msgspec.json.decode(answer, type=list[Ban])
