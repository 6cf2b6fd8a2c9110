"""A network of SIP cores that is only calculated: with loss, duplication, delay and reordering, the same by seed."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from cordboard._core import Endpoint
from cordboard.testkit.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the network is. Reordering comes from delays that differ."""

    loss: float = 0.0
    """Share of packets lost, 0 to 1."""
    duplication: float = 0.0
    """Share of packets that arrive twice."""
    delay: tuple[float, float] = (0.001, 0.001)
    """Shortest and longest way of a packet, in seconds."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A message on its way, for ladders and checks."""

    sent: float
    """When it was sent, in seconds."""
    source: _core.Address
    target: _core.Address
    data: bytes
    lost: bool
    """Whether the network lost it."""


class Node:
    """A core on the network. Give it someone to ``drain`` its events."""

    __slots__ = ("address", "drain", "due", "endpoint", "held", "name")

    def __init__(self, name: str, address: _core.Address, endpoint: _core.Endpoint) -> None:
        self.name = name
        self.address = address
        self.endpoint = endpoint
        self.drain: Callable[[], int] | None = None
        """Handles the events that wait."""
        self.held = False
        """Whether its events are kept from being handled, as if Python were busy."""
        self.due: float | None = None
        """When its next timer is due, as last asked."""


class VirtualNetwork:
    """The network. One clock for all; :meth:`run` moves it."""

    def __init__(self, seed: int = 1, weather: Weather | None = None, *, keep: bool = True) -> None:
        """``keep``: whether to keep all packets for ladders."""
        self.clock = VirtualClock()
        self.random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.weather = weather if weather is not None else Weather()
        self.packets: list[Packet] = []
        """All packets sent, in order."""
        self.counts = {"sent": 0, "lost": 0, "doubled": 0, "to nobody": 0}
        """What became of them."""
        self.filter: Callable[[Packet], bool] | None = None
        """May lose a packet by returning False, for tests that want a certain one lost."""
        self._keep = keep
        self._nodes: dict[_core.Address, Node] = {}
        self._on_the_way: list[tuple[float, int, _core.Address, _core.Address, bytes]] = []
        self._order = 0

    def node(self, name: str, host: str, port: int = 5060, *, realm: str = "centre.example") -> Node:
        """A new core at that address. Its names and numbers follow from the network's seed."""
        endpoint = Endpoint.virtual(
            [("udp", host, port)], realm=realm, software=f"cordboard-testkit {name}", seed=self.random.getrandbits(63)
        )
        endpoint.advance(self.clock.now())
        node = Node(name, (host, port), endpoint)
        self._nodes[node.address] = node
        return node

    def remove(self, node: Node) -> None:
        """Pulls its plug: what is sent to it from now on is lost."""
        self._nodes.pop(node.address, None)

    def name_of(self, address: _core.Address) -> str:
        """The name of the node at that address."""
        node = self._nodes.get(address)
        return node.name if node is not None else f"{address[0]}:{address[1]}"

    # Moving

    def run(self, seconds: float = 0.0, *, until: Callable[[], bool] | None = None) -> bool:
        """Lets that much time pass, or less if ``until`` becomes true, and returns whether it did (True without)."""
        end = self.clock.now() + seconds
        while True:
            self._settle()
            if until is not None and until():
                return True
            moment = self._next()
            if moment is None or moment > end:
                self._advance(end)
                for node in self._nodes.values():
                    # Who acts next is the test, and must find each core at this moment.
                    node.endpoint.advance(end)
                self._settle()
                return until is None or until()
            self._advance(moment)

    def _next(self) -> float | None:
        found = self.clock.next_due()
        if self._on_the_way and (found is None or self._on_the_way[0][0] < found):
            found = self._on_the_way[0][0]
        for node in self._nodes.values():
            due = node.due
            if due is not None and (found is None or due < found):
                found = due
        return found

    def _advance(self, moment: float) -> None:
        due = self.clock.next_due()
        acting = due is not None and due <= moment
        for node in self._nodes.values():
            # Whoever acts on a timer of the clock must find its core at this moment, not at its last one.
            if acting or (node.due is not None and node.due <= moment):
                node.endpoint.advance(moment)
                self._after(node)
        self.clock.advance(moment)
        while self._on_the_way and self._on_the_way[0][0] <= moment:
            _, _, source, target, data = heapq.heappop(self._on_the_way)
            receiver = self._nodes.get(target)
            if receiver is None:
                self.counts["to nobody"] += 1
                continue
            receiver.endpoint.receive(data, "udp", target, source, moment)
            self._after(receiver)

    def _after(self, node: Node) -> None:
        """Takes what a core wants sent, and asks when it wants to be woken."""
        for flow, data in node.endpoint.transmits():
            self._send(node.address, flow.remote, data)
        node.due = node.endpoint.next_timeout()

    def _settle(self) -> None:
        busy = True
        while busy:
            busy = False
            for node in list(self._nodes.values()):
                if node.drain is not None and not node.held and node.drain():
                    busy = True
                self._after(node)

    def _send(self, source: _core.Address, target: _core.Address, data: bytes) -> None:
        weather = self.weather
        random = self.random
        self.counts["sent"] += 1
        lost = weather.loss > 0 and random.random() < weather.loss
        packet = Packet(self.clock.now(), source, target, data, lost)
        if not lost and self.filter is not None and not self.filter(packet):
            lost = True
            packet = Packet(packet.sent, source, target, data, lost)
        if self._keep:
            self.packets.append(packet)
        if lost:
            self.counts["lost"] += 1
            return
        copies = 1
        if weather.duplication > 0 and random.random() < weather.duplication:
            self.counts["doubled"] += 1
            copies = 2
        for _ in range(copies):
            self._order += 1
            arrival = self.clock.now() + random.uniform(*weather.delay)
            heapq.heappush(self._on_the_way, (arrival, self._order, source, target, data))
