"""rtpengine as a peer for media: in user space, told by its ng protocol (bencode over UDP) what to anchor."""

import itertools
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.harness.measure import SERVER_CORE, family, may_go_first, media_ports, pin
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import Program, wait_until

ANSWER_SECONDS = 5.0
Value = str | bytes | int | list[Any] | dict[str, Any]


def bencode(value: Value) -> bytes:
    """A value as ng has it."""
    match value:
        case str():
            return bencode(value.encode())
        case bytes():
            return b"%d:%b" % (len(value), value)
        case int():
            return b"i%de" % value
        case list():
            return b"l" + b"".join(map(bencode, value)) + b"e"
        case _:
            return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"


class RtpengineError(RuntimeError):
    """It refused."""


class Rtpengine:
    """A running one."""

    def __init__(self, pid: int, control: int) -> None:
        """Control: the port of ng."""
        self.pid = pid
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.connect(("127.0.0.1", control))
        self._cookies = itertools.count(1)

    def ask(self, command: str, **arguments: Value) -> bytes:
        """Sends a command and returns the answer to it. Raises RtpengineError."""
        cookie = b"%d " % next(self._cookies)
        self._socket.send(cookie + bencode({"command": command, **arguments}))
        while not (answer := self._socket.recv(65_535)).startswith(cookie):
            pass
        if b"6:result5:error" in answer:
            raise RtpengineError(answer.decode(errors="replace"))
        return answer

    def _describe(self, command: str, call: int, tags: dict[str, Value], sdp: str, **more: Value) -> str:
        answer = self.ask(command, sdp=sdp, ICE="remove", **{"call-id": f"call-{call}", **tags}, **more)
        found = re.search(rb"3:sdp(\d+):", answer)
        if found is None:
            raise RtpengineError(answer.decode(errors="replace"))
        return answer[found.end() : found.end() + int(found[1])].decode()

    def relay(self, calls: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Anchors calls, each with what its two parties offer; returns what each party sends to."""
        answers = []
        for call, (one, other) in enumerate(calls):
            tags: dict[str, Value] = {"from-tag": "one"}
            there = self._describe("offer", call, tags, one, **{"transport-protocol": "RTP/AVP"})
            here = self._describe("answer", call, {**tags, "to-tag": "other"}, other)
            answers.append((here, there))
        return answers

    def close(self) -> None:
        """Leaves it."""
        self._socket.close()


@contextmanager
def start(legs: int) -> Iterator[Rtpengine]:
    """Starts it for so many legs with one thread for media, pinned to the server's core, as ours is scheduled."""
    control = free_ports()
    first, last = media_ports(legs)
    with tempfile.TemporaryDirectory(prefix="bench-rtpengine-") as name:
        arguments = ["rtpengine", "--config-file=none", "--table=-1", "--interface=127.0.0.1", "-f", "-E", "-L", "3"]
        arguments += [f"--listen-ng=127.0.0.1:{control}", "--num-threads=1", "--media-num-threads=1"]
        arguments += ["--http-threads=1", "-m", str(first), "-M", str(last), f"--pidfile={Path(name) / 'pid'}"]
        arguments += ["--scheduling=rr", "--priority=1"] if may_go_first() else []
        with Program("rtpengine", arguments, Path(name)) as program:
            wait_until(
                lambda: f":{control:04X} " in Path("/proc/net/udp").read_text() or program.exit_code is not None,
                10,
                failed=lambda: program.error("does not listen"),
            )
            if program.exit_code is not None:
                raise program.error(f"ended at once, exit code {program.exit_code}")
            pin(family(program.pid), SERVER_CORE)
            server = Rtpengine(program.pid, control)
            try:
                yield server
            finally:
                server.close()
