"""Registration of phones that others wrote, and what the desktop is told of it."""

import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from interop_setup import PASSWORD, MakeServer, register
from interop_table import Table
from raw_phone import RawPhone, authorization, challenges, header, status

from cordboard.model.events import EventDNBackInService, EventDNOutOfService
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.scenario import Scenario

pytestmark = pytest.mark.strangers("sipp", "tshark")


@pytest.fixture
def desk(make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> Table:
    """1501 must register with a password."""
    server = make_server(
        Extension("1501", password=PASSWORD),
        Extension("1509", password=PASSWORD, options={"digest-algorithms": "sha-256,md5"}),
    )
    return Table(server, tmp_path, stack, {"1501": free_ports()})


def phone() -> Scenario:
    return Scenario("phone", user="1501")


def test_with_digest_the_dn_comes_into_service(desk: Table) -> None:
    desktop = desk.desktop("1501")
    desk.play(
        phone()
        .register()
        .challenged()
        .register(authorized=True)
        .receive(200, check={"Contact": "sip:1501@127.0.0.1:[0-9]+.*expires=(3600|3599)"}),
        password=PASSWORD,
    )
    desktop.wait(EventDNBackInService, "1501")


def test_sha256_is_offered_and_accepted(desk: Table) -> None:
    """RFC 8760: with a choice, the phone takes the stronger one; the answer is worked out by hashlib alone."""
    uri = f"sip:127.0.0.1:{desk.server.port}"
    address = f"sip:1509@127.0.0.1:{desk.server.port}"
    with RawPhone(desk.server.address) as raw:
        raw.send(raw.request("REGISTER", uri, user="1509", to=address, call_id="sha", cseq=1))
        offered = challenges(raw.receive(lambda message: status(message) == 401))
        assert {"MD5", "SHA-256"} <= set(offered)
        credentials = authorization(offered["SHA-256"], user="1509", password=PASSWORD, method="REGISTER", uri=uri)
        raw.send(raw.request("REGISTER", uri, user="1509", to=address, call_id="sha", cseq=2, headers=(credentials,)))
        assert raw.final() == 200


def test_a_wrong_password_is_refused_and_the_dn_stays_out_of_service(desk: Table) -> None:
    desktop = desk.desktop("1501")
    party = desk.start(
        phone().register().challenged().register(authorized=True).receive(200), password="not the password"
    )
    grade = party.grade()
    assert (grade.successful, grade.failed) == (0, 1)
    assert re.search(r"received .*\n\nSIP/2\.0 40[13] ", party.messages())
    assert desktop.of("1501") == []


def test_a_refresh_tells_the_desktop_nothing(desk: Table) -> None:
    desktop = desk.desktop("1501")
    steps = phone().register().challenged().register(authorized=True).receive(200)
    steps.register(authorized=True).receive(200)
    desk.play(steps, password=PASSWORD)
    desktop.wait(EventDNBackInService, "1501")
    assert desktop.of("1501") == ["EventDNBackInService"]


def test_an_expiry_of_five_seconds_is_kept_and_comes_true(desk: Table) -> None:
    desktop = desk.desktop("1501")
    desk.play(
        phone()
        .register(expires=5)
        .challenged()
        .register(expires=5, authorized=True)
        .receive(200, check={"Contact": "expires=[45]"}),
        password=PASSWORD,
    )
    back = desktop.wait(EventDNBackInService, "1501")
    out = desktop.wait(EventDNOutOfService, "1501", seconds=12)
    lived = out.time.sec - back.time.sec + (out.time.usec - back.time.usec) / 1e6
    assert 4 <= lived <= 8


def test_deregistration_takes_the_dn_out_of_service(desk: Table) -> None:
    desktop = desk.desktop("1501")
    steps = phone().register().challenged().register(authorized=True).receive(200)
    steps.register(expires=0, authorized=True).receive(200)
    desk.play(steps, password=PASSWORD)
    desktop.wait(EventDNBackInService, "1501")
    desktop.wait(EventDNOutOfService, "1501")


def test_a_star_removes_every_contact(desk: Table) -> None:
    desktop = desk.desktop("1501")
    register(desk, "1501", free_ports())
    register(desk, "1501", free_ports())
    desktop.wait(EventDNBackInService, "1501")
    steps = phone().register(contact="*", expires=0).challenged()
    steps.register(contact="*", expires=0, authorized=True).receive(200)
    party = desk.start(steps, password=PASSWORD)
    party.passed()
    desktop.wait(EventDNOutOfService, "1501")
    answer = party.messages().split("SIP/2.0 200", 1)[1]
    assert header(answer, "Contact") == ""


def test_a_query_lists_the_contacts(desk: Table) -> None:
    first, second = free_ports(), free_ports()
    register(desk, "1501", first)
    register(desk, "1501", second)
    steps = phone().register(contact="").challenged().register(contact="", authorized=True).receive(200)
    party = desk.start(steps, password=PASSWORD)
    party.passed()
    answer = party.messages().split("SIP/2.0 200", 1)[1]
    assert f":{first}" in answer
    assert f":{second}" in answer


def test_a_registration_survives_the_servers_death(make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> None:
    """SIGKILL, start again, and a call reaches the phone although it has not registered anew."""
    caller_port, phone_port = free_ports(), free_ports()
    server = make_server(
        Extension("1501", contact=f"sip:1501@127.0.0.1:{caller_port}"), Extension("1502", password=PASSWORD)
    )
    table = Table(server, tmp_path, stack, {"1501": caller_port, "1502": phone_port})
    register(table, "1502", phone_port)
    server.kill()
    server.start()
    table.play(
        Scenario("called", user="1502").await_invite().reply(180).reply(200).await_ack().await_bye().reply(200),
        Scenario("caller", user="1501").invite("1502").receive(180).receive(200).ack().bye().receive(200),
    )


def test_a_registered_phone_must_prove_itself_again_to_call(
    make_server: MakeServer, tmp_path: Path, stack: ExitStack
) -> None:
    phone_port = free_ports()
    server = make_server(
        Extension("1501", password=PASSWORD), Extension("1502", contact=f"sip:1502@127.0.0.1:{phone_port}")
    )
    table = Table(server, tmp_path, stack, {"1501": free_ports(), "1502": phone_port})
    register(table, "1501", table.ports["1501"])
    steps = Scenario("caller", user="1501").invite("1502").challenged().ack_failure()
    steps.invite("1502", authorized=True).receive(180).receive(200).ack().bye().receive(200)
    table.play(
        Scenario("called", user="1502").await_invite().reply(180).reply(200).await_ack().await_bye().reply(200),
        steps,
        password=PASSWORD,
        # Of itself sipp puts the server's address into the digest; it must be the request's own (RFC 7616 3.4.6).
        extra=("-auth_uri", f"1502@127.0.0.1:{server.port}"),
    )


def test_forked_to_both_contacts_one_answers_the_other_stops_ringing(
    make_server: MakeServer, tmp_path: Path, stack: ExitStack
) -> None:
    caller_port, desk_port, mobile_port = free_ports(), free_ports(), free_ports()
    server = make_server(
        Extension("1501", contact=f"sip:1501@127.0.0.1:{caller_port}"), Extension("1502", password=PASSWORD)
    )
    table = Table(server, tmp_path, stack, {"1501": caller_port})
    for port in (desk_port, mobile_port):
        register(table, "1502", port)
    desk = Scenario("desk", user="1502").await_invite().reply(180).pause(300).reply(200).await_ack()
    mobile = Scenario("mobile", user="1502").await_invite().reply(180).await_cancel()
    caller = Scenario("caller", user="1501").invite("1502").receive(180).receive(180, optional=True).receive(200)
    parties = [
        table.start(desk.await_bye().reply(200), port=desk_port),
        table.start(mobile, port=mobile_port),
        table.start(caller.ack().pause(100).bye().receive(200)),
    ]
    for party in parties:
        party.passed()
