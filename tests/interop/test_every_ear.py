"""Through hold, transfer and conference it is known at every ear who speaks, by correlation.

The phones are ours, with voices that are like nothing else; the server and its Media Server are those of a deployment.
Each network loses 5 per cent of what its phone says and delays the rest by up to 60 ms, in no order.
"""

import asyncio

import pytest
from interop_setup import MakeServer, media_within
from speaking_phone import SpeakingPhone, Voices

from cordboard.model.events import EventEstablished, EventPartyChanged
from cordboard.testkit import music, sound
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server
from cordboard.testkit.rtp_party import PCMA, PCMU, Coding

ALL = [sound.noise(name, seed, dbov=-24.0) for seed, name in enumerate(("ann", "bob", "cyd"), 1)]
ANN, BOB, CYD = "1501", "1502", "1503"
CM, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"
SECONDS = 40.0


def centre(make_server: MakeServer, anchor: str, suites: tuple[str, ...]) -> Server:
    service, media = media_within()
    people = [
        Extension(number, options={"sip-media-anchor": anchor, "sip-srtp": "required" if suite else "no"})
        for number, suite in zip((ANN, BOB, CYD), suites, strict=True)
    ]
    return make_server(*people, service, application=media)


async def hear(**hearing: tuple[SpeakingPhone, set[str]]) -> None:
    await asyncio.gather(*(phone.party.settle(names, ALL, seconds=SECONDS) for phone, names in hearing.values()))


async def hears_music(phone: SpeakingPhone) -> None:
    since = asyncio.get_running_loop().time()
    await phone.network.until(lambda: music.is_on_hold(phone.party.heard(since=since)), f"{phone} hears no music")


@pytest.mark.parametrize(
    ("anchor", "codings", "suites"),
    [
        ("auto", (PCMU, PCMU, PCMU), ("", "", "")),
        ("yes", (PCMU, PCMA, PCMU), ("", "", "")),
        ("auto", (PCMU, PCMU, PCMU), (CM, "", "")),
        ("auto", (PCMU, PCMA, PCMA), (CM, GCM, "")),
    ],
    ids=["from phone to phone", "transcoded", "SRTP", "SRTP of two kinds, transcoded"],
)
def test_who_speaks_is_known_through_hold_transfer_and_conference(
    make_server: MakeServer, anchor: str, codings: tuple[Coding, ...], suites: tuple[str, ...]
) -> None:
    server = centre(make_server, anchor, suites)

    async def main() -> None:
        with server.desktop(ANN, BOB, CYD) as desktop:
            async with Voices(server) as voices:
                ann, bob, cyd = [
                    await voices.phone(number, voice, coding=coding, suite=suite, seed=seed)
                    for seed, (number, voice, coding, suite) in enumerate(
                        zip((ANN, BOB, CYD), ALL, codings, suites, strict=True), 1
                    )
                ]
                main = ann.call(BOB)
                await ann.answered(main)
                conn_id = (await asyncio.to_thread(desktop.wait, EventEstablished, ANN)).conn_id
                await hear(ann=(ann, {"bob"}), bob=(bob, {"ann"}))

                main.hold()
                await voices.until(lambda: main.holding, "does not hold")
                await asyncio.gather(hears_music(bob), hear(ann=(ann, set())))
                main.retrieve()
                await voices.until(lambda: not main.holding, "does not retrieve")
                await hear(ann=(ann, {"bob"}), bob=(bob, {"ann"}))

                main.hold()
                await voices.until(lambda: main.holding, "does not hold")
                second = ann.call(CYD)
                await ann.answered(second)
                await asyncio.gather(hears_music(bob), hear(ann=(ann, {"cyd"}), cyd=(cyd, {"ann"})))

                main.refer(CYD, second)
                await voices.until(lambda: main.over and second.over, "is not out")
                await asyncio.to_thread(desktop.wait, EventPartyChanged, BOB, other_dn=CYD)
                await hear(ann=(ann, set()), bob=(bob, {"cyd"}), cyd=(cyd, {"bob"}))

                await asyncio.to_thread(desktop.call, lambda link: link.single_step_conference(BOB, conn_id, ANN))
                await ann.rings(1)
                await hear(ann=(ann, {"bob", "cyd"}), bob=(bob, {"ann", "cyd"}), cyd=(cyd, {"ann", "bob"}))
                for phone in (ann, bob, cyd):
                    for call in phone.calls:
                        call.hang_up()
                await voices.until(lambda: all(phone.idle for phone in voices.phones), "is left with a call")
                assert [phone.faults for phone in voices.phones] == [[], [], []]

    asyncio.run(main())
    samples = server.metrics()
    assert samples["cordboard_calls_active"] == 0
    assert samples['cordboard_switch_events_total{event="faults"}'] == 0
