"""What the switch must know of a DN, and of itself. The configuration fills these in; see ``cordboard.config``."""

from __future__ import annotations

from dataclasses import dataclass

from cordboard.model.enums import AddressType


@dataclass(frozen=True, slots=True)
class DnSettings:
    """A DN as configured. Times are seconds."""

    number: str
    """Its number, the user part of its SIP address."""
    name: str = ""
    """What others see next to the number."""
    address_type: AddressType = AddressType.DN
    """What kind of DN it is."""
    contact: str = ""
    """Option ``contact``: where it is without registering; empty or ``*`` for a DN that registers."""
    max_calls: int = 10
    """Option ``max-calls``: most calls at once, ringing ones included; 0 for no limit."""
    no_answer_timeout: float = 60.0
    """Option ``no-answer-timeout``: how long it rings; 0 for as long as the caller likes."""
    sip_invite_timeout: float = 0.0
    """Option ``sip-invite-timeout``: how long to wait for the first response; 0 for RFC 3261's timer B."""
    recovery_timeout: float = 0.0
    """Option ``recovery-timeout``: how long a destination that failed is tried last; 0 for the resolver's own time."""
    session_audit_interval: float = 60.0
    """Option ``session-audit-interval``: how often its phone is asked whether a call still lives; 0 for never."""
    ha1: tuple[tuple[str, str], ...] = ()
    """(algorithm, hex hash) of its password."""
    authenticate: tuple[str, ...] = ()
    """Option ``authenticate-requests``."""
    peers: tuple[str, ...] = ()
    """Addresses its requests come from when they are not authenticated otherwise."""

    @property
    def static_contact(self) -> str | None:
        """The fixed contact, or None."""
        return None if self.contact in ("", "*") else self.contact


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The switch as configured."""

    domain: str
    """Host part of the addresses we give out."""
    name: str = "sips"
    """Attribute Server of its events."""
    max_calls: int = 100_000
    """Calls at once above which new ones are answered 503."""
    retry_after: int = 10
    """Seconds of Retry-After with a 503."""
    registration_expires: int = 1800
    """Option ``registrar-default-timeout``: seconds of a registration whose REGISTER asks for none."""
