"""A Media Server in a process of its own, and legs made by hand: SIP as bytes, sound over RTP."""

import asyncio
import contextlib
import http.client
import re
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from raw_phone import RawPhone, header, status

from cordboard.cli.certificates import make
from cordboard.sip.bodies import multipart
from cordboard.sip.bodies.msml import CONTENT_TYPE
from cordboard.sip.bodies.msml.model import Event, Result
from cordboard.sip.bodies.msml.read import parse
from cordboard.testkit.rtp_party import RtpParty
from cordboard.testkit.sound import Voice
from cordboard.testkit.strangers.ports import free_ports, port_range
from cordboard.testkit.strangers.program import Program, wait_until

COMMAND = str(Path(sys.executable).parent / "cordboard")
SECONDS = 20.0


class LiveMediaServer:
    """``cordboard mediaserver`` for a test. A context manager: leaving it stops the process."""

    def __init__(self, folder: Path, *options: str, tls: bool = False) -> None:
        """Starts it; returns when it takes legs. ``tls``: over TLS alone, with a certificate of its own making."""
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self.port, self.http_port = free_ports(), free_ports()
        self.tls_port = self.port
        if tls:
            make(self.data, hosts=["127.0.0.1"], days=2, rsa=False, new_ca=False)
        first, last = port_range(64)
        ports = [f"media-first-port={first}", f"media-last-port={last}"]
        transport = "tls" if tls else "udp"
        listen = ["--listen", f"{transport}:127.0.0.1:{self.port}", "--http", f"127.0.0.1:{self.http_port}"]
        given = [word for option in (*ports, *options) for word in ("-o", option)]
        command = [COMMAND, "mediaserver", "--data", str(self.data), *listen, *given]
        self.program = Program("mediaserver", command, folder)
        wait_until(self._ready, 60, failed=lambda: self.program.error("is not ready"))

    def _ready(self) -> bool:
        if self.program.exit_code is not None:
            raise self.program.error(f"ended at once, exit code {self.program.exit_code}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/readyz")[0] == 200
        return False

    def get(self, path: str) -> tuple[int, str]:
        """Asks it over HTTP."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    @property
    def address(self) -> tuple[str, int]:
        """Where it takes SIP."""
        return "127.0.0.1", self.port

    @property
    def ca(self) -> Path:
        """The authority others are to be given; only with ``tls``."""
        return self.data / "tls" / "ca.pem"

    def reload(self) -> None:
        """Has it read its options and certificates again."""
        self.program.signal(signal.SIGHUP)

    def stop(self) -> int:
        """Asks it to end, and returns its exit code."""
        self.program.signal(signal.SIGTERM)
        return self.program.wait(SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.close()


class MediaLeg:
    """One leg. An asynchronous context manager: leaving it hangs up."""

    def __init__(self, server: tuple[str, int], service: str, voice: Voice | None = None, *, msml: str = "") -> None:
        self.phone = RawPhone(server)
        self.party = RtpParty(voice)
        self.id = ""
        """Its name in MSML."""
        self.results: list[Result] = []
        self._service = service
        self._msml = msml
        self._call_id = self.phone.unique()
        self._remote = ""
        self._cseq = 1
        self._over = False

    async def __aenter__(self) -> Self:
        await self.party.__aenter__()
        try:
            answer = await asyncio.to_thread(self._invite)
        except BaseException:
            self._over = True
            await self.__aexit__()
            raise
        port = re.search(r"^m=audio (\d+) ", answer, re.MULTILINE)
        assert port is not None, answer
        self.party.talk_to(("127.0.0.1", int(port[1])))
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._over:
            self._over = True
            with contextlib.suppress(TimeoutError):
                await asyncio.to_thread(self._ask, "BYE")
        await self.party.__aexit__()
        self.phone.__exit__(None, None, None)

    def _invite(self) -> str:
        host, port = self.party.address
        lines = ("v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0",
                 f"m=audio {port} RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000", "")  # fmt: skip
        parts = [("application/sdp", "\r\n".join(lines).encode())]
        if self._msml:
            parts.append((CONTENT_TYPE, body(self._msml)))
        data, kind = multipart.joined(parts)
        uri = f"sip:{self._service}@{self.phone.server[0]}:{self.phone.server[1]}"
        if ";" in self._service:
            user, _, parameters = self._service.partition(";")
            uri = f"sip:{user}@{self.phone.server[0]}:{self.phone.server[1]};{parameters}"
        self._uri = uri
        message = self.phone.request(
            "INVITE", uri, user="leg", call_id=self._call_id, headers=(f"Content-Type: {kind}",)
        )
        self.phone.send(message.replace("Content-Length: 0", f"Content-Length: {len(data)}").encode() + data)
        answer = self.phone.receive(lambda text: status(text) >= 200, seconds=SECONDS)
        assert status(answer) == 200, answer
        self._remote = re.search(r"^To:.*;tag=([^\s;]+)", answer, re.MULTILINE)[1]  # type: ignore[index]
        self.id = f"conn:{self._remote}"
        self.phone.send(self.phone.request("ACK", uri, user="leg", call_id=self._call_id, to_tag=self._remote))
        for part, content in multipart.split(header(answer, "Content-Type"), answer.partition("\r\n\r\n")[2].encode()):
            if part == CONTENT_TYPE:
                said = parse(content)
                assert isinstance(said, Result)
                self.results.append(said)
        return answer

    def _ask(self, method: str, data: bytes = b"", kind: str = "") -> str:
        self._cseq += 1
        message = self.phone.request(
            method, self._uri, user="leg", call_id=self._call_id, to_tag=self._remote, cseq=self._cseq,
            headers=(f"Content-Type: {kind}",) if kind else (),
        )  # fmt: skip
        self.phone.send(message.replace("Content-Length: 0", f"Content-Length: {len(data)}").encode() + data)
        return self.phone.receive(
            lambda text: status(text) >= 200 and f"CSeq: {self._cseq} {method}" in text, seconds=SECONDS
        )

    async def ask(self, inner: str) -> Result:
        """Asks by MSML in INFO."""
        answer = await asyncio.to_thread(self._ask, "INFO", body(inner), CONTENT_TYPE)
        assert status(answer) == 200, answer
        said = parse(answer.partition("\r\n\r\n")[2].encode())
        assert isinstance(said, Result)
        return said

    async def event(self, seconds: float = SECONDS) -> Event:
        """The next event, which is acknowledged."""
        message = await asyncio.to_thread(self.phone.receive, lambda text: text.startswith("INFO "), seconds=seconds)
        self._reply(message)
        said = parse(message.partition("\r\n\r\n")[2].encode())
        assert isinstance(said, Event)
        return said

    async def bye(self, seconds: float = SECONDS) -> None:
        """Waits until it hangs up."""
        message = await asyncio.to_thread(self.phone.receive, lambda text: text.startswith("BYE "), seconds=seconds)
        self._reply(message)
        self._over = True

    def _reply(self, message: str) -> None:
        kept = [line for line in message.partition("\r\n\r\n")[0].split("\r\n")
                if line.lower().startswith(("via:", "from:", "to:", "call-id:", "cseq:"))]  # fmt: skip
        self.phone.send("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]))


def body(inner: str) -> bytes:
    """An MSML body."""
    return f'<?xml version="1.0"?><msml version="1.1">{inner}</msml>'.encode()


def dialog(target: str, inner: str, name: str = "d") -> str:
    """A dialog."""
    return f'<dialogstart target="{target}" type="application/moml+xml" name="{name}">{inner}</dialogstart>'
