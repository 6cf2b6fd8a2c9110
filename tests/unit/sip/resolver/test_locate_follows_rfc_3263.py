"""Each branch of RFC 3263 section 4, with answers written down."""

from collections import Counter
from random import Random

import pytest

from cordboard.sip.resolver.locate import (
    MAX_DESTINATIONS,
    MAX_SERVERS,
    UnlocatableError,
    locate,
    place_of,
    weighted,
)
from cordboard.sip.resolver.records import FAILED, Answer, Kind, Problem, Question, Srv, Status
from cordboard.testkit.clock import VirtualClock
from cordboard.testkit.names import ScriptedNames

EVERY = ("udp", "tcp", "tls", "ws", "wss")


@pytest.fixture
def names():
    made = ScriptedNames(VirtualClock())
    made.address("c.example", "192.0.2.100")
    for host, address in (("a", "192.0.2.1"), ("b", "192.0.2.2"), ("d", "192.0.2.3")):
        made.address(f"{host}.c.example", address)
    return made


def led(names, uri, **more):
    """Destinations as text, or the problem."""
    located = locate(uri, names.answer, **more)
    assert not located.missing
    return located.problem or [str(destination) for destination in located.destinations]


def unasked(question):
    raise AssertionError(question)


@pytest.mark.parametrize(
    ("uri", "destination"),
    [
        ("sip:192.0.2.7", "udp:192.0.2.7:5060"),
        ("sip:a@192.0.2.7:5070", "udp:192.0.2.7:5070"),
        ("sip:[2001:DB8::7]", "udp:[2001:db8::7]:5060"),
        ("sip:[2001:db8::7]:5070;transport=TCP", "tcp:[2001:db8::7]:5070"),
        ("sip:192.0.2.7;transport=tcp", "tcp:192.0.2.7:5060"),
        ("sip:192.0.2.7;transport=tls", "tls:192.0.2.7:5061"),
        ("sip:192.0.2.7;transport=ws", "ws:192.0.2.7:80"),
        ("sip:192.0.2.7;transport=wss", "wss:192.0.2.7:443"),
        ("sips:192.0.2.7", "tls:192.0.2.7:5061"),
        ("sips:192.0.2.7:5099", "tls:192.0.2.7:5099"),
        ("sips:192.0.2.7;transport=tcp", "tls:192.0.2.7:5061"),
        ("sips:192.0.2.7;transport=tls", "tls:192.0.2.7:5061"),
        ("sips:192.0.2.7;transport=ws", "wss:192.0.2.7:443"),
        ("sip:192.0.2.7;maddr=192.0.2.66", "udp:192.0.2.7:5060"),
    ],
)
def test_a_literal_address_needs_no_question(uri, destination):
    located = locate(uri, unasked, transports=EVERY)
    assert [str(d) for d in located.destinations] == [destination]


@pytest.mark.parametrize(
    ("uri", "destination"),
    [
        ("sip:c.example:5060", "udp:192.0.2.100:5060"),
        ("sip:C.Example.:5070", "udp:192.0.2.100:5070"),
        ("sip:c.example:5070;transport=tcp", "tcp:192.0.2.100:5070"),
        ("sips:c.example:5070", "tls:192.0.2.100:5070"),
    ],
)
def test_a_port_means_addresses_only(names, uri, destination):
    names.naptr("c.example", (1, 1, "s", "SIP+D2T", "_sip._tcp.c.example"))
    names.srv("_sip._udp.c.example", (1, 1, 5099, "a.c.example"))
    names.srv("_sip._tcp.c.example", (1, 1, 5099, "a.c.example"))
    assert led(names, uri) == [destination]


@pytest.mark.parametrize(
    ("uri", "destination"),
    [
        ("sip:c.example;transport=udp", "udp:192.0.2.1:5071"),
        ("sip:c.example;transport=tcp", "tcp:192.0.2.2:5072"),
        ("sip:c.example;transport=tls", "tls:192.0.2.3:5073"),
        ("sips:c.example;transport=tcp", "tls:192.0.2.3:5073"),
        ("sip:c.example;transport=ws", "ws:192.0.2.100:80"),
    ],
)
def test_a_transport_means_its_srv(names, uri, destination):
    names.naptr("c.example", (1, 1, "s", "SIP+D2U", "_sip._udp.elsewhere.example"))
    names.srv("_sip._udp.c.example", (1, 1, 5071, "a.c.example"))
    names.srv("_sip._tcp.c.example", (1, 1, 5072, "b.c.example"))
    names.srv("_sips._tcp.c.example", (1, 1, 5073, "d.c.example"))
    assert led(names, uri, transports=EVERY) == [destination]


@pytest.mark.parametrize(
    ("uri", "destination"),
    [
        ("sip:c.example;transport=udp", "udp:192.0.2.100:5060"),
        ("sip:c.example;transport=tcp", "tcp:192.0.2.100:5060"),
        ("sips:c.example;transport=tls", "tls:192.0.2.100:5061"),
        ("sip:c.example", "udp:192.0.2.100:5060"),
        ("sips:c.example", "tls:192.0.2.100:5061"),
    ],
)
def test_without_srv_the_host_itself_is_asked_at_the_default_port(names, uri, destination):
    assert led(names, uri) == [destination]


def naptrs(names, *records):
    names.naptr("c.example", *records)
    names.srv("_sip._udp.c.example", (1, 1, 5071, "a.c.example"))
    names.srv("_sip._tcp.c.example", (1, 1, 5072, "b.c.example"))
    names.srv("_sips._tcp.c.example", (1, 1, 5073, "d.c.example"))


def test_naptr_goes_by_order_then_preference(names):
    naptrs(
        names,
        (20, 1, "s", "SIP+D2U", "_sip._udp.c.example"),
        (10, 2, "S", "sip+d2t", "_sip._tcp.c.example"),
        (10, 1, "s", "SIPS+D2T", "_sips._tcp.c.example"),
    )
    # Once an order is usable, higher ones are not looked at (RFC 3403 4.1).
    assert led(names, "sip:c.example") == ["tls:192.0.2.3:5073", "tcp:192.0.2.2:5072"]
    assert led(names, "sip:c.example", transports=("udp",)) == ["udp:192.0.2.1:5071"]
    assert led(names, "sips:c.example") == ["tls:192.0.2.3:5073"]


@pytest.mark.parametrize(
    "record",
    [
        (1, 1, "u", "SIP+D2T", "_sip._tcp.c.example"),
        (1, 1, "a", "SIP+D2T", "b.c.example"),
        (1, 1, "", "SIP+D2T", "_sip._tcp.c.example"),
        (1, 1, "s", "SIP+D2S", "_sip._sctp.c.example"),
        (1, 1, "s", "E2U+sip", "_sip._tcp.c.example"),
        (1, 1, "s", "SIP+D2T", ""),
    ],
)
def test_naptr_that_is_not_for_us_is_passed_over(names, record):
    naptrs(names, record, (2, 1, "s", "SIP+D2U", "_sip._udp.c.example"))
    assert led(names, "sip:c.example") == ["udp:192.0.2.1:5071"]


def test_naptr_for_websocket_leads_to_its_srv(names):
    names.naptr("c.example", (1, 1, "s", "SIP+D2W", "_sip._ws.c.example"), (1, 2, "s", "SIPS+D2W", "_w.c.example"))
    names.srv("_sip._ws.c.example", (1, 1, 8080, "a.c.example"))
    names.srv("_w.c.example", (1, 1, 8443, "a.c.example"))
    assert led(names, "sip:c.example", transports=EVERY) == ["ws:192.0.2.1:8080", "wss:192.0.2.1:8443"]
    assert led(names, "sips:c.example", transports=EVERY) == ["wss:192.0.2.1:8443"]


def test_naptr_may_lead_to_another_domain_but_the_certificate_is_for_ours(names):
    names.naptr("c.example", (1, 1, "s", "SIPS+D2T", "_sips._tcp.host.example"))
    names.srv("_sips._tcp.host.example", (1, 1, 5061, "a.c.example"))
    (destination,) = locate("sip:c.example", names.answer).destinations
    assert (str(destination), destination.name) == ("tls:192.0.2.1:5061", "c.example")


def test_without_naptr_every_transport_has_its_srv_in_our_order(names):
    naptrs(names, (1, 1, "s", "SIP+D2S", "_sip._sctp.c.example"))
    assert led(names, "sip:c.example") == ["udp:192.0.2.1:5071", "tcp:192.0.2.2:5072"]
    assert led(names, "sip:c.example", transports=("tcp", "udp")) == ["tcp:192.0.2.2:5072", "udp:192.0.2.1:5071"]
    assert led(names, "sips:c.example") == ["tls:192.0.2.3:5073"]
    del names.records[Question("_sip._udp.c.example", Kind.SRV)]
    assert led(names, "sip:c.example") == ["tcp:192.0.2.2:5072"]


def test_naptr_whose_srv_is_missing_falls_back_to_addresses_by_its_transport(names):
    names.naptr("c.example", (1, 1, "s", "SIP+D2T", "_sip._tcp.nowhere.example"))
    assert led(names, "sip:c.example") == ["tcp:192.0.2.100:5060"]


def test_srv_goes_by_priority_and_each_target_by_all_its_addresses(names):
    names.address("a.c.example", "2001:db8::1", "192.0.2.1", "192.0.2.9")
    names.srv("_sip._udp.c.example", (2, 0, 5060, "b.c.example"), (1, 0, 5080, "A.c.example."))
    one = ["udp:192.0.2.1:5080", "udp:192.0.2.9:5080", "udp:[2001:db8::1]:5080", "udp:192.0.2.2:5060"]
    assert led(names, "sip:c.example") == one
    six = [one[2], one[0], one[1], one[3]]
    assert led(names, "sip:c.example", families=("ipv6", "ipv4")) == six
    assert led(names, "sip:c.example", families=("ipv6",)) == ["udp:[2001:db8::1]:5080"]
    assert led(names, "sip:[2001:db8::1]", families=("ipv4",)) is Problem.NO_TRANSPORT


def test_srv_of_the_root_says_that_the_service_is_not_offered(names):
    names.srv("_sip._udp.c.example", (0, 0, 0, "."))
    assert led(names, "sip:c.example;transport=udp") is Problem.NOT_FOUND
    names.srv("_sip._tcp.c.example", (0, 0, 5072, "b.c.example"))
    assert led(names, "sip:c.example") == ["tcp:192.0.2.2:5072"]


def test_srv_whose_target_is_an_address_all_the_same_is_understood(names):
    names.srv("_sip._udp.c.example", (0, 0, 5060, "192.0.2.55"), (0, 0, 0, "a.c.example"))
    assert led(names, "sip:c.example;transport=udp") == ["udp:192.0.2.55:5060"]


def test_one_server_found_in_two_ways_is_tried_once(names):
    names.srv("_sip._udp.c.example", (1, 0, 5060, "a.c.example"), (2, 0, 5060, "a.c.example"))
    assert led(names, "sip:c.example") == ["udp:192.0.2.1:5060"]


def test_there_are_limits(names):
    names.address("a.c.example", *(f"192.0.2.{n}" for n in range(1, 100)))
    names.srv("_sip._udp.c.example", (1, 0, 5060, "a.c.example"))
    assert len(led(names, "sip:c.example")) == MAX_DESTINATIONS
    many = [(n, 0, 5060, f"h{n}.c.example") for n in range(100)]
    names.srv("_sip._udp.c.example", *reversed(many))
    asked = set()

    def answers(question):
        asked.add(question)
        return names.answer(question)

    locate("sip:c.example;transport=udp", answers)
    hosts = {question.name for question in asked if question.kind is Kind.A}
    assert hosts == {f"h{n}.c.example" for n in range(MAX_SERVERS)}


@pytest.mark.parametrize(
    ("uri", "transports", "problem"),
    [
        ("sip:c.example;transport=ws", ("udp", "tcp"), Problem.NO_TRANSPORT),
        ("sips:c.example", ("udp", "tcp"), Problem.NO_TRANSPORT),
        ("sips:192.0.2.1", ("udp", "wss"), Problem.NO_TRANSPORT),
        ("sip:c.example", (), Problem.NO_TRANSPORT),
        ("sip:nowhere.example", ("udp",), Problem.NOT_FOUND),
    ],
)
def test_why_there_is_no_destination(names, uri, transports, problem):
    assert led(names, uri, transports=transports) is problem


def test_a_failure_is_not_taken_for_a_no(names):
    names.fail("nowhere.example", Kind.AAAA)
    located = locate("sip:nowhere.example", names.answer)
    assert (located.problem, located.failed) == (Problem.UNAVAILABLE, True)
    names.fail("c.example", Kind.NAPTR)
    located = locate("sip:c.example", names.answer)
    assert [str(d) for d in located.destinations] == ["udp:192.0.2.100:5060"]
    assert located.failed
    assert locate("sip:c.example", lambda _: FAILED).problem is Problem.UNAVAILABLE


def test_only_what_is_needed_next_is_asked(names):
    known = {}

    def missing(uri="sip:c.example", **more):
        return {(q.name, q.kind.value) for q in locate(uri, known.get, **more).missing}

    def learn():
        for question in locate("sip:c.example", known.get).missing:
            known[question] = names.answer(question)

    names.srv("_sip._udp.c.example", (1, 1, 5071, "a.c.example"), (1, 1, 5071, "b.c.example"))
    assert missing() == {("c.example", "NAPTR")}
    assert missing("sip:c.example;transport=udp") == {("_sip._udp.c.example", "SRV")}
    assert missing("sip:c.example:5060", families=("ipv6",)) == {("c.example", "AAAA")}
    learn()
    assert missing() == {("_sip._udp.c.example", "SRV"), ("_sip._tcp.c.example", "SRV")}
    learn()
    assert missing() == {(f"{h}.c.example", kind) for h in "ab" for kind in ("A", "AAAA")}
    learn()
    assert missing() == set()


def test_it_holds_as_long_as_the_shortest_answer(names):
    names.negative = 40.0
    names.srv("_sip._udp.c.example", (1, 1, 5071, "a.c.example"), ttl=35)
    assert locate("sip:c.example", names.answer).ttl == 35
    names.address("a.c.example", "192.0.2.1", ttl=7)
    assert locate("sip:c.example", names.answer).ttl == 7
    assert locate("sip:192.0.2.1", unasked).ttl == float("inf")


@pytest.mark.parametrize(
    "uri",
    [
        "tel:+441",
        "sip:",
        "nonsense",
        "sip:c.example:0",
        "sip:c.example;transport=sctp",
        "sips:c.example;transport=udp",
        f"sip:{'a' * 64}.example",
        f"sip:{'.'.join(['abcdefgh'] * 30)}",
        "sip:a..b",
    ],
)
def test_what_leads_nowhere_is_named(uri):
    with pytest.raises(UnlocatableError) as caught:
        place_of(uri)
    assert caught.value.uri == uri


def test_places_are_the_same_whatever_the_user():
    assert place_of("sip:1501@C.example.;lr") == place_of("sip:c.EXAMPLE")
    assert place_of("sip:c.example") != place_of("sips:c.example")


# Weights


def order(random, *records):
    return [r.target for r in weighted([Srv(p, w, 5060, t) for p, w, t in records], random)]


def test_weights_choose_by_running_sums_as_rfc_2782_says():
    records = ((1, 10, "a"), (1, 30, "b"), (1, 0, "z"), (0, 5, "first"))
    # Of one priority: z (sum 0), a (10), b (40). A number from 0 to 40, both included.
    assert order(lambda: 0.0, *records) == ["first", "z", "a", "b"]
    assert order(lambda: 1 / 41, *records)[1] == "a"
    assert order(lambda: 10.5 / 41, *records)[1] == "a"
    assert order(lambda: 11 / 41, *records)[1] == "b"
    assert order(lambda: 0.999, *records) == ["first", "b", "a", "z"]


def test_weights_hold_in_the_long_run():
    random = Random(3263)
    records = ((1, 60, "a"), (1, 30, "b"), (1, 10, "c"))
    first = Counter(order(random.random, *records)[0] for _ in range(10_000))
    # Of 101 numbers 61 choose a, 30 b, 10 c.
    assert dict(first) == pytest.approx({"a": 6040, "b": 2970, "c": 990}, rel=0.05)
    again = Random(3263)
    assert first == Counter(order(again.random, *records)[0] for _ in range(10_000))


def test_records_without_weight_all_have_their_turn_and_none_is_lost():
    random = Random(1)
    records = [(1, 0, t) for t in "abc"]
    assert {tuple(sorted(order(random.random, *records))) for _ in range(50)} == {("a", "b", "c")}
    assert order(random.random) == []


def test_a_negative_answer_counts_for_how_long_it_holds():
    def answers(question):
        return Answer(Status.NO_NAME, ttl=3.0 if question.kind is Kind.NAPTR else 9.0)

    located = locate("sip:c.example", answers)
    assert (located.problem, located.ttl) == (Problem.NOT_FOUND, 3.0)
