"""Real sound through the engine, known again by correlation: codec to codec, in a conference, over a bad network.

Two legs of one engine that are each other's peers speak any codec, so that every pair of codecs lies between two
parties who speak G.711.
"""

import asyncio
import contextlib
import itertools
import re
from collections.abc import Iterator

import pytest

from cordboard.media.engine import Engine, EngineLeg
from cordboard.media.face import Role
from cordboard.media.settings import EngineSettings
from cordboard.testkit import sound
from cordboard.testkit.rtp_party import PCMA, PCMU, Coding, Impairment, RtpParty, l16
from cordboard.testkit.strangers.ports import port_range

CODECS = ("PCMU", "PCMA", "G722", "L16/16000", "opus")
L16 = l16(97, 16_000)
TALK, HEAR = Role(), Role()


def bad_network(seed: int) -> Impairment:
    return Impairment(loss=0.05, jitter=0.06, seed=seed)


def description(party: RtpParty) -> bytes:
    host, port = party.address
    number, name = party.coding.payload_type, {PCMU: "PCMU/8000", PCMA: "PCMA/8000", L16: "L16/16000"}[party.coding]
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {number}\r\na=rtpmap:{number} {name}\r\n"
    ).encode()


def connect(engine: Engine, party: RtpParty) -> EngineLeg:
    """A leg for a party, who speaks to it from now on."""
    offer = description(party)
    leg = engine.leg(offer)
    leg.answer(offer)
    party.talk_to(leg.place)
    return leg


def join(engine: Engine, one: EngineLeg, other: EngineLeg) -> None:
    engine.join(one, other, one_to_other=TALK, other_to_one=HEAR)


def only(codec: str, offer: bytes) -> bytes:
    """An offer of which only one codec is left."""
    name = codec if "/" in codec else f"{codec}/"
    text = offer.decode()
    [kept] = re.findall(rf"^a=rtpmap:(\d+) {name}", text, re.MULTILINE | re.IGNORECASE)
    text = re.sub(r"^(m=audio \d+ \S+) .*$", rf"\1 {kept}\r", text, flags=re.MULTILINE)
    return re.sub(rf"^a=(?:rtpmap|fmtp):(?!{kept} ).*\n", "", text, flags=re.MULTILINE).encode()


def link(engine: Engine, codec: str) -> tuple[EngineLeg, EngineLeg]:
    """Two legs that are each other's peers and speak one codec."""
    caller = engine.leg()
    offer = only(codec, caller.offer())
    called = engine.leg(offer)
    caller.accept(called.answer(offer))
    return caller, called


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(EngineSettings(codecs=CODECS, ports=port_range(100)))
    yield engine
    engine.close()


@pytest.mark.parametrize("pair", list(itertools.combinations(CODECS, 2)), ids="-".join)
def test_each_codec_is_understood_in_each_other_over_a_bad_network(engine: Engine, pair: tuple[str, str]) -> None:
    ann, bob = sound.noise("ann", 1), sound.noise("bob", 2)

    async def scenario() -> None:
        async with (
            RtpParty(ann, impairment=bad_network(1)) as caller,
            RtpParty(bob, coding=PCMA, impairment=bad_network(2)) as called,
        ):
            legs = [connect(engine, caller), *link(engine, pair[0]), *link(engine, pair[1]), connect(engine, called)]
            for one, other in zip(legs[::2], legs[1::2], strict=True):
                join(engine, one, other)
            await called.settle({"ann"}, [ann, bob])
            await caller.settle({"bob"}, [ann, bob])
            assert {leg.stats().codec for leg in legs[1:-1]} == {codec.split("/")[0] for codec in pair}

    asyncio.run(scenario())


def test_a_bad_network_costs_little_of_what_is_said(engine: Engine) -> None:
    ann = sound.noise("ann", 1)

    async def scenario() -> None:
        async with RtpParty(ann, impairment=bad_network(3)) as caller, RtpParty(coding=PCMA) as called:
            join(engine, connect(engine, caller), connect(engine, called))
            await called.settle({"ann"}, [ann])
            await called.arrived(len(called.arrivals) + 250)
            heard = sound.follow(called.heard(), ann)
            # 5 per cent is lost, each made up; the blocks beside it are faded.
            assert heard.heard > 4 * heard.broken, heard
            assert sum(length for _, length in heard.gaps) < heard.heard / 20, heard

    asyncio.run(scenario())


def test_in_a_conference_each_hears_all_but_himself_whatever_the_codec(engine: Engine) -> None:
    names = ("ann", "bob", "cyd", "dee")
    codings: tuple[Coding, ...] = (PCMU, PCMA, L16, PCMU)

    async def scenario() -> None:
        def voices(rate: int) -> list[sound.Voice]:
            return [sound.noise(name, seed, rate=rate, dbov=-24.0) for seed, name in enumerate(names, 1)]

        room = engine.room()
        async with contextlib.AsyncExitStack() as stack:
            parties = {}
            for seed, (name, coding) in enumerate(zip(names, codings, strict=True)):
                voice = voices(coding.rate)[seed]
                party = RtpParty(voice, coding=coding, impairment=bad_network(seed))
                parties[name] = await stack.enter_async_context(party)
            legs = {name: connect(engine, party) for name, party in parties.items()}
            for leg in legs.values():
                room.add(leg, Role())
            for name, party in parties.items():
                await party.settle(set(names) - {name}, voices(party.coding.rate))
            room.change(legs["bob"], Role(talk=False))
            room.change(legs["cyd"], Role(hear=False))
            room.remove(legs["dee"])
            await parties["ann"].settle({"cyd"}, voices(8_000))
            await parties["bob"].settle({"ann", "cyd"}, voices(8_000))
            await parties["cyd"].settle(set(), voices(16_000))
            await parties["dee"].settle(set(), voices(8_000))

    asyncio.run(scenario())
