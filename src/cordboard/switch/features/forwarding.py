"""Requests for the features of a DN: CallSetForward, CallCancelForward, SetDNDOn, SetDNDOff.

They change the DN's :class:`~cordboard.model.forwarding.Features`, which are kept over a restart, and are told to all
who listen to the DN. Calls that ring already stay as they are, but what comes of them follows the new state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.model import events as ev
from cordboard.model.enums import ForwardMode
from cordboard.model.errors import Code, TLibError
from cordboard.switch.trunks.selection import DIALLABLE

if TYPE_CHECKING:
    from cordboard.model import requests as rq
    from cordboard.model.forwarding import Features
    from cordboard.model.ports import Link
    from cordboard.switch.routing import Extension
    from cordboard.switch.server import SipServer

NOT_SETTABLE: Final = frozenset({ForwardMode.NONE})
"""Modes that forward nothing."""


def set_forward(
    server: SipServer, link: Link, extension: Extension, request: rq.CallSetForward, reference_id: int
) -> None:
    """Carries out CallSetForward. Raises TLibError."""
    mode = request.forward_mode
    destination = request.other_dn
    if mode in NOT_SETTABLE:
        raise TLibError(Code.INVALID_ATTRIBUTE, "ForwardMode")
    if destination == request.this_dn:
        raise TLibError(Code.SAME_DN, destination)
    if not DIALLABLE.fullmatch(destination) or server.find(destination) is None:
        raise TLibError(Code.INVALID_DESTINATION, destination)
    _change(server, extension, extension.dn.features.forwarding(mode, destination))
    server.reporter.feature(
        ev.EventForwardSet,
        extension.dn,
        reference_id=reference_id,
        link=link,
        other_dn=destination,
        forward_mode=mode,
    )


def cancel_forward(
    server: SipServer, link: Link, extension: Extension, request: rq.CallCancelForward, reference_id: int
) -> None:
    """Carries out CallCancelForward. Raises TLibError if nothing is to be cancelled."""
    mode = request.forward_mode
    if not extension.dn.features.has(mode):
        raise TLibError(Code.ALREADY_IN_STATE, mode.name)
    _change(server, extension, extension.dn.features.forwarding(mode, ""))
    server.reporter.feature(
        ev.EventForwardCancel, extension.dn, reference_id=reference_id, link=link, forward_mode=mode
    )


def set_dnd(server: SipServer, link: Link, extension: Extension, reference_id: int, *, dnd: bool) -> None:
    """Carries out SetDNDOn or SetDNDOff. Raises TLibError if it is so already."""
    features = extension.dn.features
    if features.dnd is dnd:
        raise TLibError(Code.ALREADY_IN_STATE, "do not disturb")
    _change(server, extension, features.undisturbed(dnd))
    kind = ev.EventDNDOn if dnd else ev.EventDNDOff
    server.reporter.feature(kind, extension.dn, reference_id=reference_id, link=link)


def _change(server: SipServer, extension: Extension, features: Features) -> None:
    extension.dn.features = features
    server.features.keep(extension.dn.number, features)
