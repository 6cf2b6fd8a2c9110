"""linphone's console phone: one process, one account, a tone for a voice and a recording for an ear.

Driven through its prompt; works with linphone 5.1 as Debian 12 packages it, without a sound card ("soundcard use
files"). The account stands in the configuration file, so nothing is asked at the prompt.
"""

import re
from pathlib import Path
from types import TracebackType
from typing import Self

from cordboard.testkit.strangers import tone
from cordboard.testkit.strangers.baresip import SECONDS, VOICE_SECONDS, Account
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import Program, wait_until

CONFIGURATION = """\
[sip]
sip_port={port}
sip_tcp_port={tcp_port}
sip_tls_port=0
use_ipv6={ipv6}
ipv6_migration_done=1
guess_hostname=0
contact={contact}
inc_timeout=60
default_proxy={default_proxy}
media_encryption=none
[net]
mtu=1300
[rtp]
audio_rtp_port={rtp}
audio_adaptive_jitt_comp_enabled=0
[sound]
echocancellation=0
[misc]
version_check_url_root=
add_missing_audio_codecs=0
[audio_codec_0]
mime=PCMU
rate=8000
channels=1
enabled=1
[audio_codec_1]
mime=PCMA
rate=8000
channels=1
enabled=1
[audio_codec_2]
mime=telephone-event
rate=8000
channels=1
enabled=1
[video]
display=0
capture=0
automatically_initiate=0
automatically_accept=0
"""

ACCOUNT = """\
[proxy_0]
reg_proxy=<sip:{server};transport={transport}>
reg_route=<sip:{server};transport={transport};lr>
reg_identity={name}<sip:{user}@{host}>
reg_expires={expires}
reg_sendregister={register}
publish=0
[auth_info_0]
username={user}
userid={user}
passwd={password}
domain={host}
"""


class Linphone:
    """A phone. A context manager: leaving it quits the program."""

    def __init__(self, account: Account, folder: Path, *, hertz: float = 1000.0, ipv6: bool = False) -> None:
        """Starts it; returns when it takes commands. Raises MissingProgramError, StrangerError."""
        self.account = account
        self.hertz = hertz
        self.port = free_ports()
        first = free_ports(16)
        self.rtp_ports = range(first, first + 16)
        """The first call's port and control port, then those of further calls."""
        self._folder = folder
        self._calls = 0
        voice = folder / "voice.wav"
        # Without these folders the library cannot make its database, and then opens no port, without a word.
        for part in (".local/share/linphone", ".config/linphone"):
            (folder / part).mkdir(parents=True)
        tone.write_sine(voice, hertz, VOICE_SECONDS)
        text = CONFIGURATION.format(
            port=self.port if account.transport == "udp" else 0,
            tcp_port=self.port if account.transport == "tcp" else 0,
            ipv6=int(ipv6),
            contact=f"<sip:{account.user}@127.0.0.1:{self.port}>",
            default_proxy=0 if account.server else -1,
            rtp=self.rtp_ports.start,
        )
        if account.server:
            text += ACCOUNT.format(
                server=account.server,
                host=account.server.rpartition(":")[0] or account.server,
                transport=account.transport,
                user=account.user,
                name=f'"{account.name}" ' if account.name else "",
                password=account.password,
                expires=account.expires or 300,
                register=int(account.expires > 0),
            )
        configuration = folder / "linphonerc"
        configuration.write_text(text)
        # The log of the library, with every message on the wire, is kept beside the program's own output.
        self.program = Program(
            "linphonec",
            ["linphonec", "-c", str(configuration), "-S", "-d", "6", "-l", str(folder / "library.log")],
            folder,
            environment={"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
        )
        self._library_log = folder / "library.log"
        self.program.say("soundcard use files")
        self._expect(r"Using wav files", "takes no commands")
        wait_until(
            lambda: "Creating listening point" in self._log(),
            SECONDS,
            failed=lambda: self.program.error("opened no port"),
        )
        self.program.say(f"play {voice}")
        self._open_ear()

    @property
    def address(self) -> str:
        """Its SIP address for a direct call."""
        return f"sip:{self.account.user}@127.0.0.1:{self.port}"

    def wait_registered(self) -> None:
        """Raises StrangerError when the registration fails or takes too long."""

        def state() -> str | None:
            found = re.findall(r"moving from state \S*Registration\w* to \S*Registration(Ok|Failed)\b", self._log())
            found += re.findall(r"\[LinphoneRegistration(Ok|Failed)\]", self._log())
            return found[-1] if found else None

        if wait_until(state, SECONDS, failed=lambda: self.program.error("not registered")) != "Ok":
            raise self.program.error("registration refused")

    def dial(self, target: str) -> None:
        """Calls a number of the server, or any SIP address."""
        self.program.say(f"call {target}")

    def write(self, number: str, text: str) -> None:
        """Sends a text message to a number of its server."""
        self.program.say(f'chat sip:{number}@{self.account.server} "{text}"')

    def wait_incoming(self) -> str:
        """Waits for a call; returns the caller as linphone shows it, with the name if there is one."""
        return self._expect(r"Receiving new incoming call from (.*), assigned id", "no call came in")

    def answer(self) -> None:
        """Answers the call that rings."""
        self.program.say("answer")

    def hang_up(self) -> None:
        """Ends, cancels or rejects the current call."""
        self.program.say("terminate")

    def hold(self) -> None:
        """Puts the current call on hold; returns when the other end has agreed, which then hears its voice as music."""
        self.program.say("pause")
        self._expect(r"Call \d+ with .* is now paused", "the call is not held")

    def resume(self, line: int = 1) -> None:
        """Talks on in a call, numbered from 1 in the order of their making; one it is in is put on hold by itself."""
        self.program.say(f"resume {line}")
        self._expect(
            rf"Call {line} with .* resumed|Media streams established .* for call {line}\b", "it is not resumed"
        )

    def transfer(self, target: str, line: int = 1) -> None:
        """Sends the other end of a call to a number, by REFER."""
        self.program.say(f"transfer {line} {target}")

    def join(self, line: int = 1, other: int = 2) -> None:
        """Sends the other end of one call to that of another: REFER with Replaces."""
        self.program.say(f"transfer {line} --to-call {other}")

    def redirect(self, target: str) -> None:
        """Answers all that rings by 302 with another address."""
        self.program.say(f"redirect all {target}")

    def wait_ringing(self) -> None:
        """Waits until the far end rings."""
        self._expect(r"Call \d+ to .* ringing", "the far end does not ring")

    def wait_established(self) -> None:
        """Waits until the call is up."""
        self._expect(r"Call \d+ with .* connected", "no call was established")

    def wait_ended(self, seconds: float = SECONDS) -> str:
        """Waits until the call is over; returns the reason as linphone words it, ``error`` for a failed one."""
        pattern = r"Call \d+ with .*? (?:ended \((.*)\)|error)"
        reason = self._expect(pattern, "the call does not end", seconds) or "error"
        self._open_ear()
        return reason

    def wait_audio(self, seconds: float = 2.0) -> Path:
        """Waits until that much sound has come in; returns the recording so far."""
        wanted = 44 + round(seconds * 8000) * 2

        ear = self._folder / f"ear-{self._calls}.wav"

        def recorded() -> Path | None:
            return ear if ear.exists() and ear.stat().st_size >= wanted else None

        return wait_until(
            recorded, seconds + SECONDS, failed=lambda: self.program.error(f"heard less than {seconds:g} s of sound")
        )

    def close(self) -> None:
        """De-registers and ends the process."""
        if self.program.exit_code is None:
            self.program.say("quit")
            wait_until(
                lambda: self.program.exit_code is not None or None,
                3,
                failed=lambda: self.program.error("does not quit"),
            )
        self.program.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.program.close()

    def _open_ear(self) -> None:
        """A recording of its own for the next call: linphone would append, and crashes when told while one rings."""
        self._calls += 1
        self.program.say(f"record {self._folder / f'ear-{self._calls}.wav'}")

    def _log(self) -> str:
        return self._library_log.read_text(errors="replace") if self._library_log.exists() else ""

    def _expect(self, pattern: str, what: str, seconds: float = SECONDS) -> str:
        compiled = re.compile(pattern)

        def wanted(line: str) -> tuple[str] | None:
            match = compiled.search(line)
            return (match.group(1) or "" if compiled.groups else match.group(0),) if match else None

        return self.program.expect_line(wanted, seconds, what)[0]
