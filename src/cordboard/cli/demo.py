"""The demo of ``cordboard up``: a sample centre made once, and what happens in it told in plain words."""

import os
import shutil
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cordboard.cli.lines import shown
from cordboard.cli.link import out
from cordboard.config import sample, toml
from cordboard.config.store import Store
from cordboard.model.events import (
    CallEvent,
    EventAbandoned,
    EventDestinationBusy,
    EventDialing,
    EventDNBackInService,
    EventDNOutOfService,
    EventEstablished,
    EventReleased,
    EventRinging,
)
from cordboard.runtime.outward import reachable
from cordboard.runtime.server import Server
from cordboard.runtime.state import DEMO, default_state
from cordboard.tlib import LinkError, LinkEvent, TLibClient

CENTRE: Final = "centre.toml"
"""The sample with its plain passwords, in the state directory."""


def typed() -> str:
    """What to type for this program here: its name where the shell finds it, else the way it was called."""
    if shutil.which("cordboard"):
        return "cordboard"
    called, here = Path(sys.argv[0]).absolute(), Path.cwd()
    return str(called.relative_to(here) if called.is_relative_to(here) else called)


@dataclass(frozen=True, slots=True)
class Demo:
    """The sample centre's passwords, for whoever started it."""

    file: Path
    sip_passwords: Mapping[str, str]
    """By DN."""
    person_passwords: Mapping[str, str]
    """By user name."""

    def welcome(self, server: Server) -> RenderableType:
        """What to do next."""
        transport, host, port = next(iter(server.listening()))
        found = reachable(host)
        here = f"[{found}]" if ":" in found else found
        number, password = next(iter(self.sip_passwords.items()))
        phones = Table(box=None, padding=(0, 2, 0, 0))
        phones.add_column("DN", style="bold")
        phones.add_column("password", style="cyan")
        for dn, secret in self.sip_passwords.items():
            phones.add_row(dn, secret)
        persons = Table(box=None, padding=(0, 2, 0, 0))
        persons.add_column("person", style="bold")
        persons.add_column("password", style="cyan")
        for user, secret in self.person_passwords.items():
            persons.add_row(user, secret)
        both = Table.grid(padding=(0, 4))
        both.add_row(phones, persons)
        account = (
            f"<sip:{number}@{here}:{port};transport={transport}>;auth_user={number};auth_pass={password};regint=300"
        )
        where = "" if self.file.parent == default_state() / DEMO else f" --state {self.file.parent}"
        program = typed()
        return Group(
            Panel(both, title="Cordboard's sample centre is up", title_align="left", expand=False),
            Text.assemble("SIP        ", (server.describe_sip(), "bold")),
            Text.assemble(
                "T-Library  ", (server.link_url, "bold"), "   metrics  ", (f"{server.http_url}/metrics", "bold")
            ),
            Text(""),
            Text.assemble(
                "Register a phone: its user and authentication name are the DN, its registrar and proxy ",
                (f"{here}:{port}", "bold"),
                ".\nWith baresip, this line in ~/.baresip/accounts is a phone:",
            ),
            Text(f"\n    {account}\n", style="green"),
            Text("Register two, call one from the other, and watch here. In another window:"),
            Text(f"    {program} tlib watch{where}", style="green"),
            Text(f"    {program} tlib call 1501 1502{where}", style="green"),
            Text(f"    {program} calls{where}", style="green"),
            *_with_media(program, where, media=server.media is not None),
            Text(f"The passwords are kept in {self.file}. Ctrl-C stops.\n", style="dim"),
        )


def _with_media(program: str, where: str, *, media: bool) -> list[Text]:
    """What more can be done while two talk."""
    if not media:
        return [Text("No Media Server came up: no music for who is held, and no conferences. See above.", "yellow")]
    lines = (
        ("hold 1501", "1502 hears music"),
        ("retrieve 1501", "they talk on"),
        ("conference 1501 1503", "1503, a third phone, is called into the call"),
        ("drop 1501 1502", "1502 leaves it"),
    )
    rows = [(f"    {program} tlib {words}{where}", what) for words, what in lines]
    width = max(len(typed) for typed, _ in rows)
    return [
        Text("While they talk:"),
        *(Text.assemble((f"{typed:<{width}}", "green"), (f"   {what}", "dim")) for typed, what in rows),
    ]


def prepare(store: Store, state: Path) -> Demo:
    """Makes the sample centre if the store is empty, and returns its passwords. Raises a config error or OSError."""
    file = state / CENTRE
    if store.is_empty():
        made = sample.generate()
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as target:
            target.write(made.toml)
        store.replace(toml.load(file).environment, author="demo")
    document = tomllib.loads(file.read_text()) if file.exists() else {}
    return Demo(file, _passwords(document, "dn"), _passwords(document, "person"))


def _passwords(document: Mapping[str, object], kind: str) -> dict[str, str]:
    tables = document.get(kind)
    if not isinstance(tables, dict):
        return {}
    return {str(name): str(table["password"]) for name, table in tables.items() if "password" in table}


async def follow(url: str, token: str) -> None:
    """Prints what happens in the centre until cancelled."""
    try:
        async with TLibClient.connect(url, token=token, client="demo") as link:
            await link.register("*")
            async for event in link.events():
                told = tell(event)
                if told is not None:
                    out.print(told)
    except LinkError as error:
        out.print(f"[red]{shown(str(error))}[/]")


def tell(event: LinkEvent) -> Text | None:
    """The event in plain words, or None when it says nothing new."""
    match event:
        case EventDNBackInService(this_dn=dn):
            return Text(f"{dn} in service", style="green")
        case EventDNOutOfService(this_dn=dn):
            return Text(f"{dn} out of service", style="red")
        case EventDialing(this_dn=dn, other_dn=other):
            return _call(event, f"{dn} calls {other}", "cyan")
        case EventRinging(this_dn=dn, other_dn=other):
            return _call(event, f"{dn} rings, called by {other}", "yellow")
        case EventEstablished(this_dn=dn, other_dn=other):
            return _call(event, f"{dn} talks with {other}", "bold green")
        case EventDestinationBusy(this_dn=dn, other_dn=other):
            why = event.call_state.name.lower().replace("_", " ")
            return _call(event, f"{dn} cannot reach {other}: {why}", "red")
        case EventAbandoned(this_dn=dn, other_dn=other):
            return _call(event, f"{dn} missed a call of {other}", "red")
        case EventReleased(this_dn=dn):
            return _call(event, f"{dn} hung up or was released", "blue")
        case _:
            return None


def _call(event: CallEvent, words: str, style: str) -> Text:
    return Text.assemble((words, style), (f"  {event.conn_id}", "dim"))
