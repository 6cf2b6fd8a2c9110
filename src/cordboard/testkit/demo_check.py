"""Proves the demo: ``python -m cordboard.testkit.demo_check``, or ``make demo-check``.

Starts ``cordboard up --demo`` on free ports in a temporary folder, lets two baresips register with the passwords it
made and call each other, one of them held with music for a while, and judges what each ear heard, what ``cordboard
tlib watch`` showed and what ``cordboard calls`` remembers. Says each step; exits 0, or 1 with what failed.
"""

import json
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from cordboard.testkit import music
from cordboard.testkit.live.server import sip_answers
from cordboard.testkit.strangers import Account, Baresip, MissingProgramError, StrangerError, assert_heard
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import Program, wait_until
from cordboard.testkit.strangers.tone import read

COMMAND = str(Path(sys.executable).parent / "cordboard")
CALLER, CALLED = "1501", "1502"
EXPECTED = {
    CALLER: "OffHook Dialing Established Held Retrieved Released OnHook",
    CALLED: "Ringing OffHook Established Released OnHook",
}
"""The events of each, without the ``Event`` of their names."""
SECONDS = 15.0


def main() -> int:
    """Returns the exit code."""
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="cordboard-demo-") as name, ExitStack() as stack:
            check(Path(name), stack)
    except (MissingProgramError, AssertionError) as failure:
        sys.stdout.flush()
        sys.stderr.write(f"\ndemo-check failed: {failure}\n")
        return 1
    sys.stdout.write(f"demo-check passed in {time.monotonic() - started:.1f} s\n")
    return 0


def check(folder: Path, stack: ExitStack) -> None:
    """All steps. Raises AssertionError (StrangerError ...) or MissingProgramError."""
    port, tlib, http = free_ports(), free_ports(), free_ports()
    data = folder / "data"
    with step(f"the demo starts on 127.0.0.1:{port}"):
        listening = ["--listen", f"udp:127.0.0.1:{port}", "--listen", f"tcp:127.0.0.1:{port}"]
        links = ["--tlib", f"127.0.0.1:{tlib}", "--http", f"127.0.0.1:{http}"]
        demo = stack.enter_context(
            Program("demo", [COMMAND, "up", "--demo", "--data", str(data), *listening, *links], folder / "demo")
        )
        wait_until(
            lambda: demo.exit_code is not None or sip_answers(("127.0.0.1", port), seconds=0.2),
            30,
            failed=lambda: demo.error("does not answer"),
        )
        if demo.exit_code is not None:
            raise demo.error(f"ended at once, exit code {demo.exit_code}")
    with step("it has made a centre with passwords"):
        centre = tomllib.loads((data / "centre.toml").read_text())
        passwords = {number: str(dn["password"]) for number, dn in centre["dn"].items() if "password" in dn}
        if not {CALLER, CALLED} <= set(passwords):
            raise AssertionError(f"the centre lacks {CALLER} or {CALLED}")
    with step("`cordboard tlib watch` follows it"):
        watch = stack.enter_context(
            Program("watch", [COMMAND, "tlib", "watch", "--json", "--state", str(data)], folder / "watch")
        )
        # Registered for all DNs as soon as their state has been shown.
        wait_until(
            lambda: all(f'"{number}"' in watch.output() for number in (CALLER, CALLED)) or watch.exit_code is not None,
            SECONDS,
            failed=lambda: watch.error("shows nothing"),
        )
    with step("two strangers' phones (baresip) register with digest"):
        phones = []
        for number, hertz in ((CALLER, 440.0), (CALLED, 1000.0)):
            account = Account(number, server=f"127.0.0.1:{port}", password=passwords[number])
            phones.append(stack.enter_context(Baresip(account, folder / number, hertz=hertz)))
        for phone in phones:
            phone.wait_registered()
    one, two = phones
    with step(f"{CALLER} calls {CALLED}, which answers"):
        one.dial(CALLED)
        caller = two.wait_incoming()
        if CALLER not in caller:
            raise AssertionError(f"{CALLED} was shown {caller} as the caller, not {CALLER}")
        one.wait_ringing()
        two.answer()
        one.wait_established()
        two.wait_established()
    with step("they talk"):
        heard_by_one, heard_by_two = one.wait_audio(), two.wait_audio()
    with step("each heard the other's tone"):
        for path, hertz in ((heard_by_one, 1000.0), (heard_by_two, 440.0)):
            heard = assert_heard(path, hertz)
            sys.stdout.write(f"       {hertz:g} Hz for {heard.seconds:.2f} s, {heard.dbfs:.1f} dBFS\n")
    with step(f"`cordboard tlib hold {CALLER}`: {CALLED} hears music"):
        command("tlib", "hold", CALLER, state=data)
        wait_until(
            lambda: music.is_on_hold(np.array(read(two.wait_audio()).samples)),
            SECONDS,
            failed=lambda: two.program.error("hears no music"),
        )
        command("tlib", "retrieve", CALLER, state=data)
    with step("the caller hangs up, both phones are free"):
        one.hang_up()
        one.wait_ended()
        two.wait_ended()
    with step("T-Library told the call's story to both DNs"):
        judge_events(watch)
    with step("`cordboard calls` remembers the call"):
        judge_records(data)


def judge_events(watch: Program) -> None:
    """The events of both DNs, in order. Raises AssertionError."""
    expected = {number: [f"Event{name}" for name in names.split()] for number, names in EXPECTED.items()}
    wanted = {name for names in expected.values() for name in names}

    def told() -> dict[str, list[str]]:
        events = [json.loads(line) for line in watch.output().splitlines() if line.startswith("{")]
        return {
            number: [event["Event"] for event in events if event.get("ThisDN") == number and event["Event"] in wanted]
            for number in expected
        }

    wait_until(
        lambda: all(len(told()[number]) >= len(names) for number, names in expected.items()),
        SECONDS,
        failed=lambda: watch.error(f"events are missing: {told()}"),
    )
    for number, names in expected.items():
        if told()[number] != names:
            raise AssertionError(f"the events of {number} were {told()[number]}, expected {names}")


def judge_records(data: Path) -> None:
    """One answered call between both. Raises AssertionError."""

    def records() -> list[dict[str, object]]:
        lines = command("calls", "--recent", "--json", state=data).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    wait_until(
        lambda: any(
            record.get("outcome") == "answered" and CALLER in record.values() and CALLED in record.values()
            for record in records()
        ),
        SECONDS,
        failed=lambda: StrangerError("cordboard calls", f"no record of the call, only {records()}"),
    )


def command(*words: str, state: Path) -> str:
    """What one of our commands says. Raises StrangerError."""
    done = subprocess.run(  # noqa: S603 - our own command
        [COMMAND, *words, "--state", str(state)], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode != 0:
        raise StrangerError(f"cordboard {' '.join(words)}", f"exit code {done.returncode}", done.stderr)
    return done.stdout


@contextmanager
def step(what: str) -> Iterator[None]:
    """Says a step and whether it went well."""
    sys.stdout.write(f"  ..  {what}\n")
    sys.stdout.flush()
    try:
        yield
    except BaseException:
        sys.stdout.write(f"FAIL  {what}\n")
        raise
    sys.stdout.write(f"  ok  {what}\n")


if __name__ == "__main__":
    sys.exit(main())
