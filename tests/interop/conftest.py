"""A server for each test, on free ports, with phones that others wrote round it."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from interop_setup import MakeServer, make_table
from interop_table import Table
from talking_room import Kind, MakeRoom, Room, extensions

from cordboard.testkit.live.centre import Extension, Value
from cordboard.testkit.live.server import Server


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends everything a test has started, last first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def make_server(tmp_path: Path, stack: ExitStack) -> MakeServer:
    """Starts a server: ``make_server(Extension("1501"), ..., application={...})``."""

    def make(*extensions: Extension, **settings: object) -> Server:
        return stack.enter_context(Server(tmp_path / "server", extensions, **settings))  # type: ignore[arg-type]

    return make


@pytest.fixture
def table(make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> Table:
    """1501 "Ann Lee" calls, 1502 and 1503 are called: phones of sipp at fixed addresses, nothing to register."""
    return make_table(make_server, tmp_path, stack)


@pytest.fixture
def make_room(make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> MakeRoom:
    """Phones of baresip and linphone: ``make_room(ann=Baresip, bob=Linphone, options={"bob": {...}})``."""

    def make(*, options: Mapping[str, Mapping[str, Value]] | None = None, **kinds: Kind) -> Room:
        return Room(make_server(*extensions(options)), tmp_path, stack, kinds)

    return make
