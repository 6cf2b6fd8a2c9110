"""Dialogs of MSML on a leg, by the sections of RFC 5707."""

import pytest
from msml_house import Controlled, body, controlled, dialog

from cordboard.media import File, RecordEnd
from cordboard.mediaserver.msml.collect import TABLE as COLLECT
from cordboard.mediaserver.msml.collect import Input as CollectInput
from cordboard.mediaserver.msml.collect import State as CollectState
from cordboard.mediaserver.msml.dialog import TABLE, Input, State
from cordboard.sip.machine import MachineError

ALL = "dtmf.digits dtmf.len dtmf.last dtmf.end"


def exits(*names):
    return f'<exit namelist="{" ".join(names)}"/>'


def play(inner="", attributes=""):
    return f'<play {attributes}><audio uri="hello"/>{inner}</play>'


def collect(pattern="min=1;max=4;rtk=#", attributes="", inner=""):
    return (
        f'<collect fdt="5s" idt="2s" edt="1s" {attributes}>{inner}<pattern digits="{pattern}"/>'
        f"<dtmfexit>{exits(*ALL.split())}</dtmfexit></collect>"
    )


def found(digits, last, end="dtmf.match"):
    return {"dtmf.digits": digits, "dtmf.len": str(len(digits)), "dtmf.last": last, "dtmf.end": end}


def ended(told):
    """What ``msml.dialog.exit`` said, told once."""
    (values,) = [values for name, values in told if name == "msml.dialog.exit"]
    return values


# 9.6.1 play


def test_a_file_is_played_and_its_end_told_with_how_long_it_was():
    house, leg = controlled()
    result = leg.start(play(f"<playexit>{exits('play.amt', 'play.end')}</playexit>"))
    assert (result.response, result.dialogs) == (200, ())
    (player,) = leg.media.players
    (source,) = player.playing.sources
    assert isinstance(source, File)
    assert source.path.name == "hello.wav"
    assert leg.events == []
    house.run(5)
    (event,) = leg.events
    assert (event.name, event.id) == ("msml.dialog.exit", f"{leg.id}/dialog:d")
    assert dict(event.values) == {"play.amt": "5000", "play.end": "play.complete"}
    assert leg.served.dialogs == {}


def test_a_dialog_without_a_name_is_given_one():
    house, leg = controlled()
    (name,) = leg.start(play(), name="").dialogs
    assert name.startswith(f"{leg.id}/dialog:")
    assert leg.say(f'<dialogend id="{name}"/>').response == 200
    house.run(1)
    assert leg.told == [("msml.dialog.exit", {})]


def test_how_it_is_played_reaches_the_engine():
    _, leg = controlled()
    leg.start(
        '<play iterate="3" interval="250ms" maxtime="20s" offset="1s"><audio uri="hello"/>'
        '<var type="digits" value="42"/></play>'
    )
    playing = leg.media.players[0].playing
    assert (playing.repeat, playing.delay_ms, playing.duration_ms, playing.offset_ms) == (3, 250, 20_000, 1000)
    assert [source.path.stem for source in playing.sources] == ["hello", "4", "2"]


def test_a_digit_ends_a_play_that_may_be_barged_and_is_kept_for_the_next_step():
    house, leg = controlled()
    leg.start(
        play("<playexit><send event='played' namelist='play.end'/></playexit>", 'barge="true"')
        + collect("x", 'cleardb="false"')
    )
    leg.press("7")
    house.run(1)
    assert leg.told == [("played", {"play.end": "play.complete.barge"}), ("msml.dialog.exit", found("7", "7"))]


def test_a_play_that_may_not_be_barged_goes_on():
    house, leg = controlled()
    leg.start(play() + collect("x", 'cleardb="false"'))
    leg.press("7")
    house.run(3)
    assert leg.events == []
    house.run(3)
    assert ended(leg.told) == found("7", "7")


def test_digits_of_before_are_thrown_away_where_wanted():
    house, leg = controlled()
    leg.start(play("", 'barge="true"') + play("", 'barge="true" cleardb="true"') + collect("x", 'cleardb="false"'))
    leg.press("7")
    house.run(4)
    assert leg.media.players[1].over is None
    house.run(3)
    leg.press("8")
    house.run(1)
    assert ended(leg.told) == found("8", "8")


@pytest.mark.parametrize(
    ("event", "taken"),
    [
        ("pause", 200),
        ("resume", 200),
        ("toggle-state", 200),
        ("forward", 200),
        ("backward", 200),
        ("restart", 200),
        ("starttimer", 410),
        ("x", 410),
    ],
)
def test_events_reach_what_plays(event, taken):
    _, leg = controlled()
    leg.start(play())
    assert leg.say(f'<send event="{event}" target="{leg.id}/dialog:d"/>').response == taken


def test_a_paused_play_waits():
    house, leg = controlled()
    leg.start(play())
    send = '<send event="{}" target="' + leg.id + '/dialog:d"/>'
    leg.say(send.format("pause"))
    house.run(60)
    assert leg.events == []
    leg.say(send.format("resume"))
    house.run(5)
    assert leg.told == [("msml.dialog.exit", {})]


def test_terminate_ends_it_with_its_actions():
    house, leg = controlled()
    leg.start(play(f"<playexit>{exits('play.end')}</playexit>"))
    leg.say(f'<send event="terminate" target="{leg.id}/dialog:d"/>')
    house.run(1)
    assert leg.told == [("msml.dialog.exit", {"play.end": "play.terminated"})]


# 9.6.5 collect


@pytest.mark.parametrize(
    ("pattern", "presses", "then"),
    [
        ("min=1;max=4;rtk=#", [("12#", 0)], found("12", "#")),
        ("min=1;max=4;rtk=#", [("1234", 0)], found("1234", "4")),
        ("min=1;max=4;rtk=#", [("12", 1.1)], found("12", "2")),
        ("min=3;max=4;rtk=#", [("12", 2.1)], found("12", "2", "dtmf.nomatch")),
        ("min=3;max=4;rtk=#", [("1#", 0)], found("1#", "#", "dtmf.nomatch")),
        ("min=1;max=4;rtk=#", [("", 5.1)], found("", "", "dtmf.noinput")),
        ("length=3", [("12", 1.5), ("3", 0)], found("123", "3")),
        ("12x", [("12", 0), ("9", 0)], found("129", "9")),
        ("12x", [("13", 0)], found("13", "3", "dtmf.nomatch")),
        ("*1", [("*1", 0)], found("*1", "1")),
    ],
)
def test_digits_are_collected_until_they_match(pattern, presses, then):
    house, leg = controlled()
    leg.start(collect(pattern))
    for digits, seconds in presses:
        leg.press(digits)
        house.run(seconds)
    house.run(0.2)
    assert ended(leg.told) == then


@pytest.mark.parametrize(
    ("map_", "presses", "then"),
    [
        ("(0T|00T|[1-7]xxx|8x.#|*xx)", [("1234", 0)], found("1234", "4")),
        ("(0T|00T|[1-7]xxx|8x.#|*xx)", [("0", 2.1)], found("0", "0")),
        ("(0T|00T|[1-7]xxx|8x.#|*xx)", [("00", 2.1)], found("00", "0")),
        ("(0T|00T|[1-7]xxx|8x.#|*xx)", [("8#", 0)], found("8#", "#")),
        ("(0T|00T|[1-7]xxx|8x.#|*xx)", [("8555#", 0)], found("8555#", "#")),
        ("(0T|00T|[1-7]xxx|8x.#|*xx)", [("9", 0)], found("9", "9", "dtmf.nomatch")),
        ("(0T|00T|[1-7]xxx|8x.#|*xx)", [("12", 2.1)], found("12", "2", "dtmf.nomatch")),
    ],
)
def test_digits_are_collected_by_a_digit_map(map_, presses, then):
    house, leg = controlled()
    leg.start(collect("x").replace('digits="x"', f'digits="{map_}" format="mgcp"'))
    for digits, seconds in presses:
        leg.press(digits)
        house.run(seconds)
    house.run(0.2)
    assert ended(leg.told) == then


@pytest.mark.parametrize(
    "pattern", ["", "y", "min=5;max=2", "min=a", "max=0", "rtk=z", "length=2;min=1", "min=1;min=1", "=", "max=999"]
)
def test_a_pattern_that_is_none_is_refused(pattern):
    _, leg = controlled()
    result = leg.start(collect(pattern))
    assert result.response == 410
    assert leg.served.dialogs == {}


@pytest.mark.parametrize("pattern", ["(", "[", "[5-1]", ".", "T", "1T2", "e|f", "x..", "[]", ""])
def test_a_digit_map_that_is_none_is_refused(pattern):
    _, leg = controlled()
    result = leg.start(collect("x").replace('digits="x"', f'digits="{pattern}" format="mgcp"'))
    assert result.response == 410


def test_the_pattern_that_matches_says_what_is_done():
    house, leg = controlled()
    leg.start(
        '<collect><pattern digits="1"><send event="one"/></pattern><pattern digits="2"><send event="two"/>'
        "</pattern></collect>"
    )
    leg.press("2")
    house.run(1)
    assert [name for name, _ in leg.told] == ["two", "msml.dialog.exit"]


def test_a_prompt_comes_first_and_the_first_digit_is_waited_for_from_its_end():
    house, leg = controlled()
    leg.start(collect(inner='<play barge="true"><audio uri="enter-number"/></play>'))
    house.run(9)
    assert leg.events == []
    house.run(1.5)
    assert ended(leg.told) == found("", "", "dtmf.noinput")


def test_the_first_digit_breaks_off_a_prompt():
    house, leg = controlled()
    leg.start(collect(inner='<play barge="true"><audio uri="enter-number"/></play>'))
    leg.press("12#")
    house.run(1)
    assert leg.media.players[0].over is not None
    assert ended(leg.told) == found("12", "#")


def test_digits_during_a_prompt_that_is_not_barged_count_after_it():
    house, leg = controlled()
    leg.start(collect(inner='<play><audio uri="enter-number"/></play>'))
    leg.press("12#")
    house.run(1)
    assert leg.events == []
    house.run(5)
    assert ended(leg.told) == found("12", "#")


def test_the_timer_may_run_from_the_start():
    house, leg = controlled()
    leg.start(collect(attributes='starttimer="true"', inner='<play><audio uri="music/on_hold"/></play>'))
    house.media.usual = 60_000
    house.run(5)
    assert ended(leg.told) == found("", "", "dtmf.noinput")


def test_another_try_repeats_the_prompt():
    house, leg = controlled()
    leg.start(collect("12", 'iterate="3"', '<play barge="true"><audio uri="enter-number"/></play>'))
    leg.press("9")
    house.run(0.5)
    assert len(leg.media.players) == 2
    house.run(11)
    assert len(leg.media.players) == 3
    assert leg.events == []
    leg.press("12")
    house.run(0.5)
    assert ended(leg.told) == found("12", "2")


def test_the_last_try_that_fails_says_so():
    house, leg = controlled()
    leg.start('<collect fdt="1s" iterate="2"><pattern digits="1"/><noinput><send event="nothing"/></noinput></collect>')
    house.run(1.2)
    assert leg.events == []
    house.run(1.2)
    assert [name for name, _ in leg.told] == ["nothing", "msml.dialog.exit"]


def test_a_digit_held_long_is_told():
    house, leg = controlled()
    leg.start('<collect ldd="1s"><pattern digits="x"><exit namelist="dtmf.long dtmf.digits"/></pattern></collect>')
    leg.press("5", 1500)
    house.run(0.5)
    assert ended(leg.told) == {"dtmf.long": "5", "dtmf.digits": "5"}


def test_digits_by_info_count_as_well():
    house, leg = controlled()
    leg.start(collect("12"))
    for digit in "12":
        leg.call.session.request(
            "INFO",
            lambda *_: None,
            body=f"Signal={digit}\r\nDuration=120\r\n".encode(),
            content_type="application/dtmf-relay",
        )
        house.run(0.2)
    assert ended(leg.told) == found("12", "2")


def test_a_digit_that_comes_both_by_info_and_in_rtp_counts_once():
    house, leg = controlled()
    leg.start(collect("xxxx"))
    for digit in "5566":
        leg.media.press(digit)
        leg.call.session.request("INFO", lambda *_: None, body=digit.encode(), content_type="application/dtmf")
        house.run(0.3)
    assert ended(leg.told) == found("5566", "6")


# 9.6.3, 9.6.4 digits and tones


def test_digits_are_sent():
    house, leg = controlled()
    leg.start(
        f'<dtmfgen digits="12a" dur="80ms" interval="50ms"><dtmfgenexit>{exits("dtmfgen.end")}</dtmfgenexit></dtmfgen>'
    )
    house.run(1)
    assert leg.media.digits == ["12A"]
    assert ended(leg.told) == {"dtmfgen.end": "dtmfgen.complete"}


def test_tones_are_played():
    house, leg = controlled()
    leg.start(
        f'<tonegen iterate="2"><tone duration="500ms"><tone1 freq="480" atten="-24"/></tone>'
        f'<silence duration="250ms"/><tonegenexit>{exits("tonegen.end")}</tonegenexit></tonegen>'
    )
    house.run(0.8)
    assert leg.events == []
    house.run(0.5)
    assert ended(leg.told) == {"tonegen.end": "tonegen.complete"}


# 9.6.6 record


def record(attributes="", inner="", dest="greeting"):
    names = exits("record.len", "record.end", "record.recordid")
    return f'<record dest="{dest}" maxtime="10s" {attributes}>{inner}<recordexit>{names}</recordexit></record>'


def test_a_recording_goes_to_the_folder_and_its_end_is_told(tmp_path):
    house, leg = controlled(recordings=tmp_path)
    assert leg.start(record('prespeech="3s" postspeech="2s" beep="true"')).response == 200
    (recorder,) = leg.media.recorders
    asked = recorder.recording
    assert asked.path == tmp_path / "messages" / "greeting.wav"
    assert (asked.max_ms, asked.speech_within_ms, asked.silence_ms, asked.beep) == (10_000, 3000, 2000, True)
    house.run(10)
    assert ended(leg.told) == {
        "record.len": "10000",
        "record.end": "record.complete.maxlength",
        "record.recordid": "messages/greeting.wav",
    }


@pytest.mark.parametrize(
    ("why", "told"),
    [
        (RecordEnd.SILENCE, "record.complete.postspeech"),
        (RecordEnd.NO_SPEECH, "record.failed.prespeech"),
        (RecordEnd.FAILED, "record.failed"),
    ],
)
def test_why_a_recording_ended(tmp_path, why, told):
    house, leg = controlled(recordings=tmp_path)
    leg.start(record())
    leg.media.recorders[0].end(why)
    house.run(1)
    assert ended(leg.told)["record.end"] == told


def test_a_key_ends_a_recording(tmp_path):
    house, leg = controlled(recordings=tmp_path)
    leg.start(record('termkey="#"'))
    leg.press("5")
    house.run(1)
    assert leg.events == []
    leg.press("#")
    house.run(1)
    assert ended(leg.told)["record.end"] == "record.complete.termkey"


def test_a_recording_is_paused_and_goes_on(tmp_path):
    _, leg = controlled(recordings=tmp_path)
    leg.start(record())
    send = '<send event="{}" target="' + leg.id + '/dialog:d"/>'
    assert leg.say(send.format("pause")).response == 200
    assert leg.media.recorders[0].paused
    assert leg.say(send.format("toggle-state")).response == 200
    assert not leg.media.recorders[0].paused
    assert leg.say(send.format("forward")).response == 410


def test_a_recording_has_a_prompt(tmp_path):
    house, leg = controlled(recordings=tmp_path)
    leg.start(record(inner='<play barge="true"><audio uri="vm-intro"/></play>'))
    assert leg.media.recorders == []
    leg.press("1")
    house.run(0.5)
    assert len(leg.media.recorders) == 1
    leg.say(f'<dialogend id="{leg.id}/dialog:d"/>')
    house.run(1)
    assert ended(leg.told)["record.end"] == "record.terminated"


def test_the_end_during_the_prompt_records_nothing(tmp_path):
    house, leg = controlled(recordings=tmp_path)
    leg.start(record(inner='<play><audio uri="vm-intro"/></play>'))
    leg.say(f'<dialogend id="{leg.id}/dialog:d"/>')
    house.run(1)
    assert ended(leg.told) == {
        "record.len": "0",
        "record.end": "record.terminated",
        "record.recordid": "messages/greeting.wav",
    }
    assert leg.media.recorders == []


@pytest.mark.parametrize(
    ("dest", "attributes"),
    [
        ("../x", ""),
        ("/etc/x", ""),
        ("a b", ""),
        ("", ""),
        ("file:///../x", ""),
        ("x", 'format="video/mp4"'),
        (".hidden", ""),
    ],
)
def test_nothing_is_recorded_outside_of_the_folder(tmp_path, dest, attributes):
    _, leg = controlled(recordings=tmp_path / "r")
    assert leg.start(record(attributes, dest=dest)).response == 410
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_link_does_not_lead_out_of_the_folder(tmp_path):
    (tmp_path / "r" / "messages").mkdir(parents=True)
    (tmp_path / "r" / "messages" / "out").symlink_to(tmp_path)
    _, leg = controlled(recordings=tmp_path / "r")
    assert leg.start(record(dest="out/x")).response == 410


def test_without_a_folder_nothing_is_recorded():
    _, leg = controlled()
    result = leg.start(record())
    assert result.response == 520
    assert "no folder" in result.description


# 9.3 dialogs as such


def test_actions_between_steps_are_done_in_their_order():
    house, leg = controlled()
    leg.start(
        '<send event="a"/>' + play() + '<send event="b" namelist="play.end nothing"/><exit namelist="play.amt"/>'
        '<send event="never"/>'
    )
    house.run(6)
    assert leg.told == [
        ("a", {}),
        ("b", {"play.end": "play.complete", "nothing": ""}),
        ("msml.dialog.exit", {"play.amt": "5000"}),
    ]


def test_disconnect_hangs_up():
    house, leg = controlled()
    leg.start(play() + "<disconnect/>")
    house.run(40)
    assert leg.told == [("msml.dialog.exit", {})]
    assert leg.call.events[-1] == "bye"
    assert house.leftovers() == []


def test_several_dialogs_run_at_once_and_each_hears_the_digits():
    house, leg = controlled()
    leg.start(collect("x"), "a")
    leg.start(collect("xx"), "b")
    leg.press("12")
    house.run(1)
    assert [event.id.rpartition(":")[2] for event in leg.events] == ["a", "b"]
    assert [dict(event.values)["dtmf.digits"] for event in leg.events] == ["1", "12"]


@pytest.mark.parametrize(
    ("inner", "response"),
    [
        ('<play><audio uri="no/such"/></play>', 423),
        ('<play><audio uri="http://x/y.wav"/></play>', 423),
        ('<play><var type="number" value="x"/></play>', 423),
        ("<play/>", 403),
        ('<play speed="2"><audio uri="hello"/></play>', 406),
        ("<record dest='x'/>", 408),
        ("<vad/>", 402),
        ("<dance/>", 401),
        ("<play><pattern digits='1'/></play>", 401),
        ("<collect><play><audio uri='hello'/></play></collect>", 403),
        ('<play iterate="x"><audio uri="hello"/></play>', 410),
        ('<send event="x" target="group"/>', 410),
        ("", 403),
    ],
)
def test_what_cannot_be_done_is_refused_by_the_codes_of_section_13(inner, response):
    house, leg = controlled()
    result = leg.start(inner)
    assert result.response == response
    assert result.description
    assert leg.served.dialogs == {}
    house.run(1)
    assert leg.events == []


def test_names_are_taken_once_and_unknown_ones_refused():
    _, leg = controlled()
    leg.start(play())
    assert leg.start(play()).response == 431
    assert leg.say(f'<dialogend id="{leg.id}/dialog:other"/>').response == 430
    assert leg.say(dialog("conn:nobody", play())).response == 430
    assert leg.say(f'<dialogend id="{leg.id}"/>').response == 430


def test_a_leg_has_so_many_dialogs_and_no_more():
    _, leg = controlled(dialogs_per_leg=2)
    assert [leg.start(play(), name).response for name in "abc"] == [200, 200, 521]


def test_requests_are_done_until_one_fails_and_its_mark_is_told():
    _, leg = controlled()
    result = leg.say(
        '<createconference name="c" mark="1"/>'
        f'<join id1="{leg.id}" id2="conf:c" mark="2"/><join id1="{leg.id}" id2="conf:none" mark="3"/>'
        '<createconference name="d" mark="4"/>'
    )
    assert (result.response, result.mark) == (430, "2")
    assert set(leg.house.server.conferences) == {"c"}


def test_a_body_that_is_no_request_is_refused():
    _, leg = controlled()
    assert leg.say(b"<msml").response == 400
    assert leg.say(body('<result response="200"/>')).response == 400
    assert leg.say(body('<event name="a" id="b"/>')).response == 400


def test_a_leg_that_hangs_up_takes_its_dialogs_along(tmp_path):
    house, leg = controlled(recordings=tmp_path)
    for name, inner in (("a", play()), ("b", collect(inner=play())), ("c", record()), ("d", collect())):
        assert leg.start(inner, name).response == 200
    leg.call.hang_up()
    house.run(40)
    assert house.leftovers() == []


def test_another_leg_may_be_controlled_and_its_end_is_told():
    house, leg = controlled()
    other = Controlled(house, "2")
    assert leg.say(dialog(other.id, play())).response == 200
    other.call.hang_up()
    house.run(1)
    assert [(event.name, event.id) for event in leg.events] == [("msml.dialog.exit", f"{other.id}/dialog:d")]


# The tables


def test_the_tables_have_an_answer_or_an_error_for_everything():
    assert {state for state, _ in TABLE} == set(State)
    assert {what for _, what in TABLE} == set(Input)
    assert {state for state, _ in COLLECT} == set(CollectState)
    assert {what for _, what in COLLECT} == set(CollectInput)
    _, leg = controlled()
    leg.start(play())
    (running,) = leg.served.dialogs.values()
    running.state = State.OVER
    with pytest.raises(MachineError, match="no next in state over"):
        running._enter(Input.NEXT)
