"""Reasons and Extensions of a request are on the first event it causes; what is not there yet is refused."""

import pytest
from media_house import ask, errors, up

from cordboard.model import events as ev
from cordboard.model import requests as rq
from cordboard.model.enums import AddressType, MakeCallType, RegisterMode
from cordboard.model.errors import Code
from cordboard.model.userdata import MAX_BYTES
from cordboard.testkit.phone import Manners

SAID = {"reasons": {"ReasonCode": "Lunch"}, "extensions": {"mine": 1}}


@pytest.fixture
def centre(make_centre):
    return make_centre(("1501", "1502", "1503"), hang_up=True)


def carrying(centre):
    """The events that say why, with their ReferenceID."""
    return [
        (type(event).__name__, event.this_dn, event.reference_id)
        for event in centre.desktop.events
        if getattr(event, "reasons", None) == SAID["reasons"] and event.extensions["mine"] == 1
    ]


def test_on_the_first_event_and_no_other(centre):
    a, _ = up(centre)
    conn_id = next(iter(centre.switch.calls))
    ask(centre, rq.HoldCall(this_dn="1502", conn_id=conn_id, **SAID), 5)
    assert carrying(centre) == [("EventHeld", "1502", 5)]
    ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=conn_id), 6)
    ask(centre, rq.AttachUserData(this_dn="1502", conn_id=conn_id, user_data={"a": 1}, **SAID), 7)
    ask(centre, rq.ReleaseCall(this_dn="1502", conn_id=conn_id, **SAID), 8)
    assert carrying(centre)[1:] == [("EventAttachedDataChanged", "1502", 7), ("EventReleased", "1502", 8)]
    ask(centre, rq.MakeCall(this_dn="1502", other_dn="1501", **SAID), 9)
    centre.run(3)
    assert carrying(centre)[3:] == [("EventDialing", "1502", 9)]
    ask(centre, rq.SetDNDOn(this_dn="1502", **SAID), 10)
    assert carrying(centre)[4:] == [("EventDNDOn", "1502", 10)]
    assert a.over
    assert not centre.switch.reporter._said


def test_on_an_answer_beside_what_it_has_of_its_own(centre):
    (event,) = centre.switch.request("desktop", rq.RegisterAddress(this_dn="1501", **SAID), 3)
    assert event.reasons == SAID["reasons"]
    assert event.extensions == {"mine": 1, **centre.switch.extensions["1501"].dn.extensions()}


@pytest.mark.parametrize("late", [False, True])
def test_on_the_error_of_a_request_that_fails(centre, late):
    """At once, or after the caller's phone has refused."""
    if late:
        centre.phones["1502"].manners = Manners(reject=(0.1, 603))
    ask(centre, rq.MakeCall(this_dn="1502", other_dn="1501" if late else "none", **SAID), 5)
    centre.run(1)
    assert carrying(centre) == [("EventError", "1502", 5)]
    assert not centre.switch.reporter._said


def test_not_on_those_of_another_desktop(centre):
    up(centre)
    conn_id = next(iter(centre.switch.calls))
    centre.switch.request("one", rq.HoldCall(this_dn="1502", conn_id=conn_id, **SAID), 5)
    centre.switch.request("other", rq.HoldCall(this_dn="1501", conn_id=conn_id), 5)
    centre.run(2)
    assert carrying(centre) == [("EventHeld", "1502", 5)]


def test_what_is_too_large_is_refused(centre):
    for name in ("reasons", "extensions"):
        request = rq.RegisterAddress(this_dn="1501", **{name: {"a": "x" * MAX_BYTES}})
        (error,) = centre.switch.request("desktop", request, 3)
        assert error.error_code == Code.INVALID_ATTRIBUTE


def test_what_is_kept_is_bounded(centre):
    for number in range(1, 1500):
        centre.switch.request("desktop", rq.HoldCall(this_dn="1501", conn_id="none", **SAID), number)
        centre.switch.reporter.asked("desktop", rq.SetDNDOn(this_dn="1501", **SAID), number)
    assert len(centre.switch.reporter._said) == 1000


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (rq.RegisterAddress(this_dn="1501", register_mode=RegisterMode.PRIVATE), Code.UNSUPPORTED),
        (rq.RegisterAddress(this_dn="1501", address_type=AddressType.QUEUE), Code.INVALID_ATTRIBUTE),
        (rq.MakeCall(this_dn="1501", other_dn="1502", make_call_type=MakeCallType.DIRECT_AGENT), Code.UNSUPPORTED),
    ],
)
def test_what_is_not_there_yet_is_refused(centre, request_, code):
    ask(centre, request_, 4)
    assert errors(centre) == [code]
    assert centre.switch.calls == {}


def test_a_dn_is_registered_for_as_what_it_is(centre):
    (event,) = centre.switch.request("desktop", rq.RegisterAddress(this_dn="1501", address_type=AddressType.DN), 3)
    assert isinstance(event, ev.EventRegistered)
