"""What the options make of a Media Server: whether there is one within, where its media goes, its own settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from cordboard.config.optionset import DnType
from cordboard.mediaserver.settings import MediaServerSettings
from cordboard.runtime.outward import LOOPBACK, WILDCARDS, outward, reachable
from cordboard.sip.resolver.locate import place_of
from cordboard.switch.services.pool import ABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard.config.environment import Environment
    from cordboard.config.options import ApplicationOptions, MediaServerOptions

    Options = ApplicationOptions | MediaServerOptions

NOTHING: Final = "off"
"""As a folder of recordings: nothing is recorded."""


def wanted(environment: Environment) -> bool:
    """Whether the SIP Server has a Media Server within itself (option ``media-server``)."""
    options = environment.application.options
    if options.media_server != "auto":
        return options.media_server == "on"
    return any(
        dn.type is DnType.VOIP_SERVICE
        and ABLE.get(dn.options.service_type)
        and _points_here(dn.options.contact, options)
        for dn in environment.dns.values()
    )


def _points_here(contact: str, options: ApplicationOptions) -> bool:
    if contact in ("", "*"):
        return False
    place = place_of(contact)
    ours = {options.sip_address, options.sip_advertise, options.media_advertise, *options.media_addresses}
    ours |= {host for _, host, _ in options.media_listening()} | LOOPBACK | {outward("ipv4"), outward("ipv6")}
    ports = {port for _, _, port in options.media_listening()}
    return place.port in ports and place.host in ours - WILDCARDS.keys() - {""}


def media_addresses(options: Options) -> list[str]:
    """The addresses of media, one of each family there is."""
    if options.media_addresses:
        return list(options.media_addresses)
    hosts = [host for _, host, _ in options.media_listening()]
    if any(host in WILDCARDS for host in hosts):
        # Where it listens everywhere, media goes by either family.
        hosts += [outward("ipv6")]
    found: dict[bool, str] = {}
    for host in filter(None, map(reachable, hosts)):
        found.setdefault(":" in host, host)
    return list(found.values())


def media_settings(options: Options, recordings: Path | None, near: Sequence[str] = ()) -> MediaServerSettings:
    """The Media Server's own settings. ``near``: addresses of a SIP Server it is part of."""
    addresses = media_addresses(options)
    peers = dict.fromkeys(("127.0.0.1", "::1", *addresses, *(host for host in near if host not in WILDCARDS)))
    return MediaServerSettings(
        domain=options.media_advertise or addresses[0],
        peers=tuple(options.media_peers) if options.media_peers and not near else (*peers, *options.media_peers),
        max_legs=options.media_max_legs,
        conference_limit=options.media_conference_limit,
        conference_loudest=options.media_conference_loudest,
        max_conferences=options.media_max_conferences,
        language=options.media_language,
        country=options.media_country,
        folders=tuple(Path(name.strip()) for name in options.media_sounds.split(",") if name.strip()),
        recordings=recordings,
        record_format=options.media_record_format,
        record_channels=2 if options.media_record_channels == "stereo" else 1,
        longest_record=round(options.media_record_longest),
        session_refresh=round(options.media_session_refresh),
    )


def recordings_folder(options: Options, state: Path) -> Path | None:
    """Where recordings go; None where nothing is recorded."""
    if options.media_recordings == NOTHING:
        return None
    return Path(options.media_recordings) if options.media_recordings else state / "recordings"
