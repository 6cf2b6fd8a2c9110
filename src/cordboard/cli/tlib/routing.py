"""``cordboard tlib route``, ``treat`` and ``record``: what is done to a call rather than by its parties."""

from enum import StrEnum
from typing import Annotated

import typer

from cordboard.cli.link import Way, fail, over_link
from cordboard.cli.tlib.app import app
from cordboard.cli.tlib.asking import CallOption, DnArgument, ToArgument, do_with_call, pairs
from cordboard.model.enums import PrivateMessage, TreatmentType

PointArgument = Annotated[str, typer.Argument(help="Routing Point where the call waits.")]


@app.command()
@over_link
def route(
    point: PointArgument,
    to: ToArgument,
    call: CallOption = "",
    *,
    way: Way,
) -> None:
    """Send a call that waits at a Routing Point to a number (RouteCall)."""
    do_with_call(point, call, lambda link, conn_id: link.route_call(point, conn_id, to), way)


@app.command()
@over_link
def treat(
    dn: DnArgument,
    treatment: Annotated[str, typer.Argument(help="music, ring-back, busy, play-announcement, collect-digits ...")],
    parameters: Annotated[
        list[str] | None, typer.Argument(help="TreatmentParameters, KEY=VALUE each.", show_default=False)
    ] = None,
    call: CallOption = "",
    *,
    way: Way,
) -> None:
    """Let a caller at a Routing Point, or who is held by a DN, hear something (ApplyTreatment).

    [bold]Examples[/]

      cordboard tlib treat 8000 music

      cordboard tlib treat 8000 play-announcement FILE=all-busy

      cordboard tlib treat 8000 collect-digits MAX_DIGITS=4 TERM_DIGITS=#     the digits come in EventTreatmentEnd
    """
    kind = _kind(treatment)
    given = pairs(parameters)
    do_with_call(dn, call, lambda link, conn_id: link.apply_treatment(dn, conn_id, kind, given), way)


class Doing(StrEnum):
    """What becomes of a recording."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


@app.command()
@over_link
def record(
    dn: DnArgument,
    what: Annotated[Doing, typer.Argument(help="What becomes of the recording.")] = Doing.START,
    call: CallOption = "",
    *,
    way: Way,
) -> None:
    """Start, stop, pause or resume the recording of a call (PrivateService)."""
    do_with_call(
        dn, call, lambda link, conn_id: link.private_service(dn, conn_id, PrivateMessage[f"RECORD_{what.name}"]), way
    )


@app.command()
@over_link
def digits(
    dn: DnArgument,
    which: Annotated[str, typer.Argument(help="0 to 9, *, #, A to D.")],
    call: CallOption = "",
    *,
    way: Way,
) -> None:
    """Send digits to the other party of a call (SendDTMF)."""
    do_with_call(dn, call, lambda link, conn_id: link.send_dtmf(dn, conn_id, which), way)


def _kind(text: str) -> TreatmentType:
    name = text.upper().replace("-", "_")
    if name not in TreatmentType.__members__ or name == "UNKNOWN":
        known = ", ".join(one.name.lower().replace("_", "-") for one in TreatmentType if one)
        fail(f"no treatment {text!r}; there are {known}", 64)
    return TreatmentType[name]
