"""``cordboard tlib forward`` and ``dnd``: what a DN does with its calls by itself."""

from collections.abc import Awaitable
from enum import StrEnum
from typing import Annotated, Final

import typer

from cordboard.cli.link import Way, fail, over_link
from cordboard.cli.tlib.app import app
from cordboard.cli.tlib.asking import do
from cordboard.model.enums import ForwardMode
from cordboard.model.events import Event
from cordboard.tlib import TLibClient

DnArgument = Annotated[str, typer.Argument(help="DN whose feature it is.")]


class When(StrEnum):
    """When a DN forwards, in the words of the command line."""

    ALL = "all"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    BUSY_OR_NO_ANSWER = "busy-or-no-answer"


class Switch(StrEnum):
    """A feature that is on or off."""

    ON = "on"
    OFF = "off"


_MODES: Final = {
    When.ALL: ForwardMode.UNCONDITIONAL,
    When.BUSY: ForwardMode.ON_BUSY,
    When.NO_ANSWER: ForwardMode.ON_NO_ANSWER,
    When.BUSY_OR_NO_ANSWER: ForwardMode.ON_BUSY_AND_NO_ANSWER,
}


@app.command()
@over_link
def forward(
    dn: DnArgument,
    to: Annotated[
        str, typer.Argument(help="DN or number outside that gets its calls; without it, show.", show_default=False)
    ] = "",
    *,
    when: Annotated[
        When | None,
        typer.Option("--when", help="Which calls; each kind has its own destination.", show_default="all"),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Forward no longer, or with --when not those calls.")] = False,
    way: Way,
) -> None:
    """Forward the calls of a DN (CallSetForward, CallCancelForward).

    [bold]Examples[/]

      cordboard tlib forward 1501 1502                      all calls

      cordboard tlib forward 1501 1503 --when no-answer     those it does not answer

      cordboard tlib forward 1501 --off                     none any more

      cordboard tlib forward 1501                           what is set: fwd, fwd-busy, fwd-no-answer
    """
    if off and to:
        fail("a number and --off contradict each other", 64)
    if when and not (to or off):
        fail("--when needs a number, or --off", 64)

    def act(link: TLibClient, _: dict[str, object]) -> Awaitable[Event]:
        if off:
            return link.cancel_forward(dn, _MODES[when] if when else ForwardMode.NONE)
        return link.set_forward(dn, to, _MODES[when or When.ALL]) if to else link.query_address(dn)

    do(dn, act, way)


@app.command()
@over_link
def dnd(
    dn: DnArgument,
    wanted: Annotated[
        Switch | None, typer.Argument(metavar="on|off", help="Without it, show.", show_default=False)
    ] = None,
    *,
    way: Way,
) -> None:
    """Let nobody disturb a DN, or let it be called again (SetDNDOn, SetDNDOff).

    [bold]Examples[/]

      cordboard tlib dnd 1501 on

      cordboard tlib dnd 1501        whether it is on: dnd=1
    """

    def act(link: TLibClient, _: dict[str, object]) -> Awaitable[Event]:
        if wanted is None:
            return link.query_address(dn)
        return link.set_dnd(dn) if wanted is Switch.ON else link.cancel_dnd(dn)

    do(dn, act, way)
