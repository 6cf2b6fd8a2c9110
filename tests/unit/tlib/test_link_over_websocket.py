import asyncio
import contextlib

import msgspec
import pytest
from tlib_house import TOKEN, house, run
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from cordboard.model.errors import Code
from cordboard.model.events import EventDialing, EventOffHook, EventRegistered
from cordboard.tlib import (
    ConnectError,
    LinkClosedError,
    LoginError,
    RequestError,
    SnapshotTaken,
    TLibClient,
    UnknownEvent,
)
from cordboard.tlib.protocol import Role, SnapshotReason


def agent(h, **options):
    return TLibClient.connect(h.url, user="anna", password="secret", first_delay=0.01, **options)


async def take(client, count):
    events = []
    async for event in client.events():
        events.append(event)
        if len(events) == count:
            return events
    return events


async def closed_with(url, *frames):
    """Sends frames, then reads to the end; returns the messages and the close code."""
    messages = []
    async with connect(url, compression=None) as socket:
        for frame in frames:
            await socket.send(frame)
        with contextlib.suppress(ConnectionClosed):
            while True:
                messages.append(msgspec.json.decode(await socket.recv()))
        return messages, socket.close_code


def register_1501(head):
    return '{"type":"Request",' + head + ',"request":{"Request":"RegisterAddress","ThisDN":"1501"}}'


def test_registered_dn_is_watched_and_a_call_is_made():
    async def main():
        async with house() as h, agent(h) as link:
            registered = await link.register("1501")
            assert registered.extensions == {"in-service": 1}
            dialing = await link.make_call("1501", "1502")
            assert (dialing.this_dn, dialing.other_dn) == ("1501", "1502")
            assert dialing.user_data == {"EventSequenceNumber": 7, 'quote"ReferenceID":1,': "x"}
            events = await take(link, 3)
            assert [type(e) for e in events] == [EventRegistered, EventOffHook, EventDialing]
            assert [e.event_sequence_number for e in events] == [1, 2, 3]
            assert [e.reference_id for e in events] == [1, 0, 2]
            assert link.role is Role.AGENT

    run(main)


def test_only_the_requester_sees_its_reference_id():
    async def main():
        async with house() as h, agent(h) as one, agent(h) as other:
            for link in (one, other):
                await link.register("1501")
            dialing = await one.make_call("1501", "1502")
            assert dialing.reference_id == 2
            _, _, seen = await take(other, 3)
            assert isinstance(seen, EventDialing)
            assert seen.reference_id == 0
            assert seen.conn_id == dialing.conn_id
            # Three events for two links, encoded once each: two EventRegistered, OffHook and Dialing.
            assert (h.hub.counters.events, h.hub.deliveries) == (4, 6)

    run(main)


def test_nobody_listening_costs_nothing():
    async def main():
        async with house() as h:
            h.switch.dial("1501", "1502")
            assert h.hub.counters.events == 0
            assert not h.hub.wants("1501")
            async with agent(h) as link:
                await link.register("1501")
                assert h.hub.wants("1501")
                assert not h.hub.wants("1502")
                await link.unregister("1501")
                assert not h.hub.wants("1501")

    run(main)


def test_refused_requests_raise_the_error_of_the_switch():
    async def main():
        async with house() as h, agent(h) as link:
            with pytest.raises(RequestError) as unknown:
                await link.register("9999")
            assert unknown.value.code == Code.DN_NOT_CONFIGURED
            with pytest.raises(RequestError) as unregistered:
                await link.make_call("1501", "1502")
            assert unregistered.value.code == Code.NOT_REGISTERED
            with pytest.raises(RequestError) as everything:
                await link.register("*")
            assert everything.value.code == Code.INVALID_ATTRIBUTE
            assert h.hub.counters.errors == 3

    run(main)


def test_administrator_registers_everything_with_the_token():
    async def main():
        async with house() as h, TLibClient.connect(h.url, token=TOKEN) as link:
            assert link.role is Role.ADMINISTRATOR
            await link.register("*")
            h.switch.dial("1504", "1501")
            events = await take(link, 6)
            assert [e.this_dn for e in events] == ["*", "1501", "1502", "1503", "1504", "1504"]
            assert isinstance(events[-1], EventDialing)

    run(main)


@pytest.mark.parametrize("login", [{"user": "anna", "password": "wrong"}, {"token": "wrong"}, {}])
def test_wrong_login_raises_and_is_counted(login):
    async def main():
        async with house() as h:
            with pytest.raises(LoginError):
                async with TLibClient.connect(h.url, **login):
                    pass
            assert h.server.logins.guard.failed_total == 1
            assert h.server.connected == 0

    run(main)


def test_no_server_raises_connect_error():
    async def main():
        async with house() as h:
            url = h.url
        with pytest.raises(ConnectError):
            async with TLibClient.connect(url, token=TOKEN):
                pass

    run(main)


@pytest.mark.parametrize(
    ("frames", "code", "reason"),
    [
        (["this is no JSON"], 4400, "bad-message"),
        (["[" * 50_000], 4400, "bad-message"),
        ([b"\xff\xfe"], 4400, "bad-message"),
        (['{"type":"Hello","version":"1"}'], 4400, "bad-message"),
        (['{"type":"Hello","version":7}'], 4426, "version"),
        (['{"type":"Ack","sequence":1}'], 4405, "out-of-order"),
        (['{"type":"Request","reference_id":1,"request":{}}'], 4405, "out-of-order"),
    ],
)
def test_bad_peer_is_told_why_and_the_next_link_is_unharmed(frames, code, reason):
    async def main():
        async with house() as h, agent(h) as neighbour:
            await neighbour.register("1501")
            messages, close_code = await closed_with(h.url, *frames)
            assert close_code == code
            assert messages[-1]["type"] == "Bye"
            assert messages[-1]["reason"] == reason
            h.switch.dial("1501", "1502")
            assert isinstance((await take(neighbour, 2))[1], EventDialing)

    run(main)


def test_silent_peer_is_closed_after_the_login_time():
    async def main():
        async with house(login_timeout=0.05) as h:
            messages, code = await closed_with(h.url)
            assert (messages[-1]["reason"], code) == ("login-timeout", 4408)
            messages, code = await closed_with(h.url, '{"type":"Hello","version":1}')
            assert (messages[-1]["reason"], code) == ("login-timeout", 4408)

    run(main)


def test_too_many_strangers_are_sent_away():
    async def main():
        async with house(max_pending=2) as h, connect(h.url), connect(h.url):
            messages, code = await closed_with(h.url)
            assert (messages[-1]["reason"], code) == ("busy", 4429)

    run(main)


def test_too_large_message_closes_the_link():
    async def main():
        async with house() as h:
            _, code = await closed_with(h.url, "x" * 300_000)
            assert code == 1009

    run(main)


def test_acknowledging_the_future_is_a_bad_message():
    async def main():
        async with house() as h:
            login = '{"type":"Login","user":"anna","password":"secret"}'
            ack = '{"type":"Ack","sequence":100}'
            messages, code = await closed_with(h.url, '{"type":"Hello","version":1}', login, ack)
            assert [m["type"] for m in messages] == ["Welcome", "Bye"]
            assert code == 4400

    run(main)


def test_broken_connection_goes_on_with_the_next_event():
    async def main():
        async with house() as h, agent(h) as link:
            await link.register("1501")
            for _ in range(3):
                h.switch.dial("1501", "1502")
            assert len(await take(link, 4)) == 4
            link._socket.transport.abort()
            await h.settled(lambda: h.server.connected == 0)
            for _ in range(5):
                h.switch.dial("1501", "1502")
            events = await take(link, 5)
            assert [e.event_sequence_number for e in events] == [5, 6, 7, 8, 9]
            assert link.reconnects == 1
            assert (h.hub.counters.resumed, h.hub.counters.snapshots) == (1, 0)

    run(main)


def test_answer_that_comes_during_the_outage_reaches_the_asker():
    async def main():
        async with house() as h, agent(h) as link:
            await link.register("1501")
            call = asyncio.create_task(link.make_call("1501", "1502"))
            await asyncio.sleep(0)
            link._socket.transport.abort()
            dialing = await call
            assert dialing.this_dn == "1501"
            assert [type(r).__name__ for r, _ in h.switch.requests] == ["RegisterAddress", "MakeCall"]

    run(main)


def test_repeated_request_is_carried_out_once():
    async def main():
        async with house() as h:
            async with connect(h.url) as socket:
                await socket.send('{"type":"Hello","version":1}')
                await socket.send('{"type":"Login","user":"anna","password":"secret"}')
                for head in (
                    '"reference_id":5',
                    '"reference_id":5,"repeated":true',
                    '"reference_id":6,"repeated":true',
                ):
                    await socket.send(register_1501(head))
                await h.settled(lambda: len(h.switch.requests) >= 2)
            assert [number for _, number in h.switch.requests] == [5, 6]
            assert h.hub.counters.repeated == 1

    run(main)


def test_restarted_server_sends_a_snapshot_and_goes_on():
    async def main():
        async with house() as first:
            link = agent(first)
            await link.__aenter__()
            await link.register("1502")
            await take(link, 1)
            port = first.http.address[1]
        async with house(port=port) as second:
            (snapshot,) = await take(link, 1)
            assert isinstance(snapshot, SnapshotTaken)
            assert snapshot.reason is SnapshotReason.UNKNOWN_SESSION
            assert [d.this_dn for d in snapshot.dns] == ["1502"]
            second.switch.dial("1502", "1501")
            (event,) = await take(link, 1)
            assert (event.this_dn, event.event_sequence_number) == ("1502", 1)
            await link.close()

    run(main)


def test_too_long_an_absence_ends_in_a_snapshot():
    async def main():
        async with house(max_count=10) as h, agent(h) as link:
            await link.register("1501")
            await take(link, 1)
            link._socket.transport.abort()
            await h.settled(lambda: h.server.connected == 0)
            for _ in range(50):
                h.switch.dial("1501", "1502")
            (snapshot,) = await take(link, 1)
            assert isinstance(snapshot, SnapshotTaken)
            assert snapshot.reason is SnapshotReason.TOO_FAR_BEHIND
            h.switch.dial("1501", "1502")
            (event,) = await take(link, 1)
            assert event.event_sequence_number == 52
            assert h.hub.counters.fell_behind == 1

    run(main)


def test_slow_reader_gets_a_snapshot_and_slows_nobody():
    async def main():
        async with house(max_count=300) as h, agent(h) as quick:
            await quick.register("1501")
            async with connect(h.url, max_queue=1) as slow:
                await slow.send('{"type":"Hello","version":1}')
                await slow.send('{"type":"Login","user":"anna","password":"secret"}')
                await slow.send(register_1501('"reference_id":1'))
                assert msgspec.json.decode(await slow.recv())["type"] == "Welcome"
                made, seen = 0, 1
                await take(quick, 1)
                while not h.hub.counters.fell_behind:
                    for _ in range(100):
                        h.switch.dial("1501", "1502")
                    made += 100
                    seen += len(await take(quick, 100))
                assert seen == made + 1
                kinds, last = [], 0
                while last <= made:
                    message = msgspec.json.decode(await slow.recv())
                    kinds.append(message["type"])
                    if message["type"] == "Snapshot":
                        last = message["sequence"]
                        assert message["reason"] == "too-far-behind"
                        h.switch.dial("1501", "1502")
                    else:
                        assert message["first"] == last + 1
                        last += len(message["events"])
                assert kinds.count("Snapshot") == 1

    run(main)


def test_second_connection_takes_the_session_over():
    async def main():
        async with house() as h, agent(h) as link:
            await link.register("1501")
            await take(link, 1)
            thief = agent(h)
            thief._stream.session = link._stream.session
            thief._stream.sequence = link._stream.sequence
            async with thief:
                with pytest.raises(LinkClosedError) as closed:
                    await take(link, 1)
                assert closed.value.reason == "taken-over"
                h.switch.dial("1501", "1502")
                assert (await take(thief, 1))[0].event_sequence_number == 2

    run(main)


def test_session_of_somebody_else_cannot_be_resumed():
    async def main():
        async with house() as h, agent(h) as link:
            await link.register("1501")
            thief = TLibClient.connect(h.url, user="root", password="secret")
            thief._stream.session = link._stream.session
            async with thief:
                assert thief._stream.session != link._stream.session
                h.switch.dial("1501", "1502")
                assert len(await take(link, 2)) == 2

    run(main)


def test_a_hundred_links_see_every_event_encoded_once():
    async def main():
        async with house() as h, contextlib.AsyncExitStack() as stack:
            links = [await stack.enter_async_context(agent(h)) for _ in range(100)]
            await asyncio.gather(*(link.register("1501") for link in links))
            before = h.hub.counters.events
            for _ in range(50):
                h.switch.dial("1501", "1502")
            for events in await asyncio.gather(*(take(link, 51) for link in links)):
                assert [e.event_sequence_number for e in events] == list(range(1, 52))
            assert h.hub.counters.events - before == 50
            assert h.hub.deliveries == 5100

    run(main, 60)


def test_event_of_a_newer_server_is_passed_on_as_it_is():
    async def main():
        async with house() as h, agent(h) as link:
            await link.register("1501")
            (session,) = h.hub.sessions.values()
            session.append(b'"Event":"EventFromTheFuture","ThisDN":"1501","What":1}')
            h.switch.dial("1501", "1502")
            _, unknown, dialing = await take(link, 3)
            assert isinstance(unknown, UnknownEvent)
            assert unknown.attributes["What"] == 1
            assert unknown.event_sequence_number == 2
            assert isinstance(dialing, EventDialing)

    run(main)


def test_stopping_server_says_bye():
    async def main():
        async with house() as h:
            link = agent(h, reconnect=False)
            await link.__aenter__()
            await h.server.close()
            with pytest.raises(LinkClosedError) as closed:
                await take(link, 1)
            assert closed.value.reason == "shutdown"
            await link.close()

    run(main)


def test_ping_is_answered():
    async def main():
        async with house() as h, connect(h.url) as socket:
            await socket.send('{"type":"Ping","id":4}')
            assert msgspec.json.decode(await socket.recv()) == {"type": "Pong", "id": 4}

    run(main)
