"""SRTP on a leg of the engine, libsrtp at the other end: heard both ways, bridged to plain RTP and between suites."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from cordboard.media import Engine, EngineSettings, LegStats, Listener, Role
from cordboard.testkit.rtp_party import PCMA, RtpParty
from cordboard.testkit.sound import noise
from cordboard.testkit.srtp_party import SUITES, SrtpParty
from cordboard.testkit.strangers.ports import port_range

ANN, BOB = VOICES = [noise("ann", 1), noise("bob", 2)]
PLAIN = ""


class Refused(Listener):
    """Waits until packets were refused."""

    def __init__(self) -> None:
        self.enough = asyncio.Event()

    def on_quality(self, stats: LegStats) -> None:
        if stats.packets_refused >= 5:
            self.enough.set()


async def join(one: str, other: str) -> None:
    """Two parties, each with a suite or none, hear each other."""
    engine = Engine(EngineSettings(ports=port_range(100), port_rest=0.0, report_interval=0.3, srtp="optional"))
    async with AsyncExitStack() as stack:
        stack.callback(engine.close)
        parties, legs = [], []
        for voice, suite in ((ANN, one), (BOB, other)):
            party = await stack.enter_async_context((SrtpParty if suite else RtpParty)(voice, coding=PCMA))
            if isinstance(party, SrtpParty):
                # Half of the phones say plain RTP with a key, and mean it.
                offer = party.offer(suite, "RTP/AVP" if "32" in suite else "RTP/SAVP")
            else:
                host, port = party.address
                offer = f"v=0\r\nc=IN IP4 {host}\r\nm=audio {port} RTP/AVP 8\r\n".encode()
            leg = engine.leg(offer)
            answer = leg.answer(offer)
            if isinstance(party, SrtpParty):
                party.agree(answer)
            party.talk_to(leg.place)
            parties.append(party)
            legs.append(leg)
        engine.join(*legs, one_to_other=Role(), other_to_one=Role())
        ann, bob = parties
        await ann.settle({"bob"}, VOICES)
        await bob.settle({"ann"}, VOICES)
        for party in parties:
            if isinstance(party, SrtpParty):
                assert party.refused == 0
                async with asyncio.timeout(10):
                    while not party.reports:
                        await party.arrived(len(party.arrivals) + 1)


@pytest.mark.parametrize("suite", SUITES)
def test_a_party_with_srtp_and_one_without_hear_each_other(suite: str) -> None:
    asyncio.run(join(suite, PLAIN))


def test_two_suites_are_bridged() -> None:
    asyncio.run(join("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"))


def test_packets_of_another_key_are_not_heard() -> None:
    async def scenario() -> None:
        engine = Engine(EngineSettings(ports=port_range(100), port_rest=0.0, report_interval=0.3, srtp="required"))
        async with AsyncExitStack() as stack:
            stack.callback(engine.close)
            engine.attach(asyncio.get_running_loop())
            ann = await stack.enter_async_context(SrtpParty(ANN, coding=PCMA))
            offer = ann.offer("AES_CM_128_HMAC_SHA1_80", "RTP/SAVP")
            leg = engine.leg(offer)
            answer = leg.answer(offer)
            ann.key = bytes(30)
            ann.agree(answer)
            ann.talk_to(leg.place)
            leg.listener = refused = Refused()
            async with asyncio.timeout(10):
                await refused.enough.wait()
            assert leg.stats().packets_received == 0

    asyncio.run(scenario())
