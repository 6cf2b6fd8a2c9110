"""What the caller brings, and the INVITE that is made of it for whoever is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from cordboard.sip.outgoing import Invite
from cordboard.switch.features import caller_id, media_path
from cordboard.switch.numbers import user_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard import _core
    from cordboard.switch.features.caller_id import Identity
    from cordboard.switch.features.diversion import Trail
    from cordboard.switch.routing import Extension, Target
    from cordboard.switch.settings import DnSettings


class Offer(msgspec.Struct, frozen=True):
    """What the caller brings: the same for whoever is called."""

    caller: Extension | None
    """His DN, or the trunk he comes by; None for the switch itself."""
    identity: Identity
    headers: Sequence[tuple[str, str]] = ()
    """What passes of his INVITE."""
    body: bytes = b""
    content_type: str = "application/sdp"
    besides: Extension | None = None
    """Who else cannot be called for it: the transferor, or who is given to a target that rings."""
    secure: bool = False
    """Whether every hop must be TLS: he called a ``sips`` URI (RFC 5630)."""

    device: tuple[str, str] | None = None
    """DN and instance of the one device he called, by its GRUU (RFC 5627)."""
    source: str = ""
    """Where his signalling comes from, if the body is his phone's; empty for another body."""
    invite: _core.Message | None = None
    """What his phone sent."""
    added: Sequence[tuple[str, str]] = ()
    """What we say besides, to whoever is called."""

    def may_be_bridged(self, callee: Extension) -> bool:
        """Whether his phone's media may go to that DN's through a media service."""
        asked = all(one is None or one.settings.media_anchor != "no" for one in (self.caller, callee))
        return self.body != b"" and self.source != "" and asked

    def apart_from(self, callee: Extension, targets: Sequence[Target]) -> frozenset[str]:
        """What keeps his phone's media apart from those who are about to be called, where that may be bridged."""
        if not self.may_be_bridged(callee):
            return media_path.NOTHING
        return media_path.to_any(media_path.described(self.body, self.source, self.caller), callee, targets)

    def without_body(self) -> Offer:
        """The same for somebody who is to make the offer himself, and in his answer, not before."""
        return replace(self, body=b"", added=[one for one in self.added if one != ("Supported", "100rel")])

    def allowed(self, targets: Sequence[Target], dn: str = "") -> Sequence[Target]:
        """Of some contacts of ``dn``, those the call may go to.

        With TLS, if the caller wants it all the way; the one device, if he called that.
        """
        if self.device is not None and self.device[0] == dn:
            targets = [target for target in targets if target.instance == self.device[1]]
        return [target for target in targets if target.secure] if self.secure else targets


def invitation(
    offer: Offer, identity: Identity, callee: Extension, settings: DnSettings, to: str, trail: Trail | None
) -> Invite:
    """The INVITE to one of those who are called. ``identity``: the caller's, as it may be told there."""
    from_, told = identity.shown_to(settings)
    passed = offer.headers
    contact_user = user_part(identity.number)
    if from_ is caller_id.ANONYMOUS and not settings.trusted:
        passed = caller_id.without_revealing(passed)
        contact_user = "anonymous"
    if passed and callee.own_headers:
        passed = [pair for pair in passed if pair[0].lower() not in callee.own_headers]
    headers = [*passed, *offer.added, *callee.alerting, *told]
    if callee.associated and not settings.trusted:
        # RFC 3325 9.2: which of our identities the carrier is to vouch for.
        headers.append(("P-Preferred-Identity", f"<{callee.associated}>"))
    if trail is not None:
        headers.extend(trail.headers())
    return Invite(from_, to, contact_user, headers, offer.body, offer.content_type, settings.sip_invite_timeout)
