"""How the commands reach a server: options, the token of a server on this machine, and errors as one clear line."""

import asyncio
import contextlib
import functools
import inspect
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, TypeVar

import typer
import uvloop
from rich.console import Console

from cordboard.cli.lines import shown
from cordboard.runtime.state import link_file_of, running_state
from cordboard.tlib import ConnectError, LinkError, LoginError, TLibClient, VersionError
from cordboard.tlib.auth import read_link_file

PASSWORD_VARIABLE: Final = "CORDBOARD_PASSWORD"  # noqa: S105 - a name
EXIT_UNREACHABLE: Final = 69
"""sysexits.h EX_UNAVAILABLE."""
EXIT_NO_PERMISSION: Final = 77
"""sysexits.h EX_NOPERM."""

_T = TypeVar("_T")

StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state", help="State directory of a server on this machine; its token opens the link.", show_default=False
    ),
]
ServerOption = Annotated[
    str,
    typer.Option("--server", envvar="CORDBOARD_SERVER", help="URL of the link, as in ws://centre:5080/tlib."),
]
UserOption = Annotated[str, typer.Option("--user", envvar="CORDBOARD_USER", help="Person to log in as.")]
PasswordFileOption = Annotated[
    Path | None,
    typer.Option(
        "--password-file", help=f"File with the person's password; or set {PASSWORD_VARIABLE}.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line, with T-Library's names.")]

_PLAIN_WIDTH: Final = 200
"""Columns when the output is a file or a pipe."""

err = Console(stderr=True, highlight=False)
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)


def fail(message: str, code: int = 1) -> NoReturn:
    """Says what is wrong in one line and ends the command."""
    err.print(f"[bold red]error:[/] {shown(message)}", soft_wrap=True)
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class Way:
    """How a command reaches the link, and how it prints: the options of all commands that use it."""

    as_json: JsonOption = False
    server: ServerOption = ""
    user: UserOption = ""
    password_file: PasswordFileOption = None
    state: StateOption = None

    def client(self) -> TLibClient:
        """A client as told, or for the server on this machine. Ends the command when there is none."""
        if self.user:
            password = self._password()
            url = self.server or local_link(self.state)[0]
            return TLibClient.connect(url, user=self.user, password=password, client="cordboard cli")
        url, token = local_link(self.state)
        if self.server and self.server != url:
            fail(
                f"{self.server} is not the server on this machine: give --user, and the password by file or "
                "environment", 64
            )  # fmt: skip
        return TLibClient.connect(url, token=token, client="cordboard cli")

    def _password(self) -> str:
        if self.password_file is not None:
            try:
                return self.password_file.read_text().rstrip("\r\n")
            except OSError as error:
                fail(f"the password file {self.password_file} cannot be read: {error.strerror}", EXIT_NO_PERMISSION)
        password = os.environ.get(PASSWORD_VARIABLE, "")
        return password or str(typer.prompt(f"Password of {self.user}", hide_input=True, err=True))


def over_link(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of :class:`Way`, which it gets as ``way``."""
    options = inspect.signature(Way, eval_str=True).parameters
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "way"]
    added = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in options.values()]

    @functools.wraps(command)
    def made(*args: object, **given: Any) -> None:  # noqa: ANN401 - whatever the command takes
        way = Way(**{name: given.pop(name) for name in options})
        command(*args, way=way, **given)

    made.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    return made


def local_link(state: Path | None) -> tuple[str, str]:
    """URL and token of the link of the server on this machine. Ends the command when there is none."""
    path = link_file_of(state or running_state())
    try:
        link = read_link_file(path)
    except FileNotFoundError:
        fail(
            f"no server runs here ({path} is not there). Start one with: cordboard up --demo, "
            "or give --server and --user, or --state",
            EXIT_UNREACHABLE,
        )
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}; the server belongs to another user", EXIT_NO_PERMISSION)
    except ValueError as error:
        fail(str(error))
    return link.url, link.token


def run(main: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Runs a command's coroutine; errors of the link become one line, Ctrl-C ends quietly."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main())
    except ConnectError as error:
        fail(f"{error}. Is the server running?", EXIT_UNREACHABLE)
    except (LoginError, VersionError) as error:
        fail(str(error), EXIT_NO_PERMISSION)
    except LinkError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def until_interrupted(work: Awaitable[_T]) -> _T | None:
    """Waits for ``work``; on Ctrl-C or SIGTERM it is cancelled and None comes back."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)
