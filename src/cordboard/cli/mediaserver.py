"""``cordboard mediaserver``: a Media Server alone in its process."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="mediaserver", add_completion=False, rich_markup_mode="rich")


@app.command()
def mediaserver(
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="A TOML file with options media-..., http-..., log-... in a table \\[mediaserver]; "
            "read again on SIGHUP.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "--state",
            help="Directory for recordings and the token of commands; else mediaserver in the usual state directory.",
            show_default=False,
        ),
    ] = None,
    listen: Annotated[
        list[str] | None,
        typer.Option("--listen", help="SIP address, as in udp:0.0.0.0:5090; repeatable. Option media-listen."),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option("--peer", help="Address of a SIP Server it works for; repeatable. Option media-peers."),
    ] = None,
    http: Annotated[str, typer.Option("--http", help="HOST:PORT of health and metrics.")] = "",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="NAME=VALUE", help="Any option, before that of the file; repeatable."),
    ] = None,
) -> None:
    """Start a Media Server alone: tones, music, announcements, digits, conferences, recordings for SIP Servers.

    SIGTERM or Ctrl-C drains: new legs are refused, those there are may end (option drain-timeout); a second one stops
    at once. SIGHUP reads the file again. With systemd use Type=notify-reload.

    [bold]Examples[/]

      cordboard mediaserver                                  for a SIP Server on this machine

      cordboard mediaserver --peer 192.0.2.10 -o media-addresses=192.0.2.20

      cordboard mediaserver --config media.toml
    """
    # Everything a server needs takes a while to load: other commands do without.
    from cordboard.cli.mediaserver_life import Given, serve

    serve(config, data, Given(tuple(listen or ()), tuple(peer or ()), http, tuple(option or ())))
