"""The SIP core of a SIP Server and its resolver of names, as the options want them."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Final

from cordboard import _core
from cordboard.runtime.bans import core_guard, load_bans
from cordboard.runtime.dns import DnsAsker, log_failure
from cordboard.runtime.state import version
from cordboard.runtime.tls import TlsFilesError, core_tls
from cordboard.sip.resolver.cache import Policy
from cordboard.sip.resolver.lookup import Resolver

if TYPE_CHECKING:
    import asyncio

    from cordboard.config.environment import Environment
    from cordboard.config.options import ApplicationOptions
    from cordboard.runtime.loop import LoopClock
    from cordboard.runtime.state import State
    from cordboard.sip.resolver.locate import Family

REACHABLE: Final[tuple[_core.TransportName, ...]] = ("udp", "tcp", "tls")
"""Transports on which the core opens flows, the preferred first."""


class SipListenError(Exception):
    """A SIP address cannot be opened. ``reason`` names it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot listen for SIP: {reason}")
        self.reason = reason


def open_core(environment: Environment, state: State) -> _core.Endpoint:
    """Opens the addresses, and takes up the registrations there were. Raises SipListenError or TlsFilesError."""
    options = environment.application.options
    listening = options.listening()
    advertise = [(host, options.sip_advertise) for _, host, _ in listening] if options.sip_advertise else []
    try:
        return _core.Endpoint.live(
            listening,  # type: ignore[arg-type]
            realm=environment.switch.realm,
            software=f"Cordboard/{version()}",
            journal=str(state.bindings),
            advertise=list(dict.fromkeys(advertise)),
            event_limit=options.sip_event_limit,
            tls=core_tls(options, state.path),
            guard=core_guard(options, load_bans(state.bans)),
        )
    except TlsFilesError:
        raise
    except ValueError as error:
        if any(transport == "tls" for transport, _, _ in listening):
            raise TlsFilesError(str(error)) from None
        raise SipListenError(str(error)) from None
    except OSError as error:
        raise SipListenError(getattr(error, "strerror", None) or str(error)) from None


def open_resolver(
    options: ApplicationOptions, loop: asyncio.AbstractEventLoop, clock: LoopClock, endpoint: _core.Endpoint
) -> tuple[Resolver, DnsAsker]:
    """The resolver of names, and who asks for it, to be closed."""
    asker = DnsAsker(
        loop,
        partial(clock.call_later, 0.0),
        nameservers=options.name_servers(),
        search=options.dns_search,
        timeout=options.dns_timeout * 0.4,
        lifetime=options.dns_timeout,
    )
    # We reach what we listen on: the core sends from those sockets.
    listening = endpoint.listening()
    transports = {transport for transport, _, _ in listening}
    heard: set[Family] = {"ipv6" if ":" in host else "ipv4" for _, host, _ in listening}
    preferred: tuple[Family, ...] = ("ipv4", "ipv6") if options.dns_address_family == "ipv4" else ("ipv6", "ipv4")
    resolver = Resolver(
        clock,
        asker,
        random=random.random,
        transports=[transport for transport in REACHABLE if transport in transports],
        families=[family for family in preferred if family in heard],
        policy=Policy(stale=options.dns_stale_timeout),
        timeout=options.dns_timeout + 0.5,
        failed=log_failure,
    )
    return resolver, asker
