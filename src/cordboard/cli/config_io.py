"""What the ``config`` commands share: the store, the words for objects, completion, errors and their exit codes."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from cordboard.config.assemble import PASSWORD, canonical, keys
from cordboard.config.errors import ConfigError, OptionValueError
from cordboard.config.objects import ObjectKind, ObjectRef
from cordboard.runtime.state import database_of, link_file_of, running_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cordboard.config.environment import Change, Environment
    from cordboard.config.errors import Notice
    from cordboard.config.store import Store

EXIT_REFUSED: Final = 1
"""Something was wrong and nothing was changed."""
EXIT_NOT_TOLD: Final = 3
"""The change was made, but the running server could not be told."""
EXIT_FILE: Final = 66
"""A file cannot be read or written (sysexits.h EX_NOINPUT)."""
EXIT_STORE: Final = 74
"""The store cannot be used (sysexits.h EX_IOERR)."""
EXIT_CODES: Final = (
    "Exit codes: 0 done; 1 refused, nothing was changed; 2 wrong usage; 3 changed, but the running server was not "
    "told; 66 a file cannot be read or written; 74 the store cannot be used."
)

app = typer.Typer(
    name="config",
    help="Look at the configuration and change it. A running server takes changes over without a restart.\n\n"
    "An OBJECT is a DN by its number (1501), or KIND:NAME: dn:1501, agent-login:5001, person:alice, place:desk-1; or "
    "one of the words application and switch.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def server_of(state: Path) -> int | None:
    """Return the process of the server that runs on a state directory, None if none does or it is still starting.

    A server holds the lock of its directory and writes its link file when it is up: a link file older than the lock is
    left over from an earlier one.
    """
    lock = state / "lock"
    try:
        if link_file_of(state).stat().st_mtime_ns < lock.stat().st_mtime_ns:
            return None
        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read(32))
    except (FileNotFoundError, ValueError):
        pass
    return None


def teller(state: Path) -> Callable[[int], None] | None:
    """Return what makes the server of a state directory read its configuration again, None if none runs."""
    process = server_of(state)
    return None if process is None else lambda _revision: os.kill(process, signal.SIGHUP)


notifier: Callable[[Path], Callable[[int], None] | None] = teller
"""Gives for a state directory what tells its running server the new revision."""


def store_location() -> str:
    """Return the store's path in the state directory, or the URL in ``$CORDBOARD_DATABASE``."""
    return os.environ.get("CORDBOARD_DATABASE") or str(database_of(running_state()))


def master_of(state: Path) -> str:
    """Return the file that the running server of a state directory reads (``up --config``), empty if there is none."""
    from cordboard.tlib.auth import read_link_file

    if server_of(state) is None:
        return ""
    try:
        return read_link_file(link_file_of(state)).master
    except (OSError, ValueError):
        return ""


@contextlib.contextmanager
def opened(*, change: bool = False) -> Iterator[Store]:
    """Give the store, and turn what goes wrong into one clear line each and an exit code.

    ``change``: it is going to be changed. That is refused while the running server reads a file: its next reading would
    undo the change.
    """
    if change and (master := master_of(running_state())):
        fail(
            f"the running server reads its configuration from {master}: change it there and send the server SIGHUP, "
            "or start it without --config"
        )
    with reporting():
        from cordboard.config.store import Store

        with Store(store_location(), notify=notifier(running_state())) as store:
            yield store


@contextlib.contextmanager
def reporting() -> Iterator[None]:
    """Turn what goes wrong into one clear line each and an exit code."""
    try:
        yield
    except ConfigError as error:
        from cordboard.config.store import EmptyStoreError, NotifyError, StoreConflictError, StoreError

        if isinstance(error, NotifyError):
            err.print(f"[yellow]warning:[/] {escape(str(error))}")
            raise typer.Exit(EXIT_NOT_TOLD) from None
        for problem in error.problems:
            err.print(f"[bold red]error:[/] {escape(str(problem))}")
        own = isinstance(error, StoreError) and not isinstance(error, EmptyStoreError | StoreConflictError)
        raise typer.Exit(EXIT_STORE if own else EXIT_REFUSED) from None
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), EXIT_FILE)


def fail(message: str, code: int = EXIT_REFUSED) -> NoReturn:
    """Say what is wrong in one line and end the command."""
    err.print(f"[bold red]error:[/] {escape(message)}")
    raise typer.Exit(code)


def warn(notices: Iterable[Notice]) -> None:
    """Print warnings."""
    for notice in notices:
        err.print(f"[yellow]warning:[/] {escape(str(notice))}")


def author() -> str:
    """Return who makes the change, for the history."""
    with contextlib.suppress(KeyError, OSError):
        return getpass.getuser()
    return ""


def object_ref(text: str) -> ObjectRef:
    """Read ``KIND:NAME``; a plain word is a DN, or ``application`` or ``switch``. Ends the command if it is neither."""
    kind, colon, name = text.partition(":")
    if not colon and kind in {"application", "switch"}:
        return ObjectRef(ObjectKind(kind), "")
    if colon and kind in {k.value for k in ObjectKind}:
        return ObjectRef(ObjectKind(kind), name)
    return ObjectRef(ObjectKind.DN, text)


def word(ref: ObjectRef) -> str:
    """Return the word that names an object on the command line."""
    return ref.kind.value if ref.kind in {ObjectKind.APPLICATION, ObjectKind.SWITCH} else f"{ref.kind.value}:{ref.name}"


def assignments(ref: ObjectRef, items: Iterable[str]) -> dict[str, str]:
    """Read ``key=value`` items. ``password=-`` asks for the password, or reads a line from a pipe."""
    found: dict[str, str] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise OptionValueError(str(ref), "argument", item, "key=value, as in max-calls=2")
        key = canonical(ref.kind, key.strip())
        if key == PASSWORD and value == "-":
            value = _ask_password(ref)
        found[key] = value
    return found


def _ask_password(ref: ObjectRef) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt(f"Password of {ref}", hide_input=True, confirmation_prompt=True, err=True))


def print_changes(changes: Iterable[Change]) -> None:
    """Print what changed, a line each."""
    signs = {"added": "[green]+[/]", "changed": "[yellow]~[/]", "removed": "[red]-[/]"}
    for change in changes:
        names = ", ".join((*change.fields, *change.options))
        later = "  [yellow](waits for a restart of the server)[/]" if change.restart else ""
        out.print(f"{signs[change.kind.value]} {escape(str(change.ref))}{'  ' if names else ''}{escape(names)}{later}")


def print_stale(env: Environment) -> None:
    """Warn about passwords made for another realm."""
    stale = env.stale_passwords()
    if stale:
        names = ", ".join(map(str, stale))
        err.print(
            f"[yellow]warning:[/] the realm is {env.switch.realm} now; give these a new password: {escape(names)}"
        )


def complete_object(incomplete: str) -> list[str]:
    """Complete objects from the store; silent when there is none."""
    with contextlib.suppress(Exception):
        from cordboard.config.store import Store

        location = store_location()
        if "://" not in location and not Path(location).exists():
            return []
        with Store(location) as store:
            env = store.load()
        names = ["application", "switch", *env.dns]
        names += [f"{t.ref.kind.value}:{t.ref.name}" for t in env.objects() if t.ref.kind not in _PLAIN]
        return [name for name in names if name.startswith(incomplete)]
    return []


_PLAIN: Final = frozenset({ObjectKind.APPLICATION, ObjectKind.SWITCH, ObjectKind.DN})


def complete_assignment(args: list[str], incomplete: str) -> list[str]:
    """Complete the keys of the object named before."""
    named = next(
        (arg for arg in reversed(args) if "=" not in arg and not arg.startswith("-") and arg != incomplete), ""
    )
    kind = object_ref(named).kind if named else ObjectKind.DN
    return [f"{key}=" for key in keys(kind) if key.startswith(incomplete)]


def complete_key(args: list[str], incomplete: str) -> list[str]:
    """Complete the keys of the object named before, for ``unset``."""
    return [key.rstrip("=") for key in complete_assignment(args, incomplete)]


ObjectArgument = Annotated[
    str, typer.Argument(metavar="OBJECT", help="1501, person:alice, switch ...", autocompletion=complete_object)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
