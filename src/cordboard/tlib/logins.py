"""The one check of who comes in: over the link, and over HTTP where a login opens something."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from cordboard.tlib.auth import TOKEN_USER, Authenticator, LoginGuard, token_matches
from cordboard.tlib.protocol import Login, Role

_log = structlog.get_logger("cordboard.tlib")


class ClosedError(Exception):
    """Nobody logs in any more: the server goes down."""


class LoginCheck:
    """Tokens and passwords, with one guard against guessing whichever way somebody comes in.

    Passwords are looked at on one thread: whoever lets them in bounds how many wait for it.
    """

    def __init__(
        self, authenticator: Authenticator | None, token: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``authenticator``: None where there are no persons. ``token``: opens as administrator; empty for none."""
        self.guard = LoginGuard()
        self.persons = authenticator is not None
        """Whether there are persons who may log in."""
        self._authenticator = authenticator
        self._token = token
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="login")
        self._closed = False

    async def check(self, login: Login, address: str) -> tuple[str, Role] | None:
        """Who this is, or None. Slow on purpose after failures. Raises ClosedError."""
        user = login.user if not login.token else TOKEN_USER
        delay = self.guard.delay(user, address, self._clock())
        if delay:
            await asyncio.sleep(delay)
        role = await self._role(login)
        if role is None:
            self.guard.failed(user, address, self._clock())
            _log.warning("login failed", user=user[:64], address=address)
            return None
        self.guard.succeeded(user, address)
        return user, role

    async def _role(self, login: Login) -> Role | None:
        if self._closed:
            raise ClosedError
        if login.token:
            return Role.ADMINISTRATOR if token_matches(login.token, self._token) else None
        if self._authenticator is None:
            return None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._authenticator.authenticate, login.user, login.password)

    def close(self) -> None:
        """Checks no more."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)
