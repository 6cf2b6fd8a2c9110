"""Hold and retrieve by the phone's key: what the other phone is told, and what T-Library hears (RFC 6337)."""

import pytest

from cordboard.model.party import PartyState


@pytest.fixture
def talking(centre):
    call = centre.phones["1501"].call("1502")
    centre.run(3)
    assert call.talking
    centre.desktop.events.clear()
    yield centre, call, centre.phones["1502"].calls[0]
    call.hang_up()
    centre.run(10)
    assert call.over
    assert centre.phones["1502"].calls[0].over


def states(centre):
    (flow,) = centre.switch.calls.values()
    return flow.caller.state, flow.callee.state


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("how", ["sendonly", "inactive", "recvonly", "0.0.0.0", "port 0"])
@pytest.mark.parametrize("side", [0, 1])
def test_hold_and_retrieve(talking, side, how, method):
    centre, *calls = talking
    mine, theirs = calls[side], calls[1 - side]
    if how == "recvonly":
        # recvonly still hears: what the phone stops is its own voice, which is no hold (RFC 6337 5.3).
        mine.hold(how, method)
        centre.run(1)
        assert centre.desktop.told() == []
        return
    mine.hold(how, method)
    centre.run(1)
    assert centre.desktop.told(mine.phone.number) == ["Held"]
    assert centre.desktop.told(theirs.phone.number) == []
    assert mine.events[-1] == "hold 200"
    held = [PartyState.ESTABLISHED, PartyState.ESTABLISHED]
    held[side] = PartyState.HELD
    assert states(centre) == tuple(held)
    event = centre.desktop.events[-1]
    assert (event.this_dn, event.other_dn, event.call_state) == (mine.phone.number, theirs.phone.number, 0)
    mine.retrieve(method)
    centre.run(1)
    assert centre.desktop.told(mine.phone.number) == ["Held", "Retrieved"]
    assert centre.desktop.told(theirs.phone.number) == []
    assert theirs.hears.endswith(b"sendrecv")


def test_holding_twice_is_told_once(talking):
    centre, a, _ = talking
    a.hold()
    centre.run(1)
    a.hold("inactive")
    centre.run(1)
    assert centre.desktop.told() == ["Held"]
    a.retrieve()
    centre.run(1)
    a.retrieve()
    centre.run(1)
    assert centre.desktop.told() == ["Held", "Retrieved"]


def test_both_may_hold_each_for_itself(talking):
    centre, a, b = talking
    a.hold()
    centre.run(1)
    b.hold("inactive")
    centre.run(1)
    assert states(centre) == (PartyState.HELD, PartyState.HELD)
    a.retrieve()
    centre.run(1)
    assert states(centre) == (PartyState.ESTABLISHED, PartyState.HELD)
    b.retrieve()
    centre.run(1)
    assert states(centre) == (PartyState.ESTABLISHED, PartyState.ESTABLISHED)
    assert centre.desktop.told("1501") == ["Held", "Retrieved"]
    assert centre.desktop.told("1502") == ["Held", "Retrieved"]


def test_what_the_other_phone_refuses_has_not_happened(talking):
    centre, a, b = talking
    b.phone.refused["INVITE"] = 488
    a.hold()
    centre.run(1)
    assert a.events[-1] == "hold 488"
    assert centre.desktop.told() == []
    assert a.talking
    assert b.talking


@pytest.mark.parametrize("status", [400, 403, 415, 500, 503, 603, 606])
def test_a_refused_hold_never_ends_the_call(talking, status):
    centre, a, b = talking
    b.phone.refused["INVITE"] = status
    a.hold()
    centre.run(40)
    assert a.talking
    assert b.talking
    b.phone.refused.clear()
    a.hold()
    centre.run(1)
    assert centre.desktop.told("1501") == ["Held"]


@pytest.mark.parametrize("status", [408, 481])
def test_a_phone_that_lost_the_call_ends_it(centre, status):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502")
    centre.run(3)
    b.refused["INVITE"] = status
    call.hold()
    centre.run(5)
    assert call.over
    assert centre.desktop.told("1501")[-2:] == ["Released", "OnHook"]


def test_both_press_hold_at_once(talking):
    centre, a, b = talking
    a.hold()
    b.hold()
    centre.run(10)
    assert "hold 491" in a.events + b.events
    assert a.events[-1] == "hold 200" or a.holding
    assert a.holding
    assert b.holding
    assert states(centre) == (PartyState.HELD, PartyState.HELD)


def test_an_offer_asked_for_may_hold_by_its_answer(talking):
    centre, a, b = talking
    answers = []
    a.session.request("INVITE", lambda status, event: answers.append((status, event.message.body)))
    centre.run(1)
    ((status, _),) = answers
    assert status == 200
    a.session.ack_again(a.phone.sdp("sendonly"))
    centre.run(1)
    assert centre.desktop.told() == ["Held"]
    assert b.hears.endswith(b"sendonly")
    a.retrieve()
    centre.run(1)
    assert centre.desktop.told() == ["Held", "Retrieved"]


def test_the_answer_to_a_hold_is_no_hold(talking):
    centre, a, b = talking
    a.hold("inactive")
    centre.run(1)
    # The held phone refreshes with what it last said: inactive, as it was asked to be.
    b.hold("inactive")
    centre.run(1)
    assert centre.desktop.told("1502") == []


def test_hang_up_while_held_ends_as_it_should(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502")
    centre.run(3)
    call.hold()
    centre.run(1)
    b.calls[0].hang_up()
    centre.run(2)
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Established", "Held", "Released", "OnHook"]
    assert centre.desktop.told("1502") == ["Ringing", "OffHook", "Established", "Released", "OnHook"]


@pytest.mark.parametrize("side", [0, 1])
def test_hold_in_a_call_a_desktop_asked_for(centre, side):
    from cordboard.model import requests as rq

    centre.switch.request("link", rq.MakeCall(this_dn="1501", other_dn="1502"), 1)
    centre.run(5)
    calls = [centre.phones["1501"].calls[0], centre.phones["1502"].calls[0]]
    centre.desktop.events.clear()
    calls[side].hold()
    centre.run(1)
    calls[side].retrieve()
    centre.run(1)
    number = calls[side].phone.number
    assert centre.desktop.told() == ["Held", "Retrieved"]
    assert centre.desktop.told(number) == ["Held", "Retrieved"]
    calls[0].hang_up()
    centre.run(5)


def test_a_second_update_before_the_first_is_answered(talking):
    centre, a, b = talking
    b.phone.deaf_to.add("UPDATE")
    a.hold(method="UPDATE")
    centre.run(0.1)
    statuses = []
    a.session.request("UPDATE", lambda status, _: statuses.append(status), body=a.phone.sdp())
    b.session.request("UPDATE", lambda status, _: statuses.append(status), body=b.phone.sdp())
    centre.run(1)
    assert statuses == [500, 491]
    centre.run(40)  # a phone deaf to a request has lost the call (RFC 3261 12.2.1.2)
    assert a.over
    b.phone.deaf_to.clear()
