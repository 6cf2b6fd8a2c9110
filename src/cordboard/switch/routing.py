"""Where a call goes: from the number that was dialled to the contacts that are tried.

The user part of the Request-URI (or a tel: number without its visual separators) names the DN. A number that is no DN
is answered 404, a DN that cannot be reached 480. A DN is reached at the contacts its phones have registered; while
there are none, at the option ``contact``. Several contacts are all tried at once, whatever their q: a person has one
set of ears, and the first phone they pick up wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from cordboard.model.dn import DN
from cordboard.model.enums import AddressType
from cordboard.sip.resolver.locate import DEFAULT_PORTS, UnlocatableError, place_of
from cordboard.switch.features import alerting, caller_id, hunting
from cordboard.switch.numbers import number_of as number_of
from cordboard.switch.trunks.selection import candidates as chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cordboard import _core
    from cordboard.sip.resolver.locate import Located
    from cordboard.sip.resolver.lookup import Resolver, Route
    from cordboard.switch.settings import DnSettings
    from cordboard.switch.trunks.dial_plan import DialPlan
    from cordboard.switch.trunks.selection import Trunk

MAX_CONTACTS: Final = 10
"""Most contacts of a DN that are tried at once; further ones are left out."""

NOWHERE: Final = ("", 0)
"""The address of a target whose destinations are not known yet."""


SIPS_NOT_ALLOWED: Final = (("Warning", '380 cordboard "SIPS Not Allowed"'),)
"""With a 480: the callee has no contact to which all the way is TLS (RFC 5630 section 5.1.2)."""


def is_sips(uri: str) -> bool:
    """Whether every hop to it must be TLS (RFC 5630)."""
    return uri[:5].lower() == "sips:"


class Target(msgspec.Struct, frozen=True):
    """One contact to try."""

    uri: str
    transport: _core.TransportName
    remote: _core.Address
    connection: int = 0
    path: tuple[str, ...] = ()
    """Route of the requests to it (RFC 3327)."""
    route: Route | None = None
    """Where its host name leads: the destinations that are tried in turn; transport and remote are then the first."""
    instance: str = ""
    """Which device it is (RFC 5626); empty if it did not say."""
    others: tuple[Target, ...] = ()
    """Further flows to the same device, each tried when the one before it is dead."""
    kept: str = ""
    """With which requests it goes to one server: the trunk we are registered with; empty for none."""

    @property
    def secure(self) -> bool:
        """Whether a call to a ``sips`` URI may go there: TLS, said by ``sips`` or, as of old, ``transport=tls``."""
        return self.transport in {"tls", "wss"}


def aims(locations: Sequence[_core.Location], nat: str = "auto") -> list[Target]:
    """Where to send the calls of a DN that has registered there, each device once (RFC 5626 section 5.3).

    ``nat``: ``auto``, ``yes`` or ``no``, the option ``sip-nat``.
    """
    devices: dict[str, list[Target]] = {}
    for index, location in enumerate(locations):
        # Only with reg-id are several bindings of an instance flows to one device.
        device = location.instance if location.reg_id else f"#{index}"
        devices.setdefault(device, []).append(_aim(location, nat))
    return [replace(first, others=tuple(others)) if others else first for first, *others in devices.values()]


def _aim(location: _core.Location, nat: str) -> Target:
    """Where requests to one binding are sent (RFC 3261 16.6 step 7).

    To the first proxy of its Path, else where it was heard if that is wanted, else where its Contact says, if that is
    an address.
    """
    flow = location.flow
    path = tuple(location.path)
    heard = Target(location.uri, flow.transport, flow.remote, flow.connection, path, None, location.instance)
    if location.path:
        named = _address(_uri_of(location.path[0]))
        if named is None or (flow.connection and (named[0], named[1][0]) == (flow.transport, flow.remote[0])):
            return heard
        return replace(heard, transport=named[0], remote=named[1], connection=0)
    if nat == "yes" or (nat == "auto" and (location.nat or flow.connection or location.reg_id)):
        return heard
    named = _address(location.uri)
    return heard if named is None else replace(heard, transport=named[0], remote=named[1], connection=0)


def _uri_of(value: str) -> str:
    """The URI in a name-addr."""
    return value.partition("<")[2].partition(">")[0] or value.strip()


def _address(uri: str) -> tuple[_core.TransportName, _core.Address] | None:
    """Transport and address of a URI whose host is literal; None of another."""
    try:
        place = place_of(uri)
    except UnlocatableError:
        return None
    if not place.literal:
        return None
    transport = place.transport or ("tls" if place.secure else "udp")
    return transport, (place.host, place.port or DEFAULT_PORTS[transport])


class ContactError(ValueError):
    """A fixed contact that leads nowhere."""

    def __init__(self, contact: str, reason: str) -> None:
        self.contact = contact
        """The contact as configured."""
        self.reason = reason
        """What is wrong with it, for people."""
        super().__init__(f"contact {contact!r} is not a SIP URI that can be reached: {reason}")


class Extension:
    """A configured DN while the server runs: its settings, its state, and what is worth making only once."""

    __slots__ = (
        "_aims",
        "_aims_of",
        "_fixed",
        "_route",
        "_told",
        "_way",
        "_way_route",
        "address",
        "alerting",
        "anchors_calls",
        "associated",
        "dn",
        "identity",
        "is_phone",
        "is_trunk",
        "own_headers",
        "settings",
        "target_uri",
        "who",
    )

    def __init__(self, settings: DnSettings, domain: str) -> None:
        self.settings = settings
        self.dn = DN(settings.number, settings.address_type, settings.static_contact)
        self.address = ""
        """Name and address as others see them."""
        self.identity: tuple[tuple[str, str], ...] = ()
        """The headers that assert its identity to the other party."""
        self.who = caller_id.Identity("", "")
        """The same with its number, for who wants it told otherwise."""
        self.alerting: tuple[tuple[str, str], ...] = ()
        """How it is to ring and answer: headers of each INVITE to it."""
        self.own_headers: frozenset[str] = frozenset()
        """Names of the headers it is not sent as the caller has them, in small letters."""
        self.is_trunk = False
        """Whether it leads outside, so that its callers and callees are strangers."""
        self.is_phone = True
        """Whether calls to it ring there: it is no trunk, no Routing Point and no hunt group."""
        self.target_uri = ""
        """To of the requests to it."""
        self.anchors_calls = False
        """Whether its options want its calls recorded, or led through a media service for another reason."""
        self._fixed = ""
        self._route: Route | None = None
        self._way: tuple[str, ...] = ()
        """The Service-Route of the carrier it is registered with (RFC 3608)."""
        self._way_route: Route | None = None
        """Where the first hop of that leads."""
        self.associated = ""
        """Who we are to that carrier: the first P-Associated-URI it gave (RFC 7315 section 4.1)."""
        self._told: Callable[[Located], None] | None = None
        self._aims: Sequence[Target] = ()
        """The contacts to try, as they were last."""
        self._aims_of: object = None
        """What they were made of: locations, or what is known of a route; None: to be made anew."""
        self.change(settings, domain)

    def __repr__(self) -> str:
        return f"<Extension {self.dn!r}>"

    def change(self, settings: DnSettings, domain: str) -> None:
        """Takes over changed settings; calls that are on go on."""
        self.settings = settings
        self._aims_of = None
        self.dn.address_type = settings.address_type
        self.dn.static_contact = settings.static_contact
        self.address = caller_id.name_addr(settings.name, settings.number, domain)
        self.identity = (caller_id.asserted(self.address),)
        self.who = caller_id.Identity(self.address, settings.number)
        self.alerting = alerting.of_dn(settings, domain)
        self.own_headers = alerting.own_names(self.alerting, settings)
        self.is_trunk = settings.address_type is AddressType.TRUNK
        waits = settings.address_type is AddressType.ROUTE_DN
        self.is_phone = not (self.is_trunk or waits or hunting.is_group(self))
        self.target_uri = caller_id.name_addr("", settings.number, domain)
        self.anchors_calls = settings.record != "none" or settings.media_anchor == "yes" or settings.dtmf == "info-only"

    def resolve(self, resolver: Resolver) -> None:
        """Has the destinations of the fixed contact found, and kept known from now on. Raises ContactError."""
        contact = self.settings.static_contact or ""
        if contact == self._fixed:
            return
        try:
            route = resolver.route(contact) if contact else None
        except UnlocatableError as error:
            raise ContactError(contact, error.reason) from None
        told = self._told
        self.forget()
        self._fixed = contact
        self._route = route
        self._aims_of = None
        if told is not None:
            self.watch(told)

    def forget(self) -> None:
        """Lets the fixed contact's destinations be found no more, and tells nobody of them."""
        self.take_way((), (), None)
        if self._route is not None:
            if self._told is not None:
                self._route.watchers.remove(self._told)
            self._route.close()
            self._route = None
        self._told = None
        self._fixed = ""

    def watch(self, told: Callable[[Located], None] | None) -> None:
        """Has ``told`` called with the destinations of the fixed contact, now if they are known and at each lookup.

        Only one is told; None: nobody any more.
        """
        route = self._route
        if self._told is not None and route is not None:
            route.watchers.remove(self._told)
        self._told = told
        if route is not None and told is not None:
            route.watchers.append(told)
            if route.located is not None:
                told(route.located)

    def take_way(self, ways: Sequence[str], associated: Sequence[str], resolver: Resolver | None) -> None:
        """Takes over what the carrier's registrar said: values of Service-Route and P-Associated-URI.

        A Service-Route whose first hop cannot be reached is left out, as if it had not come.
        """
        self.associated = _uri_of(associated[0]) if associated else ""
        if tuple(ways) == self._way:
            return
        self._aims_of = None
        before, self._way, self._way_route = self._way_route, (), None
        if ways and resolver is not None:
            try:
                self._way_route = resolver.route(_uri_of(ways[0]))
                self._way = tuple(ways)
            except UnlocatableError:
                pass
        if before is not None:
            before.close()

    @property
    def host(self) -> str:
        """The host of the fixed contact; empty if there is none."""
        return self._route.place.host if self._route is not None else ""

    def targets(self) -> Sequence[Target]:
        """The contacts to try, all at once; empty when it cannot be reached."""
        locations: Sequence[_core.Location] = self.dn.locations
        made_of: object = locations
        if not locations:
            route = self._way_route or self._route
            if route is None:
                return ()
            made_of = route.located or route
        if made_of is not self._aims_of:
            self._aims_of = made_of
            if locations:
                self._aims = aims(locations[:MAX_CONTACTS], self.settings.nat)
            else:
                self._aims = self.fixed_targets(self._way_route)
        return self._aims

    def fixed_targets(self, way: Route | None = None) -> Sequence[Target]:
        """The fixed contact. ``way``: where the Service-Route leads that requests to it are to take."""
        route = way or self._route
        if route is None:
            return ()
        path = self._way if way is not None else ()
        kept = self.settings.number if self.settings.registers_with and way is None else ""
        located = route.located
        if located is None or not located.destinations:
            return (Target(self._fixed, "udp", NOWHERE, path=path, route=route, kept=kept),)
        first = located.destinations[0]
        named = None if route.place.literal else route
        return (Target(self._fixed, first.transport, first.remote, path=path, route=named, kept=kept),)

    @property
    def full(self) -> bool:
        """Whether it has as many calls as it may."""
        limit = self.settings.max_calls
        return limit > 0 and len(self.dn.parties) >= limit


class Outside(NamedTuple):
    """A number beyond the switch."""

    number: str
    """What the dial plan made of what was dialled."""
    trunks: tuple[Trunk, ...]
    """The trunks that lead there, the best first, available or not."""
    withheld: bool = False
    """Whether the dial plan withholds the caller's number."""


def find(
    number: str,
    extensions: Mapping[str, Extension],
    trunks: Mapping[str, Trunk],
    plan: DialPlan,
    *,
    outward: bool = True,
) -> Extension | Outside | None:
    """What a number leads to: a DN, else what the dial plan makes of it, a DN again or the way outside; None: nothing.

    ``outward``: whether the call may leave by a trunk. One that came in by a trunk may not, unless a DN forwards it.
    """
    extension = extensions.get(number)
    if extension is not None:
        return extension
    dialled = plan.apply(number)
    if dialled.number != number:
        extension = extensions.get(dialled.number)
        if extension is not None:
            return extension
    if not outward:
        return None
    among = [trunks[name] for name in dialled.trunks if name in trunks] if dialled.trunks else trunks.values()
    found = chosen(among, dialled.number, any_prefix=bool(dialled.trunks))
    return Outside(dialled.number, tuple(found), dialled.withheld) if found else None
