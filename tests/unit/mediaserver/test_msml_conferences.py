"""Conferences and joins by MSML (RFC 5707 section 8), and MSML in the INVITE."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msml_house import Controlled, body, controlled, dialog

from cordboard.mediaserver.msml.control import MsmlService
from cordboard.mediaserver.msml.joins import Joins
from cordboard.sip.bodies import multipart
from cordboard.sip.bodies.msml import CONTENT_TYPE
from cordboard.sip.bodies.msml.read import parse

PLAY = '<play><audio uri="hello"/></play>'


def three(**settings):
    house, first = controlled(**settings)
    return house, first, Controlled(house, "2"), Controlled(house, "3")


def gone(house, *legs):
    for leg in legs:
        if not leg.call.over:
            leg.call.hang_up()
    house.run(40)
    return house.leftovers()


def join(one, other, streams=""):
    return f'<join id1="{one}" id2="{other}">{streams}</join>'


# 8.1 to 8.3


def test_a_conference_is_made_joined_and_ends_with_its_last():
    house, a, b, _ = three()
    said = '<createconference name="c"><audiomix><n-loudest n="3"/></audiomix></createconference>'
    assert a.say(said + join(a.id, "conf:c") + join("conf:c", b.id)).response == 200
    assert house.hears(a.media) == {b.media}
    assert house.hears(b.media) == {a.media}
    assert house.server.conferences["c"].room.loudest == 3
    assert (
        a.say('<modifyconference id="conf:c"><audiomix><n-loudest n="2"/></audiomix></modifyconference>').response
        == 200
    )
    assert house.server.conferences["c"].room.loudest == 2
    a.say('<modifyconference id="conf:c"><audiomix><asn ri="10s"/></audiomix></modifyconference>')
    assert house.server.conferences["c"].room.loudest == 2
    a.say('<modifyconference id="conf:c"><audiomix><n-loudest n="0"/></audiomix></modifyconference>')
    assert house.server.conferences["c"].room.loudest == 0
    a.say(f'<unjoin id1="{a.id}" id2="conf:c"/>')
    assert a.events == []
    a.say(f'<unjoin id1="{b.id}" id2="conf:c"/>')
    assert a.told == [("msml.conf.nomedia", {})]
    assert a.events[0].id == "conf:c"
    assert house.server.conferences == {}


def test_a_name_that_is_chosen_is_nobodys_yet():
    house, a, b, _ = three()
    there = [house.caller(str(n)).ask(f"conf={n}") for n in (1, 2)]
    house.run(0.5)
    (name,) = a.say("<createconference/>").conferences
    assert name == "conf:3"
    assert sorted(house.server.conferences) == ["1", "2", "3"]
    assert all(len(house.server.conferences[n].members) == 1 for n in "12")
    b.start('<play><audio uri="hello"/></play>', "4")
    b.start('<play><audio uri="hello"/></play>', "")
    assert sorted(b.served.dialogs) == ["4", "5"]
    for call in there:
        call.hang_up()
    house.run(0.5)
    assert sorted(house.server.conferences) == ["3"]


def test_a_conference_without_a_name_is_given_one():
    _, a, b, _ = three()
    (name,) = a.say("<createconference/>").conferences
    assert b.say(join(b.id, name)).response == 200


def test_a_name_is_taken_once():
    _, a, *_ = three()
    assert a.say('<createconference name="c" deletewhen="never"/>').response == 200
    assert a.say('<createconference name="c"/>').response == 431


def test_there_are_so_many_conferences_and_no_more():
    _, a, *_ = three(max_conferences=2)
    assert [a.say("<createconference/>").response for _ in range(3)] == [200, 200, 521]


@pytest.mark.parametrize("loudest", [0, 3])
def test_as_many_are_mixed_as_the_server_likes_where_nothing_is_said(loudest):
    house, a, *_ = three(conference_loudest=loudest)
    a.say('<createconference name="c"><audiomix><asn ri="10s"/></audiomix></createconference>')
    assert house.server.conferences["c"].room.loudest == loudest


def test_a_conference_takes_so_many_parties_and_no_more():
    _, a, b, c = three(conference_limit=2)
    a.say('<createconference name="c"/>')
    assert [one.say(join(one.id, "conf:c")).response for one in (a, b, c)] == [200, 200, 521]


@pytest.mark.parametrize(("when", "left"), [("nomedia", 0), ("nocontrol", 0), ("never", 1)])
def test_what_becomes_of_an_empty_conference_when_its_controller_is_gone(when, left):
    house, a, *_ = three()
    a.say(f'<createconference name="c" deletewhen="{when}"/>')
    a.call.hang_up()
    house.run(1)
    assert len(house.server.conferences) == left


@pytest.mark.parametrize(("when", "left"), [("nomedia", 1), ("nocontrol", 0), ("never", 1)])
def test_what_becomes_of_a_conference_with_others_in_it_when_its_controller_is_gone(when, left):
    house, a, b, c = three()
    a.say(f'<createconference name="c" deletewhen="{when}"/>' + join(b.id, "conf:c") + join(c.id, "conf:c"))
    a.call.hang_up()
    house.run(1)
    assert len(house.server.conferences) == left
    assert house.hears(b.media) == ({c.media} if left else set())
    assert b.call.talking


def test_destroyed_it_leaves_the_legs():
    house, a, b, _ = three()
    a.say('<createconference name="c" deletewhen="never"/>' + join(b.id, "conf:c") + dialog("conf:c", PLAY))
    assert a.say('<destroyconference id="conf:c"/>').response == 200
    assert a.say('<destroyconference id="conf:c"/>').response == 430
    assert a.say(f'<destroyconference id="{a.id}"/>').response == 410
    house.run(1)
    assert [name for name, _ in a.told] == ["msml.dialog.exit"]
    assert b.call.talking
    assert house.rooms == []


def test_who_speaks_is_told_when_it_changes():
    house, a, b, _ = three()
    a.say(
        '<createconference name="c"><audiomix><asn ri="2s"/></audiomix></createconference>'
        + join(a.id, "conf:c")
        + join(b.id, "conf:c")
    )
    room = house.server.conferences["c"].room
    room.talking = [b.media]
    house.run(6)
    assert a.told == [("msml.conf.asn", {"speaker": b.id})]
    room.talking = []
    house.run(2)
    assert a.told[1:] == [("msml.conf.asn", {})]
    a.say('<modifyconference id="conf:c"><audiomix/></modifyconference>')
    room.talking = [a.media]
    house.run(6)
    assert len(a.told) == 2


def test_a_conference_hears_a_dialog_and_is_recorded(tmp_path):
    house, a, b, _ = three(recordings=tmp_path)
    a.say('<createconference name="c"/>' + join(a.id, "conf:c") + join(b.id, "conf:c"))
    assert a.say(dialog("conf:c", PLAY)).response == 200
    assert a.say(dialog("conf:c", '<record dest="all" maxtime="3s"/>', "r")).response == 200
    room = house.server.conferences["c"].room
    assert len(room.players) == len(room.recorders) == 1
    house.run(6)
    assert sorted(event.id for event in a.events) == ["conf:c/dialog:d", "conf:c/dialog:r"]


@pytest.mark.parametrize("inner", ['<collect><pattern digits="1"/></collect>', '<dtmfgen digits="1"/>'])
def test_digits_are_not_for_conferences(inner):
    _, a, *_ = three()
    a.say('<createconference name="c"/>')
    assert a.say(dialog("conf:c", inner)).response == 402


# 8.4 join, modifystream, unjoin


@pytest.mark.parametrize(
    ("streams", "forth", "back"),
    [
        ("", True, True),
        ('<stream media="audio"/>', True, True),
        ('<stream dir="from-id1"/>', True, False),
        ('<stream dir="to-id1"/>', False, True),
        ('<stream dir="from-id1"/><stream dir="to-id1"/>', True, True),
        ('<stream dir="from-id1"><gain amt="mute"/></stream><stream dir="to-id1"/>', False, True),
    ],
)
@pytest.mark.parametrize("conference", [False, True])
def test_streams_say_who_hears_whom(streams, forth, back, conference):
    house, a, b, _ = three()
    other = b.id
    if conference:
        a.say('<createconference name="c"/>' + join(b.id, "conf:c"))
        other = "conf:c"
    assert a.say(join(a.id, other, streams)).response == 200
    if conference:
        assert (a.media in house.hears(b.media), b.media in house.hears(a.media)) == (forth, back)
    else:
        assert (a.media.joined[b.media].talk, b.media.joined[a.media].talk) == (forth, back)


@pytest.mark.parametrize("turned", [False, True])
def test_a_party_is_muted_and_made_louder(turned):
    house, a, b, _ = three()
    a.say('<createconference name="c"/>' + join(a.id, "conf:c") + join(b.id, "conf:c"))
    there, here = ("to-id1", "from-id1") if turned else ("from-id1", "to-id1")
    ids = f'id1="conf:c" id2="{a.id}"' if turned else f'id1="{a.id}" id2="conf:c"'

    def change(inner, direction):
        assert a.say(f'<modifystream {ids}><stream dir="{direction}">{inner}</stream></modifystream>').response == 200
        return house.server.conferences["c"].room.roles[a.media]

    assert not change('<gain amt="mute"/>', there).talk
    role = change('<gain amt="unmute"/>', there)
    assert role.talk
    role = change('<gain amt="-6"/><clamp dtmf="false"/>', there)
    assert (role.gain, role.clamp_dtmf) == (-6.0, False)
    assert not change('<gain amt="mute"/>', here).hear
    role = house.server.conferences["c"].room.roles[a.media]
    assert role.talk


def test_two_legs_are_joined_changed_and_parted():
    house, a, b, _c = three()
    a.say(join(a.id, b.id))
    assert (
        b.say(
            f'<modifystream id1="{b.id}" id2="{a.id}"><stream dir="to-id1"><gain amt="mute"/></stream></modifystream>'
        ).response
        == 200
    )
    assert not a.media.joined[b.media].talk
    assert b.media.joined[a.media].talk
    assert a.say(f'<unjoin id1="{b.id}" id2="{a.id}"/>').response == 200
    assert a.media.joined == {}
    assert len(house.server.joins) == 0


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        ('<join id1="{a}" id2="{a}"/>', 440),
        ('<join id1="conf:c" id2="conf:c"/>', 440),
        ('<join id1="conf:c" id2="conf:d"/>', 410),
        ('<join id1="{a}" id2="{c}"/>', 441),
        ('<join id1="{a}" id2="conf:c"/>', 441),
        ('<join id1="{a}" id2="conf:none"/>', 430),
        ('<join id1="a" id2="b"/>', 410),
        ('<join id1="{a}"/>', 408),
        ('<unjoin id1="{a}" id2="{c}"/>', 442),
        ('<unjoin id1="{a}" id2="conf:c"/>', 442),
        ('<unjoin id1="conf:c" id2="conf:d"/>', 442),
        ('<unjoin id1="conn:*" id2="conn:*"/>', 410),
        ('<modifystream id1="{a}" id2="{c}"><stream/></modifystream>', 442),
        ('<modifystream id1="{a}" id2="{b}"/>', 403),
        ('<modifyconference id="conf:none"/>', 430),
        ("<stream/>", 401),
        ('<audit queryid="{a}"/>', 402),
        ('<join id1="{a}" id2="{b}" wait="1"/>', 406),
        ('<join id1="{a}" id2="{b}"><stream media="video"/></join>', 410),
    ],
)
def test_what_cannot_be_joined_is_refused_by_the_codes_of_section_13(request_, response):
    _, a, b, c = three()
    a.say('<createconference name="c" deletewhen="never"/><createconference name="d" deletewhen="never"/>')
    a.say(join(a.id, b.id))
    assert a.say(request_.format(a=a.id, b=b.id, c=c.id)).response == response


def test_a_star_parts_from_everything():
    house, a, b, c = three()
    a.say('<createconference name="c"/>' + "".join(join(one.id, "conf:c") for one in (a, b, c)))
    assert a.say('<unjoin id1="conf:c" id2="conn:*"/>').response == 200
    assert house.rooms == []
    assert a.say(f'<unjoin id1="{a.id}" id2="conf:*"/>').response == 200


def test_a_leg_of_a_conference_by_its_address_may_be_controlled():
    house, a, b, c = three()
    guest = house.caller("9").ask("conf=c")
    house.run()
    served = house.server.conferences["c"].members
    (leg,) = served
    assert a.say(join(a.id, "conf:c")).response == 200
    assert house.hears(leg.media) == {a.media}
    assert a.say(f'<unjoin id1="{leg.id}" id2="conf:c"/>').response == 200
    guest.hang_up()
    assert gone(house, a, b, c) == []


# MSML in the INVITE


def invited(house, inner):
    caller = house.caller("7")
    data, kind = multipart.joined([("application/sdp", caller.sdp()), (CONTENT_TYPE, body(inner))])
    call = caller.ask("msml", body=data, content_type=kind)
    house.run()
    return call


def test_requests_in_the_invite_are_answered_in_its_answer_and_begin_with_the_ack():
    house, *_ = three()
    call = invited(
        house,
        dialog("conn:self", '<play><audio uri="hello"/><playexit><exit namelist="play.end"/></playexit></play>', ""),
    )
    parts = dict(multipart.split(call.answer.header("Content-Type"), call.answer.body))
    assert parts["application/sdp"].startswith(b"v=0")
    result = parse(parts[CONTENT_TYPE])
    assert result.response == 200
    assert result.dialogs[0].startswith("conn:self/dialog:")
    house.run(6)
    (event,) = [parse(data) for data in call.infos]
    assert event.name == "msml.dialog.exit"
    assert event.id.startswith("conn:")
    assert "self" not in event.id


def test_an_invite_whose_requests_are_refused_is_answered_all_the_same():
    house, *_ = three()
    call = invited(house, "<dance/>")
    parts = dict(multipart.split(call.answer.header("Content-Type"), call.answer.body))
    assert parse(parts[CONTENT_TYPE]).response == 401
    assert call.talking


def test_msml_is_not_for_other_services_and_other_bodies_not_for_msml():
    house, a, b, c = three()
    caller = house.caller("7")
    data, kind = multipart.joined([("application/sdp", caller.sdp()), (CONTENT_TYPE, body("<createconference/>"))])
    for user, content, type_ in (
        ("annc;play=music/on_hold", data, kind),
        ("msml", b"hello", "text/plain"),
        ("msml", b"--x\r\n\r\nnothing", "multipart/mixed;boundary=y"),
        ("msml", b"hello", "multipart/mixed"),
    ):
        call = caller.ask(user, body=content, content_type=type_)
        house.run()
        assert call.events == ["415"], user
    assert gone(house, a, b, c) == []


# Anything at all


STEPS = (
    PLAY,
    '<play barge="true"><audio uri="hello"/></play><collect fdt="3s" cleardb="false"><pattern digits="x"/></collect>',
    '<collect fdt="2s" iterate="2"><play><audio uri="hello"/></play><pattern digits="min=1;max=3"/></collect>',
    '<record dest="r" maxtime="4s"><play><audio uri="hello"/></play></record>',
    '<dtmfgen digits="123"/>',
    PLAY + "<disconnect/>",
)
MUTED = '<stream dir="from-id1"><gain amt="mute"/></stream>'


def anything(random, ids):
    """A request that makes sense, or does not."""
    one, other, step = random.choice(ids), random.choice(ids), random.choice(STEPS)
    when = random.choice(("nomedia", "nocontrol"))
    return random.choice(
        (
            (
                f'<createconference name="{other[-1]}" deletewhen="{when}"><audiomix><asn ri="1s"/></audiomix>'
                "</createconference>"
            ),
            f'<destroyconference id="{other}"/>',
            join(one, other),
            f'<unjoin id1="{one}" id2="{other}"/>',
            f'<modifystream id1="{one}" id2="{other}">{MUTED}</modifystream>',
            dialog(one, step, ""),
            dialog(one, step, "d"),
            f'<dialogend id="{one}/dialog:d"/>',
            f'<send event="pause" target="{one}/dialog:d"/>',
        )
    )


def test_random_requests_leave_nothing_behind(tmp_path):
    asked = 0
    for seed in range(25):
        house, *legs = three(seed=seed, recordings=tmp_path)
        random = house.network.random
        ids = [leg.id for leg in legs] + ["conf:a", "conf:b", "conn:*"]
        for _ in range(40):
            up = [leg for leg in legs if leg.call.talking]
            if not up:
                break
            result = random.choice(up).say(anything(random, ids), random.choice((0.3, 1.0, 4.0)))
            if result is None:
                continue
            assert result.response < 500, (seed, result)
            asked += result.response == 200
            if random.random() < 0.3 and legs[0].call.talking:
                legs[0].press(random.choice("19#"))
        assert gone(house, *legs) == [], seed
    assert asked > 200


@given(data=st.binary(max_size=200), at=st.integers(0, 400), cut=st.integers(0, 40))
def test_a_body_however_broken_is_answered(data, at, cut):
    whole = body(join("conn:self", "conf:c", MUTED) + dialog("conn:self", STEPS[1] + STEPS[3]))
    broken = whole[:at] + data + whole[at + cut :]
    house, leg = controlled()
    result = MsmlService(leg.served).carry_out(broken)
    assert 200 <= result.response <= 521
    leg.call.hang_up()
    house.run(40)
    assert house.leftovers() == []


def test_all_joins_are_forgotten_with_a_leg():
    house, a, b, c = three()
    a.say(join(a.id, b.id))
    assert isinstance(house.server.joins, Joins)
    a.call.hang_up()
    house.run(1)
    assert len(house.server.joins) == 0
    assert b.say(join(b.id, c.id)).response == 200
    assert gone(house, b, c) == []
