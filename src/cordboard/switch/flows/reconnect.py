"""Joining two phones that were talking to others: an offer from the one, for the other (RFC 3725 section 7).

    source                  switch                     sink
    | <- re-INVITE (no offer)  |                          |        ASKING
    | 200 (offer) -----------> | re-INVITE (offer) -----> |        OFFERING
    |                          | <----------- 200 (answer)|
    | <----------- ACK (answer)| ACK -------------------> |        DONE

A source that was called without an offer has given its offer already: its ACK is owed, and OFFERING is the start. One
of the two may be one who calls us and is not answered yet: as the source it is answered with the sink's answer, as the
sink with the source's offer, and its ACK has the answer. What it offers passes as it is; should the joining fail, its
INVITE is its owner's to refuse.

    ASKING --OFFER--> OFFERING --ANSWER--> DONE, or MENDING --ANSWER--> DONE
      |                  |
      '----REFUSED-------'--> the same once more the other way round, then DONE: the call stays up as it is

MENDING: a source that was on hold may offer ``recvonly``, because that is what it last did. The sink is made an offer
both ways all the same, and the source a second one with the sink's answer.

Each phone is told whom it is to talk to, as its trust allows: P-Asserted-Identity or Remote-Party-ID (RFC 3325, option
``sip-identity-headers``) in the re-INVITE.

Two phones that cannot talk directly (:mod:`cordboard.switch.features.media_path`), where a media service can bridge
it, are not made each other's offers: each is told to send nowhere for the moment, if it waits for an answer, and both
count as joined: the call is anchored next. So are two of whom each has refused the other's offer (488, 606).

A phone that is busy with a re-INVITE of its own, or says 491, is asked again after a while (RFC 3261 14.1). One that
has said nothing but 100 after ten seconds will not: nobody is asked but the phone.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final

from cordboard.model.party import PartyState
from cordboard.sip.machine import Table
from cordboard.sip.media import dead_answer, direction, pointed, taken_from_hold
from cordboard.switch.features import media_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.sip.clock import Timer
    from cordboard.sip.pending import Pending
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow

    Done = Callable[[int, _core.ResponseEvent | None], None]

GLARE_TRIES: Final = 8
"""How often a phone that is busy is asked again."""

ANSWER_WITHIN: Final = 10.0
"""Seconds a phone has for its answer to a re-INVITE."""


class State(Enum):
    """Where the joining is."""

    ASKING = "asking"
    OFFERING = "offering"
    MENDING = "mending"
    DONE = "done"


class Input(Enum):
    """What can happen to it."""

    OFFER = "offer"
    ANSWER = "answer"
    ONE_WAY = "one way"
    APART = "apart"
    REFUSED = "refused"
    GIVEN_UP = "given up"
    STOP = "stop"


_S = State
_I = Input

TABLE: Final = Table(
    "reconnect",
    {
        (_S.ASKING, _I.OFFER): _S.OFFERING,
        (_S.ASKING, _I.APART): _S.DONE,
        (_S.ASKING, _I.REFUSED): _S.ASKING,
        (_S.ASKING, _I.GIVEN_UP): _S.DONE,
        (_S.ASKING, _I.STOP): _S.DONE,
        (_S.OFFERING, _I.ANSWER): _S.DONE,
        (_S.OFFERING, _I.ONE_WAY): _S.MENDING,
        (_S.OFFERING, _I.APART): _S.DONE,
        (_S.OFFERING, _I.REFUSED): _S.ASKING,
        (_S.OFFERING, _I.GIVEN_UP): _S.DONE,
        (_S.OFFERING, _I.STOP): _S.DONE,
        (_S.MENDING, _I.ANSWER): _S.DONE,
        (_S.MENDING, _I.REFUSED): _S.DONE,
        (_S.MENDING, _I.GIVEN_UP): _S.DONE,
        (_S.MENDING, _I.STOP): _S.DONE,
        (_S.DONE, _I.STOP): _S.DONE,
    },
)
"""Where each input leads. No entry: MachineError."""


class Reconnect:
    """Two answered sessions being joined. Ends with ``done`` unless it is stopped first."""

    __slots__ = (
        "_done",
        "_flow",
        "_lifting",
        "_limit",
        "_phones",
        "_refusals",
        "_stopped",
        "_timer",
        "_told",
        "_tries",
        "_turned",
        "answer",
        "answer_headers",
        "changed",
        "joined",
        "offer",
        "shown",
        "sink",
        "source",
        "state",
    )

    def __init__(
        self,
        flow: CallFlow,
        source: Session,
        sink: Session,
        done: Callable[[], None],
        *,
        lifting: bool = False,
        phones: bool = True,
        stopped: Callable[[], None] | None = None,
    ) -> None:
        """``lifting``: whether a hold of the source ends by this, so that its offer is for both ways.

        ``phones``: whether there is a party at both ends, rather than a service at one. ``stopped``: told in place of
        ``done`` when it is stopped.
        """
        self._flow = flow
        self._lifting = lifting
        self._phones = phones
        self._stopped = stopped
        self.joined = False
        """Whether both took it; to be asked when it is done."""
        self.changed: list[Session] = []
        """Who has changed his media by it, be it for nothing."""
        self.source = source
        self.sink = sink
        self._done = done
        self.offer = b""
        """What the source offered."""
        self._told = b""
        """What a sink that was not answered yet was told."""
        self.shown: Callable[[Session], _core.Headers] = partial(opposite, flow)
        """What tells a phone whom it is to talk to."""
        self.answer: _core.Message | None = None
        """The 2xx of a sink that was up."""
        self.answer_headers: _core.Headers = ()
        """What one that was not answered yet is told besides."""
        self._tries = 0
        self._refusals: list[int] = []
        """How they refused each other's offers."""
        self._turned = False
        self._timer: Timer | None = None
        self._limit: Timer | None = None
        self.state = State.ASKING
        for session in (source, sink):
            session.media.continued = True

    def _step(self, what: Input) -> State:
        """Takes an input and returns the state it came in."""
        before = self.state
        self.state = TABLE[before, what]
        return before

    def start(self, offer: bytes = b"") -> None:
        """Begins; with the offer of a source whose ACK is owed."""
        if self._phones and self._flow.apart(self.source, self.sink, offer) & media_path.APART and not self.sink.early:
            self._leave_apart(offer)
        elif offer:
            self._offered(offer)
        else:
            self._ask()

    def _leave_apart(self, offer: bytes) -> None:
        source = self.source
        if offer:
            self.changed.append(source)
            source.media.heard, source.media.said = offer, dead_answer(offer, source.dialog)
            self._acknowledge(source.media.said)
        self._finish(Input.APART)

    def stop(self) -> None:
        """The call has ended, or the two part again: nothing more is asked. Harmless when it is done."""
        before = self._step(Input.STOP)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if before is State.OFFERING:
            self._let_down()
        if before is not State.DONE and self._stopped is not None:
            self._stopped()

    def _finish(self, what: Input) -> None:
        self._step(what)
        self.joined = what in (Input.ANSWER, Input.APART)
        self._done()
        if self._phones:
            refused = what is Input.APART and self._refusals
            self._flow.consider_media(media_path.UNACCEPTABLE if refused else media_path.NOTHING)

    # Asking, at a good moment

    def _wait(self, session: Session, again: Callable[[], None]) -> None:
        """Tries again later, or gives up."""
        self._tries += 1
        if self._tries > GLARE_TRIES:
            self._refused(Input.GIVEN_UP)
            return
        delay = session.glare_delay(self._flow.server.random)
        self._timer = self._flow.server.clock.call_later(max(delay, 0.05), again)

    def _request(self, session: Session, done: Done, body: bytes = b"") -> None:
        pending = session.request("INVITE", partial(self._settled, done), headers=self.shown(session), body=body)
        self._limit = self._flow.server.clock.call_later(
            ANSWER_WITHIN, partial(self._too_long, pending, done, offered=body != b"")
        )

    def _settled(self, done: Done, status: int, event: _core.ResponseEvent | None) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        done(status, event)

    def _too_long(self, pending: Pending, done: Done, *, offered: bool) -> None:
        self._limit = None
        if not pending.session.over:
            pending.cancel(partial(_too_late, pending.session, offered))
            done(408, None)

    def _ask(self) -> None:
        self._timer = None
        source = self.source
        if source.busy:
            self._wait(source, self._ask)
            return
        self._request(source, self._asked)

    def _asked(self, status: int, event: _core.ResponseEvent | None) -> None:
        if event is not None and status < 300:
            offer = event.message.body
            if self.state is State.DONE:
                self.changed.append(self.source)
                self.source.ack_again(dead_answer(offer, self.source.dialog))
            else:
                self._offered(offer)
        elif self.state is State.DONE or self.source.over:
            return
        elif status == 491:
            self._wait(self.source, self._ask)
        else:
            self._refused(Input.REFUSED)

    def _offered(self, offer: bytes) -> None:
        self._step(Input.OFFER)
        self.offer = self.source.media.heard = offer
        self._pass_on()

    def _pass_on(self) -> None:
        """Makes the sink the offer."""
        self._timer = None
        sink = self.sink
        as_it_is = self.source.early or self._holds(self.source)
        if sink.early:
            self._told = sink.media.next(self.offer if as_it_is else taken_from_hold(self.offer))
            sink.answer(self.answer_headers, body=self._told)
            return
        if sink.busy or self._forestalled:
            self._wait(sink, self._pass_on)
            return
        told = sink.media.next(self.offer if as_it_is else taken_from_hold(self.offer))
        self._request(sink, partial(self._answered, told), told)

    @property
    def _forestalled(self) -> bool:
        """Whether the sink is being joined to somebody else, so that a service must not come between."""
        arrangement = self._flow.arrangement
        return not self._phones and arrangement is not None and arrangement.engaged

    def _holds(self, session: Session) -> bool:
        """Whether the phone stops its ears because its user wants to."""
        if self._lifting:
            return False
        party = self._flow.party_of(session)
        return party is not None and party.state is PartyState.HELD

    def _answered(self, told: bytes, status: int, event: _core.ResponseEvent | None) -> None:
        sink = self.sink
        if event is not None and status < 300:
            sink.ack_again()
            self.answer = event.message
            self._agreed(told, event.message.body)
        elif self.state is State.DONE or sink.over:
            return
        elif status == 491:
            self._wait(sink, self._pass_on)
        else:
            self._refusals.append(status)
            self._refused(Input.REFUSED)

    def acknowledged(self, message: _core.Message | None) -> None:
        """The ACK of a sink that was not answered before came, with its answer; None when there will be none."""
        if self._told:
            told, self._told = self._told, b""
            if message is not None and (message.body or self.state is State.DONE):
                self._agreed(told, message.body)
            else:
                # He has hung up before he was heard.
                self._refused(Input.REFUSED)

    def _agreed(self, told: bytes, answer: bytes) -> None:
        """The sink took what it was told."""
        self.changed.append(self.sink)
        self.sink.media.said, self.sink.media.heard = told, answer
        if self.state is State.DONE:
            return
        answer = self.source.media.next(pointed(answer, direction(self.offer)))
        self.source.media.said = answer
        self._acknowledge(answer)
        if direction(told) == "sendrecv" and direction(self.offer) != "sendrecv":
            self._step(Input.ONE_WAY)
            self._mend()
        else:
            self._finish(Input.ANSWER)

    def _mend(self) -> None:
        self._timer = None
        source = self.source
        if source.busy:
            self._wait(source, self._mend)
            return
        told = source.media.next(taken_from_hold(self.sink.media.heard))
        self._request(source, partial(self._mended, told), told)

    def _mended(self, told: bytes, status: int, event: _core.ResponseEvent | None) -> None:
        source = self.source
        if event is not None and status < 300:
            source.media.said, source.media.heard = told, event.message.body
            source.ack_again()
            if self.state is not State.DONE:
                self._finish(Input.ANSWER)
        elif self.state is State.DONE or source.over:
            return
        elif status == 491:
            self._wait(source, self._mend)
        else:
            self._finish(Input.REFUSED)

    def _acknowledge(self, answer: bytes) -> None:
        source = self.source
        if source.early:
            source.answer(self.answer_headers, body=answer)
        elif source.accepted:
            source.ack(answer)
        else:
            source.ack_again(answer)

    def _let_down(self) -> None:
        """The source's offer leads nowhere."""
        if not self.source.over and not self.source.early:
            self.changed.append(self.source)
            self._acknowledge(dead_answer(self.offer, self.source.dialog))

    @property
    def _bridgeable(self) -> bool:
        """Whether all that is wrong is that neither takes what the other offers, and a service can bridge that."""
        unacceptable = len(self._refusals) == 2 and media_path.NOT_ACCEPTABLE.issuperset(self._refusals)
        return unacceptable and self._phones and self._flow.may_be_bridged(self.source, self.sink)

    def _refused(self, what: Input) -> None:
        """A phone will not: once more the other way round, then the call stays as it is."""
        before = self.state
        if before is State.OFFERING:
            self._let_down()
        final = self._turned or self.source.early or self.sink.early
        if final and what is Input.REFUSED and self._bridgeable:
            self._finish(Input.APART)
            return
        if before is State.MENDING or final or what is Input.GIVEN_UP:
            self._flow.server.log.warning("media not joined", conn_id=self._flow.call.conn_id, state=before.value)
            self._finish(Input.GIVEN_UP)
            return
        self._step(Input.REFUSED)
        self._turned = True
        self.source, self.sink = self.sink, self.source
        self._ask()


def _too_late(session: Session, offered: bool, status: int, event: _core.ResponseEvent | None) -> None:
    """A phone that was given up has answered, or has gone."""
    if event is not None and status < 300:
        answer = b"" if offered else dead_answer(event.message.body, session.dialog)
        session.ack_again(answer)


def opposite(flow: CallFlow, session: Session) -> _core.Headers:
    """What tells the phone at the end of a leg whom it talks to, in a call of two."""
    party, other = flow.party_of(session), flow.party_opposite(session)
    if party is None or other is None:
        return ()
    return flow.told(flow.extension_of(party), other)


def restore(flow: CallFlow, leg: Session, other: Session) -> None:
    """Gives both legs of a call the media they had, after ``other`` had been turned to somebody else."""
    if flow.bridge is not None:
        flow.bridge.disengage()
        flow.bridge.engage(Reconnect(flow, leg, other, flow.bridge.disengage)).start()
    elif flow.arrangement is not None:
        flow.arrangement.disengage()
        flow.arrangement.again(other)
