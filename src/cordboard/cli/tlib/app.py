"""The group of commands, to which each module of this package adds its own."""

import typer

app = typer.Typer(
    name="tlib",
    help="The T-Library link: what a desktop sees and does.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)
