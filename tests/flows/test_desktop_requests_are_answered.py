"""A request of a desktop that cannot be carried out any more, because the call has ended or changed, is answered."""

import pytest
from media_house import ask, errors, up

from cordboard.model import requests as rq
from cordboard.model.errors import Code
from cordboard.testkit.phone import Manners


@pytest.fixture
def centre(make_centre):
    return make_centre(("1501", "1502", "1503"), hang_up=True)


@pytest.fixture
def talking(centre):
    a, b = up(centre)
    return centre, a, b, next(iter(centre.switch.calls))


@pytest.mark.parametrize("who", ["caller", "callee"])
@pytest.mark.parametrize("kind", [rq.HoldCall, rq.InitiateTransfer])
def test_of_a_call_that_ends_while_its_phone_is_asked(talking, kind, who):
    centre, a, b, conn_id = talking
    centre.phones["1502"].deaf_to.add("INVITE")
    more = {"other_dn": "1503"} if kind is rq.InitiateTransfer else {}
    centre.switch.request("desktop", kind(this_dn="1502", conn_id=conn_id, **more), 7)
    centre.run(1)
    assert errors(centre) == []
    (a if who == "caller" else b).hang_up()
    centre.run(1)
    # The callee's phone refuses what it was asked with the call.
    assert errors(centre) == [Code.WRONG_STATE if who == "caller" else Code.PHONE_REFUSED]
    assert [e.reference_id for e in centre.desktop.events if getattr(e, "error_code", 0)] == [7]
    assert centre.switch.calls == {}


def test_of_a_call_that_ends_while_it_is_taken_back(talking):
    centre, a, _, conn_id = talking
    ask(centre, rq.HoldCall(this_dn="1502", conn_id=conn_id))
    centre.phones["1502"].deaf_to.add("INVITE")
    centre.switch.request("desktop", rq.RetrieveCall(this_dn="1502", conn_id=conn_id), 7)
    centre.run(1)
    a.hang_up()
    centre.run(1)
    assert errors(centre) == [Code.WRONG_STATE]


def test_of_a_conference_that_ends_before_its_guest_rings(talking):
    centre, a, b, conn_id = talking
    server = centre.media_server()
    centre.phones["1503"].manners = Manners(ring=None, answer=None)
    centre.switch.request("desktop", rq.SingleStepConference(this_dn="1502", conn_id=conn_id, other_dn="1503"), 7)
    centre.run(3)
    assert errors(centre) == []
    a.hang_up()
    b.hang_up()
    centre.run(1)
    assert len(errors(centre)) == 1
    for call in server.calls:
        call.hang_up()
