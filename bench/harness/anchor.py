"""Our media engine alone, as a process: calls that are anchored, or one conference.

``python -m bench.harness.anchor FIRST-PORT LAST-PORT`` reads requests, one line of JSON each, and answers each with
one; it ends with its input. SDP passes as in a call: what the parties offer, and what the engine answers.
"""

import asyncio
import json
import sys
from typing import Any

from cordboard.media.engine import Engine
from cordboard.media.face import Role
from cordboard.media.settings import EngineSettings


class Anchor:
    """Does what is asked."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def relay(self, calls: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Anchors calls, each with what its two parties offer; returns the answers to them."""
        answers = []
        for offers in calls:
            one, other = (self.engine.leg(offer.encode()) for offer in offers)
            answers.append((one.answer(offers[0].encode()).decode(), other.answer(offers[1].encode()).decode()))
            self.engine.join(one, other, one_to_other=Role(), other_to_one=Role())
        return answers

    def conference(self, offers: list[str]) -> list[str]:
        """Puts parties into a room; returns the answers to what they offer."""
        room, answers = self.engine.room(), []
        for offer in offers:
            leg = self.engine.leg(offer.encode())
            answers.append(leg.answer(offer.encode()).decode())
            room.add(leg, Role())
        return answers


async def serve(ports: tuple[int, int]) -> None:
    """Until the input ends. ``ports``: the first and the last for media."""
    loop = asyncio.get_running_loop()
    engine = Engine(EngineSettings(ports=ports, port_rest=0.0, srtp="optional", realtime=True))
    engine.attach(loop)
    anchor = Anchor(engine)
    try:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            request: dict[str, Any] = json.loads(line)
            print(json.dumps(getattr(anchor, request["do"])(request["with"])), flush=True)
    finally:
        engine.close()


if __name__ == "__main__":
    asyncio.run(serve((int(sys.argv[1]), int(sys.argv[2]))))
