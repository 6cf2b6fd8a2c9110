"""The real engine: known sounds in at each party, and who is heard at every other."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cordboard.media import (
    Engine,
    EngineSettings,
    File,
    LegStats,
    Listener,
    MediaRefusedError,
    PlayEnd,
    Playing,
    RecordEnd,
    Recording,
    Role,
    Tone,
    Waves,
)
from cordboard.testkit.rtp_party import PCMA, PCMU, RtpParty
from cordboard.testkit.sound import noise
from cordboard.testkit.strangers.ports import port_range

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from cordboard.media import Leg
    from cordboard.testkit.rtp_party import Address

VOICES = [noise("ann", 1), noise("bob", 2), noise("cat", 3)]
ANN, BOB, CAT = VOICES


def live(scenario: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test of that scenario, on a loop and with an engine of its own."""

    async def run(fixtures: dict[str, object]) -> None:
        engine = Engine(EngineSettings(ports=port_range(100), port_rest=0.0, report_interval=0.5, threads=2))
        engine.attach(asyncio.get_running_loop())
        try:
            async with AsyncExitStack() as stack:
                await scenario(engine, stack, **fixtures)
        finally:
            engine.close()

    def test(**fixtures: object) -> None:
        asyncio.run(run(fixtures))

    wanted = [*inspect.signature(scenario).parameters.values()][2:]
    test.__dict__["__signature__"] = inspect.Signature(wanted)
    return test


def offer(address: Address, payload_type: int = 8, *, lines: str = "") -> bytes:
    host, port = address
    return (
        f"v=0\r\no=- 7 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP {payload_type}\r\n"
        f"{lines}"
    ).encode()


async def party(stack: AsyncExitStack, engine: Engine, voice: object, coding: object = PCMA) -> tuple[RtpParty, Leg]:
    """A party that talks to a leg of its own."""
    party = await stack.enter_async_context(RtpParty(voice, coding=coding))  # type: ignore[arg-type]
    description = offer(party.address, party.coding.payload_type)
    leg = engine.leg(description)
    leg.answer(description)
    party.talk_to(leg.place)
    return party, leg


class Ended:
    """Keeps why something ended."""

    def __init__(self) -> None:
        self.why: asyncio.Future[tuple[object, int]] = asyncio.get_running_loop().create_future()

    def __call__(self, why: object, ms: int) -> None:
        self.why.set_result((why, ms))

    async def result(self) -> tuple[object, int]:
        async with asyncio.timeout(20):
            return await self.why


@live
async def test_two_legs_hear_each_other_and_no_more_once_parted(engine: Engine, stack: AsyncExitStack) -> None:
    (ann, one), (bob, other) = await party(stack, engine, ANN), await party(stack, engine, BOB, PCMU)
    engine.join(one, other, one_to_other=Role(), other_to_one=Role())
    await ann.settle({"bob"}, VOICES)
    await bob.settle({"ann"}, VOICES)
    engine.join(one, other, one_to_other=Role(talk=False), other_to_one=Role())
    await ann.settle({"bob"}, VOICES)
    await bob.settle(set(), VOICES)
    engine.part(one, other)
    await ann.settle(set(), VOICES)


@live
async def test_a_room_its_roles_and_who_speaks(engine: Engine, stack: AsyncExitStack) -> None:
    (ann, one), (bob, other), (cat, third) = [await party(stack, engine, voice) for voice in VOICES]
    room = engine.room()
    for leg in (one, other, third):
        room.add(leg, Role())
    await ann.settle({"bob", "cat"}, VOICES)
    await bob.settle({"ann", "cat"}, VOICES)
    await cat.settle({"ann", "bob"}, VOICES)
    assert set(room.speakers()) == {one, other, third}
    room.change(one, Role(coach_for=other))
    room.change(third, Role(hear=False))
    await ann.settle({"bob", "cat"}, VOICES)
    await bob.settle({"ann", "cat"}, VOICES)
    await cat.settle(set(), VOICES)
    one.close()
    await bob.settle({"cat"}, VOICES)
    room.close()
    await bob.settle(set(), VOICES)


@live
async def test_what_is_recorded_of_one_is_played_to_another(
    engine: Engine, stack: AsyncExitStack, tmp_path: Path
) -> None:
    (_ann, one), (bob, other) = await party(stack, engine, ANN), await party(stack, engine, BOB)
    path, recorded, played = tmp_path / "ann.wav", Ended(), Ended()
    one.record(Recording(path, max_ms=2_000), recorded)
    assert await recorded.result() == (RecordEnd.MAX, 2_000)
    player = other.play(Playing((File(path),), repeat=0), played)
    await bob.settle({"ann"}, VOICES)
    player.stop()
    why, ms = await played.result()
    assert why is PlayEnd.STOPPED
    assert ms > 0
    player.stop()


@live
async def test_players_end_by_themselves_and_with_their_leg(engine: Engine, stack: AsyncExitStack) -> None:
    _, leg = await party(stack, engine, ANN)
    whole, cut, lost = Ended(), Ended(), Ended()
    leg.play(Playing((Waves(200, ((440.0, -10.0),)),), repeat=2, delay_ms=100), whole)
    leg.play(Playing((Tone("ringback", "de"),), duration_ms=300), cut)
    leg.play(Playing((Tone("fast-busy"),)), lost)
    assert await whole.result() == (PlayEnd.COMPLETE, 500)
    assert await cut.result() == (PlayEnd.DURATION, 300)
    leg.close()
    assert (await lost.result())[0] is PlayEnd.FAILED
    with pytest.raises(ValueError, match='no tone "siren"'):
        leg.play(Playing((Tone("siren"),)), lost)


class Heard(Listener):
    """Keeps what a listener is told."""

    def __init__(self) -> None:
        self.talking: asyncio.Queue[bool] = asyncio.Queue()
        self.quality = asyncio.Event()
        self.stats = LegStats()

    def on_talking(self, *, talking: bool) -> None:
        self.talking.put_nowait(talking)

    def on_quality(self, stats: LegStats) -> None:
        self.stats = stats
        self.quality.set()


@live
async def test_a_listener_is_told_of_talk_and_quality(engine: Engine, stack: AsyncExitStack) -> None:
    ann, leg = await party(stack, engine, ANN)
    leg.listener = heard = Heard()
    room = engine.room()
    room.add(leg, Role())
    async with asyncio.timeout(20):
        assert await heard.talking.get()
        ann.voice = None
        assert not await heard.talking.get()
        heard.quality.clear()
        await heard.quality.wait()
    stats = heard.stats
    assert stats.codec == "PCMA"
    assert stats.remote == ann.address
    assert stats.packets_received > 0
    assert stats.packets_lost == 0
    assert stats.mos is None or stats.mos > 4.0


@live
async def test_a_score_says_whether_the_codecs_share_is_assumed(engine: Engine, stack: AsyncExitStack) -> None:
    heard = {}
    # What G.711 says is noise to G.722, which is no matter to what is judged by the network.
    for coding in (PCMA, replace(PCMA, payload_type=9)):
        _, leg = await party(stack, engine, ANN, coding)
        leg.listener = heard[coding.payload_type] = Heard()
    async with asyncio.timeout(20):
        for listener in heard.values():
            while listener.stats.mos is None:
                listener.quality.clear()
                await listener.quality.wait()
    published, assumed = heard[8].stats, heard[9].stats
    assert (published.codec, published.mos_assumed) == ("PCMA", False)
    assert (assumed.codec, assumed.mos_assumed) == ("G722", True)


@live
async def test_what_cannot_be_met_is_refused_and_changes_nothing(engine: Engine, stack: AsyncExitStack) -> None:
    _, leg = await party(stack, engine, ANN)
    with pytest.raises(MediaRefusedError) as refused:
        leg.answer(offer(("127.0.0.1", 4_000), 18))
    assert refused.value.status == 488
    with pytest.raises(MediaRefusedError) as refused:
        leg.answer(b"nonsense")
    assert refused.value.status == 400
    with pytest.raises(MediaRefusedError) as refused:
        leg.accept(offer(("127.0.0.1", 4_000)))
    assert refused.value.status == 400
    with pytest.raises(MediaRefusedError) as refused:
        engine.leg(b"v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")
    assert refused.value.status == 488
    # Somebody else may have some of its ports.
    with pytest.raises(MediaRefusedError) as refused:
        assert not [engine.leg() for _leg in range(50)]
    assert refused.value.status == 503


@live
async def test_an_offer_of_ours_is_answered(engine: Engine, stack: AsyncExitStack) -> None:
    bob = await stack.enter_async_context(RtpParty(BOB, coding=PCMA))
    ann, one = await party(stack, engine, ANN)
    leg = engine.leg()
    assert f"m=audio {leg.place[1]} RTP/AVP 8 0 9".encode() in leg.offer()
    leg.accept(offer(bob.address))
    bob.talk_to(leg.place)
    engine.join(one, leg, one_to_other=Role(), other_to_one=Role())
    await bob.settle({"ann"}, VOICES)
    await ann.settle({"bob"}, VOICES)


@live
async def test_each_leg_is_encrypted_as_it_was_asked_to_be(engine: Engine, stack: AsyncExitStack) -> None:
    await party(stack, engine, ANN)
    plain, secure = engine.leg(srtp="off"), engine.leg(srtp="required")
    assert b"a=crypto:" not in plain.offer()
    assert b" RTP/SAVP 8 0 9" in secure.offer()
    with pytest.raises(MediaRefusedError) as refused:
        secure.answer(plain.offer())
    assert (refused.value.status, "SRTP" in refused.value.reason) == (488, True)
    with pytest.raises(MediaRefusedError) as refused:
        plain.answer(secure.offer())
    assert refused.value.status == 488
    usual = engine.leg()
    assert b"a=crypto:" in usual.answer(secure.offer())
    with pytest.raises(ValueError, match="off, optional or required"):
        engine.core.leg(b"", srtp="perhaps")  # type: ignore[arg-type]


def test_a_leg_that_offers_is_of_the_family_it_was_asked_for() -> None:
    ports = port_range(40)
    engine = Engine(EngineSettings(addresses=("127.0.0.1", "::1"), ports=ports, port_rest=0.0))
    try:
        assert b"c=IN IP6 ::1\r\n" in engine.leg(ipv6=True).offer()
        assert b"c=IN IP4 127.0.0.1\r\n" in engine.leg(ipv6=False).offer()
        assert b"c=IN IP4 127.0.0.1\r\n" in engine.leg().offer()
    finally:
        engine.close()
    alone = Engine(EngineSettings(addresses=("::1",), ports=ports, port_rest=0.0))
    try:
        assert b"c=IN IP6 ::1\r\n" in alone.leg(ipv6=False).offer()
    finally:
        alone.close()
