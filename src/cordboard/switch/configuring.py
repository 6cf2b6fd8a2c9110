"""DNs as they come, change and go while the server runs. Calls on them go on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cordboard.model.forwarding import NOTHING
from cordboard.switch import text_message
from cordboard.switch.routing import Extension
from cordboard.switch.trunks.dial_plan import compiled
from cordboard.switch.trunks.monitor import Monitor
from cordboard.switch.trunks.selection import Trunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard.sip.resolver.locate import Located
    from cordboard.switch.server import SipServer
    from cordboard.switch.settings import DnSettings


def configure(server: SipServer, settings: DnSettings) -> None:
    """Adds a DN or changes its settings. Raises ContactError or RuleError and changes nothing."""
    number = settings.number
    rules = compiled(settings.dial_plan)
    extension = server.extensions.get(number)
    domain = server.settings.domain
    before: bool | None = None
    if extension is None:
        extension = Extension(settings, domain)
        extension.resolve(server.resolver)
        server.extensions[number] = extension
        extension.dn.features = server.kept.pop(number, NOTHING)
    else:
        before, kept = extension.dn.in_service, extension.settings
        extension.change(settings, domain)
        try:
            extension.resolve(server.resolver)
        except ValueError:
            extension.change(kept, domain)
            raise
    server.plan.take(number, rules)
    server.services.take(extension)
    _trunk(server, extension)
    _monitor(server, extension)
    _declare(server, extension, settings.peers)
    named = extension.is_trunk and not settings.peers
    extension.watch(partial(_found, server, extension) if named else None)
    if before is not None and extension.dn.in_service != before:
        server.reporter.service(extension.dn)
    server.accounts.take(extension)


def unconfigure(server: SipServer, number: str) -> None:
    """Takes a DN out: nobody can call it or register as it any more."""
    extension = server.extensions.pop(number, None)
    if extension is None:
        return
    dn = extension.dn
    before = dn.in_service
    dn.gone = True
    if before:
        server.reporter.service(dn)
    server.accounts.drop(number)
    extension.forget()
    server.trunks.pop(number, None)
    server.services.drop(number)
    server.turns.pop(number, None)
    monitor = server.monitors.pop(number, None)
    if monitor is not None:
        monitor.stop()
    server.plan.drop(number)
    server.kept[number] = dn.features
    server.dispatcher.endpoint.remove_dn(number)


def _trunk(server: SipServer, extension: Extension) -> None:
    """Whether calls may go outside by it."""
    number = extension.settings.number
    if not extension.is_trunk:
        server.trunks.pop(number, None)
        return
    trunk = server.trunks.get(number)
    if trunk is None or trunk.extension is not extension:
        server.trunks[number] = Trunk(extension)


def _monitor(server: SipServer, extension: Extension) -> None:
    """Whether its device is tested."""
    settings = extension.settings
    number = settings.number
    monitor = server.monitors.get(number)
    wanted = settings.oos_check > 0 and settings.static_contact is not None
    if monitor is not None and (not wanted or monitor.extension is not extension):
        server.monitors.pop(number).stop()
        monitor = None
    if wanted and monitor is None:
        server.monitors[number] = Monitor(server, extension)


def _declare(server: SipServer, extension: Extension, peers: Sequence[str]) -> None:
    """Tells the core of a DN. ``peers``: the addresses that are it."""
    settings = extension.settings
    server.dispatcher.endpoint.set_dn(
        settings.number,
        ha1=settings.ha1,
        authenticate=text_message.asked_of(settings.authenticate),
        registers=not extension.is_trunk,
        peers=peers,
    )


def _found(server: SipServer, extension: Extension, located: Located) -> None:
    """The name of a trunk leads to these servers now: its calls come from them. If to none, it stays as it is."""
    if located.destinations:
        hosts = {destination.host: None for destination in located.destinations}
        _declare(server, extension, tuple(hosts))
