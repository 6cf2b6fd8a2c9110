"""``conf=<id>`` (RFC 4240 section 5): made by the first party, ended with the last; who hears whom."""

from quiet_house import House


def parties(house, *users):
    calls = [house.caller(str(n)).ask(user) for n, user in enumerate(users, 1)]
    house.run(0.5)
    return calls


def hearing(house):
    legs = house.media.legs
    return [sorted(legs.index(other) for other in house.hears(leg)) for leg in legs]


def test_each_hears_all_but_himself():
    house = House()
    calls = parties(house, *["conf=17"] * 3)
    assert all(call.talking for call in calls)
    assert hearing(house) == [[1, 2], [0, 2], [0, 1]]
    assert list(house.server.conferences) == ["17"]
    calls[1].hang_up()
    house.run()
    assert hearing(house) == [[1], [0]]
    for call in calls:
        call.hang_up()
    house.run()
    assert house.leftovers() == []


def test_conferences_of_other_names_do_not_hear_each_other():
    house = House()
    parties(house, "conf=a", "conf=b", "conf=a")
    assert hearing(house) == [[2], [], [0]]


def test_modes_say_who_speaks_and_who_listens():
    house = House()
    parties(house, "conf=a", "conf=a;mode=recvonly", "conf=a;mode=sendonly", "conf=a;mode=inactive")
    assert hearing(house) == [[2], [0, 2], [], []]


def test_a_coach_is_heard_by_one_alone_whoever_comes_first():
    house = House()
    coach, agent, customer = parties(house, "conf=a;coach=agent;party=chief", "conf=a;party=agent", "conf=a")
    assert hearing(house) == [[1, 2], [0, 2], [1]]
    agent.hang_up()
    house.run()
    assert hearing(house) == [[1], []]
    coach.hang_up()
    customer.hang_up()
    house.run()
    assert house.leftovers() == []


def test_coming_and_going_is_heard_where_wanted():
    house = House()
    calls = parties(house, "conf=a;tones=yes", "conf=a;tones=yes")
    (room,) = house.rooms
    assert [player.playing.sources[0].name for player in room.players] == ["enter"]
    calls[0].hang_up()
    house.run()
    assert [player.playing.sources[0].name for player in room.players] == ["enter", "leave"]


def test_a_full_conference_refuses_one_more():
    house = House()
    calls = parties(house, "conf=a;limit=2", "conf=a", "conf=a")
    assert [call.events[-1] for call in calls] == ["answered", "answered", "486"]
    assert "full" in calls[2].refusal.header("Warning")
    assert len(house.media.legs) == 2


def test_a_held_party_stays_and_its_media_is_agreed_anew():
    house = House()
    first, second = parties(house, "conf=a", "conf=a")
    first.hold()
    house.run()
    assert b"a=sendonly" in house.media.legs[0].heard
    assert first.events[-1] == "hold 200"
    assert b"a=recvonly" in first.bodies[-1]
    second.hold(method="UPDATE")
    house.run()
    assert b"a=recvonly" in second.bodies[-1]
    first.retrieve()
    house.run()
    assert b"a=sendonly" not in house.media.legs[0].heard
    assert first.bodies[-1].count(b"m=audio 30000 ") == 1


def test_two_hundred_parties():
    house = House()
    calls = parties(house, *["conf=big"] * 201)
    assert sum(call.talking for call in calls) == 200
    assert calls[-1].events[-1] == "486"
    assert {len(heard) for heard in hearing(house)} == {199}
    for call in calls:
        call.hang_up()
    house.run()
    assert house.leftovers() == []


def test_a_conference_too_many_is_refused_and_those_there_are_take_more():
    house = House(max_conferences=1)
    first, other, second = parties(house, "conf=a", "conf=b", "conf=a")
    assert (first.talking, second.talking) == (True, True)
    assert other.events[-1] == "503"
    assert other.refusal.header("Retry-After") is not None
    assert "all 1 conferences are in use" in other.refusal.header("Warning")
    assert list(house.server.conferences) == ["a"]
    first.hang_up()
    second.hang_up()
    house.run(40)
    assert house.leftovers() == []
