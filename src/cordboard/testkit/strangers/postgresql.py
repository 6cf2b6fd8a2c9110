"""PostgreSQL in a folder of its own, on a port of its own: as little in the way of others as a file."""

import pwd
import secrets
import shutil
import signal
import tempfile
from collections.abc import Sequence
from contextlib import closing
from os import chown, geteuid
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa
from sqlalchemy.engine import URL

from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import Program, find, wait_until

_SUPERUSER = "cordboard"
_READY = "ready to accept connections"
_SECONDS = 60.0


class PostgreSql:
    """A cluster that is made, served, stopped and started again. A context manager: leaving it removes everything.

    It asks for a password over TCP. PostgreSQL refuses to run as root: it then runs as the user of Debian's package.
    """

    def __init__(self) -> None:
        """Makes the cluster and starts it. Raises MissingProgramError, StrangerError."""
        self._server = find("postgres")
        # Not within the folder of a test: those above it are closed to other users.
        self._folder = Path(tempfile.mkdtemp(prefix="cordboard-pg-"))
        self._data = self._folder / "data"
        self._user = pwd.getpwnam("postgres") if geteuid() == 0 else None
        self._password = secrets.token_urlsafe(12)
        self._port = free_ports()
        self._program: Program | None = None
        self._starts = 0
        self._databases = 0
        try:
            self._make()
            self.start()
        except BaseException:
            self.close()
            raise

    def database(self) -> str:
        """URL of a new, empty database, password included."""
        self._databases += 1
        name = f"test_{self._databases}"
        engine = sa.create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._url(name).set(drivername="postgresql").render_as_string(hide_password=False)

    @property
    def password(self) -> str:
        """What may be in no message."""
        return self._password

    def start(self) -> None:
        """Starts it; returns when it takes connections."""
        self._starts += 1
        arguments = [
            *("-D", str(self._data), "-p", str(self._port), "-k", str(self._data)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=50"),
        ]
        command = [*self._as_user(), self._server, *arguments]
        program = self._program = Program("postgres", command, self._folder / f"run-{self._starts}")
        wait_until(
            lambda: _READY in program.output() or program.exit_code is not None,
            _SECONDS,
            failed=lambda: program.error("is not ready"),
        )
        if program.exit_code is not None:
            raise program.error(f"ended at once, exit code {program.exit_code}")

    def stop(self) -> None:
        """Stops it at once; its clients are thrown out (PostgreSQL's fast shutdown)."""
        if self._program is not None:
            self._program.signal(signal.SIGINT)
            self._program.wait(_SECONDS)
            self._program.close()
            self._program = None

    def close(self) -> None:
        """Stops it and removes its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _make(self) -> None:
        self._folder.chmod(0o755)
        self._data.mkdir(mode=0o700)
        password = self._folder / "password"
        password.write_text(self._password)
        if self._user is not None:
            for path in (self._data, password):
                chown(path, self._user.pw_uid, self._user.pw_gid)
        initdb = str(Path(self._server).with_name("initdb"))
        options = ["--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--locale=C", "--no-sync"]
        arguments = [initdb, "-D", str(self._data), "-U", _SUPERUSER, *options]
        with closing(Program("initdb", [*self._as_user(), *arguments], self._folder / "initdb")) as program:
            if program.wait(_SECONDS) != 0:
                raise program.error("cannot make a cluster")
        password.unlink()

    def _as_user(self) -> Sequence[str]:
        if self._user is None:
            return ()
        ids = (f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}")
        return ("setpriv", *ids, "--clear-groups")

    def _url(self, name: str) -> URL:
        return URL.create("postgresql+psycopg", _SUPERUSER, self._password, "127.0.0.1", self._port, name)
