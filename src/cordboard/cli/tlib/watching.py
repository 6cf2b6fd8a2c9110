"""``cordboard tlib``: watch events, make and release calls, as a desktop would."""

from typing import Annotated

import typer

from cordboard.cli.link import Way, err, fail, over_link, run, until_interrupted
from cordboard.cli.tlib.app import app
from cordboard.cli.tlib.asking import do_with_call, pairs, show
from cordboard.model.events import CallEvent, EventDestinationBusy, EventEstablished, EventReleased
from cordboard.model.requests import MakeCall
from cordboard.tlib import RequestError, TLibClient


@app.command()
@over_link
def watch(
    dns: Annotated[list[str] | None, typer.Argument(help="DNs to watch; none for all.", show_default=False)] = None,
    *,
    way: Way,
) -> None:
    """Print T-Library events as they happen, until Ctrl-C.

    Each line has the time, the event, ThisDN, -> or <- for who calls, OtherDN, ConnID, and CallState if it is not Ok.

    [bold]Examples[/]

      cordboard tlib watch                  all DNs of the server on this machine

      cordboard tlib watch 1501 1502        two DNs

      cordboard tlib watch --json | jq .    for programs

      cordboard tlib watch 1501 --server ws://centre:5080/tlib --user alice
    """

    async def main() -> None:
        def on_state(up: bool) -> None:
            if not way.as_json:
                err.print("[dim]connected[/]" if up else "[yellow]connection lost, trying again[/]")

        link = way.client()
        link.on_state = on_state
        async with link:
            try:
                for dn in dns or ["*"]:
                    await link.register(dn)
            except RequestError as error:
                fail(f"cannot watch {dn}: {error.message}")
            await until_interrupted(_print(link, as_json=way.as_json))

    run(main)


async def _print(link: TLibClient, *, as_json: bool) -> None:
    async for event in link.events():
        show(event, as_json=as_json)


@app.command()
@over_link
def call(
    dn: Annotated[str, typer.Argument(help="DN that calls; its phone rings first.")],
    to: Annotated[str, typer.Argument(help="Number to call.")],
    *,
    data: Annotated[
        list[str] | None, typer.Option("--data", help="KEY=VALUE to attach to the call; may be repeated.")
    ] = None,
    way: Way,
) -> None:
    """Make a call for a DN (MakeCall) and follow it to its end. Ctrl-C releases it.

    Ends with 0 when the call was answered, else with 1.

    [bold]Example[/]

      cordboard tlib call 1501 1502 --data customer=4711
    """
    attached = pairs(data, "--data")

    async def main() -> bool:
        async with way.client() as link:
            try:
                await link.register(dn)
                reference_id = await link.request(MakeCall(this_dn=dn, other_dn=to, user_data=attached or None))
                follower = _Follower(link, dn, reference_id, as_json=way.as_json)
                if await until_interrupted(follower.follow()) is None:
                    await follower.release()
            except RequestError as error:
                fail(error.message)
            return follower.answered

    if not run(main):
        raise typer.Exit(1)


class _Follower:
    """Prints a call's events until it is over."""

    def __init__(self, link: TLibClient, dn: str, reference_id: int, *, as_json: bool) -> None:
        self._link = link
        self._dn = dn
        self._reference_id = reference_id
        self._as_json = as_json
        self.conn_id = ""
        self.answered = False

    async def follow(self) -> bool:
        async for event in self._link.events():
            mine = getattr(event, "reference_id", 0) == self._reference_id
            if mine and isinstance(event, CallEvent):
                self.conn_id = event.conn_id
            if not mine and self.conn_id != getattr(event, "conn_id", None):
                continue
            show(event, as_json=self._as_json)
            if mine and not isinstance(event, CallEvent):
                return True  # EventError
            if isinstance(event, EventEstablished):
                self.answered = True
            if isinstance(event, EventReleased) and event.this_dn == self._dn:
                return True
            if isinstance(event, EventDestinationBusy):
                # The caller would hear the busy tone until somebody hangs up.
                await self._link.release_call(self._dn, self.conn_id)
        return True

    async def release(self) -> None:
        if self.conn_id:
            show(await self._link.release_call(self._dn, self.conn_id), as_json=self._as_json)


@app.command()
@over_link
def release(
    dn: Annotated[str, typer.Argument(help="DN that leaves the call.")],
    conn_id: Annotated[
        str | None,
        typer.Argument(help="ConnID of the call; not needed if the DN has one only.", show_default=False),
    ] = None,
    *,
    way: Way,
) -> None:
    """Take a DN out of its call (ReleaseCall).

    [bold]Examples[/]

      cordboard tlib release 1501                    its only call

      cordboard tlib release 1501 0123456789abcdef   that one
    """
    do_with_call(dn, conn_id or "", lambda link, found: link.release_call(dn, found), way)
