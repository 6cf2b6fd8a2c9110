"""What one leg has said and heard of its media: offer and answer seen from one dialog (RFC 3264, RFC 6337)."""

from __future__ import annotations

from cordboard._core import Sdp, hold_change

HELD = "held"
RETRIEVED = "retrieved"


class Media:
    """The media side of a session. Descriptions are kept as they went over the wire, and read only when needed."""

    __slots__ = ("continued", "heard", "said")

    def __init__(self) -> None:
        self.said = b""
        """The description this phone was last told, and took."""
        self.heard = b""
        """The description this phone last gave, and we took."""
        self.continued = False
        """Whether what it is told comes from more than one source, so that its ``o=`` must be kept steady."""

    def next(self, body: bytes) -> bytes:
        """A description for this phone, as the next of the one session it knows (RFC 3264 section 8)."""
        if not self.continued or not self.said:
            return body
        try:
            return Sdp.parse(body).following(Sdp.parse(self.said)).to_bytes()
        except ValueError:
            return body

    def change(self, offer: bytes) -> str:
        """What an offer of this phone's own says of hold next to what it said before: held, retrieved or none.

        What cannot be read changes nothing.
        """
        try:
            return hold_change(Sdp.parse(self.heard) if self.heard else None, Sdp.parse(offer))
        except ValueError:
            return "none"

    def answered(self, offer: bytes, answer: bytes) -> str:
        """The same for its answer to an offer it asked for: an answer that gives less than was offered holds."""
        try:
            told, said = Sdp.parse(offer), Sdp.parse(answer)
        except ValueError:
            return "none"
        if not said.held:
            return RETRIEVED
        return "none" if told.held else HELD


def is_sdp(kind: str) -> bool:
    """Whether a Content-Type is that of a session description alone."""
    return kind[:15].lower() == "application/sdp"


def direction(body: bytes) -> str:
    """The direction of speech in a description; ``sendrecv`` where it cannot be read."""
    try:
        return Sdp.parse(body).audio_direction
    except ValueError:
        return "sendrecv"


def taken_from_hold(body: bytes) -> bytes:
    """The description with speech both ways."""
    try:
        description = Sdp.parse(body)
    except ValueError:
        return body
    if description.audio_direction == "sendrecv":
        return body
    return description.with_direction("sendrecv").to_bytes()


def pointed(answer: bytes, offered: str) -> bytes:
    """An answer as it may stand next to an offer of that direction (RFC 3264 6.1)."""
    allowed = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}.get(offered)
    if allowed is None:
        return answer
    try:
        description = Sdp.parse(answer)
    except ValueError:
        return answer
    both = {description.audio_direction, allowed}
    if "inactive" in both or both == {"sendonly", "recvonly"}:
        return description.with_direction("inactive").to_bytes()
    return description.with_direction("sendonly" if allowed == "sendonly" else "recvonly").to_bytes()


def dead_answer(offer: bytes, session_id: int, address: str = "0.0.0.0") -> bytes:  # noqa: S104 - not bound to
    """An answer that takes an offer and leads nowhere; nothing for an offer that cannot be read."""
    try:
        return Sdp.parse(offer).black_hole_answer(session_id, address).to_bytes()
    except ValueError:
        return b""
