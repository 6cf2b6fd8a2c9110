"""The name service, asked over the wire of a real server on this machine, in good days and bad."""

import asyncio
from functools import partial

import pytest

from cordboard.runtime.dns import DnsAsker, HostsFile
from cordboard.sip.resolver.locate import locate
from cordboard.sip.resolver.lookup import Resolver
from cordboard.sip.resolver.records import Answer, Kind, Naptr, Question, Srv, Status
from cordboard.testkit.dns import DnsServer, Mishap

QUICK = {"timeout": 0.2, "lifetime": 0.5}


def run(scenario):
    async def whole():
        async with asyncio.timeout(20), DnsServer() as server:
            await scenario(server)

    asyncio.run(whole())


def asker(server, **more):
    loop = asyncio.get_running_loop()
    settings = {"nameservers": [server.address], "hosts": None, "timeout": 2.0, "lifetime": 5.0} | more
    return DnsAsker(loop, lambda call: loop.call_soon(call), **settings)


async def ask(asking, name, kind):
    answered = asyncio.get_running_loop().create_future()
    asking(Question(name, kind), answered.set_result)
    return await answered


def test_all_kinds_of_records_are_read():
    async def scenario(server):
        server.add("c.example", "NAPTR", '10 20 "s" "SIP+D2U" "" _sip._udp.C.example.', ttl=77)
        server.add("_sip._udp.c.example", "SRV", "1 2 5070 A.c.example.", "3 4 5080 .", ttl=88)
        server.add("a.c.example", "A", "192.0.2.1", "192.0.2.2", ttl=99)
        server.add("a.c.example", "AAAA", "2001:db8::1")
        asking = asker(server)
        naptr = Naptr(10, 20, "s", "SIP+D2U", "", "_sip._udp.c.example")
        assert await ask(asking, "c.example", Kind.NAPTR) == Answer(Status.FOUND, (naptr,), 77.0)
        found = await ask(asking, "_sip._udp.c.example", Kind.SRV)
        assert set(found.records) == {Srv(1, 2, 5070, "a.c.example"), Srv(3, 4, 5080, "")}
        found = await ask(asking, "a.c.example", Kind.A)
        assert (found.status, set(found.records), found.ttl) == (Status.FOUND, {"192.0.2.1", "192.0.2.2"}, 99.0)
        assert (await ask(asking, "a.c.example", Kind.AAAA)).records == ("2001:db8::1",)

    run(scenario)


def test_an_alias_is_followed_and_holds_no_longer_than_its_shortest_part():
    async def scenario(server):
        server.add("alias.example", "CNAME", "real.example.", ttl=20)
        server.add("real.example", "A", "192.0.2.1", ttl=300)
        assert await ask(asker(server), "alias.example", Kind.A) == Answer(Status.FOUND, ("192.0.2.1",), 20.0)

    run(scenario)


@pytest.mark.parametrize(("soa", "ttl"), [(True, 60.0), (False, 30.0)])
def test_no_is_told_apart_and_holds_as_its_soa_says(soa, ttl):
    async def scenario(server):
        server.soa = soa
        server.add("a.example", "A", "192.0.2.1")
        asking = asker(server)
        assert await ask(asking, "a.example", Kind.AAAA) == Answer(Status.NO_DATA, (), ttl)
        assert await ask(asking, "b.example", Kind.A) == Answer(Status.NO_NAME, (), ttl)

    run(scenario)


@pytest.mark.parametrize("mishap", [Mishap.SILENCE, Mishap.SERVFAIL, Mishap.REFUSED, Mishap.WRONG_ID, Mishap.GARBAGE])
def test_a_server_that_fails_gives_a_failure_in_time(mishap):
    async def scenario(server):
        server.add("a.example", "A", "192.0.2.1")
        server.mishaps[None] = [mishap]
        began = asyncio.get_running_loop().time()
        assert (await ask(asker(server, **QUICK), "a.example", Kind.A)).status is Status.FAILED
        assert asyncio.get_running_loop().time() - began < 3.0

    run(scenario)


def test_a_server_that_nobody_runs_is_a_failure():
    async def scenario(server):
        asking = asker(server, nameservers=[("127.0.0.1", 1)], **QUICK)
        assert (await ask(asking, "a.example", Kind.A)).status is Status.FAILED

    run(scenario)


def test_a_lost_answer_is_asked_for_again():
    async def scenario(server):
        server.add("a.example", "A", "192.0.2.1")
        server.mishaps["a.example", "A"] = [Mishap.SILENCE, Mishap.FORGED_FIRST]
        found = await ask(asker(server, timeout=0.2, lifetime=5.0), "a.example", Kind.A)
        assert found.records == ("192.0.2.1",)
        assert len(server.asked) == 2

    run(scenario)


def test_a_forged_answer_is_not_believed():
    async def scenario(server):
        server.add("a.example", "A", "192.0.2.1")
        server.mishaps[None] = [Mishap.FORGED_FIRST]
        assert (await ask(asker(server), "a.example", Kind.A)).records == ("192.0.2.1",)

    run(scenario)


def test_a_truncated_answer_is_fetched_over_tcp():
    async def scenario(server):
        addresses = [f"192.0.2.{n}" for n in range(1, 200)]
        server.add("many.example", "A", *addresses)
        server.mishaps[None] = [Mishap.TRUNCATED]
        found = await ask(asker(server), "many.example", Kind.A)
        assert set(found.records) == set(addresses)
        assert [transport for transport, _, _ in server.asked] == ["udp", "tcp"]

    run(scenario)


def test_the_next_name_server_is_asked_when_one_fails():
    async def scenario(server):
        async with DnsServer() as second:
            second.add("a.example", "A", "192.0.2.1")
            server.mishaps[None] = [Mishap.SERVFAIL]
            asking = asker(server, nameservers=[server.address, second.address])
            assert (await ask(asking, "a.example", Kind.A)).records == ("192.0.2.1",)
            assert server.asked

    run(scenario)


def test_only_names_without_a_dot_are_searched_for():
    async def scenario(server):
        server.add("pbx.centre.example", "A", "192.0.2.1")
        server.add("_sip._udp.pbx.centre.example", "SRV", "1 1 5060 pbx.centre.example.")
        asking = asker(server, search=["other.example", "centre.example"])
        assert (await ask(asking, "pbx", Kind.A)).records == ("192.0.2.1",)
        assert (await ask(asking, "_sip._udp.pbx", Kind.SRV)).records == (Srv(1, 1, 5060, "pbx.centre.example"),)
        server.asked.clear()
        assert (await ask(asking, "pbx.carrier.example", Kind.A)).status is Status.NO_NAME
        assert server.asked == [("udp", "pbx.carrier.example", "A")]

    run(scenario)


def test_closing_takes_questions_back():
    async def scenario(server):
        server.mishaps[None] = [Mishap.SILENCE]
        asking = asker(server)
        heard = []
        asking(Question("a.example", Kind.A), heard.append)
        await asyncio.sleep(0)
        await asking.close()
        asking(Question("b.example", Kind.A), heard.append)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert heard == [Answer(Status.FAILED)]

    run(scenario)


def test_a_uri_is_located_over_the_wire_each_question_once():
    async def scenario(server):
        server.add("c.example", "NAPTR", '10 10 "s" "SIP+D2T" "" _sip._tcp.c.example.')
        server.add("_sip._tcp.c.example", "SRV", "2 0 5070 b.c.example.", "1 0 5070 a.c.example.")
        server.add("a.c.example", "A", "192.0.2.1")
        server.add("b.c.example", "A", "192.0.2.2")
        server.add("b.c.example", "AAAA", "2001:db8::2")
        loop = asyncio.get_running_loop()

        class LoopClock:
            now = staticmethod(loop.time)
            call_later = staticmethod(loop.call_later)

        resolver = Resolver(LoopClock(), asker(server), random=lambda: 0.0)
        both = [loop.create_future() for _ in range(2)]
        for future in both:
            resolver.locate("sip:c.example", future.set_result)
        first, second = await asyncio.gather(*both)
        assert first == second
        assert [str(destination) for destination in first.destinations] == [
            "tcp:192.0.2.1:5070",
            "tcp:192.0.2.2:5070",
            "tcp:[2001:db8::2]:5070",
        ]
        assert len(server.asked) == len(set(server.asked)) == 6

    run(scenario)


def test_the_hosts_file_goes_first_and_is_read_again(tmp_path):
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost\n192.0.2.7 Phone.example phone # desk\n2001:db8::7 phone\nnonsense x\n")
    now = [0.0]
    hosts = HostsFile(path, lambda: now[0])
    known = partial(locate, answers=hosts.answer)
    assert [d.host for d in known("sip:phone").destinations] == ["192.0.2.7", "2001:db8::7"]
    assert [d.host for d in known("sip:phone.example").destinations] == ["192.0.2.7"]
    assert hosts.answer(Question("x", Kind.A)) is None
    assert known("sip:other.example").missing == (Question("other.example", Kind.NAPTR),)
    path.write_text("192.0.2.80 phone other.example\n")
    assert [d.host for d in known("sip:phone").destinations] == ["192.0.2.7", "2001:db8::7"]
    now[0] = 1.5
    assert [d.host for d in known("sip:phone").destinations] == ["192.0.2.80"]
    path.unlink()
    now[0] = 3.0
    assert hosts.answer(Question("phone", Kind.A)) is None
