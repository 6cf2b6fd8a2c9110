"""``cordboard tlib hold``, ``transfer``, ``conference`` ...: what a desktop does with a call that is there."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from cordboard.cli.link import (
    JsonOption,
    PasswordFileOption,
    ServerOption,
    StateOption,
    UserOption,
    client,
    fail,
    run,
)
from cordboard.cli.tlib import app, calls_of, only_call, show
from cordboard.model.events import CallEvent, Event
from cordboard.tlib import RequestError, TLibClient

DnArgument = Annotated[str, typer.Argument(help="DN whose call it is.")]
ToArgument = Annotated[str, typer.Argument(help="Number to call.")]
CallOption = Annotated[
    str, typer.Option("--call", help="ConnID of the call; not needed if the DN has one only.", show_default=False)
]

Act = Callable[[TLibClient, dict[str, object]], Awaitable[Event]]
"""Asks for a DN, whose state as it is now is passed."""


def do(
    dn: str, act: Act, *, as_json: bool, server: str, user: str, password_file: Path | None, state: Path | None
) -> None:
    """Makes a request for a DN and prints the event that answers it."""

    async def main() -> None:
        async with client(server, user, password_file, state) as link:
            try:
                registered = await link.register(dn)
                show(await act(link, registered.extensions or {}), as_json=as_json)
            except RequestError as error:
                fail(error.message)

    run(main)


def _held(state: dict[str, object], dn: str) -> str:
    """The one call of a DN that it holds, or talks in, beside the consultation."""
    main = [conn_id for conn_id, kind in calls_of(state) if kind != "consult"]
    if len(main) != 1:
        fail(f"DN {dn} has {len(main)} calls that are no consultation; one is wanted")
    return main[0]


def _consultation(state: dict[str, object], dn: str) -> str:
    found = [conn_id for conn_id, kind in calls_of(state) if kind == "consult"]
    if len(found) != 1:
        fail(f"DN {dn} has {len(found)} consultations; one is wanted")
    return found[0]


@app.command()
def hold(
    dn: DnArgument,
    call: CallOption = "",
    *,
    as_json: JsonOption = False,
    server: ServerOption = "",
    user: UserOption = "",
    password_file: PasswordFileOption = None,
    state: StateOption = None,
) -> None:
    """Hold a call (HoldCall). The other party hears music, if there is a Media Server."""
    do(
        dn,
        lambda link, now: link.hold_call(dn, call or only_call(dn, now)),
        as_json=as_json,
        server=server,
        user=user,
        password_file=password_file,
        state=state,
    )


@app.command()
def retrieve(
    dn: DnArgument,
    call: CallOption = "",
    *,
    as_json: JsonOption = False,
    server: ServerOption = "",
    user: UserOption = "",
    password_file: PasswordFileOption = None,
    state: StateOption = None,
) -> None:
    """Take a call from hold (RetrieveCall)."""
    do(
        dn,
        lambda link, now: link.retrieve_call(dn, call or only_call(dn, now)),
        as_json=as_json,
        server=server,
        user=user,
        password_file=password_file,
        state=state,
    )


@app.command()
def transfer(
    dn: DnArgument,
    to: ToArgument,
    call: CallOption = "",
    *,
    as_json: JsonOption = False,
    server: ServerOption = "",
    user: UserOption = "",
    password_file: PasswordFileOption = None,
    state: StateOption = None,
) -> None:
    """Put somebody else in the place of a DN (SingleStepTransfer)."""
    do(
        dn,
        lambda link, now: link.single_step_transfer(dn, call or only_call(dn, now), to),
        as_json=as_json,
        server=server,
        user=user,
        password_file=password_file,
        state=state,
    )


@app.command()
def conference(
    dn: DnArgument,
    to: ToArgument,
    call: CallOption = "",
    *,
    as_json: JsonOption = False,
    server: ServerOption = "",
    user: UserOption = "",
    password_file: PasswordFileOption = None,
    state: StateOption = None,
) -> None:
    """Call somebody into the call of a DN (SingleStepConference).

    [bold]Examples[/]

      cordboard tlib conference 1501 1503        1501, whoever it talks to, and 1503

      cordboard tlib conference 1501 0401234     a number outside
    """
    do(
        dn,
        lambda link, now: link.single_step_conference(dn, call or only_call(dn, now), to),
        as_json=as_json,
        server=server,
        user=user,
        password_file=password_file,
        state=state,
    )


@app.command()
def consult(
    dn: DnArgument,
    to: ToArgument,
    call: CallOption = "",
    *,
    as_json: JsonOption = False,
    server: ServerOption = "",
    user: UserOption = "",
    password_file: PasswordFileOption = None,
    state: StateOption = None,
) -> None:
    """Hold a call and ask somebody (InitiateTransfer). Then: complete, or reconnect.

    [bold]Example[/]

      cordboard tlib consult 1501 1503 && cordboard tlib complete 1501 --conference
    """
    do(
        dn,
        lambda link, now: link.initiate_transfer(dn, call or only_call(dn, now), to),
        as_json=as_json,
        server=server,
        user=user,
        password_file=password_file,
        state=state,
    )


@app.command()
def complete(
    dn: DnArgument,
    *,
    as_conference: Annotated[bool, typer.Option("--conference", help="The DN stays in: a conference of all.")] = False,
    as_json: JsonOption = False,
    server: ServerOption = "",
    user: UserOption = "",
    password_file: PasswordFileOption = None,
    state: StateOption = None,
) -> None:
    """Join those a DN talked to and consulted (CompleteTransfer, CompleteConference)."""

    async def act(link: TLibClient, now: dict[str, object]) -> CallEvent:
        main, consultation = _held(now, dn), _consultation(now, dn)
        if as_conference:
            return await link.complete_conference(dn, main, consultation)
        return await link.complete_transfer(dn, main, consultation)

    do(dn, act, as_json=as_json, server=server, user=user, password_file=password_file, state=state)


@app.command()
def reconnect(
    dn: DnArgument,
    *,
    as_json: JsonOption = False,
    server: ServerOption = "",
    user: UserOption = "",
    password_file: PasswordFileOption = None,
    state: StateOption = None,
) -> None:
    """Leave a consultation and go back to the call it was about (ReconnectCall)."""
    do(
        dn,
        lambda link, now: link.reconnect_call(dn, _consultation(now, dn), _held(now, dn)),
        as_json=as_json,
        server=server,
        user=user,
        password_file=password_file,
        state=state,
    )


@app.command()
def drop(
    dn: DnArgument,
    who: Annotated[str, typer.Argument(help="Number of the party to take out.")],
    call: CallOption = "",
    *,
    as_json: JsonOption = False,
    server: ServerOption = "",
    user: UserOption = "",
    password_file: PasswordFileOption = None,
    state: StateOption = None,
) -> None:
    """Take somebody out of a conference (DeleteFromConference)."""
    do(
        dn,
        lambda link, now: link.delete_from_conference(dn, call or only_call(dn, now), who),
        as_json=as_json,
        server=server,
        user=user,
        password_file=password_file,
        state=state,
    )
