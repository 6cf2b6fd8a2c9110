"""The Media Server within the SIP Server: a stranger's hold plays music to the other stranger."""

import base64
import http.client
import json
import subprocess
import wave
from pathlib import Path

import numpy as np
from interop_setup import PASSWORD, MakeServer, media_within

from cordboard.testkit.live.centre import ADMINISTRATOR, ADMINISTRATOR_PASSWORD, Extension
from cordboard.testkit.live.server import COMMAND, Server
from cordboard.testkit.strangers import Account, Baresip
from cordboard.testkit.strangers.program import wait_until

SECONDS = 60.0
HERTZ = {"1501": 450.0, "1502": 700.0}


def served(make_server: MakeServer) -> Server:
    phones = [Extension(number, password=PASSWORD) for number in HERTZ]
    service, media = media_within(oos_check=5)
    return make_server(*phones, service, application=media)


def test_a_strangers_hold_plays_music_to_the_other(make_server: MakeServer, tmp_path: Path) -> None:
    server = served(make_server)
    accounts = {number: Account(number, server=server.sip, password=PASSWORD) for number in HERTZ}
    with (
        Baresip(accounts["1501"], tmp_path / "ann", hertz=HERTZ["1501"]) as ann,
        Baresip(accounts["1502"], tmp_path / "bob", hertz=HERTZ["1502"]) as bob,
    ):
        for phone in (ann, bob):
            phone.wait_registered()
        ann.dial("1502")
        bob.wait_incoming()
        bob.answer()
        ann.wait_established()
        bob.wait_established()
        ann.hold()

        def music() -> bool:
            samples = server.metrics()
            return samples.get('cordboard_media_legs{service="annc"}') == 1.0

        wait_until(music, SECONDS, failed=lambda: server.program.error("plays no music"))
        wait_until(lambda: sent(server) >= 100, SECONDS, failed=lambda: server.program.error("sends no music"))
        ann.resume()
        wait_until(lambda: not music(), SECONDS, failed=lambda: server.program.error("goes on with the music"))
        ann.hang_up()
    assert server.metrics()['cordboard_media_server_events_total{event="faults"}'] == 0
    assert server.metrics()['cordboard_switch_events_total{event="faults"}'] == 0
    assert server.stop() == 0


def test_a_recorded_call_of_strangers_has_both_voices_and_names(make_server: MakeServer, tmp_path: Path) -> None:
    server = served(make_server)
    accounts = {number: Account(number, server=server.sip, password=PASSWORD) for number in HERTZ}
    with (
        Baresip(accounts["1501"], tmp_path / "ann", hertz=HERTZ["1501"]) as ann,
        Baresip(accounts["1502"], tmp_path / "bob", hertz=HERTZ["1502"]) as bob,
    ):
        for phone in (ann, bob):
            phone.wait_registered()
        ann.dial("1502")
        bob.wait_incoming()
        bob.answer()
        ann.wait_established()
        bob.wait_established()
        command(server, "tlib", "record", "1501", "start")
        wait_until(lambda: recorded(server), SECONDS, failed=lambda: server.program.error("records nothing"))
        wait_until(lambda: sent(server) >= 200, SECONDS, failed=lambda: server.program.error("sends no sound"))
        command(server, "tlib", "record", "1501", "stop")
        wait_until(lambda: not recorded(server), SECONDS, failed=lambda: server.program.error("goes on recording"))
        ann.hang_up()
    (listed,) = (json.loads(line) for line in command(server, "recordings", "list", "--json").splitlines())
    assert sorted(listed["parties"]) == ["1501", "1502"]
    assert len(listed["conn_id"]) == 16
    target = tmp_path / "call.wav"
    command(server, "recordings", "get", listed["id"], "--out", str(target))
    with wave.open(str(target)) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)
    spectrum = np.abs(np.fft.rfft(samples[len(samples) // 2 :].astype(float)))
    hertz = np.fft.rfftfreq(len(samples) - len(samples) // 2, 1 / rate)

    def power(wanted: float) -> float:
        return float(np.sum(spectrum[np.abs(hertz - wanted) < 25] ** 2))

    # Both are there, and nothing else worth the name.
    assert min(power(HERTZ["1501"]), power(HERTZ["1502"])) > 5 * power(1200.0)


def recorded(server: Server) -> bool:
    """Whether a call is being recorded."""
    return server.metrics()["cordboard_media_calls_recorded"] == 1.0


def command(server: Server, *words: str) -> str:
    arguments = [str(COMMAND), *words, "--state", str(server.folder / "data")]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sent(server: Server) -> int:
    """Packets the Media Server has sent to its only leg."""
    status, body = get(server, "/admin/media", f"Bearer {token(server)}")
    assert status == 200
    legs = json.loads(body)["legs"]
    return int(legs[0]["sent"]) if legs else 0


def token(server: Server) -> str:
    return str(json.loads((server.folder / "data" / "run" / "link.json").read_text())["token"])


def get(server: Server, path: str, authorization: str, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=10)
    try:
        connection.request(method, path, headers={"Authorization": authorization} if authorization else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_recordings_are_behind_a_login(make_server: MakeServer) -> None:
    server = served(make_server)
    folder = server.folder / "data" / "recordings" / "messages"
    folder.mkdir(parents=True)
    (folder / "hello.wav").write_bytes(b"RIFF")

    def basic(user: str, password: str) -> str:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    right = basic(ADMINISTRATOR, ADMINISTRATOR_PASSWORD)
    assert get(server, "/recordings", "")[0] == 401
    assert get(server, "/recordings", "Bearer x")[0] == 401
    assert get(server, "/recordings", "Basic !!!")[0] == 401
    assert get(server, "/recordings/messages/hello.wav", basic(ADMINISTRATOR, "wrong"))[0] == 401
    assert get(server, "/admin/media", right)[0] == 401
    status, body = get(server, "/recordings", right)
    assert (status, [one["id"] for one in json.loads(body)]) == (200, ["messages/hello.wav"])
    assert get(server, "/recordings/messages/hello.wav?segment=1", right) == (200, b"RIFF")
    assert get(server, "/recordings/messages/hello.wav?segment=x", right)[0] == 400
    assert get(server, "/recordings?limit=0", right)[0] == 400
    assert get(server, "/recordings/messages/..%2f..%2fcordboard.db", right)[0] == 404
    assert get(server, "/recordings/messages/hello.wav", right, "DELETE")[0] == 204
    assert get(server, "/recordings/messages/hello.wav", right)[0] == 404
    audit = [json.loads(line) for line in (folder.parent / "audit.jsonl").read_text().splitlines()]
    assert {line["who"] for line in audit} == {ADMINISTRATOR}
    assert [line["what"] for line in audit] == ["list", "get", "show", "delete", "show"]
