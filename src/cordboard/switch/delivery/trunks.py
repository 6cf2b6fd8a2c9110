"""The trunks of a number outside, in turn, and the contacts of their 3xx (RFC 3261 8.1.3.4).

A trunk that fails by transport, timeout, 5xx or 6xx is followed by the next; by 503 or without a word it is also left
out for its ``recovery-timeout``. Any other refusal is the far end's answer to the caller. No contact is tried twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from cordboard.sip.resolver.locate import UnlocatableError
from cordboard.switch.routing import NOWHERE, Target, is_sips
from cordboard.switch.trunks.selection import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard.sip.resolver.lookup import Route
    from cordboard.switch.delivery.offer import Offer
    from cordboard.switch.legs import Failure
    from cordboard.switch.routing import Outside
    from cordboard.switch.server import SipServer
    from cordboard.switch.trunks.selection import Trunk


class Way(NamedTuple):
    """One way outside."""

    trunk: Trunk
    number: str
    """Who is called, as the caller sees it."""
    uri: str
    targets: Sequence[Target]


class Ways:
    """All ways outside there are for one call, the best first."""

    __slots__ = ("_contacts", "_offer", "_outside", "_routes", "_seen", "_server", "_trunks")

    def __init__(self, server: SipServer, outside: Outside, offer: Offer) -> None:
        self._server = server
        self._outside = outside
        self._offer = offer
        self._trunks = list(outside.trunks)
        """Those still to be tried."""
        self._contacts: list[str] = []
        """Contacts of a 3xx still to be tried."""
        self._seen: set[str] = set()
        """Contacts that were tried."""
        self._routes: list[Route] = []
        """Where contacts of a 3xx lead, kept known while the call is on its way."""

    @property
    def withheld(self) -> bool:
        """Whether the dial plan withholds the caller's number."""
        return self._outside.withheld

    def next(self) -> Way | None:
        """The next trunk that is available."""
        server = self._server
        number = self._outside.number
        now = server.clock.now()
        while self._trunks:
            trunk = self._trunks.pop(0)
            extension = trunk.extension
            targets = self._offer.allowed(server.targets(extension)) if trunk.available(now) else ()
            if targets:
                uri = trunk.uri(number) if number else targets[0].uri
                towards = [replace(target, uri=uri) for target in targets]
                return Way(trunk, number or extension.dn.number, uri, towards)
        return None

    def after(self, trunk: Trunk, failure: Failure) -> Way | None:
        """The next way after one has failed; None if there is none, or if the failure is the answer."""
        status, message = failure.status, failure.message
        if 300 <= status < 400 and message is not None:
            self._contacts = listed(message.headers("Contact")) + self._contacts
            return self._follow(trunk) or self.next()
        if self._contacts and (way := self._follow(trunk)) is not None:
            return way
        down = not failure.timeout and (message is None or status == 503)
        if down:
            trunk.failed(self._server.clock.now())
        if down or status == 408 or (status >= 500 and not failure.timeout):
            return self.next()
        return None

    def _follow(self, trunk: Trunk) -> Way | None:
        """The next contact of a trunk's 3xx."""
        server = self._server
        while self._contacts:
            uri = self._contacts.pop(0)
            if self._offer.secure and not is_sips(uri):
                continue
            if uri in self._seen or len(self._seen) > server.settings.max_forward_hops * 4:
                continue
            self._seen.add(uri)
            try:
                route = server.resolver.route(uri)
            except UnlocatableError:
                continue
            self._routes.append(route)
            return Way(trunk, self._outside.number, uri, [Target(uri, "udp", NOWHERE, route=route)])
        return None

    def close(self) -> None:
        """No more is tried, and what was found of names need not be kept."""
        self._trunks.clear()
        self._contacts.clear()
        for route in self._routes:
            route.close()
        self._routes.clear()
