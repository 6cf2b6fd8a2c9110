"""Recordings are had over HTTP by who may have them, through the one check the link has as well."""

import asyncio
import base64
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from starlette.requests import Request
from starlette.responses import Response

from cordboard.mediaserver.store import AUDIT, RecordingStore
from cordboard.runtime.media_routes import MOST_WAITING, RecordingRoutes
from cordboard.tlib.logins import LoginCheck
from cordboard.tlib.protocol import Role

TOKEN = "token-of-the-test"
ROLES = {("anna", "secret"): Role.ADMINISTRATOR, ("bert", "secret"): Role.AGENT}


class Persons:
    """Two of them; may be held up."""

    def __init__(self) -> None:
        self.asked = 0
        self.open = threading.Event()
        self.open.set()

    def authenticate(self, user: str, password: str) -> Role | None:
        self.asked += 1
        assert self.open.wait(10)
        return ROLES.get((user, password))


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def asker(logins: LoginCheck, folder: Path) -> Callable[..., Awaitable[Response]]:
    store = RecordingStore(folder, lambda: 1000.0, lambda _: False)
    route = RecordingRoutes(logins, lambda: store).routes()[0]

    async def ask(authorization: str = "", query: str = "") -> Response:
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/recordings",
            "query_string": query.encode(),
            "headers": [(b"authorization", authorization.encode())] if authorization else [],
            "client": ("192.0.2.7", 40000),
        }
        found = await route.endpoint(Request(scope))
        assert isinstance(found, Response)
        return found

    return ask


def test_an_administrator_and_the_token_come_in_and_nobody_else(tmp_path: Path) -> None:
    async def main() -> None:
        logins = LoginCheck(Persons(), TOKEN)
        ask = asker(logins, tmp_path)
        assert (await ask()).status_code == 401
        assert (await ask(f"Bearer {TOKEN}")).status_code == 200
        assert (await ask(basic("anna", "secret"))).status_code == 200
        assert (await ask(basic("bert", "secret"))).status_code == 403
        refused = await ask(basic("anna", "guess"))
        assert (refused.status_code, refused.headers["www-authenticate"][:5]) == (401, "Basic")
        logins.close()

    asyncio.run(main())


def test_a_wrong_password_and_a_wrong_token_are_counted_once_each_where_the_link_counts(tmp_path: Path) -> None:
    async def main() -> None:
        at = 0.0
        logins = LoginCheck(Persons(), TOKEN, clock=lambda: at)
        ask = asker(logins, tmp_path)
        assert (await ask(basic("anna", "guess"))).status_code == 401
        assert logins.guard.failed_total == 1
        assert logins.guard.delay("anna", "192.0.2.7", at) > 0
        at = 1000.0  # forgotten
        assert (await ask("Bearer guess")).status_code == 401
        assert logins.guard.failed_total == 2
        for nothing in ("", "Basic", "Basic !", "Digest x", "Bearer "):
            assert (await ask(nothing)).status_code == 401
        assert logins.guard.failed_total == 2
        logins.close()

    asyncio.run(main())


def test_where_there_are_no_persons_the_token_alone_opens(tmp_path: Path) -> None:
    async def main() -> None:
        logins = LoginCheck(None, TOKEN)
        ask = asker(logins, tmp_path)
        refused = await ask(basic("anna", "secret"))
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert (await ask(f"Bearer {TOKEN}")).status_code == 200
        logins.close()

    asyncio.run(main())


def test_so_many_wait_to_be_looked_at_and_the_next_is_sent_away(tmp_path: Path) -> None:
    async def main() -> None:
        persons = Persons()
        persons.open.clear()
        logins = LoginCheck(persons, TOKEN)
        ask = asker(logins, tmp_path)
        waiting = [asyncio.ensure_future(ask(basic("anna", "secret"))) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)  # each has come as far as the thread
        sent_away = await ask(basic("anna", "secret"))
        assert (sent_away.status_code, sent_away.headers["retry-after"]) == (503, "1")
        persons.open.set()
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200] * MOST_WAITING
        assert persons.asked == MOST_WAITING
        assert (await ask(basic("anna", "secret"))).status_code == 200
        logins.close()
        assert (await ask(f"Bearer {TOKEN}")).status_code == 503

    asyncio.run(main())


def test_a_limit_is_a_number_of_bounded_length(tmp_path: Path) -> None:
    async def main() -> None:
        logins = LoginCheck(None, TOKEN)
        ask = asker(logins, tmp_path)
        for limit in ("0", "x", "10001", "9" * 5000):
            assert (await ask(f"Bearer {TOKEN}", f"limit={limit}")).status_code == 400
        assert (await ask(f"Bearer {TOKEN}", "limit=10000")).status_code == 200
        logins.close()

    asyncio.run(main())


def test_what_the_disk_refuses_is_told_and_logged(tmp_path: Path) -> None:
    async def main() -> None:
        logins = LoginCheck(None, TOKEN)
        ask = asker(logins, tmp_path)
        (tmp_path / AUDIT).mkdir()
        with structlog.testing.capture_logs() as lines:
            refused = await ask(f"Bearer {TOKEN}")
        assert refused.status_code == 500
        assert str(tmp_path).encode() not in refused.body
        (told,) = (line for line in lines if line["event"] == "recordings out of reach")
        assert told["path"] == str(tmp_path / AUDIT)
        logins.close()

    asyncio.run(main())
