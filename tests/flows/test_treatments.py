"""Treatments: what a caller at a Routing Point hears, or a party on hold."""

from dataclasses import replace
from pathlib import Path

import pytest
from media_house import OurMediaServer, ask, at_service, errors, hears_nothing, lines, talk_to_each_other, up

from cordboard.mediaserver.sounds import MUSIC
from cordboard.model import events as ev
from cordboard.model import requests as rq
from cordboard.model.enums import AddressType, TreatmentType
from cordboard.model.errors import Code
from cordboard.switch.settings import DnSettings
from cordboard.testkit.centre import Centre
from cordboard.testkit.ladder import ladder
from cordboard.testkit.phone import Manners

LADDERS = Path(__file__).parent / "ladders"
T = TreatmentType


@pytest.fixture
def centre():
    made = Centre(("1501", "1502", "1503"))
    made.switch.configure(
        DnSettings(number="8000", address_type=AddressType.ROUTE_DN, router_timeout=30.0, max_calls=0)
    )
    yield made
    made.hang_up()
    made.run(100)
    assert made.leftovers() == []
    assert made.switch.points == {}


@pytest.fixture
def server(centre):
    made = centre.media_server()
    yield made
    for call in made.calls:
        call.hang_up()
    centre.run(100)
    assert made.open == []


@pytest.fixture
def waiting(centre):
    """1501 waits at the Routing Point; the events start here."""
    a = centre.phones["1501"].call("8000")
    centre.run(1)
    (conn_id,) = centre.switch.calls
    centre.desktop.events.clear()
    centre.desktop.links.clear()
    return centre, a, conn_id


def treat(centre, conn_id, kind, parameters=None, reference=5, at="8000"):
    request = rq.ApplyTreatment(this_dn=at, conn_id=conn_id, treatment_type=kind, parameters=parameters)
    ask(centre, request, reference)


def told(centre):
    """The events of treatments: name, treatment and ReferenceID."""
    return [
        (type(event).__name__.removeprefix("EventTreatment"), event.treatment_type, event.reference_id)
        for event in centre.desktop.events
        if type(event).__name__.startswith("EventTreatment")
    ]


def end(centre):
    (event,) = [event for event in centre.desktop.events if isinstance(event, ev.EventTreatmentEnd)]
    return event


# One sound, by NETANN


def test_music_answers_the_caller_at_once(waiting, server):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.MUSIC)
    assert a.talking
    at_service(a, server.media[0])
    assert server.asked == ["annc;play=music/on_hold;repeat=forever"]
    assert told(centre) == [("Applied", T.MUSIC, 5)]
    assert lines(centre) == ["TreatmentApplied 1 INTERNAL DESTINATION other 1501"]
    # The caller was answered with what the service said to his own offer: no re-INVITE.
    assert a.events.count("re-invite") == 0
    centre.run(30)
    assert a.talking
    a.hang_up()
    centre.run(1)
    assert server.open == []
    assert centre.desktop.records[0].outcome == "cancelled"


def test_a_treated_caller_is_routed(waiting, server):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.MUSIC, {"MUSIC_DN": "music/jazz"})
    centre.phones["1502"].manners = Manners(ring=0.5, answer=4.0)
    ask(centre, rq.RouteCall(this_dn="8000", conn_id=conn_id, other_dn="1502"), 6)
    centre.run(1)
    at_service(a, server.media[0])  # until somebody answers
    assert centre.desktop.told("8000") == ["TreatmentApplied", "RouteUsed", "Diverted"]
    centre.run(5)
    b = centre.phones["1502"].calls[0]
    talk_to_each_other(a, b)
    assert b.invite.body == b""
    assert server.open == []
    assert centre.desktop.told("1501") == ["Established"]
    a.hang_up()
    centre.run(1)
    assert centre.desktop.records[0].outcome == "answered"


@pytest.mark.usefixtures("server")
def test_ladder(centre):
    a = centre.phones["1501"].call("8000")
    centre.run(1)
    (conn_id,) = centre.switch.calls
    treat(centre, conn_id, T.MUSIC)
    centre.phones["1502"].manners = Manners(ring=0.1, answer=0.5)
    ask(centre, rq.RouteCall(this_dn="8000", conn_id=conn_id, other_dn="1502"), 6)
    centre.run(2)
    a.hang_up()
    centre.run(2)
    assert ladder(centre.network) == (LADDERS / "treated_and_routed.txt").read_text()


def test_an_announcement_ends_by_itself(waiting, server):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.PLAY_ANNOUNCEMENT, {"PROMPT": {"1": {"ID": 12}}, "language": "de"})
    assert server.asked == ["annc;play=announcement/12;locale=de"]
    centre.run(6)
    assert told(centre) == [("Applied", T.PLAY_ANNOUNCEMENT, 5), ("End", T.PLAY_ANNOUNCEMENT, 0)]
    assert a.talking
    treat(centre, conn_id, T.SILENCE, {"DURATION": 3}, 6)
    assert server.asked[1:] == ["annc;play=music/silence;repeat=forever;duration=3000"]
    at_service(a, server.open[0])
    centre.run(3)
    assert told(centre)[2:] == [("Applied", T.SILENCE, 6), ("End", T.SILENCE, 0)]
    # From here on the router has its time again.
    centre.run(28)
    assert a.talking
    centre.run(10)
    assert a.over


def test_the_router_has_no_time_while_a_number_is_called(waiting, server):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.PLAY_ANNOUNCEMENT, {"PROMPT": {"1": {"ID": 12}}, "language": "de"})
    centre.phones["1502"].manners = Manners(ring=None, answer=45.0)
    ask(centre, rq.RouteCall(this_dn="8000", conn_id=conn_id, other_dn="1502"), 6)
    centre.run(40)
    assert server.open == []  # the announcement is over
    assert told(centre)[-1][0] == "End"
    assert not a.over
    centre.run(10)
    talk_to_each_other(a, centre.phones["1502"].calls[0])


@pytest.mark.parametrize(
    ("kind", "what"),
    [(T.BUSY, "busy_5sec"), (T.FAST_BUSY, "atb_5sec"), (T.SILENCE, "silence"), (T.RAN, "ran")],
)
def test_each_tone(waiting, server, kind, what):
    centre, a, conn_id = waiting
    treat(centre, conn_id, kind, {"FILE": "music/ran"} if kind is T.RAN else None)
    assert server.asked[0].startswith(f"annc;play=music/{what}")
    at_service(a, server.open[0])


def test_ringback_needs_no_media_before_the_answer(waiting, server):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.RING_BACK)
    assert server.asked == []
    assert a.events == ["180"]
    assert told(centre) == [("Applied", T.RING_BACK, 5)]
    centre.run(40)
    assert not a.over  # the router's time does not run
    treat(centre, conn_id, T.MUSIC, None, 6)
    treat(centre, conn_id, T.RING_BACK, None, 7)
    assert server.asked[1:] == ["annc;play=music/ring_back;repeat=forever"]
    at_service(a, server.open[0])
    assert told(centre)[1:] == [
        ("End", T.RING_BACK, 0),
        ("Applied", T.MUSIC, 6),
        ("End", T.MUSIC, 0),
        ("Applied", T.RING_BACK, 7),
    ]


def test_an_offerless_caller(centre, server):
    a = centre.phones["1501"].call("8000", offer=False)
    centre.run(1)
    (conn_id,) = centre.switch.calls
    treat(centre, conn_id, T.MUSIC)
    at_service(a, server.media[0])


def test_the_call_of_a_desktop(centre, server):
    ask(centre, rq.MakeCall(this_dn="1501", other_dn="8000"), 3)
    centre.run(2)
    (conn_id,) = centre.switch.calls
    a = centre.phones["1501"].calls[0]
    assert server.asked == ["annc;play=music/ring_back;repeat=forever"]
    treat(centre, conn_id, T.MUSIC)
    centre.run(1)
    at_service(a, server.open[0])
    assert server.asked[1:] == ["annc;play=music/on_hold;repeat=forever"]
    ask(centre, rq.RouteCall(this_dn="8000", conn_id=conn_id, other_dn="1502"), 6)
    centre.run(4)
    talk_to_each_other(a, centre.phones["1502"].calls[0])


def test_a_transferred_party(centre, server):
    a, b = up(centre)
    (conn_id,) = centre.switch.calls
    b.refer("8000", leaves="202")
    centre.run(2)
    treat(centre, conn_id, T.MUSIC)
    at_service(a, server.open[0])
    ask(centre, rq.RouteCall(this_dn="8000", conn_id=conn_id, other_dn="1503"), 6)
    centre.run(4)
    talk_to_each_other(a, centre.phones["1503"].calls[0])


@pytest.mark.parametrize("after", [0.0, 0.004, 1.0], ids=["at once", "amidst", "heard"])
def test_who_hears_it_transfers_another_in_his_place(centre, server, after):
    """The treatment ends, and who waits now has the time of the Routing Point."""
    a, b = up(centre)
    (main,) = centre.switch.calls
    centre.configure("8000", router_timeout=5.0)
    ask(centre, rq.InitiateTransfer(this_dn="1502", conn_id=main, other_dn="8000"), 3)
    centre.run(1)
    (other,) = [one for one in centre.switch.calls if one != main]
    centre.desktop.events.clear()
    centre.switch.request("x", rq.ApplyTreatment(this_dn="8000", conn_id=other, treatment_type=T.MUSIC), 4)
    centre.run(after)
    ask(centre, rq.CompleteTransfer(this_dn="1502", conn_id=main, transfer_conn_id=other), 5)
    ends = [ev.EventTreatmentNotApplied, ev.EventTreatmentEnd]
    told = [type(e) for e in centre.desktop.events if isinstance(e, ev.CallEvent) and e.this_dn == "8000"]
    assert told == [*([ev.EventTreatmentApplied] if after == 1.0 else []), ends[after == 1.0], ev.EventPartyChanged]
    centre.run(6)
    assert (a.over, b.over) == (True, True)
    assert server.open == []


# What can go wrong


def test_wrong_requests(waiting, server):
    centre, _, conn_id = waiting
    for kind, parameters, code in (
        (T.DELETE_USER_ANNOUNCEMENT, None, Code.UNSUPPORTED),
        (T.PLAY_ANNOUNCEMENT, None, Code.INVALID_ATTRIBUTE),
        (T.PLAY_ANNOUNCEMENT, {"PROMPT": "x"}, Code.INVALID_ATTRIBUTE),
        (T.PLAY_ANNOUNCEMENT, {"PROMPT": {"1": {"ID": "../../etc/passwd"}}}, Code.INVALID_ATTRIBUTE),
        (T.PLAY_ANNOUNCEMENT, {"PROMPT": {"one": {"ID": 1}}}, Code.INVALID_ATTRIBUTE),
        (T.MUSIC, {"DURATION": "long"}, Code.INVALID_ATTRIBUTE),
        (T.COLLECT_DIGITS, {"MAX_DIGITS": 0}, Code.INVALID_ATTRIBUTE),
        (T.COLLECT_DIGITS, {"MAX_DIGITS": 4, "TERM_DIGITS": "##"}, Code.INVALID_ATTRIBUTE),
        (T.TEXT_TO_SPEECH, None, Code.INVALID_ATTRIBUTE),
        (T.RECORD_USER_ANNOUNCEMENT, {"USER_ID": "a/b"}, Code.INVALID_ATTRIBUTE),
        (T.SET_DEFAULT_ROUTE, {"DESTINATION": "9999"}, Code.INVALID_DESTINATION),
    ):
        centre.desktop.events.clear()
        treat(centre, conn_id, kind, parameters)
        assert errors(centre) == [code], (kind, parameters)
    centre.desktop.events.clear()
    treat(centre, conn_id, T.MUSIC, at="1501")
    assert errors(centre) == [Code.WRONG_STATE]
    assert server.asked == []


def test_there_is_no_service(waiting):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.MUSIC)
    assert errors(centre) == [Code.NO_SERVICE]
    assert a.events == ["180"]


def test_a_service_for_tones_takes_no_dialog(waiting):
    centre, a, conn_id = waiting
    centre.media_server(service="treatment")
    treat(centre, conn_id, T.COLLECT_DIGITS)
    assert errors(centre) == [Code.NO_SERVICE]
    a.hang_up()


def test_the_service_refuses(waiting, server):
    centre, a, conn_id = waiting
    server.refuse["annc"] = 404
    treat(centre, conn_id, T.MUSIC)
    assert told(centre) == [("NotApplied", T.MUSIC, 5)]
    assert a.events == ["180"]
    centre.run(31)
    assert a.events == ["180", "480"]


def test_a_service_dies_and_another_goes_on(waiting, server):
    centre, a, conn_id = waiting
    other = centre.media_server("ms2", "10.0.2.2")
    treat(centre, conn_id, T.MUSIC)
    first, second = (server, other) if server.open else (other, server)
    first.open[0].hang_up()
    centre.run(1)
    at_service(a, second.open[0])
    assert told(centre) == [("Applied", T.MUSIC, 5)]
    second.open[0].hang_up()
    centre.run(1)
    assert told(centre)[1:] == [("NotApplied", T.MUSIC, 0)]
    assert a.talking


@pytest.mark.usefixtures("server")
def test_cancel_call(waiting):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.MUSIC)
    treat(centre, conn_id, T.CANCEL_CALL, None, 6)
    assert a.over
    released = next(event for event in centre.desktop.events if isinstance(event, ev.EventReleased))
    assert (released.this_dn, released.reference_id) == ("8000", 6)


def test_the_default_route(waiting):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.SET_DEFAULT_ROUTE, {"DESTINATION": "1503"})
    assert told(centre) == [("Applied", T.SET_DEFAULT_ROUTE, 5), ("End", T.SET_DEFAULT_ROUTE, 0)]
    centre.run(35)
    talk_to_each_other(a, centre.phones["1503"].calls[0])


# On hold


def test_a_held_party_hears_it_in_place_of_music(centre, server):
    a, b = up(centre)
    (conn_id,) = centre.switch.calls
    ask(centre, rq.HoldCall(this_dn="1502", conn_id=conn_id))
    treat(centre, conn_id, T.PLAY_ANNOUNCEMENT, {"FILE": "enter-number"}, at="1502")
    at_service(a, server.open[0])
    assert server.asked == ["annc;play=music/on_hold;repeat=forever", "annc;play=enter-number"]
    centre.run(6)
    assert told(centre) == [("Applied", T.PLAY_ANNOUNCEMENT, 5), ("End", T.PLAY_ANNOUNCEMENT, 0)]
    assert server.asked[2:] == ["annc;play=music/on_hold;repeat=forever"]
    at_service(a, server.open[0])
    treat(centre, conn_id, T.RING_BACK, None, 6, at="1502")
    ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=conn_id), 7)
    talk_to_each_other(a, b)
    assert server.open == []
    treat(centre, conn_id, T.RING_BACK, None, 8, at="1502")
    assert errors(centre) == [Code.WRONG_STATE]


@pytest.mark.usefixtures("server")
def test_nobody_is_there_to_hear_it(centre):
    a, b = up(centre)
    (conn_id,) = centre.switch.calls
    b.hold()
    a.hold()
    centre.run(5)
    hears_nothing(a)
    treat(centre, conn_id, T.MUSIC, at="1502")
    assert errors(centre) == [Code.WRONG_STATE]


# Dialogs, by MSML


def test_digits_are_collected(waiting, ours):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.COLLECT_DIGITS, {"MAX_DIGITS": 4})
    assert told(centre) == [("Applied", T.COLLECT_DIGITS, 5)]
    ours.press("17")
    centre.run(1)
    ours.press("29")
    centre.run(1)
    assert (end(centre).collected_digits, end(centre).last_collected_digit) == ("1729", "9")
    assert end(centre).extensions == {"COLLECT_END": "dtmf.match"}
    assert not ours.server.legs
    assert a.talking


def test_digits_end_with_a_key(waiting, ours):
    centre, _, conn_id = waiting
    treat(centre, conn_id, T.COLLECT_DIGITS, {"MAX_DIGITS": 10, "TERM_DIGITS": "#"})
    ours.press("42#")
    centre.run(1)
    assert (end(centre).collected_digits, end(centre).last_collected_digit) == ("42", "#")


@pytest.mark.usefixtures("ours")
def test_digits_do_not_come(waiting):
    centre, _, conn_id = waiting
    treat(centre, conn_id, T.COLLECT_DIGITS, {"MAX_DIGITS": 4, "START_TIMEOUT": 3})
    centre.run(4)
    assert end(centre).extensions == {"COLLECT_END": "dtmf.noinput"}
    assert not end(centre).collected_digits


@pytest.mark.usefixtures("ours")
def test_digits_of_a_phone_in_info(waiting):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.COLLECT_DIGITS, {"MAX_DIGITS": 1})
    a.session.request(
        "INFO", lambda *_: None, body=b"Signal=7\r\nDuration=160\r\n", content_type="application/dtmf-relay"
    )
    centre.run(1)
    assert end(centre).collected_digits == "7"


def test_a_prompt_is_broken_off_by_the_first_digit(waiting, ours):
    centre, _, conn_id = waiting
    treat(
        centre,
        conn_id,
        T.PLAY_ANNOUNCEMENT_AND_DIGITS,
        {"PROMPT": {"1": {"FILE": "enter-number"}, "2": {"DIGITS": "15"}}, "MAX_DIGITS": 1},
    )
    assert len(ours.leg.media.players[0].playing.sources) > 2
    ours.press("5")
    centre.run(1)
    assert end(centre).collected_digits == "5"


def test_several_prompts_are_one_dialog(waiting, ours):
    centre, _, conn_id = waiting
    treat(centre, conn_id, T.PLAY_ANNOUNCEMENT, {"PROMPT": {"2": {"FILE": "digits/2"}, "1": {"FILE": "digits/1"}}})
    assert [source.path.stem for source in ours.leg.media.players[0].playing.sources] == ["1", "2"]
    centre.run(60)
    assert told(centre)[-1] == ("End", T.PLAY_ANNOUNCEMENT, 0)


def test_a_caller_records_an_announcement(waiting, ours):
    centre, _, conn_id = waiting
    treat(centre, conn_id, T.RECORD_USER_ANNOUNCEMENT, {"USER_ID": "alice", "USER_ANN_ID": "3"})
    centre.run(7)
    ours.press("#")
    centre.run(1)
    extensions = end(centre).extensions
    assert extensions["USER_ANN_ID"] == "messages/users/alice/3.wav"
    assert int(extensions["RECORD_LENGTH"]) > 4000


def test_an_announcement_has_one_channel_though_recordings_have_two(waiting, ours):
    ours.server.set_settings(replace(ours.server.settings, record_channels=2))
    centre, _, conn_id = waiting
    treat(centre, conn_id, T.RECORD_USER_ANNOUNCEMENT, {"USER_ID": "alice"})
    (recorder,) = ours.leg.media.recorders
    assert recorder.recording.channels == 1


@pytest.mark.parametrize("user", ["alice", "+49-30.1"])
def test_what_was_recorded_is_played_as_a_prompt(waiting, ours, tmp_path, user):
    recorded = tmp_path / "messages" / "users" / user / "3.wav"
    recorded.parent.mkdir(parents=True)
    recorded.write_bytes((MUSIC / "on_hold.wav").read_bytes())
    centre, _, conn_id = waiting
    treat(centre, conn_id, T.PLAY_ANNOUNCEMENT, {"PROMPT": {"1": {"USER_ID": user, "USER_ANN_ID": "3"}}})
    (source,) = ours.leg.media.players[0].playing.sources
    assert source.path == recorded


def test_a_prompt_that_does_not_exist(waiting, ours):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.PLAY_ANNOUNCEMENT_AND_DIGITS, {"FILE": "no/such/prompt"})
    assert told(centre) == [("NotApplied", T.PLAY_ANNOUNCEMENT_AND_DIGITS, 5)]
    assert a.talking
    assert not ours.server.legs


def test_the_caller_hangs_up_amidst_a_dialog(waiting, ours):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.COLLECT_DIGITS, {"MAX_DIGITS": 4})
    a.hang_up()
    centre.run(1)
    assert centre.desktop.told("8000") == ["TreatmentApplied", "Abandoned"]
    assert not ours.server.legs


def test_a_call_is_routed_amidst_a_dialog(waiting, ours):
    centre, a, conn_id = waiting
    treat(centre, conn_id, T.COLLECT_DIGITS, {"MAX_DIGITS": 4})
    ask(centre, rq.RouteCall(this_dn="8000", conn_id=conn_id, other_dn="1502"), 6)
    centre.run(4)
    talk_to_each_other(a, centre.phones["1502"].calls[0])
    assert not ours.server.legs


def test_a_service_ends_the_leg_and_the_next_one_begins_anew(waiting, ours):
    centre, _, conn_id = waiting
    second = OurMediaServer(centre, "ours2", "10.0.2.8")
    treat(centre, conn_id, T.COLLECT_DIGITS, {"MAX_DIGITS": 2})
    first, other = (ours, second) if ours.server.legs else (second, ours)
    first.leg.hang_up()
    centre.run(1)
    other.press("12")
    centre.run(1)
    assert end(centre).collected_digits == "12"
    assert told(centre) == [("Applied", T.COLLECT_DIGITS, 5), ("End", T.COLLECT_DIGITS, 0)]


def test_an_offerless_caller_has_a_dialog(centre, ours):
    centre.phones["1501"].call("8000", offer=False)
    centre.run(1)
    (conn_id,) = centre.switch.calls
    treat(centre, conn_id, T.COLLECT_DIGITS, {"MAX_DIGITS": 1})
    ours.press("9")
    centre.run(1)
    assert end(centre).collected_digits == "9"


def test_digits_are_verified(waiting, ours):
    centre, _, conn_id = waiting
    treat(centre, conn_id, T.VERIFY_DIGITS, {"DIGITS": "4711"})
    ours.press("4711")
    centre.run(1)
    assert told(centre) == [("Applied", T.VERIFY_DIGITS, 5), ("End", T.VERIFY_DIGITS, 0)]
    assert end(centre).collected_digits == "4711"
    assert end(centre).extensions["VERIFY_RESULT"] == "matched"


@pytest.mark.parametrize(
    ("retries", "pressed", "result"),
    [
        (0, ["4712"], "not matched"),
        (1, ["4712", "4711"], "matched"),
        (2, ["0000", "", "47", "9999"], "not matched"),
        (1, ["", ""], "no input"),
    ],
)
def test_digits_are_asked_for_again(waiting, ours, retries, pressed, result):
    """On the same leg: neither the phone nor the Media Server is called once more."""
    centre, a, conn_id = waiting
    parameters = {"DIGITS": "4711", "RETRIES": retries, "START_TIMEOUT": 3, "DIGIT_TIMEOUT": 1}
    treat(centre, conn_id, T.VERIFY_DIGITS, parameters)
    leg = ours.leg
    for digits in pressed[: retries + 1]:
        assert ours.leg is leg
        assert "End" not in [name for name, _, _ in told(centre)]
        ours.press(digits)
        centre.run(1.5 if digits else 3.5)
    assert end(centre).extensions["VERIFY_RESULT"] == result
    assert "re-invite" not in a.events


def test_a_party_may_be_verified_while_it_is_held(centre, ours):
    _, b = up(centre)
    (conn_id,) = centre.switch.calls
    b.hold()
    centre.run(1)
    parameters = {"DIGITS": "12", "RETRIES": 1, "PROMPT": {"1": {"DIGITS": "1"}}}
    treat(centre, conn_id, T.VERIFY_DIGITS, parameters, at="1502")
    ours.press("21")
    centre.run(1)
    ours.press("12")
    centre.run(1)
    assert end(centre).extensions["VERIFY_RESULT"] == "matched"


@pytest.fixture
def scripts(centre):
    """A service that runs scripts."""
    made = centre.media_server("scripts", "10.0.2.7", service="application")
    yield made
    for call in made.calls:
        call.hang_up()
    centre.run(100)
    assert made.open == []


@pytest.mark.parametrize("kind", [T.PLAY_APPLICATION, T.IVR])
def test_a_script_is_run_and_gives_back_what_it_found(waiting, scripts, kind):
    centre, a, conn_id = waiting
    script = "http://scripts.example.com/balance.vxml?v=1"
    treat(centre, conn_id, kind, {"APP_ID": script, "Account": "12 34"})
    (call,) = scripts.open
    at_service(a, call)
    assert (call.user, call.parameters) == ("dialog", {"voicexml": script, "account": "12 34"})
    assert told(centre) == [("Applied", kind, 5)]
    call.give_back(b"balance=100%20EUR&agent=", "application/x-www-form-urlencoded")
    centre.run(1)
    assert told(centre)[1:] == [("End", kind, 0)]
    assert end(centre).extensions == {"balance": "100 EUR", "agent": ""}
    assert not a.over


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"a=1", "text/plain"),
        (b"\xff=1", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % number for number in range(65)), "application/x-www-form-urlencoded"),
    ],
)
def test_a_script_may_give_back_nothing_that_is_understood(waiting, scripts, body, kind):
    centre, _, conn_id = waiting
    treat(centre, conn_id, T.PLAY_APPLICATION, {"APP_ID": "welcome"})
    scripts.open[0].give_back(body, kind)
    centre.run(1)
    assert end(centre).extensions is None


def test_a_script_that_cannot_be_run(waiting, scripts):
    centre, _, conn_id = waiting
    scripts.refuse["dialog"] = 404
    treat(centre, conn_id, T.PLAY_APPLICATION, {"APP_ID": "nothing"})
    assert told(centre) == [("NotApplied", T.PLAY_APPLICATION, 5)]


WRONG = [
    (T.VERIFY_DIGITS, {}),
    (T.VERIFY_DIGITS, {"DIGITS": ""}),
    (T.VERIFY_DIGITS, {"DIGITS": "12a"}),
    (T.VERIFY_DIGITS, {"DIGITS": "1" * 65}),
    (T.VERIFY_DIGITS, {"DIGITS": "1", "RETRIES": 10}),
    (T.PLAY_APPLICATION, {}),
    (T.PLAY_APPLICATION, {"APP_ID": ""}),
    (T.PLAY_APPLICATION, {"APP_ID": "x", "transport": "tls"}),
    (T.PLAY_APPLICATION, {"APP_ID": "x", "a;b": "c"}),
    (T.PLAY_APPLICATION, {"APP_ID": "x", **{f"A{number}": "1" for number in range(33)}}),
]


@pytest.mark.parametrize(("kind", "parameters"), WRONG)
def test_wrong_parameters_of_those(waiting, ours, scripts, kind, parameters):
    centre, _, conn_id = waiting
    treat(centre, conn_id, kind, parameters)
    assert errors(centre) == [Code.INVALID_ATTRIBUTE]
    assert told(centre) == []
    assert not ours.server.legs
    assert not scripts.calls


def test_no_script_without_a_service_for_it(waiting, ours):
    centre, _, conn_id = waiting
    treat(centre, conn_id, T.PLAY_APPLICATION, {"APP_ID": "welcome"})
    assert errors(centre) == [Code.NO_SERVICE]
    assert not ours.server.legs
