"""Hold with a Media Server: who is held hears music, whoever asked for the hold; and never ends up with nobody."""

import pytest
from media_house import ask, at_service, errors, hears_nothing, lines, talk_to_each_other, up

from cordboard.model import requests as rq
from cordboard.model.errors import Code

MUSIC = "annc;play=music/on_hold;repeat=forever"


@pytest.fixture
def centre(make_centre):
    return make_centre(("1501", "1502", "1503"), hang_up=True)


@pytest.fixture
def talking(centre):
    """1501 called 1502; there is a media server; the events start here."""
    server = centre.media_server()
    a, b = up(centre)
    centre.desktop.events.clear()
    return centre, a, b, server


def conn(centre):
    (conn_id,) = centre.switch.calls
    return conn_id


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("how", ["sendonly", "inactive", "0.0.0.0", "port 0"])
def test_a_phone_holds_and_the_other_hears_music(talking, how, method):
    centre, a, b, server = talking
    b.hold(how, method)
    centre.run(1)
    assert b.events[-1] == "hold 200"
    assert server.asked == [MUSIC]
    at_service(a, server.media[0])
    hears_nothing(b)
    assert lines(centre) == ["Held 1 INTERNAL DESTINATION other 1501"]
    b.retrieve(method)
    centre.run(1)
    talk_to_each_other(a, b)
    assert server.open == []
    assert lines(centre) == [
        "Held 1 INTERNAL DESTINATION other 1501",
        "Retrieved 1 INTERNAL DESTINATION other 1501",
    ]


@pytest.mark.parametrize("holder", [0, 1])
def test_a_desktop_holds_and_takes_back(talking, holder):
    centre, a, b, server = talking
    mine, theirs = (a, b) if holder == 0 else (b, a)
    number = mine.phone.number
    ask(centre, rq.HoldCall(this_dn=number, conn_id=conn(centre)), 7)
    at_service(theirs, server.media[0])
    hears_nothing(mine)
    assert centre.desktop.told() == ["Held"]
    assert centre.desktop.events[0].reference_id == 7
    assert centre.desktop.events[0].this_dn == number
    ask(centre, rq.RetrieveCall(this_dn=number, conn_id=conn(centre)), 8)
    talk_to_each_other(a, b)
    assert server.open == []
    assert centre.desktop.told() == ["Held", "Retrieved"]
    assert centre.desktop.events[1].reference_id == 8


def test_wrong_states_are_refused_and_harm_nothing(talking):
    centre, a, b, server = talking
    ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=conn(centre)))
    assert errors(centre) == [Code.ALREADY_IN_STATE]
    ask(centre, rq.HoldCall(this_dn="1502", conn_id=conn(centre)))
    ask(centre, rq.HoldCall(this_dn="1502", conn_id=conn(centre)))
    assert errors(centre) == [Code.ALREADY_IN_STATE] * 2
    ask(centre, rq.HoldCall(this_dn="1503", conn_id=conn(centre)))
    assert errors(centre)[2:] == [Code.NO_SUCH_PARTY]
    at_service(a, server.media[0])
    ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=conn(centre)))
    talk_to_each_other(a, b)


def test_a_call_that_rings_cannot_be_held(centre):
    centre.media_server()
    call = centre.phones["1501"].call("1502")
    centre.run(0.5)
    for number in ("1501", "1502"):
        (error,) = centre.switch.request("x", rq.HoldCall(this_dn=number, conn_id=conn(centre)), 1)
        assert error.error_code == Code.WRONG_STATE
    centre.run(3)
    assert call.talking


def test_both_hold_and_neither_hears_anything(talking):
    centre, a, b, server = talking
    b.hold()
    centre.run(1)
    a.hold()
    centre.run(1)
    assert server.open == []
    hears_nothing(a)
    hears_nothing(b)
    b.retrieve()
    centre.run(1)
    at_service(b, server.open[0])
    a.retrieve()
    centre.run(1)
    talk_to_each_other(a, b)
    assert server.open == []
    assert centre.desktop.told() == ["Held", "Held", "Retrieved", "Retrieved"]


def test_phone_and_desktop_mixed(talking):
    centre, a, b, server = talking
    ask(centre, rq.HoldCall(this_dn="1502", conn_id=conn(centre)))
    a.hold()
    centre.run(1)
    ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=conn(centre)))
    at_service(b, server.open[0])
    a.retrieve()
    centre.run(1)
    talk_to_each_other(a, b)


@pytest.mark.parametrize("other", ["talks", "holds by its key", "is held by its desktop"])
@pytest.mark.parametrize("moh", [True, False])
def test_a_phone_that_holds_by_its_own_key_is_not_told_to_be_back(talking, other, moh):
    centre, a, b, server = talking
    centre.settings(moh=moh)
    b.hold()
    centre.run(1)
    if other == "holds by its key":
        a.hold()
        centre.run(1)
    elif other == "is held by its desktop":
        ask(centre, rq.HoldCall(this_dn="1501", conn_id=conn(centre)))
    before = centre.desktop.told()
    ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=conn(centre)), 9)
    assert errors(centre) == [Code.PHONE_REFUSED]
    assert centre.desktop.told() == [*before, "Error"]
    assert centre.desktop.events[-1].reference_id == 9
    assert b.sent.endswith(b"a=sendonly\r\n"), "it was asked"
    b.retrieve()
    centre.run(1)
    assert centre.desktop.told()[len(before) + 1 :] == ["Retrieved"]
    if other == "holds by its key":
        a.retrieve()
        centre.run(1)
    elif other == "is held by its desktop":
        ask(centre, rq.RetrieveCall(this_dn="1501", conn_id=conn(centre)))
    talk_to_each_other(a, b)
    assert server.open == []


def test_a_phone_that_does_not_say_what_its_user_wants_is_left_as_it_was(talking):
    centre, a, b, server = talking
    ask(centre, rq.HoldCall(this_dn="1502", conn_id=conn(centre)))
    a.hold()
    centre.run(1)
    b.phone.refused["INVITE"] = 500
    ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=conn(centre)))
    assert errors(centre) == [Code.PHONE_REFUSED]
    b.phone.refused.clear()
    ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=conn(centre)))
    at_service(b, server.open[0])
    a.retrieve()
    centre.run(1)
    talk_to_each_other(a, b)


def test_the_held_one_hangs_up_and_the_holder_too(talking):
    centre, a, b, server = talking
    b.hold()
    centre.run(1)
    a.hang_up()
    centre.run(1)
    assert b.over
    assert server.open == []
    assert lines(centre, "1502")[1:] == ["Released 1 INTERNAL DESTINATION other 1501", "OnHook"]


def test_the_holder_hangs_up(talking):
    centre, a, b, server = talking
    ask(centre, rq.HoldCall(this_dn="1502", conn_id=conn(centre)))
    b.hang_up()
    centre.run(1)
    assert a.over
    assert server.open == []


def test_without_music_wanted_the_hold_passes(centre):
    server = centre.media_server()
    centre.configure("1502", moh=False)
    a, b = up(centre)
    b.hold()
    centre.run(1)
    assert server.asked == []
    assert a.hears.endswith(b"sendonly")
    ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=conn(centre)))
    assert errors(centre) == [Code.PHONE_REFUSED]
    b.retrieve()
    centre.run(1)
    ask(centre, rq.HoldCall(this_dn="1502", conn_id=conn(centre)))
    hears_nothing(a)
    hears_nothing(b)
    ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=conn(centre)))
    talk_to_each_other(a, b)
    assert server.asked == []


def test_the_music_is_that_of_the_holder(talking):
    centre, a, b, server = talking
    centre.configure("1502", music="music/jazz")
    b.hold()
    centre.run(1)
    b.retrieve()
    centre.run(1)
    a.hold()
    centre.run(1)
    assert server.asked == ["annc;play=music/jazz;repeat=forever", MUSIC]


def test_no_media_server_answers(talking):
    centre, a, b, server = talking
    server.refuse["annc"] = 503
    b.hold()
    centre.run(1)
    assert b.events[-1] == "hold 200"
    hears_nothing(a)
    b.retrieve()
    centre.run(1)
    talk_to_each_other(a, b)


def test_one_media_server_dies_and_another_goes_on(talking):
    centre, a, b, server = talking
    centre.configure("ms", oos_check=5.0, session_audit_interval=0)
    other = centre.media_server("ms2", "10.0.2.2", oos_check=5.0)
    centre.run(6)
    b.hold()
    centre.run(1)
    at_service(a, server.open[0])
    centre.network.remove(server.node)
    centre.run(60)
    at_service(a, other.open[0])
    assert a.talking
    centre.switch.unconfigure("ms")
    centre.phones.pop("ms")
    b.retrieve()
    centre.run(1)
    talk_to_each_other(a, b)
    centre.switch.unconfigure("ms2")


def test_a_media_server_that_hangs_up_is_replaced(talking):
    centre, a, b, server = talking
    other = centre.media_server("ms2", "10.0.2.2")
    b.hold()
    centre.run(1)
    first, second = (server, other) if server.open else (other, server)
    first.open[0].hang_up()
    centre.run(1)
    at_service(a, second.open[0])


def test_the_least_loaded_is_asked(talking):
    centre, _, b, server = talking
    other = centre.media_server("ms2", "10.0.2.2")
    b.hold()
    centre.run(1)
    c, _ = up(centre, "1503", "1502")
    c.hold()
    centre.run(1)
    assert (len(server.open), len(other.open)) == (1, 1)


def test_a_service_of_just_the_type_comes_first(talking):
    centre, a, b, server = talking
    music = centre.media_server("moh", "10.0.2.3", service="music")
    b.hold()
    centre.run(1)
    assert (len(server.media), len(music.media)) == (0, 1)
    music.open[0].hang_up()
    centre.run(1)
    at_service(a, server.open[0])


@pytest.mark.parametrize("leaves", [None, "202"])
def test_who_is_held_with_music_may_be_transferred(talking, leaves):
    centre, a, b, server = talking
    b.hold()
    centre.run(1)
    second = centre.phones["1502"].call("1503")
    centre.run(3)
    at_service(a, server.open[0])
    b.refer("1503", second, leaves=leaves)
    centre.run(6)
    talk_to_each_other(a, centre.phones["1503"].calls[0])
    assert b.over
    assert second.over
    assert server.open == []


def test_a_holder_transfers_unattended(talking):
    centre, a, b, server = talking
    b.hold()
    centre.run(1)
    b.refer("1503")
    centre.run(6)
    talk_to_each_other(a, centre.phones["1503"].calls[0])
    assert server.open == []


def test_a_phone_found_dead_while_it_holds_ends_the_call(talking):
    centre, a, b, server = talking
    b.hold()
    centre.run(1)
    centre.network.remove(b.phone.node)
    centre.run(200)
    assert a.over
    assert server.open == []
    centre.phones.pop("1502")


def test_holds_in_quick_succession(talking):
    centre, a, b, server = talking
    for _ in range(4):
        b.hold()
        centre.run(0.01)
        b.retrieve()
        centre.run(0.004)
    centre.run(10)
    talk_to_each_other(a, b)
    assert server.open == []
