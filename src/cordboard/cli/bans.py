"""``cordboard bans``: sources the server does not listen to for a while."""

import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from cordboard.cli.lines import duration, moment
from cordboard.cli.link import EXIT_UNREACHABLE, JsonOption, StateOption, fail, local_link, out
from cordboard.runtime.bans import BANS_PATH, Ban

app = typer.Typer(name="bans", no_args_is_help=True, rich_markup_mode="rich", help="Sources that are banned.")


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
    if source:
        out.print(f"{source} is heard again.")
    else:
        out.print(f"Bans ended: {len(before)}")


def _ask(method: str, state: Path | None, source: str = "") -> list[Ban]:
    """Asks the server on this machine; returns the bans there were."""
    url, token = local_link(state)
    parts = urllib.parse.urlsplit(url)
    query = urllib.parse.urlencode({"source": source}) if source else ""
    target = urllib.parse.urlunsplit(("https" if parts.scheme == "wss" else "http", parts.netloc, BANS_PATH, query, ""))
    request = urllib.request.Request(target, method=method, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http to this machine, built above
            return msgspec.json.decode(answer.read(), type=list[Ban])
    except urllib.error.HTTPError as error:
        fail(error.read().decode(errors="replace").strip() or f"the server answered {error.code}")
    except OSError as error:
        fail(f"{target} cannot be reached: {error}. Is the server running?", EXIT_UNREACHABLE)
