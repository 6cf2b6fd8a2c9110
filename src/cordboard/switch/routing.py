"""Where a call goes: from the number that was dialled to the contacts that are tried.

The user part of the Request-URI (or a tel: number without its visual separators) names the DN. A number that is no DN
is answered 404, a DN that cannot be reached 480. A DN is reached at the contacts its phones have registered; while
there are none, at the option ``contact``. Several contacts are all tried at once, whatever their q: a person has one
set of ears, and the first phone they pick up wins.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple, cast
from urllib.parse import unquote

from cordboard.model.dn import DN
from cordboard.model.enums import AddressType
from cordboard.switch.features import caller_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard import _core
    from cordboard.switch.ports import Resolver
    from cordboard.switch.settings import DnSettings

NAME_LIFE: Final = 60.0
"""Seconds after which the host name of a fixed contact is looked up anew, by the next call to it."""

MAX_CONTACTS: Final = 10
"""Most contacts of a DN that are tried at once; further ones are left out."""

_VISUAL: Final = str.maketrans("", "", "-.() ")
_CONTACT: Final = re.compile(
    r"^sips?:(?:[^@;?<>\s]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>\d{1,5}))?(?P<params>[;?][^<>\s]*)?$"
)
_TRANSPORT: Final = re.compile(r";transport=(\w+)", re.IGNORECASE)
_TRANSPORTS: Final = frozenset({"udp", "tcp", "tls", "ws", "wss"})


def number_of(uri: str) -> str:
    """The number a URI names: its user part, without parameters and password, escapes decoded; empty for none."""
    scheme, _, rest = uri.partition(":")
    scheme = scheme.lower()
    if scheme in {"sip", "sips"}:
        user, at, _ = rest.partition("@")
        if not at:
            return ""
        user = user.partition(";")[0].partition(":")[0]
        return unquote(user) if "%" in user else user
    if scheme == "tel":
        return rest.partition(";")[0].translate(_VISUAL)
    return ""


class Target(NamedTuple):
    """One contact to try."""

    uri: str
    transport: _core.TransportName
    remote: _core.Address
    connection: int = 0
    path: tuple[str, ...] = ()
    """Route of the requests to it (RFC 3327)."""


class ContactError(ValueError):
    """A fixed contact that is no address."""

    def __init__(self, contact: str) -> None:
        self.contact = contact
        """The contact as configured."""
        super().__init__(f"contact {contact!r} is not a SIP URI with a host")


def parse_contact(contact: str) -> tuple[str, int, _core.TransportName]:
    """Host, port and transport of a fixed contact. Raises ContactError."""
    match = _CONTACT.match(contact)
    if match is None:
        raise ContactError(contact)
    secure = contact.lower().startswith("sips:")
    found = _TRANSPORT.search(match["params"] or "")
    transport = found[1].lower() if found else "tls" if secure else "udp"
    if transport not in _TRANSPORTS:
        raise ContactError(contact)
    port = int(match["port"]) if match["port"] else 5061 if transport == "tls" else 5060
    if not 0 < port < 65_536:
        raise ContactError(contact)
    return match["host"].strip("[]"), port, cast("_core.TransportName", transport)


class Extension:
    """A configured DN while the server runs: its settings, its state, and what is worth making only once."""

    __slots__ = ("address", "asked_at", "dn", "identity", "named", "settings", "target_uri", "targets_fixed")

    def __init__(self, settings: DnSettings, domain: str) -> None:
        self.settings = settings
        self.dn = DN(settings.number, settings.address_type, settings.static_contact)
        self.address = ""
        """Name and address as others see them."""
        self.identity: tuple[tuple[str, str], ...] = ()
        """The headers that assert its identity to the other party."""
        self.target_uri = ""
        """To of the requests to it."""
        self.targets_fixed: tuple[Target, ...] = ()
        """The fixed contact, once its host is known."""
        self.named = False
        """Whether the fixed contact has a host name, whose address may change."""
        self.asked_at = 0.0
        """When that name was last looked up, on the switch's clock."""
        self.change(settings, domain)

    def __repr__(self) -> str:
        return f"<Extension {self.dn!r}>"

    def change(self, settings: DnSettings, domain: str) -> None:
        """Takes over changed settings; calls that are on go on."""
        self.settings = settings
        self.dn.address_type = settings.address_type
        self.dn.static_contact = settings.static_contact
        self.address = caller_id.name_addr(settings.name, settings.number, domain)
        self.identity = (caller_id.asserted(self.address),)
        self.target_uri = caller_id.name_addr("", settings.number, domain)

    def resolve(self, resolver: Resolver) -> None:
        """Finds the address of the fixed contact. Raises ContactError."""
        contact = self.settings.static_contact
        if contact is None:
            self.named = False
            self.targets_fixed = ()
            return
        host, port, transport = parse_contact(contact)
        if self.targets_fixed and self.targets_fixed[0].uri != contact:
            self.targets_fixed = ()
        self.named = False
        try:
            ip_address(host)
        except ValueError:
            settings = self.settings
            self.named = True

            def found(addresses: Sequence[str]) -> None:
                # An answer that comes after the settings changed again, or none, leaves what is there.
                if addresses and self.settings is settings:
                    self.targets_fixed = (Target(contact, transport, (addresses[0], port)),)

            resolver(host, found)
        else:
            self.targets_fixed = (Target(contact, transport, (host, port)),)

    @property
    def is_trunk(self) -> bool:
        """Whether it leads outside, so that its callers and callees are strangers."""
        return self.settings.address_type is AddressType.TRUNK

    def targets(self) -> Sequence[Target]:
        """The contacts to try, all at once; empty when it cannot be reached."""
        locations: Sequence[_core.Location] = self.dn.locations
        if not locations:
            return self.targets_fixed
        found = []
        for location in locations[:MAX_CONTACTS]:
            flow = location.flow
            found.append(Target(location.uri, flow.transport, flow.remote, flow.connection, tuple(location.path)))
        return found

    @property
    def full(self) -> bool:
        """Whether it has as many calls as it may."""
        limit = self.settings.max_calls
        return limit > 0 and len(self.dn.parties) >= limit
