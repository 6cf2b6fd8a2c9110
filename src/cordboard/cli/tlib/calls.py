"""``cordboard tlib hold``, ``transfer``, ``conference`` ...: what a desktop does with a call that is there."""

from typing import Annotated

import typer

from cordboard.cli.link import Way, fail, over_link
from cordboard.cli.tlib.app import app
from cordboard.cli.tlib.asking import CallOption, DnArgument, ToArgument, calls_of, do, do_with_call
from cordboard.model.events import CallEvent
from cordboard.tlib import TLibClient


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
@over_link
def hold(
    dn: DnArgument,
    call: CallOption = "",
    *,
    way: Way,
) -> None:
    """Hold a call (HoldCall). The other party hears music, if there is a Media Server."""
    do_with_call(dn, call, lambda link, conn_id: link.hold_call(dn, conn_id), way)


@app.command()
@over_link
def retrieve(
    dn: DnArgument,
    call: CallOption = "",
    *,
    way: Way,
) -> None:
    """Take a call from hold (RetrieveCall)."""
    do_with_call(dn, call, lambda link, conn_id: link.retrieve_call(dn, conn_id), way)


@app.command()
@over_link
def transfer(
    dn: DnArgument,
    to: ToArgument,
    call: CallOption = "",
    *,
    way: Way,
) -> None:
    """Put somebody else in the place of a DN (SingleStepTransfer)."""
    do_with_call(dn, call, lambda link, conn_id: link.single_step_transfer(dn, conn_id, to), way)


@app.command()
@over_link
def conference(
    dn: DnArgument,
    to: ToArgument,
    call: CallOption = "",
    *,
    way: Way,
) -> None:
    """Call somebody into the call of a DN (SingleStepConference).

    [bold]Examples[/]

      cordboard tlib conference 1501 1503        1501, whoever it talks to, and 1503

      cordboard tlib conference 1501 0401234     a number outside
    """
    do_with_call(dn, call, lambda link, conn_id: link.single_step_conference(dn, conn_id, to), way)


@app.command()
@over_link
def consult(
    dn: DnArgument,
    to: ToArgument,
    call: CallOption = "",
    *,
    way: Way,
) -> None:
    """Hold a call and ask somebody (InitiateTransfer). Then: complete, or reconnect.

    [bold]Example[/]

      cordboard tlib consult 1501 1503 && cordboard tlib complete 1501 --conference
    """
    do_with_call(dn, call, lambda link, conn_id: link.initiate_transfer(dn, conn_id, to), way)


@app.command()
@over_link
def complete(
    dn: DnArgument,
    *,
    as_conference: Annotated[bool, typer.Option("--conference", help="The DN stays in: a conference of all.")] = False,
    way: Way,
) -> None:
    """Join those a DN talked to and consulted (CompleteTransfer, CompleteConference)."""

    async def act(link: TLibClient, now: dict[str, object]) -> CallEvent:
        main, consultation = _held(now, dn), _consultation(now, dn)
        if as_conference:
            return await link.complete_conference(dn, main, consultation)
        return await link.complete_transfer(dn, main, consultation)

    do(dn, act, way)


@app.command()
@over_link
def reconnect(
    dn: DnArgument,
    *,
    way: Way,
) -> None:
    """Leave a consultation and go back to the call it was about (ReconnectCall)."""
    do(dn, lambda link, now: link.reconnect_call(dn, _consultation(now, dn), _held(now, dn)), way)


@app.command()
@over_link
def drop(
    dn: DnArgument,
    who: Annotated[str, typer.Argument(help="Number of the party to take out.")],
    call: CallOption = "",
    *,
    way: Way,
) -> None:
    """Take somebody out of a conference (DeleteFromConference)."""
    do_with_call(dn, call, lambda link, conn_id: link.delete_from_conference(dn, conn_id, who), way)
