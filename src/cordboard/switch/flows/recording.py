"""The recording of a call: wanted by a desktop or by a DN's option, made by the service whose room the call is in.

    OFF --START--> STARTING --BEGUN--> ON --PAUSE--> PAUSED --RESUME--> ON        RECORD_STARTED, _PAUSED, _RESUMED
     ^                 |               |                |
     '------STOP-------+-----STOP------+------STOP------'                          RECORD_STOPPED
     '-----BROKEN------+----BROKEN-----'                                           the same, Reasons say why

A room comes and goes while a call is recorded: there is none while somebody holds, and another one after a transfer or
at another service. Each is another segment of the one recording (``record dest="call:<CallUUID>"``), whose index the
service keeps. What is paused stays paused.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from cordboard.model import events as ev
from cordboard.model.enums import PrivateMessage
from cordboard.model.errors import Code, TLibError
from cordboard.sip.bodies.msml import model

if TYPE_CHECKING:
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.services.seat import Seat

RECORDED: Final = "recorded"
"""Reason for anchoring a call."""

NAME: Final = "recording"
"""Name of the dialog that records."""

LONGEST: Final = 4 * 3600 * 1000
"""Milliseconds of one segment; then the next one begins."""


class State(Enum):
    """Where a recording is."""

    OFF = "off"
    STARTING = "starting"
    ON = "on"
    PAUSED = "paused"


class Input(Enum):
    """What can happen to it."""

    START = "start"
    BEGUN = "begun"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    BROKEN = "broken"


_S = State
_I = Input

TABLE: Final[dict[tuple[State, Input], tuple[State, PrivateMessage | None]]] = {
    (_S.OFF, _I.START): (_S.STARTING, None),
    (_S.STARTING, _I.BEGUN): (_S.ON, PrivateMessage.RECORD_STARTED),
    (_S.STARTING, _I.STOP): (_S.OFF, PrivateMessage.RECORD_STOPPED),
    (_S.STARTING, _I.BROKEN): (_S.OFF, PrivateMessage.RECORD_STOPPED),
    (_S.ON, _I.BEGUN): (_S.ON, None),
    (_S.ON, _I.PAUSE): (_S.PAUSED, PrivateMessage.RECORD_PAUSED),
    (_S.ON, _I.STOP): (_S.OFF, PrivateMessage.RECORD_STOPPED),
    (_S.ON, _I.BROKEN): (_S.OFF, PrivateMessage.RECORD_STOPPED),
    (_S.PAUSED, _I.BEGUN): (_S.PAUSED, None),
    (_S.PAUSED, _I.RESUME): (_S.ON, PrivateMessage.RECORD_RESUMED),
    (_S.PAUSED, _I.STOP): (_S.OFF, PrivateMessage.RECORD_STOPPED),
    (_S.PAUSED, _I.BROKEN): (_S.OFF, PrivateMessage.RECORD_STOPPED),
}
"""What each input does in each state, and what the parties are told. No entry: EventError to who asked."""


class Recording:
    """Such a recording."""

    __slots__ = ("_asked", "_flow", "_running", "_seats", "state")

    def __init__(self, flow: CallFlow) -> None:
        self._flow = flow
        self.state = State.OFF
        self._seats: dict[Seat, None] = {}
        """Those in the room, in order."""
        self._running = False
        """Whether the service records the room."""
        self._asked: tuple[Party | None, int, Link | None] = (None, 0, None)
        """Whose request began it, for the first event it causes."""

    def __repr__(self) -> str:
        return f"<Recording {self._flow.call.conn_id} {self.state.value}>"

    @property
    def wanted(self) -> bool:
        """Whether the call is to be in a room that can be recorded."""
        return self.state is not State.OFF

    def _step(self, what: Input, reasons: str = "") -> None:
        entry = TABLE.get((self.state, what))
        if entry is None:
            raise TLibError(
                Code.ALREADY_IN_STATE if what.value in _ALREADY.get(self.state, ()) else Code.WRONG_STATE,
                f"recording {self.state.value}",
            )
        self.state, message = entry
        if message is not None:
            self._tell(message, reasons)

    def _tell(self, message: PrivateMessage, reasons: str) -> None:
        """Tells all parties; who asked has the ReferenceID."""
        asker, reference_id, link = self._asked
        self._asked = (None, 0, None)
        reporter = self._flow.server.reporter
        for party in self._flow.call.parties:
            if not party.alive or not reporter.wanted(party):
                continue
            mine = party is asker
            reporter.call_event(
                ev.EventPrivateInfo,
                party,
                reference_id=reference_id if mine else 0,
                link=link if mine else None,
                own={"private_msg_id": message, "reasons": {"reason": reasons} if reasons else None},
            )

    # What is wanted

    def ask(self, what: Input, party: Party | None = None, reference_id: int = 0, link: Link | None = None) -> None:
        """START, PAUSE, RESUME or STOP. Raises TLibError."""
        before = self._asked
        self._asked = (party, reference_id, link)
        try:
            self._step(what)
        except TLibError:
            self._asked = before
            raise
        if what is Input.STOP:
            self._say(model.DialogEnd(self._dialog))
            self._running = False
        elif what is Input.PAUSE:
            self._say(model.Send("pause", self._dialog))
        elif what is Input.RESUME and self._running:
            self._say(model.Send("resume", self._dialog))
        else:
            self._begin()

    @property
    def _dialog(self) -> str:
        return f"conf:{self._flow.call.conn_id}/dialog:{NAME}"

    def _say(self, request: model.Request) -> None:
        seat = next(iter(self._seats), None)
        if seat is not None and self._running:
            seat.say((request,), self._said)

    def _said(self, result: model.Result) -> None:
        if result.response is not model.Response.OK:
            self._flow.server.log.warning(
                "recording not changed", conn_id=self._flow.call.conn_id, reason=result.description
            )

    # Where the call is

    def seated(self, seat: Seat) -> None:
        """A leg is in the room."""
        self._seats[seat] = None
        self._begin()

    def unseated(self, seat: Seat) -> None:
        """A leg is not in the room any more; with the last one the room ends, and the segment."""
        self._seats.pop(seat, None)
        if not self._seats:
            self._running = False

    def _begin(self) -> None:
        seat = next(iter(self._seats), None)
        if seat is None or self._running or self.state not in (State.STARTING, State.ON):
            return
        self._running = True
        record = model.Record(f"call:{self._flow.call.uuid}", LONGEST)
        leaving = model.Exit(("record.end", "record.recordid"))
        seat.say((model.DialogStart(seat.room, (record, leaving), name=NAME),), self._begun)

    def _begun(self, result: model.Result) -> None:
        if result.response is model.Response.OK:
            if self.state is State.STARTING:
                self._flow.server.services.counted["recordings_started"] += 1
            if (self.state, Input.BEGUN) in TABLE:
                self._step(Input.BEGUN)
        else:
            self._running = False
            self.broken(result.description)

    def heard(self, seat: Seat, event: model.Event) -> None:  # noqa: ARG002
        """The service tells of the room."""
        if event.id != self._dialog or event.name != "msml.dialog.exit" or not self._running:
            return
        self._running = False
        end = dict(event.values).get("record.end", "")
        if end == "record.complete.maxlength":
            self._begin()
        else:
            self.broken(end or "ended by the service")

    def broken(self, why: str) -> None:
        """It cannot go on."""
        if self.state is State.OFF:
            return
        self._flow.server.services.counted["recordings_broken"] += 1
        self._flow.server.log.warning("recording broken off", conn_id=self._flow.call.conn_id, reason=why)
        self._step(Input.BROKEN, why)
        if self._flow.anchoring is not None:
            self._flow.anchoring.drop(RECORDED)


_ALREADY: Final = {
    State.OFF: ("stop",),
    State.STARTING: ("start",),
    State.ON: ("start", "resume"),
    State.PAUSED: ("pause", "start"),
}
"""What is refused because it is so already."""
