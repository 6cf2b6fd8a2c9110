"""The bans of a server are shown and ended by who has its token, and by nobody else."""

import asyncio
import json
from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from cordboard.runtime.bans import Ban, bans_route

BAN = Ban("192.0.2.7", "tls", 1000, 1600)


def ask(end: Callable[[str | None], None], method: str, token: str, query: str = "") -> Response:
    def read() -> Sequence[Ban]:
        return [BAN]

    headers = [(b"authorization", token.encode())] if token else []
    scope = {
        "type": "http",
        "method": method,
        "path": "/admin/bans",
        "query_string": query.encode(),
        "headers": headers,
    }
    return asyncio.run(bans_route("secret", read, end).endpoint(Request(scope)))


def test_bans_are_listed_and_ended_with_the_token_alone() -> None:
    ended: list[str | None] = []
    for token in ("", "Bearer wrong", "Basic secret", "Bearer "):
        assert ask(ended.append, "GET", token).status_code == 401
        assert ask(ended.append, "DELETE", token).status_code == 401
    answer = ask(ended.append, "GET", "Bearer secret")
    assert json.loads(bytes(answer.body)) == [{"source": "192.0.2.7", "transport": "tls", "since": 1000, "until": 1600}]
    assert ended == []
    assert ask(ended.append, "DELETE", "Bearer secret").status_code == 200
    assert ask(ended.append, "DELETE", "Bearer secret", "source=192.0.2.7").status_code == 200
    assert ended == [None, "192.0.2.7"]


def test_what_is_no_address_is_answered_400() -> None:
    def end(_: str | None) -> None:
        raise ValueError("not a literal address")

    answer = ask(end, "DELETE", "Bearer secret", "source=x")
    assert (answer.status_code, answer.body) == (400, b"not a literal address\n")
