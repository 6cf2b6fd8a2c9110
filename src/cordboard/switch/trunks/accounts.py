"""Our accounts with carriers: what their challenges are answered with, and the registrations.

A carrier that is given another password or expiry is registered with anew, by the registration there is. Under another
name, or elsewhere, the old registration is taken back first: a carrier that knows one by the other's contact would take
the new one back with it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cordboard.switch.trunks.registration import Registration

if TYPE_CHECKING:
    from cordboard.switch.routing import Extension
    from cordboard.switch.server import SipServer

    Account = tuple[str, str]
    """User and host."""


class Accounts:
    """All of them."""

    __slots__ = ("_known", "_server")

    def __init__(self, server: SipServer) -> None:
        self._server = server
        self._known: dict[str, Account] = {}
        """Those the core knows of, by the number of the trunk's DN."""

    def take(self, extension: Extension) -> None:
        """Takes over what a DN's settings say of an account."""
        server, settings = self._server, extension.settings
        number = settings.number
        before = self._known.pop(number, None)
        if extension.is_trunk and settings.account and settings.account_password:
            user, host = self._known[number] = settings.account, extension.host
            server.dispatcher.endpoint.set_credentials("", user, password=settings.account_password, host=host)
        wanted = extension.is_trunk and settings.registers_with and bool(settings.account)
        registration = server.registrations.get(number)
        if registration is not None and wanted and registration.concerns(settings):
            self._forget(before)
            registration.change(settings)
            return
        following = Registration(server, extension) if wanted else None
        if registration is not None:
            self._end(registration, before, following)
        else:
            self._forget(before)
        if following is not None:
            server.registrations[number] = following
            if registration is None:
                following.begin()

    def drop(self, number: str) -> None:
        """A trunk is taken out."""
        account = self._known.pop(number, None)
        registration = self._server.registrations.get(number)
        if registration is not None:
            self._end(registration, account, None)
        else:
            self._forget(account)

    def _end(self, registration: Registration, account: Account | None, following: Registration | None) -> None:
        """Takes a registration back; then the core may forget its account, and the next one begins."""
        server = self._server
        dn = registration.extension.dn
        del server.registrations[dn.number]
        registration.end(partial(self._ended, account, following))
        before, dn.unregistered = dn.in_service, False
        if dn.in_service != before:
            server.reporter.service(dn)

    def _ended(self, account: Account | None, following: Registration | None) -> None:
        self._forget(account)
        # Unless that is not wanted any more meanwhile.
        if following is not None and following in self._server.registrations.values():
            following.begin()

    def _forget(self, account: Account | None) -> None:
        """Lets the core forget an account, unless it is in use (again)."""
        if account is not None and account not in self._known.values():
            self._server.dispatcher.endpoint.remove_credentials("", account[0], host=account[1])
