"""The media engine as the options want it, on the running loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

import structlog

from cordboard.media import Engine, EngineSettings
from cordboard.runtime.mediaserver import Opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cordboard.media import Srtp
    from cordboard.runtime.media_settings import Options

_log = structlog.get_logger("cordboard.runtime")

CODECS: Final = {"pcma": "PCMA", "pcmu": "PCMU", "g722": "G722", "opus": "opus", "l16": "L16/16000"}
"""The words of ``media-codecs`` as the engine has them."""


def open_media(options: Options, addresses: Sequence[str], after: Callable[[], None]) -> Opened:
    """Starts it. ``after`` is called after each batch of its events. Raises OSError or ValueError."""
    public = options.media_advertise
    engine = Engine(
        EngineSettings(
            addresses=tuple(addresses),
            advertise=tuple((own, public) for own in addresses if public and (":" in own) == (":" in public)),
            ports=(options.media_first_port, options.media_last_port),
            threads=options.media_threads,
            realtime=options.media_realtime,
            codecs=tuple(CODECS[word] for word in options.media_codecs) or None,
            srtp=cast("Srtp", options.media_srtp),
            comfort_noise=options.media_comfort_noise,
            inband_digits=options.media_inband_digits,
            country=options.media_country,
        )
    )
    if engine.core.behind is not None:
        _log.info("media takes turns with all else on this machine", reason=engine.core.behind)
    loop = asyncio.get_running_loop()

    def drained() -> None:
        try:
            engine.drain_events()
        finally:
            after()

    loop.add_reader(engine.fileno(), drained)

    def close() -> None:
        loop.remove_reader(engine.fileno())
        engine.close()

    return Opened(engine, close, lambda: dict(engine.core.counters()))
