"""``cordboard up``: a whole server in one process."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="up", add_completion=False, rich_markup_mode="rich")


@app.command()
def up(
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="The centre as a TOML file. It is the master: read at the start and on SIGHUP, "
            "and cordboard config changes nothing meanwhile. "
            "Without it the centre in the store is served.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "--state",
            help="Directory for configuration, registrations and call records; "
            "else $CORDBOARD_STATE, $STATE_DIRECTORY or ~/.local/state/cordboard.",
            show_default=False,
        ),
    ] = None,
    listen: Annotated[
        list[str] | None,
        typer.Option(
            "--listen", help="SIP address in place of the configured ones, as in udp:0.0.0.0:5060; repeatable."
        ),
    ] = None,
    tlib: Annotated[
        str, typer.Option("--tlib", help="HOST:PORT of the T-Library link, in place of the configured.")
    ] = "",
    http: Annotated[
        str, typer.Option("--http", help="HOST:PORT of health and metrics, in place of the configured.")
    ] = "",
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Make a sample centre the first time, say how to register a phone, show what happens."
        ),
    ] = False,
) -> None:
    """Start the SIP Server and all that belongs to it; run until stopped.

    SIGTERM or Ctrl-C drains: new calls are refused, those in progress may end (option drain-timeout); a second one
    stops at once. SIGHUP reads the file of --config again, or the store. With systemd use Type=notify-reload.

    [bold]Examples[/]

      cordboard up --demo                  to try things out

      cordboard up --config centre.toml    your centre from one file

      cordboard up --listen udp:127.0.0.1:5070 --listen tcp:127.0.0.1:5070
    """
    # Everything a server needs takes a while to load: other commands do without.
    from cordboard.cli.serve import Overrides, serve

    serve(config, data, Overrides(tuple(listen or ()), tlib, http), demo=demo)
