"""The one check of who comes in: over the link, and over HTTP where a login opens something."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from cordboard.tlib.auth import TOKEN_USER, Authenticator, LoginGuard, token_matches
from cordboard.tlib.protocol import Login, Role

_log = structlog.get_logger("cordboard.tlib")


FEW: Final = 4
"""Logins that an address has under way at a time once one has been wrong."""


class ClosedError(Exception):
    """Nobody logs in any more: the server goes down."""


class BusyError(Exception):
    """Others are guessing for the same user or from the same address: this login is not looked at."""

    def __init__(self) -> None:
        super().__init__("too many logins at once, and wrong ones among them")


class LoginCheck:
    """Tokens and passwords, with one guard against guessing whichever way somebody comes in.

    Logins are looked at one after the other, passwords on a thread: whoever lets them in bounds how many wait for it.
    Many may come at once as long as they are right. After a wrong one a user has one login under way at a time from an
    address, an address :data:`FEW`, and all who wait do so for what has failed meanwhile, too.
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
        self._under_way: Counter[Hashable] = Counter()
        """How many logins, by user and address and by address alone."""
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="login")
        self._closed = False

    async def check(self, login: Login, address: str) -> tuple[str, Role] | None:
        """Who this is, or None. Slow on purpose after failures. Raises ClosedError and BusyError."""
        user = login.user if not login.token else TOKEN_USER
        keys: tuple[Hashable, ...] = ((user, address), address)
        self._under_way.update(keys)
        try:
            return await self._slowly(login, user, address)
        finally:
            self._under_way -= Counter(keys)

    async def _slowly(self, login: Login, user: str, address: str) -> tuple[str, Role] | None:
        waited = 0.0
        while True:
            async with self._turn:
                delay = self.guard.delay(user, address, self._clock())
                if delay <= waited:
                    return await self._look(login, user, address)
            if self._under_way[user, address] > 1 or self._under_way[address] > FEW:
                self.guard.refused_total += 1
                raise BusyError
            await asyncio.sleep(delay - waited)
            waited = delay

    async def _look(self, login: Login, user: str, address: str) -> tuple[str, Role] | None:
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
