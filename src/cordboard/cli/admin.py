"""Questions to the server on this machine over its HTTP port, with its token."""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cordboard.cli.link import EXIT_UNREACHABLE, fail, local_link

SECONDS: Final = 10
"""How long an answer is waited for."""


class NotFoundError(Exception):
    """What was asked for is not there."""


def ask(state: Path | None, path: str, query: Mapping[str, str] | None = None, *, method: str = "GET") -> bytes:
    """The body of the answer. Raises NotFoundError for a 404; ends the command with one line for any other error."""
    url, token = local_link(state)
    parts = urllib.parse.urlsplit(url)
    scheme = "https" if parts.scheme == "wss" else "http"
    target = urllib.parse.urlunsplit((scheme, parts.netloc, path, urllib.parse.urlencode(query or {}), ""))
    request = urllib.request.Request(target, method=method, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - http to this machine, built above
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise NotFoundError(path) from None
        fail(error.read().decode(errors="replace").strip() or f"the server answered {error.code}")
    except OSError as error:
        fail(f"{target} cannot be reached: {error}. Is the server running?", EXIT_UNREACHABLE)
