"""A limb to an application: a VoiceXML script that a service runs with the party (RFC 4240 section 4, RFC 5552).

party's leg              switch                                     service
|                          | INVITE sip:dialog@...;voicexml=<script> -> |
| <------------------------------ RTP ------------------------------->  |
|                          | <- BYE, application/x-www-form-urlencoded: what it found out (RFC 5552 section 5)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from cordboard.switch.services.limb import Limb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cordboard import _core
    from cordboard.sip.session import Session

FORM: Final = "application/x-www-form-urlencoded"

MOST_FIELDS: Final = 64
"""Most values an application may give back; one that gives more has given none."""


class Application(Limb):
    """Such a limb. ENDED is told when the script has ended and has left its :attr:`result`."""

    __slots__ = ()

    def on_hang_up(self, session: Session, message: _core.Message) -> None:
        """See Limb."""
        if session is self.media:
            self.result = given_back(message)
        super().on_hang_up(session, message)


def given_back(bye: _core.Message) -> Mapping[str, str]:
    """The values in a BYE; none in one that has none, or that cannot be read."""
    if (bye.header("Content-Type") or "").partition(";")[0].strip().lower() != FORM:
        return {}
    try:
        return dict(parse_qsl(bye.body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        return {}
