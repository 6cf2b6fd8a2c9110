"""An error nobody foresaw, wherever it strikes, ends the call it happened to; all others go on."""

import pytest

from cordboard.model import events as ev
from cordboard.model import requests as rq
from cordboard.model.errors import Code
from cordboard.ops.trace import TraceBook
from cordboard.switch import ending
from cordboard.switch.bridge import Bridge
from cordboard.switch.delivery import Delivery
from cordboard.switch.flows import desktop_hold
from cordboard.switch.flows.basic_call import BasicCall
from cordboard.switch.flows.make_call_rfc3725 import MakeCallFlow
from cordboard.testkit.phone import Manners


class BugError(Exception):
    """A mistake of ours."""


def broken(*_args, **_more):
    raise BugError


@pytest.fixture
def pair(centre):
    """Two calls, and the flow of the second, which is about to have bad luck."""
    good = centre.phones["1501"].call("1502")
    centre.run(3)
    bad = centre.phones["1501"].call("1502")
    centre.run(3)
    yield good, bad, list(centre.switch.calls.values())[1]
    centre.run(1)
    assert good.talking
    assert bad.over
    assert centre.phones["1502"].calls[1].over
    assert len(centre.switch.calls) == 1
    assert centre.switch.faults == 1
    centre.switch.faults = 0
    good.hang_up()
    centre.run(1)


def only(monkeypatch, where, name, flow, of):
    """Breaks something for one call."""
    works = getattr(where, name)
    monkeypatch.setattr(where, name, lambda one, *more: broken() if of(one) is flow else works(one, *more))


def test_in_an_event(centre, monkeypatch):
    a, b = centre.phones["1501"], centre.phones["1502"]
    good = a.call("1502")
    centre.run(3)
    monkeypatch.setattr(BasicCall, "on_branch_answer", broken)
    bad = a.call("1502")
    centre.run(3)
    monkeypatch.undo()
    assert bad.events == ["180", "500"]
    # Its 2xx has had its ACK, and the BYE that a call nobody takes wants.
    assert b.calls[1].events[-2:] == ["acked", "bye"]
    assert good.talking
    assert centre.switch.faults == 1
    centre.switch.faults = 0
    good.hang_up()
    centre.run(2)


def test_in_a_refusal_whose_transaction_is_over(centre, monkeypatch):
    centre.phones["1502"].manners = Manners(reject=(0.5, 486))
    monkeypatch.setattr(Delivery, "on_branch_failure", broken)
    call = centre.phones["1501"].call("1502")
    centre.run(3)
    assert call.events[-1] == "500"
    assert centre.switch.faults == 1
    centre.switch.faults = 0


def test_in_the_first_invite(centre, monkeypatch):
    monkeypatch.setattr(Delivery, "start_to", broken)
    call = centre.phones["1501"].call("1502")
    centre.run(3)
    assert call.events == ["500"]
    assert centre.switch.calls == {}
    assert centre.switch.faults == 1
    centre.switch.faults = 0


def test_in_a_timer(centre, pair, monkeypatch):
    _, bad, flow = pair
    only(monkeypatch, Bridge, "on_limit", flow, lambda bridge: bridge.owner)
    centre.run(130)
    assert bad.over
    (record,) = centre.desktop.records
    assert (record.outcome, record.reason) == ("failed", "internal error")


def test_in_a_timer_of_whom_the_call_is_not_seen_at_once(centre, monkeypatch):
    centre.phones["1502"].manners = Manners(answer=None)
    monkeypatch.setattr(Delivery, "on_branch_failure", broken)
    call = centre.phones["1501"].call("1502")
    centre.run(65)
    assert call.events[-1] == "500"
    assert centre.switch.faults == 1
    centre.switch.faults = 0


def test_in_a_request(centre, pair, monkeypatch):
    _, _, flow = pair
    monkeypatch.setattr(desktop_hold, "hold", broken)
    (error,) = centre.switch.request("link", rq.HoldCall(this_dn="1502", conn_id=flow.call.conn_id), 7)
    assert (error.error_code, error.reference_id) == (Code.INTERNAL, 7)


def test_in_a_request_that_waits_for_the_media(centre, monkeypatch):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502")
    centre.run(3)
    (conn_id,) = centre.switch.calls
    b.hesitates = 0.5
    call.session.request("INVITE", lambda *_: call.session.ack_again(), body=a.sdp())
    centre.run(0.1)
    monkeypatch.setattr(desktop_hold, "hold", broken)
    assert centre.switch.request("link", rq.HoldCall(this_dn="1502", conn_id=conn_id), 7) == ()
    centre.run(2)
    errors = [event for event in centre.desktop.events if isinstance(event, ev.EventError)]
    assert [(error.error_code, error.reference_id) for error in errors] == [(Code.INTERNAL, 7)]
    assert call.over
    assert centre.switch.faults == 1
    centre.switch.faults = 0


def test_in_the_answer_to_a_reinvite_which_has_its_ack(centre, monkeypatch):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502")
    centre.run(3)
    monkeypatch.setattr(Bridge, "_reinvited", broken)
    call.session.request("INVITE", lambda *_: None, body=a.sdp())
    centre.run(3)
    assert b.calls[0].events[-3:] == ["re-invite", "acked", "bye"]
    assert call.over
    assert centre.switch.faults == 1
    centre.switch.faults = 0


def test_in_the_request_for_a_call(centre, monkeypatch):
    monkeypatch.setattr(MakeCallFlow, "start", broken)
    (error,) = centre.switch.request("link", rq.MakeCall(this_dn="1501", other_dn="1502"), 7)
    assert error.error_code == Code.INTERNAL
    assert centre.switch.calls == {}
    assert centre.switch.faults == 1
    centre.switch.faults = 0


@pytest.mark.parametrize("part", ["its own", "arrangement", "parties", "record"])
def test_in_the_end_itself(centre, pair, monkeypatch, part):
    _, bad, flow = pair
    match part:
        case "its own":
            only(monkeypatch, BasicCall, "wind_up", flow, lambda one: one)
        case "arrangement":
            # Of a call that is merely talked in there is none to end.
            flow.owe(lambda _: None)
            only(monkeypatch, BasicCall, "rearrange", flow, lambda one: one)
        case "parties":
            monkeypatch.setattr(ending, "advance", broken)
        case "record":
            monkeypatch.setattr(centre.desktop, "write", broken)
    bad.hang_up()
    centre.run(1)
    monkeypatch.undo()
    assert [len(e.dn.parties) for e in centre.switch.extensions.values()] == [1, 1]


def test_in_who_merely_looks_on(centre, monkeypatch):
    centre.switch.book = TraceBook(calls=1)
    monkeypatch.setattr(centre.switch.book, "leg", broken)
    call = centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(5)
    assert call.events == ["180", "answered", "bye sent"]
    assert centre.switch.faults == 2
    centre.switch.faults = 0


def test_in_the_end_of_all(centre, monkeypatch):
    first = centre.phones["1501"].call("1502")
    centre.run(3)
    second = centre.phones["1501"].call("1502")
    centre.run(3)
    flow = next(iter(centre.switch.calls.values()))
    only(monkeypatch, BasicCall, "shut_down", flow, lambda one: one)
    told = []
    centre.switch.shut_down(lambda: told.append("heard"))
    centre.run(1)
    assert first.over
    assert second.over
    assert told == ["heard"]
    assert centre.switch.faults == 1
    centre.switch.faults = 0
