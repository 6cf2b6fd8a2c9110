"""A desktop for a test: a T-Library link in a thread of its own, its events waited for by name and DN."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar

from cordboard.model.events import DNEvent, Event
from cordboard.tlib.client import TLibClient

T = TypeVar("T")
E = TypeVar("E", bound=Event)
SECONDS = 10.0


class MissingEventError(AssertionError):
    """An event did not come in time."""


class Desktop:
    """Registered for DNs; keeps every event. A context manager, to be entered before the call is made."""

    def __init__(self, url: str, *, user: str, password: str, dns: Sequence[str]) -> None:
        """Only notes what to do; entering it logs in."""
        self._url = url
        self._user = user
        self._password = password
        self._dns = tuple(dns)
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._taken: set[int] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="desktop", daemon=True)
        self._client: TLibClient | None = None
        self._failure: BaseException | None = None
        self._leave: asyncio.Event | None = None

    @property
    def events(self) -> list[Event]:
        """All events so far, in order."""
        with self._changed:
            return list(self._events)

    def of(self, dn: str) -> list[str]:
        """The names of a DN's events so far, without those that answer requests: ``["EventOffHook", ...]``."""
        answers = {"EventRegistered", "EventUnregistered", "EventAddressInfo", "EventPartyInfo"}
        return [
            type(event).__name__
            for event in self.events
            if getattr(event, "this_dn", None) == dn and type(event).__name__ not in answers
        ]

    def wait(self, kind: type[E], dn: str, *, seconds: float = SECONDS, **attributes: object) -> E:
        """The next event of a kind for a DN, with these attributes, that has not been waited for yet."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for number, event in enumerate(self._events):
                    if (
                        number not in self._taken
                        and isinstance(event, kind)
                        and getattr(event, "this_dn", None) == dn
                        and all(getattr(event, name) == value for name, value in attributes.items())
                    ):
                        self._taken.add(number)
                        return event
                left = deadline - time.monotonic()
                if left <= 0 or self._failure is not None:
                    story = "\n  ".join(map(_short, self._events))
                    reason = f"; the link failed: {self._failure!r}" if self._failure else ""
                    raise MissingEventError(
                        f"no {kind.__name__} of {dn} with {attributes} within {seconds:g} s{reason}; came:\n  {story}"
                    )
                self._changed.wait(left)

    def call(self, request: Callable[[TLibClient], Awaitable[T]], *, seconds: float = 60.0) -> T:
        """Runs a request on the link: ``desktop.call(lambda link: link.make_call("1501", "1502"))``."""
        return self.begin(request).result(seconds)

    def begin(self, request: Callable[[TLibClient], Awaitable[T]]) -> Future[T]:
        """Starts a request on the link; its answer is the future's result."""
        client = self._client
        if client is None:
            raise RuntimeError("the desktop is not logged in")

        async def ask() -> T:
            return await request(client)

        return asyncio.run_coroutine_threadsafe(ask(), self._loop)

    def __enter__(self) -> Self:
        self._thread.start()
        with self._changed:
            ready = self._changed.wait_for(lambda: self._client is not None or self._failure is not None, SECONDS)
        if self._failure is not None:
            raise self._failure
        if not ready:
            raise MissingEventError("the desktop could not log in in time")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        leave = self._leave
        if leave is not None:
            self._loop.call_soon_threadsafe(leave.set)
        self._thread.join(SECONDS)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._listen())
        except Exception as failure:
            with self._changed:
                self._failure = failure
                self._changed.notify_all()
        finally:
            self._loop.close()

    async def _listen(self) -> None:
        self._leave = asyncio.Event()
        async with TLibClient.connect(self._url, user=self._user, password=self._password) as client:
            for dn in self._dns:
                await client.register(dn)
            reader = asyncio.create_task(self._read(client))
            with self._changed:
                self._client = client
                self._changed.notify_all()
            leaving = asyncio.create_task(self._leave.wait())
            await asyncio.wait({reader, leaving}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reader, leaving):
                task.cancel()
            results: Sequence[object] = await asyncio.gather(reader, leaving, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result

    async def _read(self, client: TLibClient) -> None:
        async for event in client.events():
            if isinstance(event, Event):
                with self._changed:
                    self._events.append(event)
                    self._changed.notify_all()


def _short(event: Event) -> str:
    name = type(event).__name__
    if not isinstance(event, DNEvent):
        return f"{name} {event}"
    more = [f"{key}={value}" for key in ("other_dn", "call_state", "conn_id") if (value := getattr(event, key, None))]
    return f"{event.this_dn} {name} {' '.join(more)}"
