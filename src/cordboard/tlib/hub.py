"""All sessions of a server: who listens to which DN, and the way of events and requests between them and the switch.

An event is encoded once, whoever listens; each session only adds its own number. No I/O; the clock is an argument.
"""

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from cordboard.model.errors import MESSAGES, Code
from cordboard.model.events import (
    Event,
    EventAddressInfo,
    EventError,
    EventRegistered,
    EventUnregistered,
)
from cordboard.model.ports import Link, RequestHandler
from cordboard.model.requests import AnyRequest, QueryAddress, RegisterAddress, Request, UnregisterAddress
from cordboard.tlib import protocol
from cordboard.tlib.protocol import MAX_DNS_PER_LINK, Resume, Role, Snapshot, SnapshotReason
from cordboard.tlib.ring import DEFAULT_BYTES, DEFAULT_COUNT
from cordboard.tlib.session import ALL_DNS, Session

DEFAULT_RETENTION: Final = 120.0
"""Seconds a session is kept after its connection is lost."""

DEFAULT_MAX_SESSIONS: Final = 4096

_encode = msgspec.json.Encoder().encode
_request_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(AnyRequest)


class TooManySessionsError(Exception):
    """No room for another session. ``limit`` is how many there may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"there are {limit} links already, no more are allowed")
        self.limit = limit


class Resumed(enum.Enum):
    """What became of the wish to resume."""

    NOT_ASKED = enum.auto()
    YES = enum.auto()
    SNAPSHOT = enum.auto()


@dataclass(slots=True)
class HubCounters:
    """What the link counted since the start."""

    events: int = 0
    """Events encoded."""
    requests: int = 0
    errors: int = 0
    """Requests answered by EventError."""
    repeated: int = 0
    """Requests sent again after a reconnect that had arrived the first time."""
    fell_behind: int = 0
    """Times a session lost events to its bound and needs a snapshot."""
    snapshots: int = 0
    resumed: int = 0
    """Connections that went on with their session event by event."""
    sessions_opened: int = 0
    sessions_expired: int = 0
    requests_by_name: dict[str, int] = field(default_factory=dict)


def fragment(event: Event) -> bytes:
    """Encodes an event without its opening brace, EventSequenceNumber and ReferenceID, which each link has its own."""
    if event.reference_id or event.event_sequence_number:
        event = msgspec.structs.replace(event, reference_id=0, event_sequence_number=0)
    return _encode(event)[1:]


def answering(reference_id: int, data: bytes) -> bytes:
    """An event for the session whose request caused it, with the ReferenceID of that request, if any."""
    return b'"ReferenceID":%d,%b' % (reference_id, data) if reference_id else data


class NoSwitch:
    """Stands in for the switch until there is one."""

    __slots__ = ()

    def request(self, link: Link, request: Request, reference_id: int) -> Sequence[Event]:  # noqa: ARG002
        """Refuses."""
        code = Code.NO_SWITCH
        return [EventError(reference_id=reference_id, error_code=code, error_message=MESSAGES[code])]

    def snapshot(self, dn: str) -> Sequence[Event]:  # noqa: ARG002
        """Knows no DN."""
        return ()


class Hub:
    """The sessions of one SIP Server. The switch's EventSink."""

    def __init__(
        self,
        *,
        retention: float = DEFAULT_RETENTION,
        max_sessions: int = DEFAULT_MAX_SESSIONS,
        max_count: int = DEFAULT_COUNT,
        max_bytes: int = DEFAULT_BYTES,
        on_behind: Callable[[Session], None] | None = None,
    ) -> None:
        """An empty house without a switch; see ``bind``.

        ``retention``: seconds a session is kept without a connection. ``max_count`` and ``max_bytes`` bound the events
        kept for each session. ``on_behind`` is told of a session that lost events to that bound.
        """
        self._switch: RequestHandler = NoSwitch()
        self.retention = retention
        self.max_sessions = max_sessions
        self.counters = HubCounters()
        self.sessions: dict[str, Session] = {}
        self._all_dns: Callable[[], Iterable[str]] = tuple
        self.max_count = max_count
        """Events kept for a session; a change is for sessions to come."""
        self._max_bytes = max_bytes
        self._on_behind = on_behind
        self._listeners: dict[str, list[Session]] = {}
        """Of each DN that somebody registered: who listens to it, those who listen to every DN included."""
        self._everything: list[Session] = []
        """Who listens to every DN."""
        self._forgotten = 0
        """Events given to sessions that are no more."""

    def bind(self, switch: RequestHandler, all_dns: Callable[[], Iterable[str]]) -> None:
        """Gives requests to that switch from now on. ``all_dns`` lists its DNs, for who registers ``*``."""
        self._switch = switch
        self._all_dns = all_dns

    # The switch's side.

    def wants(self, dn: str) -> bool:
        """Whether anybody listens to that DN."""
        return dn in self._listeners or bool(self._everything)

    def emit(self, event: Event, link: Link | None = None) -> None:
        """Gives an event to all who listen to its ThisDN; an EventError to ``link`` alone."""
        if type(event) is EventError:
            if isinstance(link, Session):
                self._private(link, event)
            return
        sessions = self._listeners.get(event.this_dn) or self._everything  # type: ignore[attr-defined]
        if not sessions:
            return
        self.counters.events += 1
        data = fragment(event)
        for session in sessions:
            if session.append(data if session is not link else answering(event.reference_id, data)):
                self._fell_behind(session)

    def _private(self, session: Session, event: Event) -> None:
        self.counters.events += 1
        if isinstance(event, EventError):
            self.counters.errors += 1
        if session.append(answering(event.reference_id, fragment(event))):
            self._fell_behind(session)

    def _fell_behind(self, session: Session) -> None:
        self.counters.fell_behind += 1
        if self._on_behind is not None:
            self._on_behind(session)

    # The client's side.

    def open(
        self, session_id: str, user: str, role: Role, client: str, resume: Resume | None
    ) -> tuple[Session, Resumed]:
        """Opens a session for who logged in, or goes on with an earlier one of the same person.

        Raises TooManySessionsError.
        """
        if resume is not None:
            earlier = self.sessions.get(resume.session)
            if earlier is not None and earlier.user == user and earlier.role is role:
                if earlier.rewind(resume.sequence):
                    self.counters.resumed += 1
                    return earlier, Resumed.YES
                return earlier, Resumed.SNAPSHOT
        if len(self.sessions) >= self.max_sessions and not self._evict():
            raise TooManySessionsError(self.max_sessions)
        session = Session(session_id, user, role, client=client, max_count=self.max_count, max_bytes=self._max_bytes)
        self.sessions[session_id] = session
        self.counters.sessions_opened += 1
        if resume is None:
            return session, Resumed.NOT_ASKED
        for dn in resume.dns[:MAX_DNS_PER_LINK]:
            if dn == ALL_DNS:
                if role is Role.ADMINISTRATOR:
                    self._listen(session, dn)
            elif self._switch.snapshot(dn):
                self._listen(session, dn)
        session.need_snapshot(SnapshotReason.UNKNOWN_SESSION)
        return session, Resumed.SNAPSHOT

    def close(self, session: Session) -> None:
        """Forgets a session."""
        for dn in list(session.dns):
            self._unlisten(session, dn)
        if self.sessions.get(session.id) is session:
            del self.sessions[session.id]
            self._forgotten += session.last

    def expire(self, now: float) -> None:
        """Forgets the sessions whose client did not come back in time."""
        for session in [s for s in self.sessions.values() if s.lost_at is not None]:
            if session.lost_at is not None and now - session.lost_at >= self.retention:
                self.counters.sessions_expired += 1
                self.close(session)

    def _evict(self) -> bool:
        lost = [s for s in self.sessions.values() if s.lost_at is not None]
        if not lost:
            return False
        self.counters.sessions_expired += 1
        self.close(min(lost, key=lambda s: s.lost_at or 0.0))
        return True

    def snapshot(self, session: Session) -> bytes:
        """The Snapshot message for a session that is behind."""
        sequence = session.restart()
        names = self._all_dns() if ALL_DNS in session.dns else sorted(session.dns)
        dns: list[msgspec.Raw] = []
        calls: list[msgspec.Raw] = []
        for dn in names:
            for event in self._switch.snapshot(dn):
                (dns if isinstance(event, EventAddressInfo) else calls).append(msgspec.Raw(b"{" + fragment(event)))
        self.counters.snapshots += 1
        return protocol.encode(Snapshot(reason=session.snapshot_reason, sequence=sequence, dns=dns, calls=calls))

    def deliver(self, session: Session, message: protocol.Request) -> None:
        """Carries out a request. Every outcome reaches the client as an event with the ReferenceID."""
        reference_id = message.reference_id
        if message.repeated and reference_id <= session.last_reference_id:
            self.counters.repeated += 1
            return
        self.counters.requests += 1
        if not 1 <= reference_id < 2**63:
            self._refuse(session, 0, Code.INVALID_ATTRIBUTE, "reference_id is not 1 or more")
            return
        session.last_reference_id = max(session.last_reference_id, reference_id)
        try:
            request = _request_decoder.decode(message.request)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            self._refuse(session, reference_id, Code.INVALID_ATTRIBUTE, str(error))
            return
        name = type(request).__name__
        self.counters.requests_by_name[name] = self.counters.requests_by_name.get(name, 0) + 1
        if request.this_dn == ALL_DNS:
            self._deliver_all(session, request, reference_id)
            return
        if isinstance(request, RegisterAddress):
            if request.this_dn not in session.dns and len(session.dns) >= MAX_DNS_PER_LINK:
                self._refuse(session, reference_id, Code.INVALID_ATTRIBUTE, "too many DNs registered", request.this_dn)
                return
        elif (
            not isinstance(request, QueryAddress) and request.this_dn not in session.dns and ALL_DNS not in session.dns
        ):
            self._refuse(session, reference_id, Code.NOT_REGISTERED, request.this_dn, request.this_dn)
            return
        self._answer(session, self._switch.request(session, request, reference_id))

    def _answer(self, session: Session, answers: Sequence[Event]) -> None:
        for event in answers:
            if isinstance(event, EventRegistered):
                self._listen(session, event.this_dn)
            elif isinstance(event, EventUnregistered):
                self._unlisten(session, event.this_dn)
            self._private(session, event)

    def _deliver_all(self, session: Session, request: Request, reference_id: int) -> None:
        if session.role is not Role.ADMINISTRATOR:
            self._refuse(session, reference_id, Code.INVALID_ATTRIBUTE, "only an administrator may ask for *", ALL_DNS)
        elif isinstance(request, RegisterAddress):
            self._listen(session, ALL_DNS)
            self._private(session, EventRegistered(this_dn=ALL_DNS, reference_id=reference_id))
            self._everything_now(session)
        elif isinstance(request, UnregisterAddress):
            self._unlisten(session, ALL_DNS)
            self._private(session, EventUnregistered(this_dn=ALL_DNS, reference_id=reference_id))
        elif isinstance(request, QueryAddress):
            self._everything_now(session)
            self._private(session, EventAddressInfo(this_dn=ALL_DNS, reference_id=reference_id))
        else:
            self._refuse(session, reference_id, Code.INVALID_ATTRIBUTE, "this request needs one DN", ALL_DNS)

    def _everything_now(self, session: Session) -> None:
        for dn in self._all_dns():
            for event in self._switch.snapshot(dn):
                self._private(session, event)

    def _refuse(self, session: Session, reference_id: int, code: int, detail: str, dn: str | None = None) -> None:
        self._private(
            session,
            EventError(
                reference_id=reference_id, error_code=code, error_message=f"{MESSAGES[code]}: {detail}", this_dn=dn
            ),
        )

    # Who listens.

    def _listen(self, session: Session, dn: str) -> None:
        if dn in session.dns:
            return
        if dn == ALL_DNS:
            self._everything.append(session)
            for listened, listeners in self._listeners.items():
                if listened not in session.dns:
                    listeners.append(session)
        else:
            listeners = self._listeners.setdefault(dn, list(self._everything))
            if ALL_DNS not in session.dns:
                listeners.append(session)
        session.dns.add(dn)

    def _unlisten(self, session: Session, dn: str) -> None:
        if dn not in session.dns:
            return
        session.dns.discard(dn)
        if dn == ALL_DNS:
            self._everything.remove(session)
            for listened in self._listeners.keys() - session.dns:
                self._drop_listener(session, listened)
        elif ALL_DNS not in session.dns:
            self._drop_listener(session, dn)

    def _drop_listener(self, session: Session, dn: str) -> None:
        listeners = self._listeners[dn]
        listeners.remove(session)
        if not listeners:
            del self._listeners[dn]

    # For the operator.

    @property
    def connected(self) -> int:
        """Sessions with a connection."""
        return sum(1 for s in self.sessions.values() if s.lost_at is None)

    @property
    def deliveries(self) -> int:
        """Events given to sessions: one for each listener."""
        return self._forgotten + sum(s.last for s in self.sessions.values())

    @property
    def waiting(self) -> int:
        """Events not sent yet, of all sessions."""
        return sum(s.waiting for s in self.sessions.values() if not s.behind)
