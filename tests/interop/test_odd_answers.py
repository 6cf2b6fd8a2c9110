"""A phone that answers as it should not: the call goes on or ends as the RFC has it, and the next one is unharmed."""

from collections.abc import Iterator

import pytest
from interop_table import Table
from raw_phone import RawPhone, header, status

from cordboard.model.events import EventEstablished, EventReleased
from cordboard.testkit.strangers.scenario import Scenario

pytestmark = pytest.mark.strangers("sipp", "tshark")

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"


@pytest.fixture
def raw(table: Table) -> Iterator[RawPhone]:
    with RawPhone(table.server.address) as phone:
        yield phone


def called() -> Scenario:
    return Scenario("called", user="1502").await_invite()


def calling(milliseconds: int = 100) -> Scenario:
    steps = Scenario("caller", user="1501").invite("1502").receive(180).receive(200).ack()
    return steps.pause(milliseconds).bye().receive(200)


def ended(steps: Scenario, *, acked: bool = False) -> Scenario:
    """Waits for the end; ``acked``: the ACK may have come before the last step."""
    return steps.await_ack(maybe=acked).await_bye().reply(200)


def the_next_call_is_unharmed(table: Table) -> None:
    table.play(ended(called().reply(180).reply(200)), calling())


ANSWERED = {
    "200 without a description": lambda: called().reply(180).reply(200, sdp=False),
    "200 with a body that is no description": lambda: called().reply(180).reply(200, body="Hello, who is there?"),
    "200 with half a description": lambda: called().reply(180).reply(200, body="v=0\no=- 1 1 IN IP4 127.0.0.1\nm=aud"),
    "200 without Contact": lambda: called().reply(180).reply(200, contact=False),
    "180 without Contact": lambda: called().reply(180, contact=False).reply(200),
    "another number in CSeq": lambda: called().reply(180).reply(200, cseq="4711 INVITE"),
    "another To tag than in 180": lambda: called().reply(180, branch="first").reply(200),
    "180 after 200": lambda: called().reply(180).reply(200, once=True).reply(180),
    "183 with half a description": lambda: called().reply(180).reply(183, body="v=0\nm=").reply(200),
}
"""What the called phone does. The caller decides whether it can talk like that; here it hangs up after a while."""


@pytest.mark.parametrize("odd", ANSWERED)
def test_it_is_answered_all_the_same(table: Table, odd: str) -> None:
    desktop = table.desktop("1501", "1502")
    caller = calling()
    if odd.startswith("183"):
        caller = Scenario("caller", user="1501").invite("1502").receive(180).receive(183).receive(200).ack()
        caller = caller.pause(100).bye().receive(200)
    parties = [table.start(steps) for steps in (ended(ANSWERED[odd](), acked=odd == "180 after 200"), caller)]
    for party in reversed(parties):
        # What is no description passes as it came, so tshark is not asked what it thinks of that.
        party.passed()
    for dn in ("1501", "1502"):
        desktop.wait(EventEstablished, dn)
        desktop.wait(EventReleased, dn)
    the_next_call_is_unharmed(table)


def test_an_answer_of_another_method_is_none(table: Table) -> None:
    """RFC 3261 17.1.3: it belongs to no transaction; the caller goes on waiting, and gives up."""
    caller = Scenario("caller", user="1501").invite("1502").receive(180).pause(300).cancel()
    table.play(
        called().reply(180).reply(200, cseq="1 BYE").await_cancel(),
        caller.receive(200).receive(487).ack_failure(),
    )
    the_next_call_is_unharmed(table)


def test_a_bye_of_no_dialog_ends_none(table: Table) -> None:
    """RFC 3261 15.1.2: 481, and the call it meant or did not mean goes on."""
    steps = called().reply(180).reply(200).await_ack().bye(branch="nobody").receive(481)
    table.play(steps.await_bye().reply(200), calling(500))
    the_next_call_is_unharmed(table)


def test_an_invite_that_is_repeated_at_any_time_is_one_call(table: Table, raw: RawPhone) -> None:
    """RFC 3261 17.2.1, RFC 6026 7.1: the last response is repeated, and nothing after the ACK."""
    desktop = table.desktop("1501", "1502")
    party = table.start(ended(called().reply(180).pause(300).reply(200)))
    uri = f"sip:1502@127.0.0.1:{table.server.port}"
    invite = raw.request("INVITE", uri, user="1501", call_id="again", branch="z9hG4bKagain", body=SDP)
    for _ in range(3):
        raw.send(invite)
        raw.receive(lambda message: status(message) == 180)
    answer = raw.receive(lambda message: status(message) == 200)
    raw.send(invite)
    assert header(raw.receive(lambda message: status(message) == 200), "To") == header(answer, "To")
    to_tag = header(answer, "To").partition("tag=")[2]
    target = header(answer, "Contact").lstrip("<").partition(">")[0]
    raw.send(raw.request("ACK", target, user="1501", to=uri, call_id="again", to_tag=to_tag))
    desktop.wait(EventEstablished, "1501")
    raw.send(invite)
    raw.send(raw.request("BYE", target, user="1501", to=uri, call_id="again", to_tag=to_tag, cseq=2))
    assert status(raw.receive(lambda message: "2 BYE" in message and status(message) > 0)) == 200
    party.passed()
    desktop.wait(EventReleased, "1502")
    the_next_call_is_unharmed(table)
