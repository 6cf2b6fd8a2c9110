"""``cordboard tlib route``, ``treat`` and ``record``: what is done to a call rather than by its parties."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from cordboard.cli.link import JsonOption, PasswordFileOption, ServerOption, StateOption, UserOption, fail
from cordboard.cli.tlib import only_call
from cordboard.cli.tlib_calls import CallOption, DnArgument, ToArgument, do
from cordboard.cli.tlib_features import app
from cordboard.model.enums import PrivateMessage, TreatmentType

__all__ = ["app"]

PointArgument = Annotated[str, typer.Argument(help="Routing Point where the call waits.")]


@app.command()
def route(
    point: PointArgument,
    to: ToArgument,
    call: CallOption = "",
    *,
    as_json: JsonOption = False,
    server: ServerOption = "",
    user: UserOption = "",
    password_file: PasswordFileOption = None,
    state: StateOption = None,
) -> None:
    """Send a call that waits at a Routing Point to a number (RouteCall)."""
    do(
        point,
        lambda link, now: link.route_call(point, call or only_call(point, now), to),
        as_json=as_json,
        server=server,
        user=user,
        password_file=password_file,
        state=state,
    )


@app.command()
def treat(
    dn: DnArgument,
    treatment: Annotated[str, typer.Argument(help="music, ring-back, busy, play-announcement, collect-digits ...")],
    parameters: Annotated[
        list[str] | None, typer.Argument(help="TreatmentParameters, KEY=VALUE each.", show_default=False)
    ] = None,
    call: CallOption = "",
    *,
    as_json: JsonOption = False,
    server: ServerOption = "",
    user: UserOption = "",
    password_file: PasswordFileOption = None,
    state: StateOption = None,
) -> None:
    """Let a caller at a Routing Point, or who is held by a DN, hear something (ApplyTreatment).

    [bold]Examples[/]

      cordboard tlib treat 8000 music

      cordboard tlib treat 8000 play-announcement FILE=all-busy

      cordboard tlib treat 8000 collect-digits MAX_DIGITS=4 TERM_DIGITS=#     the digits come in EventTreatmentEnd
    """
    kind = _kind(treatment)
    given = _pairs(parameters or [])
    do(
        dn,
        lambda link, now: link.apply_treatment(dn, call or only_call(dn, now), kind, given),
        as_json=as_json,
        server=server,
        user=user,
        password_file=password_file,
        state=state,
    )


class Doing(StrEnum):
    """What becomes of a recording."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


@app.command()
def record(
    dn: DnArgument,
    what: Annotated[Doing, typer.Argument(help="What becomes of the recording.")] = Doing.START,
    call: CallOption = "",
    *,
    as_json: JsonOption = False,
    server: ServerOption = "",
    user: UserOption = "",
    password_file: PasswordFileOption = None,
    state: StateOption = None,
) -> None:
    """Start, stop, pause or resume the recording of a call (PrivateService)."""
    do(
        dn,
        lambda link, now: link.private_service(dn, call or only_call(dn, now), PrivateMessage[f"RECORD_{what.name}"]),
        as_json=as_json,
        server=server,
        user=user,
        password_file=password_file,
        state=state,
    )


@app.command()
def digits(
    dn: DnArgument,
    which: Annotated[str, typer.Argument(help="0 to 9, *, #, A to D.")],
    call: CallOption = "",
    *,
    as_json: JsonOption = False,
    server: ServerOption = "",
    user: UserOption = "",
    password_file: PasswordFileOption = None,
    state: StateOption = None,
) -> None:
    """Send digits to the other party of a call (SendDTMF)."""
    do(
        dn,
        lambda link, now: link.send_dtmf(dn, call or only_call(dn, now), which),
        as_json=as_json,
        server=server,
        user=user,
        password_file=password_file,
        state=state,
    )


def _kind(text: str) -> TreatmentType:
    name = text.upper().replace("-", "_")
    if name not in TreatmentType.__members__ or name == "UNKNOWN":
        known = ", ".join(one.name.lower().replace("_", "-") for one in TreatmentType if one)
        fail(f"no treatment {text!r}; there are {known}", 64)
    return TreatmentType[name]


def _pairs(parameters: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in parameters:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            fail(f"{pair!r} is not KEY=VALUE", 64)
        found[key] = value
    return found
