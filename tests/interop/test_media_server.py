"""The Media Server alone, with real sound: who hears what, what is recorded, what strangers make of it."""

import asyncio
import json
import os
import shutil
import subprocess
import time
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from media_leg import COMMAND, LiveMediaServer, MediaLeg, body, dialog

from cordboard.mediaserver.speech import PROGRAMS
from cordboard.sip.bodies.msml import CONTENT_TYPE
from cordboard.testkit import music, sound
from cordboard.testkit.rtp_party import RtpParty
from cordboard.testkit.strangers import Account, Baresip
from cordboard.testkit.strangers.program import wait_until
from cordboard.testkit.strangers.scenario import Scenario
from cordboard.testkit.strangers.sipp import Sipp
from cordboard.testkit.strangers.tshark import Capture

ANN, BOB, CYD = (sound.noise(name, seed) for seed, name in enumerate(("ann", "bob", "cyd"), 1))
VOICES = [ANN, BOB, CYD]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMediaServer]:
    """One for all tests here; it is left without legs by each."""
    with LiveMediaServer(tmp_path_factory.mktemp("media")) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_is_left(server: LiveMediaServer) -> Iterator[None]:
    """No leg, no conference, no port, no fault."""
    yield
    end = time.monotonic() + 15
    while any(found := legs_left(server).values()):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    assert 'cordboard_media_server_events_total{event="faults"} 0.0' in server.get("/metrics")[1]


def legs_left(server: LiveMediaServer) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in server.get("/metrics")[1].splitlines() if not line.startswith("#")]
    wanted = ("cordboard_media_legs{", "cordboard_media_conferences", "cordboard_media_engine_legs",
              "cordboard_media_engine_rooms", "cordboard_media_calls_recorded")  # fmt: skip
    return {name: float(value) for name, _, value in lines if name.startswith(wanted)}


def command(server: LiveMediaServer, *words: str) -> str:
    done = subprocess.run([COMMAND, *words, "--state", str(server.data)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_party_hears_the_music(server: LiveMediaServer) -> None:
    async def main() -> None:
        async with MediaLeg(server.address, "annc;play=music/on_hold;repeat=forever", ANN) as leg:
            await leg.party.arrived(100)
            heard = leg.party.heard()
        assert music.is_on_hold(heard[: sound.RATE])

    asyncio.run(main())


def test_each_of_a_conference_hears_the_others_and_not_himself(server: LiveMediaServer) -> None:
    async def main() -> None:
        async with (
            MediaLeg(server.address, "conf=one", ANN) as ann,
            MediaLeg(server.address, "conf=one", BOB) as bob,
        ):
            async with MediaLeg(server.address, "conf=one", CYD) as cyd:
                await asyncio.gather(
                    ann.party.settle({"bob", "cyd"}, VOICES),
                    bob.party.settle({"ann", "cyd"}, VOICES),
                    cyd.party.settle({"ann", "bob"}, VOICES),
                )
            await asyncio.gather(ann.party.settle({"bob"}, VOICES), bob.party.settle({"ann"}, VOICES))

    asyncio.run(main())


def test_listeners_and_coaches_are_heard_by_whom_they_should(server: LiveMediaServer) -> None:
    async def main() -> None:
        async with (
            MediaLeg(server.address, "conf=two;party=agent", ANN) as agent,
            MediaLeg(server.address, "conf=two;party=customer", BOB) as customer,
            MediaLeg(server.address, "conf=two;coach=agent", CYD) as coach,
        ):
            await asyncio.gather(
                agent.party.settle({"bob", "cyd"}, VOICES),
                customer.party.settle({"ann"}, VOICES),
                coach.party.settle({"ann", "bob"}, VOICES),
            )

    asyncio.run(main())


def test_digits_pressed_over_a_prompt_are_collected(server: LiveMediaServer) -> None:
    steps = (
        '<collect fdt="10s" idt="5s" edt="2s"><play barge="true" iterate="forever"><audio uri="enter-number"/></play>'
        '<pattern digits="min=1;max=8;rtk=#"><exit namelist="dtmf.digits dtmf.end dtmf.last"/></pattern></collect>'
    )

    async def main() -> None:
        async with MediaLeg(server.address, "msml", ANN) as leg:
            assert (await leg.ask(dialog(leg.id, steps))).response == 200
            await leg.party.arrived(25)
            leg.party.press("40172#")
            event = await leg.event()
        assert (event.name, event.id) == ("msml.dialog.exit", f"{leg.id}/dialog:d")
        assert dict(event.values) == {"dtmf.digits": "40172", "dtmf.end": "dtmf.match", "dtmf.last": "#"}

    asyncio.run(main())


def test_what_is_recorded_is_what_was_said(server: LiveMediaServer, tmp_path: Path) -> None:
    steps = (
        '<record dest="said" maxtime="20s" termkey="#"><recordexit>'
        '<exit namelist="record.len record.end record.recordid"/></recordexit></record>'
    )

    async def main() -> dict[str, str]:
        async with MediaLeg(server.address, "msml", BOB, msml=dialog("conn:self", steps)) as leg:
            assert leg.results[0].response == 200
            await asyncio.sleep(2.5)
            leg.party.press("#")
            return dict((await leg.event()).values)

    values = asyncio.run(main())
    assert values["record.end"] == "record.complete.termkey"
    assert int(values["record.len"]) >= 1500
    target = tmp_path / "said.wav"
    command(server, "recordings", "get", values["record.recordid"], "--out", str(target))
    with wave.open(str(target)) as file:
        rate, frames = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)
    step = rate // sound.RATE
    middle = frames[::step][sound.RATE // 2 : sound.RATE * 3 // 2]
    assert [hearing.voice for hearing in sound.identify(middle, VOICES)] == ["bob"]


def test_a_call_is_recorded_as_one_conversation_and_looked_after_by_commands(server: LiveMediaServer) -> None:
    record = dialog("conf:three", '<record dest="call:CALL-1" maxtime="60s"/>', "r")

    async def main() -> None:
        async with MediaLeg(server.address, "msml") as control, MediaLeg(server.address, "conf=three", ANN) as ann:
            assert (await control.ask(record)).response == 200
            async with MediaLeg(server.address, "conf=three", BOB) as bob:
                await asyncio.gather(ann.party.settle({"bob"}, VOICES), bob.party.settle({"ann"}, VOICES))
            assert "CALL-1" in command(server, "media")
            await asyncio.sleep(0.5)
            assert (await control.ask('<dialogend id="conf:three/dialog:r"/>')).response == 200
            assert (await control.event()).name == "msml.dialog.exit"

    asyncio.run(main())
    (listed,) = [
        one for one in map(json.loads, command(server, "recordings", "list", "--json").splitlines())
        if one["id"] == "calls/CALL-1"
    ]  # fmt: skip
    assert listed["ms"] >= 1000
    shown = json.loads(command(server, "recordings", "show", "calls/CALL-1", "--json"))
    assert [mark["what"] for mark in shown["marks"]] == ["joined", "joined", "left"]
    assert "left" in command(server, "recordings", "show", "calls/CALL-1")
    command(server, "recordings", "delete", "calls/CALL-1", "--yes")
    assert "calls/CALL-1" not in command(server, "recordings", "list")
    audit = [json.loads(line) for line in (server.data / "recordings" / "audit.jsonl").read_text().splitlines()]
    assert [line["what"] for line in audit if line["recording"] == "calls/CALL-1"] == ["show", "show", "delete"]


@pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no speech synthesiser is installed")
def test_texts_are_spoken(server: LiveMediaServer) -> None:
    steps = "<play><tts>one two three</tts><playexit><exit namelist='play.end play.amt'/></playexit></play>"

    async def main() -> dict[str, str]:
        async with MediaLeg(server.address, "msml", ANN) as leg:
            result = await leg.ask(dialog(leg.id, steps))
            assert result.response == 200, result
            event = await leg.event()
            assert sound.level(leg.party.heard()) > -45
            return dict(event.values)

    values = asyncio.run(main())
    assert values["play.end"] == "play.complete"
    assert int(values["play.amt"]) > 500


def test_sipp_plays_by_msml_and_tshark_finds_nothing_malformed(server: LiveMediaServer, tmp_path: Path) -> None:
    steps = (
        '<play><audio uri="tone/beep"/></play><play maxtime="300ms"><audio uri="music/on_hold"/>'
        '<playexit><exit namelist="play.end"/></playexit></play>'
    )
    conference = '<createconference name="sipp[call_number]"/><join id1="conn:self" id2="conf:sipp[call_number]"/>'
    leave = '<unjoin id1="conn:self" id2="conf:sipp[call_number]"/>'
    caller = Scenario("msml", user="1501").invite("msml").receive(200).ack()
    for request in (dialog("conn:self", steps), conference):
        caller = caller.info(body(request).decode(), CONTENT_TYPE).receive(200)
        if "dialogstart" in request:
            caller = caller.await_info(body="play.complete.maxtime")
    caller = caller.info(body(leave).decode(), CONTENT_TYPE).receive(200).await_info(body="msml.conf.nomedia")
    with Capture(tmp_path / "capture", [server.port]) as capture:
        with Sipp(caller.bye().receive(200), tmp_path / "sipp", server=server.address, calls=5, seconds=30) as sipp:
            assert sipp.grade().good
        capture.assert_clean(at_least=50)


@pytest.mark.skipif(os.geteuid() != 0, reason="sipp plays a capture through a raw socket: root alone may")
def test_sipp_plays_captured_audio_to_a_conference(server: LiveMediaServer, tmp_path: Path) -> None:
    seconds = 5

    async def captured() -> Path:
        async with RtpParty(BOB) as bob, RtpParty() as ear:
            with Capture(tmp_path / "capture", [ear.address[1]]) as capture:
                bob.talk_to(ear.address)
                await ear.arrived(seconds * 50)
                return await asyncio.to_thread(capture.sent_to, ear.address[1])

    async def main() -> None:
        sound_of_bob = await captured()
        caller = Scenario("player", user="1501").invite("conf=captured").receive(200).ack()
        caller = caller.play(sound_of_bob, milliseconds=1000 * seconds).bye().receive(200)
        async with MediaLeg(server.address, "conf=captured", ANN) as ann:
            with Sipp(caller, tmp_path / "sipp", server=server.address, seconds=30) as sipp:
                await ann.party.settle({"bob"}, VOICES)
                await asyncio.to_thread(sipp.passed)
            await ann.party.settle(set(), VOICES)

    asyncio.run(main())


@pytest.mark.parametrize("encryption", ["", "srtp", "srtp-mand"])
def test_strangers_phones_are_in_a_conference_with_ours(
    server: LiveMediaServer, tmp_path: Path, encryption: str
) -> None:
    where = f"127.0.0.1:{server.port}"
    tones = {"dee": 450, "eve": 700}
    voices = [ANN, *(sound.tone(name, hertz) for name, hertz in tones.items())]

    async def main() -> None:
        async with MediaLeg(server.address, "conf=club", ANN) as ann:
            with ExitStack() as stack:
                for name, hertz in tones.items():
                    # The first with SRTP as asked for, the other without.
                    account = Account(name, server=where, encryption=encryption if name == "dee" else "")
                    phone = stack.enter_context(Baresip(account, tmp_path / name, hertz=float(hertz)))
                    phone.dial(f"sip:conf=club@{where}")
                    await asyncio.to_thread(phone.wait_established)
                    if account.encryption:
                        # Our answer has a key, or it would be plain; its trace may come after the event.
                        for part in ("SIP/2.0 200 OK", "a=crypto:"):
                            await asyncio.to_thread(
                                phone.program.expect_line, lambda line, part=part: part in line, 10, part
                            )
                await ann.party.settle(set(tones), voices, seconds=60)
                assert json.loads(command(server, "media", "--json"))["conferences"][0]["name"] == "club"
            await ann.party.settle(set(), voices, seconds=60)

    asyncio.run(main())


def drains(server: LiveMediaServer) -> None:
    wait_until(lambda: server.get("/readyz")[0] == 503, 20, failed=lambda: server.program.error("does not drain"))


def test_a_stop_lets_legs_end_and_then_ends_them(tmp_path: Path) -> None:
    async def main(server: LiveMediaServer) -> int:
        async with MediaLeg(server.address, "conf=x", ANN) as one, MediaLeg(server.address, "conf=x", BOB) as other:
            stopped = asyncio.create_task(asyncio.to_thread(server.stop))
            await asyncio.to_thread(drains, server)
            with pytest.raises(AssertionError, match="503"):
                async with MediaLeg(server.address, "conf=x", CYD):
                    pass
            await other.party.settle({"ann"}, VOICES)
            await asyncio.gather(one.bye(), other.bye())
        return await stopped

    with LiveMediaServer(tmp_path, "drain-timeout=4") as server:
        assert asyncio.run(main(server)) == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-o", "media-port=1"], 78, "no option media-port"),
        (["-o", "media-max-legs=many"], 78, "media-max-legs"),
        (["-o", "nothing"], 78, "NAME=VALUE"),
        (["--config", "/nowhere.toml"], 78, "No such file"),
        (["-o", "media-first-port=2000", "-o", "media-last-port=1999"], 78, "not above"),
        (["--listen", "tls:127.0.0.1:5099"], 71, "TLS needs a certificate"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    done = subprocess.run(
        [COMMAND, "mediaserver", "--data", str(tmp_path), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    assert said in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
