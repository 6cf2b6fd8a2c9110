"""What the commands of ``cordboard tlib`` share: asking for a DN, and printing what the link answers."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from cordboard.cli.lines import event_json, event_line
from cordboard.cli.link import Way, fail, out, run
from cordboard.model.enums import CallType
from cordboard.model.events import Event
from cordboard.tlib import LinkEvent, RequestError, TLibClient

DnArgument = Annotated[str, typer.Argument(help="DN whose call it is.")]
ToArgument = Annotated[str, typer.Argument(help="Number to call.")]
CallOption = Annotated[
    str, typer.Option("--call", help="ConnID of the call; not needed if the DN has one only.", show_default=False)
]

Act = Callable[[TLibClient, dict[str, object]], Awaitable[Event]]
"""Asks for a DN, whose state as it is now is passed."""


def show(event: LinkEvent, *, as_json: bool) -> None:
    """Prints an event."""
    if as_json:
        typer.echo(event_json(event))
    else:
        out.print(event_line(event))


def do(dn: str, act: Act, way: Way) -> None:
    """Makes a request for a DN and prints the event that answers it."""

    async def main() -> None:
        async with way.client() as link:
            try:
                registered = await link.register(dn)
                show(await act(link, registered.extensions or {}), as_json=way.as_json)
            except RequestError as error:
                fail(error.message)

    run(main)


def do_with_call(dn: str, call: str, act: Callable[[TLibClient, str], Awaitable[Event]], way: Way) -> None:
    """The same for a call of the DN, by its ConnID: the one named, or the only one there is."""
    do(dn, lambda link, now: act(link, call or only_call(dn, now)), way)


def calls_of(state: dict[str, object]) -> list[tuple[str, str]]:
    """ConnID and CallType, in small letters, of each call in the Extensions of EventRegistered."""
    found = []
    for key, value in state.items():
        if key.startswith("conn-") and isinstance(value, str):
            kind = state.get(f"ct-{key.removeprefix('conn-')}")
            found.append((value, CallType(kind).name.lower() if isinstance(kind, int) else ""))
    return found


def only_call(dn: str, state: dict[str, object]) -> str:
    """The ConnID of the one call a DN has. Ends the command when it has none or several."""
    calls = [conn_id for conn_id, _ in calls_of(state)]
    if not calls:
        fail(f"DN {dn} has no call")
    if len(calls) > 1:
        fail(f"DN {dn} has {len(calls)} calls; say which: {', '.join(calls)}", 64)
    return calls[0]


def pairs(given: list[str] | None, option: str = "") -> dict[str, str]:
    """What was given as KEY=VALUE, by an option or as arguments. Ends the command for what is not."""
    found = {}
    for pair in given or []:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            fail(f"{option} {pair!r} is not KEY=VALUE".lstrip(), 64)
        found[key] = value
    return found
