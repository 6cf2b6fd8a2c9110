"""A call of two who know nothing of ConnIDs is found in all that an operator has: the list, the log, the trace."""

import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from interop_setup import MakeServer
from talking_room import Phone, Room, extensions

from cordboard.model.events import EventDialing, EventReleased
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers import Baresip
from cordboard.testkit.strangers.program import wait_until

SECONDS = 10
INVITED = re.compile(r"^INVITE sips?:.*?^Call-ID: (\S+)", re.MULTILINE | re.DOTALL)


@pytest.fixture
def room(make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> Room:
    """Ann and Bob, at a server that logs as it does in service."""
    server = make_server(*extensions(), application={"log-level": "info", "log-format": "json"})
    return Room(server, tmp_path, stack, {"ann": Baresip, "bob": Baresip})


def legs(phone: Phone) -> list[str]:
    """The Call-IDs of the calls a phone has made and been offered, as it saw them on the wire."""
    return list(dict.fromkeys(INVITED.findall(phone.program.output())))


def listed(server: Server) -> list[tuple[str, list[str], str]]:
    """The calls there are now, by ``cordboard calls``: ConnID, parties and state of each."""
    calls = map(json.loads, server.command("calls", "--live", "--json").splitlines())
    return [(call["ConnID"], call["Parties"], call["PartyState"]) for call in calls]


def ended(server: Server, count: int) -> list[dict[str, Any]]:
    """The log's lines of calls that ended, when there are so many."""

    def lines() -> list[dict[str, Any]] | None:
        # The last line may not have come in full.
        logged = [json.loads(line) for line in server.log().splitlines(keepends=True) if line.endswith("\n")]
        found = [line for line in logged if line["event"] == "call ended"]
        return found if len(found) == count else None

    return wait_until(lines, SECONDS, failed=lambda: server.program.error(f"has not logged {count} calls"))


@pytest.mark.strangers("baresip", "tshark")
def test_a_call_is_found_in_the_list_the_log_and_the_trace(room: Room) -> None:
    server, ann, bob = room.server, room["ann"], room["bob"]
    assert listed(server) == []
    room.ring("ann", "bob")
    conn_id = room.desktop.wait(EventDialing, "1501").conn_id
    assert listed(server) == [(conn_id, ["1501", "1502"], "dialing")]
    bob.answer()
    for phone in (ann, bob):
        phone.wait_established()
    assert listed(server) == [(conn_id, ["1501", "1502"], "established")]
    (row,) = [line for line in server.command("calls", "--live").splitlines() if conn_id in line]
    assert re.findall(r"\w+", row)[:4] == [conn_id, "1501", "1502", "established"]
    ann.hang_up()
    for phone in (ann, bob):
        phone.wait_ended()
    for number in ("1501", "1502"):
        room.desktop.wait(EventReleased, number, conn_id=conn_id)
    assert listed(server) == []
    # Another one, the other way and refused, is not to be taken for it.
    room.ring("bob", "ann")
    other = room.desktop.wait(EventDialing, "1502").conn_id
    ann.hang_up()
    bob.wait_ended()

    expected = dict(zip((conn_id, other), zip(legs(ann), legs(bob), strict=True), strict=True))
    lines = ended(server, 2)
    assert [(line["conn_id"], line["outcome"]) for line in lines] == [(conn_id, "answered"), (other, "busy")]
    for line in lines:
        assert {line["call_id"], line["callee_call_id"]} == set(expected[line["conn_id"]])
    assert (lines[0]["call_id"], lines[1]["call_id"]) == (legs(ann)[0], legs(bob)[1])
    for name, call_ids in expected.items():
        for call_id in call_ids:
            assert {line["conn_id"] for line in lines if call_id in line.values()} == {name}

    # baresip's Call-IDs look like ConnIDs.
    assert re.fullmatch("[0-9a-f]{16}", legs(ann)[0])
    text = server.command("trace", conn_id, "--messages")
    assert set(re.findall(r"Call-ID: (\S+)", text)) == set(expected[conn_id])
    for call_id in expected[conn_id]:
        assert server.command("trace", call_id, "--messages") == text
    room.over()
