"""Calls made visible: the ring of late messages, the book of late calls, and the collector (HEPv3), for one server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from starlette.responses import Response
from starlette.routing import Route

from cordboard.model.events import CallEvent
from cordboard.ops.http import refused
from cordboard.ops.masking import masked
from cordboard.ops.trace import KnownCall, Message, Trace, TraceBook
from cordboard.sip.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from cordboard import _core
    from cordboard.config.options import ApplicationOptions
    from cordboard.model.events import Event
    from cordboard.model.ports import EventSink, Link
    from cordboard.switch.server import SipServer

TRACE_PATH: Final = "/admin/trace"

_log = structlog.get_logger("cordboard.runtime")
_encode = msgspec.json.Encoder().encode


class _Telling:
    """An ``EventSink`` in front of another one: a collector is told of each event of a call."""

    __slots__ = ("_sink", "_tell")

    def __init__(self, sink: EventSink, tell: Callable[[CallEvent], None]) -> None:
        self._sink = sink
        self._tell = tell

    def wants(self, dn: str) -> bool:  # noqa: ARG002 - as the protocol says
        """Every DN."""
        return True

    def emit(self, event: Event, link: Link | None = None) -> None:
        """Passes an event on, and tells of it."""
        self._sink.emit(event, link)
        if isinstance(event, CallEvent):
            self._tell(event)


class Tracing:
    """What one server keeps and tells of its calls."""

    def __init__(self, sink: EventSink) -> None:
        """``sink``: where events go besides."""
        self.book = TraceBook()
        self._sink = sink
        self._endpoint: _core.Endpoint | None = None
        self._switch: SipServer | None = None
        self._digits = False
        self._collector: tuple[object, ...] = ()
        self._ours: _core.Address = ("0.0.0.0", 0)  # noqa: S104 - nothing listens on it
        self._desktops: _core.Address = self._ours

    def start(self, endpoint: _core.Endpoint, switch: SipServer, options: ApplicationOptions) -> None:
        """Begins, as the options say."""
        self._endpoint, self._switch = endpoint, switch
        self._ours = next(((host, port) for _, host, port in endpoint.listening()), self._ours)
        self.configure(options)

    def configure(self, options: ApplicationOptions) -> None:
        """Takes over options while the server runs."""
        endpoint, switch = self._endpoint, self._switch
        if endpoint is None or switch is None:
            return
        self.book.limit = options.trace_calls
        self._digits = options.trace_digits
        endpoint.keep_messages(options.trace_memory if options.trace_calls else 0)
        address = options.collector()
        collector = (address, options.hep_id, options.hep_password.reveal())
        if collector != self._collector:
            try:
                endpoint.collect(address, agent=options.hep_id, password=options.hep_password.reveal())
            except OSError as error:
                _log.error("collector cannot be reached", address=options.hep_address, reason=str(error))
                address = None
                endpoint.collect(None)
            self._collector = collector
            self._desktops = (self._ours[0], options.tlib_port)
            self.book.named = endpoint.correlate if address is not None else None
            switch.reporter.listen(_Telling(self._sink, self._tell) if address is not None else self._sink)

    def _tell(self, event: CallEvent) -> None:
        if self._endpoint is not None:
            at = event.time.sec + event.time.usec / 1e6
            ours, desktops = self._ours, self._desktops
            self._endpoint.tell_collector(event.conn_id, at, _encode(event), source=ours, target=desktops)

    def trace(self, *, conn_id: str = "", call_id: str = "", dn: str = "", after: int = 0) -> Trace:
        """A call by its ConnID or the Call-ID of a leg, or the latest call of a DN. Messages numbered above ``after``.

        A Call-ID need not belong to a call: requests that were refused are found by it as well.
        """
        endpoint, switch, book = self._endpoint, self._switch, self.book
        if endpoint is None or switch is None:
            return Trace([], [], [], [], live=False)
        if dn:
            latest = book.find(dn=dn)
            conn_id = latest[-1] if latest else ""
        conn_ids = book.find(conn_id=conn_id, call_id=call_id)
        call_ids = book.call_ids(conn_ids) or [call_id] * bool(call_id)
        found = endpoint.messages(call_ids, after=after) if call_ids else []
        messages = [
            Message(number, at, outgoing, transport, local, remote, masked(data, digits=self._digits))
            for number, at, outgoing, transport, local, remote, data in found
        ]
        steps = book.steps(conn_ids, digits=self._digits)
        live = any(one in switch.calls for one in conn_ids)
        return Trace(conn_ids, call_ids, messages, steps, live=live)

    def known(self) -> list[KnownCall]:
        """The calls that can be traced, the latest last."""
        calls = self._switch.calls if self._switch is not None else {}
        return [KnownCall(conn_id, at, dns, conn_id in calls) for conn_id, at, dns in self.book.known()]

    def route(self, token: str) -> Route:
        """GET a trace as JSON, with the token: ``?conn_id=``, ``?call_id=`` or ``?dn=``, and ``after=``.

        With none of them: the calls that are known.
        """

        async def trace(request: Request) -> Response:
            if (refusal := refused(request, token)) is not None:
                return refusal
            asked = request.query_params
            names = {name: asked[name] for name in ("conn_id", "call_id", "dn") if asked.get(name)}
            after = whole_number(asked.get("after", "0"), 2**63)
            if not asked:
                return Response(_encode(self.known()), media_type="application/json")
            if len(names) != 1 or after is None:
                return Response("one of conn_id, call_id and dn; after is a number\n", 400, media_type="text/plain")
            found = self.trace(**names, after=after)
            status = 404 if not found.conn_ids and not found.messages else 200
            return Response(_encode(found), status, media_type="application/json")

        return Route(TRACE_PATH, trace, methods=["GET"])
