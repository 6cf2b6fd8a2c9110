"""A media server without sound on a virtual network, and callers who ask it for things."""

from __future__ import annotations

from datetime import UTC, datetime

from cordboard.mediaserver.recordings import at_once
from cordboard.mediaserver.server import MediaServer
from cordboard.mediaserver.settings import MediaServerSettings
from cordboard.sip.outgoing import Invite, Outgoing
from cordboard.testkit.media import SilentMedia
from cordboard.testkit.network import VirtualNetwork
from cordboard.testkit.phone import Phone, _Caller
from cordboard.testkit.phone_call import PhoneCall

PEERS = tuple(f"10.0.1.{n}" for n in range(1, 250))
HOST = "10.0.0.9"
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)


class Caller(Phone):
    """A SIP element that asks a media server for things; the handler of its calls keeps INFO bodies."""

    def ask(self, user, *, offer=True, headers=(), body=None, content_type="application/sdp"):
        """Calls ``sip:<user>@server``, parameters after ``;`` in the user."""
        name, _, rest = user.partition(";")
        host, port = self.switch
        call = PhoneCall(self, inbound=False, number=user)
        call.infos = []
        self.calls.append(call)
        handler = _Asking(call, None, offered=offer)
        call.outgoing = Outgoing(
            self.dispatcher,
            handler,
            handler,
            Invite(
                f"<sip:{self.number}@{self.node.address[0]}>",
                f"<sip:{name}@{host}>",
                self.number,
                headers,
                body if body is not None else self.sdp() if offer else b"",
                content_type,
            ),
            f"sip:{name}@{host}:{port}" + (f";{rest}" if rest else ""),
            "udp",
            self.switch,
        )
        return call


class _Asking(_Caller):
    def on_request(self, session, event):
        if event.message.method == "INFO":
            self.call.infos.append(event.message.body)
        super().on_request(session, event)

    def on_reject(self, outgoing, status, event):
        self.call.refusal = event.message if event is not None else None
        super().on_reject(outgoing, status, event)


class House:
    """The server at 10.0.0.9, and callers."""

    def __init__(self, *, seed=1, weather=None, ports=1000, disk=at_once, **settings):
        self.network = VirtualNetwork(seed, weather)
        self.clock = self.network.clock
        self.node = self.network.node("media", HOST, 5060)
        self.media = SilentMedia(self.clock, ports=ports)
        self.server = MediaServer(
            MediaServerSettings(domain=HOST, peers=PEERS, **settings),
            endpoint=self.node.endpoint,
            clock=self.clock,
            media=self.media,
            now=lambda: NOW,
            disk=disk,
        )
        self.node.drain = self.server.drain_events
        self.callers = []

    def caller(self, number):
        caller = Caller(self.network, number, f"10.0.1.{len(self.callers) + 1}", (HOST, 5060))
        self.callers.append(caller)
        return caller

    def hears(self, leg):
        """Whom a leg hears."""
        heard = {other for other in self.media.legs if leg in other.joined and other.joined[leg].talk}
        if leg.room is not None and leg.room.roles[leg].hear:
            for other, role in leg.room.roles.items():
                if other is not leg and role.talk and role.coach_for in (None, leg):
                    heard.add(other)
        return heard

    @property
    def rooms(self):
        return [room for room in self.media.rooms if not room.closed]

    def run(self, seconds=1.0):
        self.network.run(seconds)

    def leftovers(self):
        """What is left when all should have ended."""
        server = self.server
        found = [
            f"{name}: {value}"
            for name, value in (
                ("legs", server.legs),
                ("names", server.names),
                ("conferences", server.conferences),
                ("dialogs", server.dispatcher.dialogs),
                ("transactions", server.dispatcher.transactions),
                ("media", self.media.legs),
                ("rooms", self.rooms),
                ("faults", server.faults),
                ("timers", self.clock.waiting),
            )
            if value
        ]
        return found + [f"{caller} not idle" for caller in self.callers if not caller.idle]
