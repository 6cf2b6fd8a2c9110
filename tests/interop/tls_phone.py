"""A phone made by hand over Python's own TLS; reads whole messages as text."""

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self

from interop_setup import PASSWORD
from raw_phone import authorization, challenges, header, status

SECONDS = 20.0


class Listening(Protocol):
    """A server that listens on TLS."""

    tls_port: int

    @property
    def ca(self) -> Path:
        """The authority it is to be believed by."""


class TlsPhone:
    """One connection."""

    def __init__(
        self, server: Listening, *, host: str = "127.0.0.1", name: str = "", context: ssl.SSLContext | None = None
    ):
        context = context or ssl.create_default_context(cafile=server.ca)
        plain = socket.create_connection((host, server.tls_port), SECONDS)
        try:
            self.socket = context.wrap_socket(plain, server_hostname=name or host)
        except BaseException:
            plain.close()
            raise
        self._data = b""
        self._serial = 0

    @property
    def certificate(self) -> bytes:
        """What the server has shown."""
        return self.socket.getpeercert(binary_form=True) or b""

    def request(self, method: str, user: str, *headers: str, to: str = "") -> str:
        """Sends a request, to the server itself or to a number, and returns the final response."""
        self.send(method, user, *headers, to=to)
        return self.receive(lambda message: status(message) >= 200)

    def send(self, method: str, user: str, *headers: str, to: str = "", scheme: str = "sip", call_id: str = "") -> None:
        """Sends a request without waiting. ``scheme`` ``sips``: encrypted on every hop."""
        self._serial += 1
        host, port = self.socket.getsockname()[:2]
        literal = f"[{host}]" if ":" in host else host
        unique = f"{port}-{self._serial}"
        lines = [
            f"{method} {scheme}:{f'{to}@' if to else ''}{literal} SIP/2.0",
            f"Via: SIP/2.0/TLS {literal}:{port};branch=z9hG4bK{unique};rport",
            "Max-Forwards: 70",
            f"From: <{scheme}:{user}@{literal}>;tag=1",
            f"To: <{scheme}:{to or user}@{literal}>",
            f"Call-ID: {call_id or unique}",
            f"CSeq: {self._serial} {method}",
            *headers,
            "Content-Length: 0",
        ]
        self.write(*lines)

    def write(self, *lines: str) -> None:
        """Sends a message by its lines."""
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def answer(self, request: str, line: str, contact: str) -> None:
        """Answers a request by its first line."""
        vias = [row for row in request.splitlines() if row.lower().startswith("via:")]
        kept = [f"{name}: {header(request, name)}" for name in ("From", "Call-ID", "CSeq")]
        to = header(request, "To")
        tag = "" if ";tag=" in to else ";tag=callee"
        self.write(line, *vias, *kept, f"To: {to}{tag}", f"Contact: <{contact}>", "Content-Length: 0")

    def register(self, user: str, contact: str = "") -> str:
        """Registers with digest; returns the last answer."""
        host, port = self.socket.getsockname()[:2]
        literal = f"[{host}]" if ":" in host else host
        bind = f"Contact: <{contact or f'sip:{user}@{literal}:{port};transport=tls'}>"
        challenged = self.request("REGISTER", user, bind)
        assert status(challenged) == 401
        proof = authorization(
            next(iter(challenges(challenged).values())),
            user=user,
            password=PASSWORD,
            method="REGISTER",
            uri=f"sip:{literal}",
        )
        return self.request("REGISTER", user, bind, proof)

    def receive(self, wanted: Callable[[str], object] = bool) -> str:
        """The next message for which ``wanted`` is true, without its body."""
        while True:
            while b"\r\n\r\n" not in self._data:
                piece = self.socket.recv(65536)
                if not piece:
                    raise ConnectionError("closed")
                self._data += piece
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            self._data = self._data[int(header(head.decode() + "\r\n", "Content-Length") or 0) :]
            message = head.decode() + "\r\n"
            if wanted(message):
                return message

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
