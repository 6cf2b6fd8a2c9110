"""baresip as a phone: one process, one account, its own tone for a voice and a recording for an ear.

Driven over its ``ctrl_tcp`` module: commands and events are JSON in netstrings. Works with baresip 1.0 as Debian 12
packages it, without a sound card: ``aufile`` speaks, ``aubridge`` swallows, ``sndfile`` writes down what is heard. It
speaks G.711, or Opus and nothing else.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from cordboard.testkit.strangers import tone
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import Program, StrangerError, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from cordboard.testkit.live.nat import Nat

T = TypeVar("T")

MODULES = Path("/usr/lib/baresip/modules")
SECONDS = 30.0
"""How long to wait for what should take milliseconds."""
VOICE_SECONDS = 120
"""Length of the voice; baresip ends the call's audio when its file ends."""

# Without its jitter buffer: that takes a second source's packets for late ones when it has not yet played of the first.
CONFIGURATION = """\
poll_method epoll
sip_listen {listen}
call_local_timeout 180
call_max_calls 8
audio_source aufile,{voice}
audio_player aubridge,ear
audio_alert aubridge,alert
ausrc_srate {codec.rate}
ausrc_channels {codec.channels}
auplay_srate {codec.rate}
auplay_channels {codec.channels}
net_interface {host}
rtp_ports {rtp_first}-{rtp_last}
jitter_buffer_delay 0-0
module_path {modules}
module {codec.module}.so
module srtp.so
module sndfile.so
module aufile.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {ear}
"""


@dataclass(frozen=True, slots=True)
class Codec:
    """What a phone speaks, and the sound it takes and gives for it."""

    module: str
    rate: int
    channels: int


G711 = Codec("g711", 8_000, 1)
OPUS = Codec("opus", 48_000, 2)
"""Two channels, as its description says (RFC 7587 7)."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a phone is told about its line."""

    user: str
    server: str = ""
    """``host:port`` of the registrar and proxy; empty: no server, calls go straight to the address dialled."""
    password: str = ""
    transport: str = "udp"
    expires: int = 300
    """Seconds asked for in REGISTER; 0: no registration."""
    name: str = ""
    """Display name."""
    encryption: str = ""
    """Of media: ``srtp`` for RTP/AVP with a key, ``srtp-mand`` for RTP/SAVP; empty for none."""
    parameters: tuple[str, ...] = ()
    """More parameters of baresip's account line, such as ``sipnat=outbound``."""


class Baresip:
    """A phone. A context manager: leaving it de-registers and ends the process."""

    def __init__(
        self,
        account: Account,
        folder: Path,
        *,
        hertz: float = 440.0,
        host: str = "127.0.0.1",
        ca: Path | None = None,
        nat: Nat | None = None,
        codec: Codec = G711,
    ) -> None:
        """Starts it; returns when it takes commands.

        ``hertz``: its voice. ``ca``: whom it believes over TLS. ``nat``: what it sits behind. ``codec``: the
        only one it speaks.
        Raises MissingProgramError, StrangerError.
        """
        self.account = account
        self.host = host
        self.hertz = hertz
        self.codec = codec
        self._ear = folder / "ear"
        self._ear.mkdir(parents=True)
        voice = folder / "voice.wav"
        tone.write_sine(voice, hertz, VOICE_SECONDS, rate=codec.rate, channels=codec.channels)
        # The port above the SIP port is bound too, for TLS. Four RTP ports a call: data and control, twice over.
        self.port = _there(nat, lambda: free_ports(2, host))
        rtp = _there(nat, lambda: free_ports(32, host))
        self.rtp_ports = range(rtp, rtp + 32)
        control = free_ports()
        listen = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        (folder / "config").write_text(
            CONFIGURATION.format(
                listen=listen,
                voice=voice,
                host=host,
                rtp_first=rtp,
                rtp_last=self.rtp_ports[-1],
                modules=MODULES,
                control=control,
                ear=self._ear,
                codec=codec,
            )
            + (f"sip_cafile {ca}\n" if ca else "")
        )
        (folder / "accounts").write_text(self._account_line() + "\n")
        (folder / "contacts").touch()
        family = "-6" if ":" in host else "-4"
        command = ["baresip", family, "-v", "-s", "-f", str(folder)]
        self._nat = nat
        self.program = Program("baresip", command if nat is None else nat.command(*command), folder)
        self._events: list[dict[str, Any]] = []
        self._taken: set[int] = set()
        self._called: list[str] = []
        self._answers: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        try:
            self._control = self._connect(control)
        except StrangerError:
            self.program.close()
            raise
        self._reader = threading.Thread(target=self._read, name="baresip-control", daemon=True)
        self._reader.start()

    @property
    def address(self) -> str:
        """Its SIP address for a direct call."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sip:{self.account.user}@{host}:{self.port}"

    def command(self, name: str, parameters: str = "") -> str:
        """Gives a command of baresip's menu and returns its answer. Raises StrangerError when it is refused."""
        message = json.dumps({"command": name, "params": parameters, "token": "t"}).encode()
        with self._changed:
            already = len(self._answers)
        self._control.sendall(b"%d:%s," % (len(message), message))
        deadline = time.monotonic() + SECONDS
        with self._changed:
            while len(self._answers) == already:
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise self.program.error(f"no answer to the command {name!r}")
            answer = self._answers[already]
        if not answer.get("ok"):
            raise self.program.error(f"refused the command {name!r}: {answer.get('data')!r}")
        return str(answer.get("data", ""))

    def wait(self, kind: str, seconds: float = SECONDS) -> dict[str, Any]:
        """The next event of a kind (``CALL_INCOMING``, ``CALL_CLOSED`` ...) that has not been waited for yet."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for number, event in enumerate(self._events):
                    if number not in self._taken and event["type"] == kind:
                        self._taken.add(number)
                        return event
                left = deadline - time.monotonic()
                if left <= 0:
                    seen = ", ".join(event["type"] for event in self._events)
                    raise self.program.error(f"no event {kind} within {seconds:g} s; came so far: {seen}")
                self._changed.wait(left)

    def wait_registered(self) -> None:
        """Raises StrangerError when the registration fails or takes too long."""

        # Asked, not waited for: the event may have come before there was a control connection to carry it.
        def state() -> str | None:
            found = re.search(r"(OK |ERR)\x1b\[;m", self.command("reginfo"))
            return found.group(1) if found else None

        if wait_until(state, SECONDS, failed=lambda: self.program.error("not registered")) != "OK ":
            raise self.program.error("registration refused")

    def dial(self, target: str) -> None:
        """Calls a number of the server, or any SIP address."""
        self._called.append(target)
        self.command("dial", target)

    def wait_incoming(self) -> str:
        """Waits for a call; returns the caller's address."""
        return str(self.wait("CALL_INCOMING")["peeruri"])

    def answer(self) -> None:
        """Answers the call that rings."""
        self.command("accept")

    def hang_up(self) -> None:
        """Ends, cancels or rejects the current call."""
        self.command("hangup")

    def press(self, digits: str) -> None:
        """Presses keys of the current call; they go as telephone events (RFC 4733)."""
        for digit in digits:
            self.command("sndcode", digit)

    def hold(self) -> None:
        """Puts the current call on hold; returns when the other end has agreed."""
        self._modify("hold")

    def resume(self, line: int = 1) -> None:
        """Makes a call the current one and talks on; calls count from 1 in the order of their making."""
        self.command("line", str(line))
        self._modify("resume")

    def transfer(self, target: str, line: int = 1) -> None:
        """Sends the other end of a call to a number, by REFER."""
        self.command("line", str(line))
        self.command("transfer", target)

    def join(self, line: int = 1, other: int = 2) -> None:
        """Sends the other end of one call to that of another, whether it rings or talks: REFER with Replaces.

        baresip 1.0 has no key for that, only one that says where to; its own dialog's names are read from its trace.
        """
        call_id, to_tag, from_tag = self._dialog(other)
        replaces = f"{call_id}%3Bto-tag%3D{to_tag}%3Bfrom-tag%3D{from_tag}"
        number = self._called[-1]
        self.transfer(f"<sip:{number}@{self.account.server}?Replaces={replaces}>", line)

    def wait_ringing(self) -> None:
        """Waits until the far end rings."""
        self.wait("CALL_RINGING")

    def wait_established(self) -> None:
        """Waits until the call is up."""
        self.wait("CALL_ESTABLISHED")

    def wait_ended(self, seconds: float = SECONDS) -> str:
        """Waits until the call is over; returns the reason as baresip words it, such as ``486 Busy Here``."""
        return str(self.wait("CALL_CLOSED", seconds)["param"])

    def wait_audio(self, seconds: float = 2.0) -> Path:
        """Waits until that much sound has come in on the latest call; returns the recording so far."""
        wanted = 44 + round(seconds * self.codec.rate) * 2 * self.codec.channels

        def recorded() -> Path | None:
            files = sorted(self._ear.glob("*-dec.wav"))
            return files[-1] if files and files[-1].stat().st_size >= wanted else None

        return wait_until(
            recorded, seconds + SECONDS, failed=lambda: self.program.error(f"heard less than {seconds:g} s of sound")
        )

    def close(self) -> None:
        """De-registers and ends the process."""
        self._control.close()
        self.program.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _modify(self, command: str) -> None:
        """A re-INVITE, and its answer: the remote description that comes after it was sent."""
        with self._changed:
            before = sum(map(_is_remote_sdp, self._events))
        self.command(command)
        deadline = time.monotonic() + SECONDS
        with self._changed:
            while sum(map(_is_remote_sdp, self._events)) == before:
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise self.program.error(f"no answer to the re-INVITE of {command}")

    def _dialog(self, line: int) -> tuple[str, str, str]:
        """Call-ID, the other end's tag and its own tag of a call it has made."""
        self.command("line", str(line))
        found = re.search(r"\bid=(\S+)", self.command("callstat"))
        if found is None:
            raise self.program.error(f"has no call on line {line}")
        call_id = found.group(1)
        for message in reversed(self.program.output().split("\x1b[36;1m#")):
            tags = [re.search(rf"^{name}:.*;tag=([^;\s]+)", message, re.MULTILINE) for name in ("To", "From")]
            if f"Call-ID: {call_id}" in message and "SIP/2.0 " in message and tags[0] and tags[1]:
                return call_id, tags[0].group(1), tags[1].group(1)
        raise self.program.error(f"has no dialog on line {line}")

    def _account_line(self) -> str:
        account = self.account
        host = f"[{self.host}]" if ":" in self.host else self.host
        parameters = [f"regint={account.expires if account.server else 0}", "answermode=manual"]
        parameters.append(f"mediaenc={account.encryption}")
        if account.password:
            parameters += [f"auth_user={account.user}", f"auth_pass={account.password}"]
        parameters += account.parameters
        name = f'"{account.name}" ' if account.name else ""
        return f"{name}<sip:{account.user}@{account.server or host};transport={account.transport}>;" + ";".join(
            parameters
        )

    def _connect(self, port: int) -> socket.socket:
        def attempt() -> socket.socket | None:
            if self.program.exit_code is not None:
                raise self.program.error(f"ended at once, exit code {self.program.exit_code}")
            try:
                return _there(self._nat, lambda: socket.create_connection(("127.0.0.1", port), SECONDS))
            except ConnectionRefusedError:
                return None

        connection = wait_until(attempt, SECONDS, failed=lambda: self.program.error("takes no commands"))
        connection.settimeout(None)
        return connection

    def _read(self) -> None:
        data = b""
        while True:
            try:
                piece = self._control.recv(65536)
            except OSError:
                return
            if not piece:
                return
            data += piece
            while b":" in data:
                length, _, rest = data.partition(b":")
                size = int(length)
                if len(rest) <= size:
                    break
                message, data = json.loads(rest[:size].decode(errors="replace")), rest[size + 1 :]
                with self._changed:
                    (self._answers if message.get("response") else self._events).append(message)
                    self._changed.notify_all()


def _there(nat: Nat | None, what: Callable[[], T]) -> T:
    """Does something where the phone is."""
    return what() if nat is None else nat.inside(what)


def _is_remote_sdp(event: dict[str, Any]) -> bool:
    return bool(event["type"] == "CALL_REMOTE_SDP")
