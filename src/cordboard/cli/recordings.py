"""``cordboard recordings``: what was recorded, listened to and deleted; every access is noted in the audit."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec
import typer
from rich.table import Table

from cordboard.cli.admin import NotFoundError, ask
from cordboard.cli.lines import duration, moment, shown
from cordboard.cli.link import JsonOption, StateOption, fail, out
from cordboard.mediaserver.store import Recorded, Summary
from cordboard.runtime.media_routes import RECORDINGS_PATH

app = typer.Typer(
    name="recordings",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Recordings of calls.",
)

NameArgument = Annotated[str, typer.Argument(help="As in the list: calls/UUID, or messages/NAME.", show_default=False)]


@app.callback()
def root() -> None:
    """List, look at, fetch and delete recordings of the Media Server on this machine. Each access is audited."""


@app.command(name="list")
def list_(
    *,
    party: Annotated[str, typer.Option("--party", help="Only calls this number took part in.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Most to show.")] = 50,
    as_json: JsonOption = False,
    state: StateOption = None,
) -> None:
    """Show the recordings there are, the latest first."""
    query = {"limit": str(limit), **({"party": party} if party else {})}
    found = msgspec.json.decode(_ask(state, "", query), type=list[Summary])
    if as_json:
        for summary in found:
            typer.echo(msgspec.json.encode(summary).decode())
        return
    if not found:
        out.print("[dim]Nothing is recorded.[/]")
        return
    table = Table()
    for column in ("Began", "Recording", "Parties", "Length", "Bytes", "ConnID"):
        table.add_column(column)
    for one in found:
        length = duration(one.ms / 1000) if one.ms else ""
        row = (moment(one.at), one.id, ", ".join(one.parties), length, f"{one.bytes:,}", one.conn_id)
        table.add_row(*map(shown, row))
    out.print(table)


@app.command()
def show(name: NameArgument, *, as_json: JsonOption = False, state: StateOption = None) -> None:
    """Show who was there when: the segments of a recording and its marks."""
    found = msgspec.json.decode(_ask(state, name), type=Recorded)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for number, segment in enumerate(found.segments, 1):
        length = duration(segment.ms / 1000) if segment.ms else "being recorded" if not segment.end else ""
        about = f"{segment.file}  {moment(segment.started)}  {length}  {segment.end}"
        out.print(f"[bold]{number}[/]  {shown(about)}")
        for mark in found.marks:
            if mark.segment == number:
                out.print(f"     {duration(mark.ms / 1000):>8}  {shown(f'{mark.what} {mark.party}')}")


@app.command()
def get(
    name: NameArgument,
    *,
    segment: Annotated[int, typer.Option("--segment", "-s", min=1, help="Which segment of a call.")] = 1,
    file: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to; else its own name here.", show_default=False)
    ] = None,
    state: StateOption = None,
) -> None:
    """Fetch the sound of a recording."""
    found = msgspec.json.decode(_ask(state, name), type=Recorded)
    if segment > len(found.segments):
        fail(f"{name} has {len(found.segments)} segments")
    own = Path(name).name
    if name.startswith("calls/"):
        own += f"-{Path(found.segments[segment - 1].file).name}"
    target = file or Path(own)
    sound = _ask(state, name, {"segment": str(segment)})
    try:
        target.write_bytes(sound)
    except OSError as error:
        fail(f"{target} cannot be written: {error.strerror}")
    out.print(shown(f"{target}: {len(sound):,} bytes"))


@app.command()
def delete(
    name: NameArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    state: StateOption = None,
) -> None:
    """Delete a recording, sound and index."""
    if not yes:
        typer.confirm(f"Delete {name}?", abort=True)
    _ask(state, name, method="DELETE")
    out.print(shown(f"{name} is deleted."))


def _ask(state: Path | None, name: str, query: dict[str, str] | None = None, *, method: str = "GET") -> bytes:
    path = f"{RECORDINGS_PATH}/{quote(name)}" if name else RECORDINGS_PATH
    try:
        return ask(state, path, query, method=method)
    except NotFoundError:
        fail(f"no recording {name}" if name else "nothing is recorded here; see option media-recordings")
