"""Who guesses many passwords at once learns no more of them than who guesses one after the other."""

import asyncio
import contextlib

import msgspec
import pytest
from tlib_house import Persons, house, run
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from cordboard.model.events import EventDialing
from cordboard.tlib import TLibClient, auth
from cordboard.tlib.logins import FEW, BusyError, LoginCheck
from cordboard.tlib.protocol import Login, Role

GUESSES = 100


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(auth, "_DELAY_FIRST", 0.01)
    monkeypatch.setattr(auth, "_DELAY_MAX", 0.05)


@contextlib.contextmanager
def check():
    persons = Persons()
    logins = LoginCheck(persons, "")
    try:
        yield logins, persons
    finally:
        logins.close()


def guesses(logins, users):
    return [logins.check(Login(user=user, password="guess"), "192.0.2.1") for user in users]


def test_of_one_user():
    async def main():
        with check() as (logins, persons):
            found = await asyncio.gather(*guesses(logins, ["anna"] * GUESSES), return_exceptions=True)
            assert persons.asked <= 2
            assert found.count(None) == persons.asked
            assert sum(isinstance(one, BusyError) for one in found) == GUESSES - persons.asked
            assert logins.guard.refused_total == GUESSES - persons.asked
            assert not logins._under_way

    run(main)


def test_of_many_users():
    async def main():
        with check() as (logins, persons):
            users = [f"user{number}" for number in range(GUESSES)]
            await asyncio.gather(*guesses(logins, users), return_exceptions=True)
            assert persons.asked <= 1 + FEW

    run(main)


def test_the_user_himself_comes_in_meanwhile():
    async def main():
        with check() as (logins, _):
            wrong = [asyncio.ensure_future(one) for one in guesses(logins, ["anna"] * GUESSES)]
            right = await logins.check(Login(user="anna", password="secret"), "192.0.2.2")
            assert right == ("anna", Role.AGENT)
            await asyncio.gather(*wrong, return_exceptions=True)

    run(main)


def test_the_delay_is_looked_at_again_after_it():
    async def main():
        with check() as (logins, _):
            logins._clock = lambda: 0.0
            await asyncio.gather(*guesses(logins, ["anna"]))
            slow = asyncio.ensure_future(logins.check(Login(user="anna", password="secret"), "192.0.2.2"))
            await asyncio.sleep(0)
            for _ in range(3):
                logins.guard.failed("anna", "192.0.2.3", 0.0)
            before = asyncio.get_running_loop().time()
            assert await slow == ("anna", Role.AGENT)
            assert asyncio.get_running_loop().time() - before >= 0.04

    run(main)


def test_many_come_at_once_who_are_right():
    async def main():
        with check() as (logins, persons):
            right = [logins.check(Login(user="anna", password="secret"), "192.0.2.1") for _ in range(GUESSES)]
            assert await asyncio.gather(*right) == [("anna", Role.AGENT)] * GUESSES
            assert persons.asked == GUESSES

    run(main)


async def guess(url):
    """Guesses a password over the link; returns why it is closed."""
    async with connect(url, compression=None) as socket:
        await socket.send('{"type":"Hello","version":1}')
        await socket.send('{"type":"Login","user":"anna","password":"guess"}')
        reason = ""
        with contextlib.suppress(ConnectionClosed):
            while True:
                reason = msgspec.json.decode(await socket.recv()).get("reason", reason)
        return reason


def test_the_link_is_told():
    async def main():
        async with house() as h:
            h.server.logins.guard.failed("anna", "127.0.0.1", h.server.now())
            reasons = await asyncio.gather(*(guess(h.url) for _ in range(20)))
            assert "busy" in reasons
            assert h.server.counters.byes["busy"] == h.server.logins.guard.refused_total

    run(main)


def test_a_link_that_cannot_be_written_to_is_closed(monkeypatch):
    async def main():
        async with house() as h, TLibClient.connect(h.url, user="anna", password="secret", first_delay=0.01) as link:
            await link.register("1501")
            (session,) = h.hub.sessions.values()
            works = type(session).frame
            monkeypatch.setattr(type(session), "frame", lambda _: 1 / 0)
            h.switch.dial("1501", "1502")
            await h.settled(lambda: h.server.counters.byes.get("failure") == 1)
            monkeypatch.setattr(type(session), "frame", works)
            async for event in link.events():
                if isinstance(event, EventDialing):
                    break  # after it has come back and resumed

    run(main)
