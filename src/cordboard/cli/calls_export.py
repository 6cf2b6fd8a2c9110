"""``cordboard calls export``: the records of ended calls for other programs."""

import contextlib
import datetime as dt
import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer

from cordboard.cli.calls import app
from cordboard.cli.lines import shown
from cordboard.cli.link import StateOption, err, fail
from cordboard.runtime.state import database_location, running_state
from cordboard.switch.records import CallRecord, Outcome

__all__ = ["app"]

_WHEN = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]


class Form(StrEnum):
    """How records are written."""

    CSV = "csv"
    JSON = "json"


@app.command("export")
def export(
    *,
    since: Annotated[
        dt.datetime | None, typer.Option("--since", formats=_WHEN, help="Ended then or later, local time.")
    ] = None,
    until: Annotated[dt.datetime | None, typer.Option("--until", formats=_WHEN, help="Ended before.")] = None,
    number: Annotated[str, typer.Option("--number", help="Only calls this number was a party of.")] = "",
    outcome: Annotated[str, typer.Option("--outcome", help="Only calls that ended so: answered, busy ...")] = "",
    form: Annotated[Form, typer.Option("--format", help="CSV with a header, or one JSON object a line.")] = Form.CSV,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; it is there when it is whole.", show_default="the output"),
    ] = None,
    state: StateOption = None,
) -> None:
    """Write the records of ended calls, oldest first, from the store; a server may run meanwhile or not.

    [bold]Examples[/]

      cordboard calls export -o calls.csv

      cordboard calls export --since 2026-11-01 --until 2026-12-01 --outcome answered -o november.csv

      cordboard calls export --format json | jq .caller
    """
    if outcome and outcome not in Outcome.ALL:
        fail(f"--outcome {outcome!r} is none of {', '.join(Outcome.ALL)}", 64)
    # SQLAlchemy takes its time to load.
    from cordboard.config.database import Database, StoreError
    from cordboard.ops.records import Wanted, pages

    where = database_location(state or running_state())
    if "://" not in where and not Path(where).exists():
        fail(f"there is no store: {where}")
    wanted = Wanted(
        number=number,
        outcome=outcome,
        since=since.timestamp() if since else 0.0,
        until=until.timestamp() if until else 0.0,
    )
    count = 0
    try:
        with contextlib.closing(Database(where)) as database, _opened(output) as file:
            for data, records in _written(form, pages(database, wanted)):
                file.write(data)
                count += records
            file.flush()
    except StoreError as error:
        fail(str(error))
    except BrokenPipeError:
        # Whoever read has enough; what is left of the output must not fail at the end of the program.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except OSError as error:
        fail(f"{output or 'the output'} cannot be written: {error.strerror}")
    if output:
        err.print(shown(f"{count} records in {output}"))


def _written(form: Form, pages: Iterator[list[CallRecord]]) -> Iterator[tuple[bytes, int]]:
    from cordboard.ops import record_csv

    if form is Form.CSV:
        yield record_csv.header(), 0
    for page in pages:
        if form is Form.CSV:
            yield record_csv.rows(page), len(page)
        else:
            yield b"".join(msgspec.json.encode(record) + b"\n" for record in page), len(page)


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    """The output, or a file that takes its name when all is in it."""
    if output is None:
        yield sys.stdout.buffer
        return
    part = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
