"""The Media Server as a SIP element: limits, load, drain, session timers, digits, whoever disappears."""

from quiet_house import Caller, House

from cordboard.ops.media_meters import MediaMeters
from cordboard.testkit.network import Weather


def answer_to_options(house):
    data = (
        b"OPTIONS sip:10.0.0.9 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.7.7:5060;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n"
        b"From: <sip:a@b>;tag=1\r\nTo: <sip:10.0.0.9>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"
    )
    house.node.endpoint.receive(data, "udp", ("10.0.0.9", 5060), ("10.0.7.7", 5060), house.clock.now())
    ((_, answer),) = house.node.endpoint.transmits()
    return answer


def test_answers_to_options_tell_the_load():
    house = House(max_legs=2)
    assert b"X-Cordboard-Load: 0 2\r\n" in answer_to_options(house)
    call = house.caller("1").ask("conf=a")
    house.run()
    assert b"X-Cordboard-Load: 1 2\r\n" in answer_to_options(house)
    call.hang_up()
    house.run()
    assert b"X-Cordboard-Load: 0 2\r\n" in answer_to_options(house)


def test_one_leg_too_many_is_sent_away_for_a_while():
    house = House(max_legs=2, retry_after=7)
    calls = [house.caller(str(n)).ask("annc;play=music/on_hold;repeat=forever") for n in range(3)]
    house.run()
    assert [call.events[-1] for call in calls] == ["answered", "answered", "503"]
    assert calls[2].refusal.header("Retry-After") == "7"


def test_no_port_left_is_refused_and_leaves_nothing():
    house = House(ports=1)
    calls = [house.caller(str(n)).ask("annc;play=music/on_hold;repeat=forever") for n in range(2)]
    house.run()
    assert calls[1].events == ["503"]
    assert len(house.server.legs) == 1


def test_a_drain_takes_no_more_and_says_when_it_is_empty():
    house = House()
    call = house.caller("1").ask("conf=a")
    house.run()
    empty = []
    house.server.drain(lambda: empty.append(1))
    late = house.caller("2").ask("conf=a")
    house.run()
    assert late.events == ["503"]
    assert call.talking
    assert not empty
    call.hang_up()
    house.run(40)
    assert empty == [1]
    assert house.leftovers() == []


def test_shut_down_ends_all_legs():
    house = House()
    calls = [house.caller(str(n)).ask(user) for n, user in enumerate(["conf=a", "annc;play=music/on_hold"])]
    house.run()
    house.server.shut_down()
    house.run(40)
    assert [call.events[-1] for call in calls] == ["bye", "bye"]
    assert house.leftovers() == []


def test_a_caller_who_disappears_is_let_go_by_the_session_timer():
    house = House()
    caller = house.caller("1")
    call = caller.ask("conf=a", headers=[("Session-Expires", "90;refresher=uac"), ("Supported", "timer")])
    house.run()
    assert "Session-Expires: 90" in call.answer.to_bytes().decode()
    house.network.remove(caller.node)
    house.run(200)
    assert house.server.legs == {}
    assert house.media.legs == []


def test_a_session_timer_that_is_too_short_is_refused():
    house = House()
    call = house.caller("1").ask("conf=a", headers=[("Session-Expires", "20"), ("Supported", "timer")])
    house.run()
    refusals = [packet.data for packet in house.network.packets if packet.data.startswith(b"SIP/2.0 422")]
    assert len(refusals) == 1
    assert b"Min-SE: 90\r\n" in refusals[0]
    assert call.talking, "the caller asks again for what is taken"


def test_bodies_and_methods_that_are_not_taken_are_refused():
    house = House()
    caller = house.caller("1")
    assert caller.ask("conf=a", body=b"hello", content_type="text/plain") is not None
    call = caller.ask("conf=a")
    house.run()
    assert caller.calls[0].events == ["415"]
    said = []
    for method, body, kind in (
        ("INFO", b"Signal=5\r\nDuration=160\r\n", "application/dtmf-relay"),
        ("INFO", b"7", "application/dtmf"),
        ("INFO", b"Signal=77", "application/dtmf-relay"),
        ("INFO", b"x", "text/plain"),
        ("REFER", b"", ""),
        ("OPTIONS", b"", ""),
        ("MESSAGE", b"x", "text/plain"),
    ):
        call.session.request(
            method, lambda status, _: said.append(status), body=body, content_type=kind or "application/sdp"
        )
        house.run()
    assert said == [200, 200, 400, 415, 403, 200, 405]


def test_bad_weather_leaves_nothing():
    for seed in range(20):
        house = House(seed=seed, weather=Weather(loss=0.2, duplication=0.1, delay=(0.001, 0.3)))
        users = ["conf=a", "annc;play=busy", "annc;play=music/on_hold", "conf=a", "annc;play=tone/busy;early=486"]
        calls = [house.caller(str(n)).ask(user) for n, user in enumerate(users)]
        for call in calls:
            call.timers.append(house.clock.call_later(8 + house.network.random.random() * 5, call.hang_up))
        house.run(300)
        assert house.server.legs == {}, seed
        assert house.media.legs == [], seed
        assert house.rooms == [], seed
        assert house.server.faults == 0, seed


def test_who_is_no_peer_is_refused():
    house = House()
    stranger = Caller(house.network, "9", "10.9.9.9", ("10.0.0.9", 5060))
    call = stranger.ask("annc;play=music/on_hold")
    house.run()
    assert call.events == ["403"]
    assert house.server.legs == {}


def test_trouble_with_media_is_counted():
    house = House()
    house.server.meters = meters = MediaMeters()
    house.caller("1").ask("conf=a")
    house.run()
    (leg,) = house.media.legs
    leg.listener.on_media_lost(back=False)
    leg.listener.on_media_lost(back=True)
    leg.listener.on_one_way()
    assert meters.troubles == {"lost": 1, "back": 1, "one-way": 1}
    assert meters.started == {"conf": 1}
