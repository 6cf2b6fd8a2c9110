"""A phone made by hand: sends the bytes it is given, for what no well-behaved program would send."""

import hashlib
import re
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

SECONDS = 5.0


class RawPhone:
    """One UDP socket. Reads messages as text."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._serial = time.monotonic_ns()

    def unique(self) -> str:
        """Something never used before."""
        self._serial += 1
        return f"{self._serial:x}"

    def request(
        self,
        method: str,
        uri: str,
        *,
        user: str,
        to: str | None = None,
        branch: str | None = None,
        call_id: str | None = None,
        tag: str = "raw",
        to_tag: str = "",
        cseq: int = 1,
        headers: tuple[str, ...] = (),
        body: str = "",
    ) -> str:
        """A request as text, well-formed unless the arguments make it otherwise."""
        host, port = self.server
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch={branch or 'z9hG4bK' + self.unique()}",
            "Max-Forwards: 70",
            f"From: <sip:{user}@{host}:{port}>;tag={tag}",
            f"To: <{to or uri}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {call_id or self.unique()}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{user}@127.0.0.1:{self.port}>",
            *headers,
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def send(self, message: str | bytes) -> None:
        """Sends it as it is."""
        self._socket.sendto(message if isinstance(message, bytes) else message.encode(), self.server)

    def receive(self, wanted: Callable[[str], object] = bool, *, seconds: float = SECONDS) -> str:
        """The next message for which ``wanted`` is true; others are dropped. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while True:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            message = self._socket.recv(65535).decode(errors="replace")
            if wanted(message):
                return message

    def final(self, *, seconds: float = SECONDS) -> int:
        """The status of the next final response."""
        return status(self.receive(lambda message: status(message) >= 200, seconds=seconds))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def status(message: str) -> int:
    """The status of a response; 0 for a request."""
    match = re.match(r"SIP/2\.0 (\d{3}) ", message)
    return int(match.group(1)) if match else 0


def header(message: str, name: str) -> str:
    """The first value of a header; empty when there is none."""
    match = re.search(rf"^{name}\s*:\s*(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    return match.group(1) if match else ""


def challenges(message: str) -> dict[str, dict[str, str]]:
    """The digest challenges of a 401, by algorithm."""
    found = {}
    for value in re.findall(r"^WWW-Authenticate:\s*Digest (.*?)\r?$", message, re.MULTILINE | re.IGNORECASE):
        fields = {key: plain.strip('"') for key, plain in re.findall(r'(\w+)=("[^"]*"|[^\s,]+)', value)}
        found[fields.get("algorithm", "MD5")] = fields
    return found


def authorization(challenge: dict[str, str], *, user: str, password: str, method: str, uri: str) -> str:
    """The Authorization header by RFC 7616 section 3.4, worked out with nothing but hashlib."""
    algorithm = challenge.get("algorithm", "MD5")
    hashed = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

    def h(text: str) -> str:
        return hashed(text.encode()).hexdigest()

    count, cnonce = "00000001", "0a4f113b"
    ha1 = h(f"{user}:{challenge['realm']}:{password}")
    ha2 = h(f"{method}:{uri}")
    response = h(f"{ha1}:{challenge['nonce']}:{count}:{cnonce}:auth:{ha2}")
    return (
        f'Authorization: Digest username="{user}", realm="{challenge["realm"]}", nonce="{challenge["nonce"]}", '
        f'uri="{uri}", response="{response}", algorithm={algorithm}, cnonce="{cnonce}", qop=auth, nc={count}'
        + (f', opaque="{challenge["opaque"]}"' if "opaque" in challenge else "")
    )
