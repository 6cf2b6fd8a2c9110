"""Parties that are only voice hear each other over the loopback."""

import asyncio

import numpy as np
import pytest

from cordboard.testkit import sound
from cordboard.testkit.rtp_party import PCMA, PCMU, Coding, Impairment, RtpParty, l16

ANN, BOB = sound.noise("ann", 1), sound.noise("bob", 2)
WIDE = sound.noise("ann", 3, rate=16_000)


@pytest.mark.parametrize(
    ("coding", "voice"), [(PCMU, ANN), (PCMA, ANN), (l16(96, 16_000), WIDE)], ids=["PCMU", "PCMA", "L16"]
)
def test_two_parties_hear_each_other_and_nobody_else(coding: Coding, voice: sound.Voice) -> None:
    async def scenario() -> None:
        other = BOB if coding.rate == 8_000 else sound.noise("bob", 4, rate=16_000)
        async with RtpParty(voice, coding=coding) as ann, RtpParty(other, coding=coding) as bob:
            ann.talk_to(bob.address)
            await bob.settle({"ann"}, [voice, other])
            await ann.settle(set(), [voice, other])
            bob.talk_to(ann.address)
            await ann.settle({"bob"}, [voice, other])
            account = sound.follow(bob.heard(), voice)
            assert (account.broken, account.slips, account.begins) == (0, [], 0)
            assert bob.arrivals[0].marker
            assert not any(arrival.marker for arrival in bob.arrivals[1:])

    asyncio.run(scenario())


def test_a_wrong_expectation_says_what_was_heard() -> None:
    async def scenario() -> None:
        async with RtpParty(ANN) as ann, RtpParty() as bob:
            ann.talk_to(bob.address)
            with pytest.raises(AssertionError, match=r"hears \['ann'\], not \['bob'\]"):
                await bob.settle({"bob"}, [ANN, BOB], seconds=1.5)

    asyncio.run(scenario())


def test_loss_is_heard_as_gaps_and_jitter_as_reordering() -> None:
    async def scenario() -> None:
        network = Impairment(loss=0.2, jitter=0.06, seed=5)
        async with RtpParty(ANN, impairment=network) as ann, RtpParty() as bob:
            ann.talk_to(bob.address)
            await bob.arrived(60)
            sequences = [a.sequence for a in bob.arrivals]
            assert sequences != sorted(sequences)
            account = sound.follow(bob.heard(), ANN)
            assert account.glitches == []
            assert account.slips == []
            missing = (max(sequences) - min(sequences)) % 65_536 + 1 - len(sequences)
            assert sum(length for _, length in account.gaps) == pytest.approx(missing * 160, abs=160 * 6)
            assert missing > 0

    asyncio.run(scenario())


def test_keys_arrive_once_each_with_their_durations() -> None:
    async def scenario() -> None:
        async with RtpParty(ANN) as ann, RtpParty() as bob:
            ann.talk_to(bob.address)
            ann.press("120#", 80)
            await ann.pressed()
            await bob.settle({"ann"}, [ANN])
            assert bob.digits() == "120#"
            events = [a for a in bob.arrivals if a.payload_type == 101]
            ends = [a.payload for a in events if a.payload[1] & 0x80]
            assert ends == [bytes([code, 0x8A, 0x02, 0x80]) for code in (1, 2, 0, 11) for _ in range(3)]
            assert sum(a.marker for a in events) == 4

    asyncio.run(scenario())


def test_a_voice_of_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="ann says 16000 samples a second"):
        RtpParty(WIDE)


def test_what_is_no_sound_is_passed_over() -> None:
    async def scenario() -> None:
        async with RtpParty() as party:
            source = ("127.0.0.1", 9)
            for datagram in (b"", b"\x80" * 11, b"\x80\xc8" + bytes(30), b"\x00\x01" + bytes(18)):
                party.datagram_received(datagram, source)
            assert party.arrivals == []
            padded = b"\xb0\x00" + bytes(10) + b"\xbe\xde\0\1\1\2\3\4" + b"\xff" * 160 + b"\0\0\3"
            party.datagram_received(padded, source)
            assert party.arrivals[0].payload == b"\xff" * 160
            assert np.all(party.heard() == 0)

    asyncio.run(scenario())
