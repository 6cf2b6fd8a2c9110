"""Every outcome of a call between two extensions, both parties graded by sipp, both told by T-Library."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from interop_setup import MakeServer, make_table
from interop_table import Table

from cordboard.model.enums import CallState, CallType, DNRole
from cordboard.model.events import (
    EventAbandoned,
    EventDestinationBusy,
    EventDialing,
    EventEstablished,
    EventOffHook,
    EventOnHook,
    EventReleased,
    EventRinging,
)
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.scenario import Scenario

pytestmark = pytest.mark.strangers("sipp", "tshark")


def caller(name: str = "caller") -> Scenario:
    return Scenario(name, user="1501", display="Ann Lee")


def called(number: str = "1502") -> Scenario:
    return Scenario(f"called-{number}", user=number)


def test_answered_and_ended_by_the_caller(table: Table) -> None:
    desktop = table.desktop("1501", "1502")
    table.play(
        called().await_invite().reply(180).reply(200).await_ack().await_bye().reply(200),
        caller().invite("1502").receive(180).receive(200).ack().pause(100).bye().receive(200),
    )
    dialing = desktop.wait(EventDialing, "1501")
    assert dialing.call_type is CallType.INTERNAL
    assert (dialing.other_dn, dialing.this_dn_role, dialing.other_dn_role) == (
        "1502",
        DNRole.ORIGINATION,
        DNRole.DESTINATION,
    )
    ringing = desktop.wait(EventRinging, "1502", conn_id=dialing.conn_id)
    assert (ringing.other_dn, ringing.ani, ringing.dnis, ringing.this_dn_role) == (
        "1501",
        "1501",
        "1502",
        DNRole.DESTINATION,
    )
    for dn, other in (("1501", "1502"), ("1502", "1501")):
        desktop.wait(EventEstablished, dn, conn_id=dialing.conn_id, other_dn=other)
        desktop.wait(EventReleased, dn, conn_id=dialing.conn_id, other_dn=other, call_state=CallState.OK)
        desktop.wait(EventOffHook, dn)
        desktop.wait(EventOnHook, dn)
    assert desktop.of("1501") == ["EventOffHook", "EventDialing", "EventEstablished", "EventReleased", "EventOnHook"]
    assert desktop.of("1502") == ["EventRinging", "EventOffHook", "EventEstablished", "EventReleased", "EventOnHook"]


def test_answered_and_ended_by_the_called(table: Table) -> None:
    desktop = table.desktop("1501", "1502")
    table.play(
        called().await_invite().reply(180).reply(200).await_ack().pause(100).bye().receive(200),
        caller().invite("1502").receive(180).receive(200).ack().await_bye().reply(200),
    )
    for dn in ("1501", "1502"):
        desktop.wait(EventEstablished, dn)
        desktop.wait(EventReleased, dn, call_state=CallState.OK)
        desktop.wait(EventOnHook, dn)


def test_the_called_sees_the_callers_name_and_number(table: Table) -> None:
    table.play(
        called()
        .await_invite(check={"From": '"?Ann Lee"? *<sip:1501@'})
        .reply(180)
        .reply(200)
        .await_ack()
        .await_bye()
        .reply(200),
        caller().invite("1502").receive(180).receive(200).ack().bye().receive(200),
    )


def test_media_description_passes_between_the_phones_untouched(table: Table) -> None:
    port = "m=audio [0-9]+ RTP/AVP 0 8 101"
    table.play(
        called().await_invite(body={"media": port}).reply(180).reply(200).await_ack().await_bye().reply(200),
        caller().invite("1502").receive(180).receive(200).ack().bye().receive(200),
    )


def test_early_media_reaches_the_caller_before_the_answer(table: Table) -> None:
    desktop = table.desktop("1501", "1502")
    table.play(
        called().await_invite().reply(183).pause(200).reply(200).await_ack().await_bye().reply(200),
        caller()
        .invite("1502")
        .receive(183, check={"Content-Type": "application/sdp"})
        .receive(200)
        .ack()
        .bye()
        .receive(200),
    )
    desktop.wait(EventEstablished, "1501")
    desktop.wait(EventReleased, "1502")


@pytest.mark.parametrize(
    ("status", "state"), [(486, CallState.BUSY), (600, CallState.BUSY)], ids=["busy here", "busy everywhere"]
)
def test_busy(table: Table, status: int, state: CallState) -> None:
    desktop = table.desktop("1501", "1502")
    table.play(
        called().await_invite().reply(status).await_ack(),
        caller().invite("1502").receive(status).ack_failure(),
    )
    busy = desktop.wait(EventDestinationBusy, "1501", call_state=state)
    desktop.wait(EventReleased, "1501", conn_id=busy.conn_id)
    desktop.wait(EventOnHook, "1501")
    assert "EventEstablished" not in desktop.of("1502")


@pytest.mark.parametrize(
    ("status", "told"),
    [(403, 403), (480, 480), (488, 488), (500, 500), (501, 500), (503, 480), (504, 500), (603, 603)],
)
def test_a_refusal_reaches_the_caller_and_leaves_nothing(table: Table, status: int, told: int) -> None:
    desktop = table.desktop("1501", "1502")
    table.play(
        called().await_invite().reply(status).await_ack(),
        caller().invite("1502").receive(told).ack_failure(),
    )
    desktop.wait(EventReleased, "1501")
    desktop.wait(EventOnHook, "1501")
    assert "EventEstablished" not in desktop.of("1501")
    assert desktop.of("1502") == []
    assert table.server.metrics()["cordboard_calls_active"] == 0


def test_rejected_while_ringing(table: Table) -> None:
    desktop = table.desktop("1501", "1502")
    table.play(
        called().await_invite().reply(180).pause(100).reply(603).await_ack(),
        caller().invite("1502").receive(180).receive(603).ack_failure(),
    )
    desktop.wait(EventRinging, "1502")
    desktop.wait(EventReleased, "1502")
    desktop.wait(EventReleased, "1501")


def test_the_caller_gives_up_while_it_rings(table: Table) -> None:
    desktop = table.desktop("1501", "1502")
    table.play(
        called().await_invite().reply(180).await_cancel(),
        caller().invite("1502").receive(180).pause(100).cancel().receive(200).receive(487).ack_failure(),
    )
    ringing = desktop.wait(EventRinging, "1502")
    desktop.wait(EventAbandoned, "1502", conn_id=ringing.conn_id, other_dn="1501")
    desktop.wait(EventReleased, "1501", conn_id=ringing.conn_id)
    assert "EventReleased" not in desktop.of("1502")


def test_the_caller_gives_up_before_it_rings(table: Table) -> None:
    """A CANCEL waits for a provisional response of the called phone before it goes on (RFC 3261 section 9.1)."""
    desktop = table.desktop("1501", "1502")
    table.play(
        called().await_invite().pause(400).reply(180).await_cancel(),
        caller().invite("1502").receive(100).pause(50).cancel().receive(200).receive(487).ack_failure(),
    )
    desktop.wait(EventReleased, "1501")
    assert "EventEstablished" not in desktop.of("1502")


def test_the_answer_crosses_the_cancel(table: Table) -> None:
    """The called phone answers before the CANCEL reaches it: it is acknowledged and hung up at once."""
    desktop = table.desktop("1501", "1502")
    table.play(
        called().await_invite().reply(180).await_cancel(too_late=True).await_bye().reply(200),
        caller().invite("1502").receive(180).pause(100).cancel().receive(200).receive(487).ack_failure(),
    )
    desktop.wait(EventReleased, "1501")
    assert "EventEstablished" not in desktop.of("1501")


def test_an_unknown_number_is_not_found(table: Table) -> None:
    desktop = table.desktop("1501")
    table.play(caller().invite("9999").receive(404).ack_failure())
    desktop.wait(EventDestinationBusy, "1501", call_state=CallState.SIT_INVALID_NUMBER)
    desktop.wait(EventReleased, "1501")


def test_a_call_to_oneself_ends_with_an_answer(table: Table) -> None:
    table.play(caller().invite("1501", headers={"Subject": "loop"}).receive(486).ack_failure())


def test_no_answer_in_time(make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> None:
    table = make_table(make_server, tmp_path, stack, options={"no-answer-timeout": "1s"})
    desktop = table.desktop("1501", "1502")
    table.play(
        called().await_invite().reply(180).await_cancel(),
        caller().invite("1502").receive(180).receive(480).ack_failure(),
    )
    desktop.wait(EventRinging, "1502")
    desktop.wait(EventDestinationBusy, "1501", call_state=CallState.NO_ANSWER)
    desktop.wait(EventReleased, "1501")
    assert "EventEstablished" not in desktop.of("1502")


def test_a_dn_out_of_service_cannot_be_reached(make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> None:
    port = free_ports()
    server = make_server(Extension("1501", contact=f"sip:1501@127.0.0.1:{port}"), Extension("1502"))
    table = Table(server, tmp_path, stack, {"1501": port})
    desktop = table.desktop("1501", "1502")
    table.play(caller().invite("1502").receive(480).ack_failure())
    desktop.wait(EventDestinationBusy, "1501")
    assert desktop.of("1502") == []


@pytest.mark.parametrize(("transport", "ipv6"), [("tcp", False), ("udp", True), ("tcp", True)])
def test_a_call_over_other_transports(
    make_server: MakeServer, tmp_path: Path, stack: ExitStack, transport: str, ipv6: bool
) -> None:
    table = make_table(make_server, tmp_path, stack, transport=transport, ipv6=ipv6)
    desktop = table.desktop("1501", "1502")
    table.play(
        called().await_invite().reply(180).reply(200).await_ack().await_bye().reply(200),
        caller().invite("1502").receive(180).receive(200).ack().pause(100).bye().receive(200),
    )
    for dn in ("1501", "1502"):
        desktop.wait(EventEstablished, dn)
        desktop.wait(EventReleased, dn)


def test_several_calls_on_one_dn_do_not_mix(table: Table) -> None:
    desktop = table.desktop("1501", "1502")
    grades = table.play(
        called().await_invite().reply(180).reply(200).await_ack().await_bye().reply(200),
        caller().invite("1502").receive(180).receive(200).ack().pause(500).bye().receive(200),
        calls=8,
        rate=40,
    )
    assert [grade.successful for grade in grades] == [8, 8]
    calls = {desktop.wait(EventReleased, "1502").conn_id for _ in range(8)}
    assert len(calls) == 8
    desktop.wait(EventOnHook, "1502")
    assert desktop.of("1502").count("EventOnHook") == 1
