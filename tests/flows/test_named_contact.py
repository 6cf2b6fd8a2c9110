"""A DN whose contact is a host name: found ahead of need, tried one destination after the other (RFC 3263)."""

import pytest

from cordboard.model import requests as rq
from cordboard.model.enums import CallState
from cordboard.sip.resolver.records import Kind, Question
from cordboard.testkit.phone import Manners, Phone


@pytest.fixture
def carrier(centre):
    """Three servers of a carrier, by priority; the DN 1599 leads to them."""
    centre.names.negative = 300.0
    servers = [Phone(centre.network, "1599", f"10.0.2.{n}", centre.node.address) for n in (1, 2, 3)]
    for n, server in enumerate(servers, 1):
        centre.phones[f"carrier {n}"] = server
        centre.names.address(f"s{n}.carrier.example", f"10.0.2.{n}", ttl=300)
    centre.names.srv(
        "_sip._udp.carrier.example",
        (1, 0, 5060, "s1.carrier.example"),
        (2, 0, 5060, "s2.carrier.example"),
        (3, 0, 5060, "s3.carrier.example"),
        ttl=300,
    )
    add(centre)
    centre.run(1)
    return servers


def add(centre, host="carrier.example", **settings):
    old = centre.switch.extensions["1501"].settings
    values = {name: getattr(old, name) for name in old.__dataclass_fields__}
    centre.switch.configure(type(old)(**(values | {"number": "1599", "contact": f"sip:1599@{host}"} | settings)))


def invites(centre, host):
    return [p for p in centre.network.packets if p.target[0] == host and p.data.startswith(b"INVITE")]


def branches(packets):
    return {line for p in packets for line in p.data.split(b"\r\n") if line.lower().startswith(b"via:")}


def record(centre):
    (made,) = centre.desktop.records
    return made.outcome, made.status, made.reason


def test_the_first_destination_answers(centre, carrier):
    call = centre.phones["1501"].call("1599", hang_up_after=1)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    assert carrier[0].calls[0].events == ["invite", "ringing", "answer sent", "acked", "bye"]
    assert not carrier[1].calls
    assert record(centre) == ("answered", 200, "BYE")


def test_the_first_is_dead_the_second_answers_and_is_remembered(centre, carrier):
    add(centre, sip_invite_timeout=0.0)
    centre.network.remove(carrier[0].node)
    call = centre.phones["1501"].call("1599", hang_up_after=1)
    centre.run(31)
    assert call.events == []
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    assert carrier[1].calls[0].events == ["invite", "ringing", "answer sent", "acked", "bye"]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Established", "Released", "OnHook"]
    # A transaction of its own: another branch, while retransmissions keep theirs.
    first, second = branches(invites(centre, "10.0.2.1")), branches(invites(centre, "10.0.2.2"))
    assert len(first) == len(second) == 1
    assert first != second
    # The next call does not try the dead one, and finds it again after its time.
    again = centre.phones["1501"].call("1599", hang_up_after=1)
    centre.run(5)
    assert again.events == ["180", "answered", "bye sent"]
    assert len(invites(centre, "10.0.2.1")) == 7
    centre.run(40)
    centre.phones["1501"].call("1599", cancel_after=2)
    centre.run(1)
    assert len(invites(centre, "10.0.2.1")) > 7
    assert centre.switch.resolver.counters()["destinations failed"] == 1


@pytest.mark.parametrize("seconds", [2.0, 4.0])
def test_with_sip_invite_timeout_a_silent_destination_is_left_sooner(centre, carrier, seconds):
    add(centre, sip_invite_timeout=seconds)
    centre.network.remove(carrier[0].node)
    call = centre.phones["1501"].call("1599", hang_up_after=1)
    centre.run(seconds - 0.1)
    assert not carrier[1].calls
    centre.run(6)
    assert call.events == ["180", "answered", "bye sent"]


def test_an_icmp_error_leads_to_the_next_at_once(centre, carrier):
    centre.network.remove(carrier[0].node)
    call = centre.phones["1501"].call("1599", hang_up_after=1)
    centre.run(0.1)
    centre.node.endpoint.transport_failed("udp", ("10.0.2.1", 5060), centre.clock.now())
    centre.run(5)
    assert call.events == ["180", "answered", "bye sent"]
    assert len(carrier[1].calls) == 1


def test_503_leads_to_the_next(centre, carrier):
    carrier[0].manners = Manners(ring=None, reject=(0.1, 503))
    call = centre.phones["1501"].call("1599", hang_up_after=1)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    assert carrier[0].calls[0].events == ["invite", "503 sent"]
    assert carrier[1].calls[0].events == ["invite", "ringing", "answer sent", "acked", "bye"]


@pytest.mark.parametrize("status", [486, 500, 404, 603])
def test_any_other_refusal_is_the_answer(centre, carrier, status):
    carrier[0].manners = Manners(ring=None, reject=(0.1, status))
    call = centre.phones["1501"].call("1599")
    centre.run(10)
    assert call.events == [str(status)]
    assert not carrier[1].calls


def test_all_dead_is_told_as_unreachable(centre, carrier):
    for server in carrier:
        centre.network.remove(server.node)
    call = centre.phones["1501"].call("1599")
    centre.run(110)
    assert call.events == ["480"]
    assert centre.desktop.told("1501") == [
        "OffHook",
        "Dialing",
        f"DestinationBusy {CallState.GENERAL_ERROR.name}",
        "Released",
        "OnHook",
    ]
    assert record(centre) == ("unreachable", 480, "no response")
    assert centre.desktop.told("1599") == []


def test_all_refuse_with_503(centre, carrier):
    for server in carrier:
        server.manners = Manners(ring=None, reject=(0.1, 503))
    call = centre.phones["1501"].call("1599")
    centre.run(5)
    assert call.events == ["480"]
    assert [len(server.calls) for server in carrier] == [1, 1, 1]
    # All count as failed now, and are tried all the same.
    carrier[2].manners = Manners()
    call = centre.phones["1501"].call("1599", hang_up_after=1)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]


def test_a_caller_who_gives_up_ends_the_search(centre, carrier):
    centre.network.remove(carrier[0].node)
    call = centre.phones["1501"].call("1599", cancel_after=3)
    centre.run(60)
    assert call.events == ["cancel sent", "487"]
    assert not carrier[1].calls


def test_the_name_is_looked_up_before_any_call_and_again_when_it_expires(centre, carrier):
    asked = len(centre.names.asked)
    assert asked >= 4
    for _ in range(3):
        centre.phones["1501"].call("1599", hang_up_after=1)
        centre.run(10)
    assert len(centre.names.asked) == asked
    centre.names.address("s1.carrier.example", "10.0.2.3", ttl=300)
    centre.run(300)
    assert len(centre.names.asked) > asked
    centre.phones["1501"].call("1599", hang_up_after=1)
    centre.run(10)
    assert [len(server.calls) for server in carrier] == [3, 0, 1]


def test_a_call_waits_for_a_name_that_is_not_known_yet(centre):
    centre.names.delay = 1.0
    centre.names.address("slow.example", "10.0.1.2")
    add(centre, "slow.example")
    call = centre.phones["1501"].call("1599", hang_up_after=1)
    centre.run(2.5)
    assert not centre.phones["1502"].calls
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]


def test_a_caller_may_give_up_while_the_name_is_looked_up(centre):
    centre.names.silent = True
    add(centre, "silent.example")
    call = centre.phones["1501"].call("1599", cancel_after=2)
    centre.run(3)
    assert call.events == ["cancel sent", "487"]
    centre.switch.unconfigure("1599")


def test_a_silent_name_service_is_503_after_five_seconds(centre):
    centre.names.silent = True
    add(centre, "silent.example")
    call = centre.phones["1501"].call("1599")
    centre.run(4.9)
    assert call.events == []
    centre.run(0.2)
    assert call.events == ["503"]
    assert record(centre) == ("unreachable", 503, "name service unavailable")
    centre.switch.unconfigure("1599")
    assert centre.switch.resolver.routes == 2  # those of 1501 and 1502, at literal addresses


def test_a_name_that_does_not_exist_is_404_at_once(centre):
    add(centre, "nowhere.example")
    centre.run(1)
    call = centre.phones["1501"].call("1599")
    centre.run(1)
    assert call.events == ["404"]
    assert record(centre) == ("unreachable", 404, "host not found")
    assert centre.desktop.told("1501")[2] == f"DestinationBusy {CallState.GENERAL_ERROR.name}"


@pytest.mark.usefixtures("carrier")
def test_the_last_answer_serves_while_the_name_service_is_down(centre):
    centre.names.down = True
    centre.run(1200)
    call = centre.phones["1501"].call("1599", hang_up_after=1)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    assert centre.switch.resolver.counters()["cache stale"] > 0
    centre.run(3600)
    call = centre.phones["1501"].call("1599")
    centre.run(1)
    assert call.events == ["503"]
    centre.names.down = False
    centre.run(60)
    call = centre.phones["1501"].call("1599", hang_up_after=1)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]


def test_calls_are_spread_by_weight_though_the_answer_is_kept(centre):
    servers = [Phone(centre.network, "1599", f"10.0.2.{n}", centre.node.address) for n in (1, 2)]
    for n, server in enumerate(servers, 1):
        centre.phones[f"carrier {n}"] = server
        server.manners = Manners(ring=None, reject=(0.01, 486))
        centre.names.address(f"s{n}.carrier.example", f"10.0.2.{n}", ttl=3600)
    records = ((1, 30, 5060, "s1.carrier.example"), (1, 10, 5060, "s2.carrier.example"))
    centre.names.srv("_sip._udp.carrier.example", *records, ttl=3600)
    add(centre)
    centre.run(1)
    for _ in range(80):
        centre.phones["1501"].call("1599")
        centre.run(0.5)
    first, second = (len(server.calls) for server in servers)
    assert first + second == 80
    assert 10 <= second <= 30
    asked = [question for _, question in centre.names.asked]
    assert asked.count(Question("_sip._udp.carrier.example", Kind.SRV)) == 1


def test_make_call_goes_to_a_named_contact_too(centre, carrier):
    centre.network.remove(carrier[0].node)
    centre.switch.request("desktop", rq.MakeCall(this_dn="1501", other_dn="1599"), 7)
    centre.run(50)
    assert carrier[1].calls[0].events[:3] == ["invite", "ringing", "answer sent"]
    assert carrier[1].calls[0].talking
    centre.phones["1501"].calls[0].hang_up()
