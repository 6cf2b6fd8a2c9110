"""The command line: ``cordboard ...``.

Each command lives in a module of this package that has an ``app``; it is imported when it is used, or when help needs
its first line. To add one: write the module, add its line to :data:`COMMANDS`.
"""

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

COMMANDS: Final[Mapping[str, str]] = {
    "up": "cordboard.cli.up",
    "mediaserver": "cordboard.cli.mediaserver",
    "tlib": "cordboard.cli.tlib",
    "calls": "cordboard.cli.calls_export",
    "trace": "cordboard.cli.trace",
    "config": "cordboard.cli.config",
    "tls": "cordboard.cli.tls",
    "media": "cordboard.cli.media",
    "recordings": "cordboard.cli.recordings",
    "bans": "cordboard.cli.bans",
}
"""The commands in the order of the help, each with the module that has its ``app``."""


class LazyGroup(TyperGroup):
    """A group whose commands are imported when asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - the library's own type
        """Name the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - the library's own types
        """Import the module of a command."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            command = typer.main.get_command(importlib.import_module(COMMANDS[cmd_name]).app)
            command.name = cmd_name
            self.add_command(command, cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - the library's own types
        """Load all names first when one is not known, so that the nearest can be suggested."""
        if args and args[0] not in COMMANDS:
            for name in COMMANDS:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="cordboard",
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    epilog="Each command explains itself: cordboard config --help. Shell completion: cordboard --install-completion.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("cordboard")
        except PackageNotFoundError:
            found = "(not installed)"
        typer.echo(f"cordboard {found}")
        raise typer.Exit


@app.callback()
def root(
    *,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="DIR",
            help="Directory of the store and a running server. Default: $CORDBOARD_STATE or ~/.local/state/cordboard.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Cordboard: everything between an agent's desk phone and the customer's call."""
    if state is not None:
        os.environ["CORDBOARD_STATE"] = str(state)


def main() -> None:
    """Run the command line; the entry point of the ``cordboard`` program."""
    app(prog_name="cordboard")
