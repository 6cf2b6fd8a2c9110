"""A server whose trunk has a host name finds its carrier by DNS, and what it counts can be read."""

import asyncio
import urllib.request

from cordboard.config import toml
from cordboard.runtime.server import Server
from cordboard.runtime.state import State
from cordboard.testkit.dns import DnsServer

CENTRE = """\
[application]
sip-listen = ["udp:127.0.0.1:0"]
tlib-port = 0
http-port = 0
cdr-enabled = false
dns-name-servers = "%s:%d"
dns-timeout = 2
[switch]
name = "t"
realm = "t.example"
[dn.9000]
type = "Trunk"
contact = "sip:carrier.example"
recovery-timeout = 60
"""


def read(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def test_the_carrier_is_found_ahead_of_any_call(tmp_path):
    async def scenario():
        async with asyncio.timeout(20), DnsServer() as names:
            names.add("_sip._udp.carrier.example", "SRV", "1 0 5070 a.carrier.example.")
            names.add("_sip._tcp.carrier.example", "SRV", "0 0 5070 b.carrier.example.")
            names.add("a.carrier.example", "A", "127.0.0.9")
            names.add("a.carrier.example", "AAAA", "::1")
            state = State(tmp_path)
            server = Server(toml.loads(CENTRE % names.address).environment, state)
            await server.start()
            try:
                extension = server.switch.extensions["9000"]
                assert extension.settings.recovery_timeout == 60.0
                (target,) = extension.targets()
                known = asyncio.get_running_loop().create_future()
                if target.route.located is None:
                    target.route.wait(5.0, known.set_result)
                    await known
                (target,) = extension.targets()
                # UDP over IPv4 only: that is what it listens on.
                assert (target.transport, target.remote) == ("udp", ("127.0.0.9", 5070))
                assert len(target.route.draw().destinations) == 1
                metrics = await asyncio.to_thread(read, f"{server.http_url}/metrics")
                assert 'cordboard_resolver_events_total{event="found"} 2.0' in metrics
                assert 'cordboard_resolver_events_total{event="SRV"} 1.0' in metrics
                assert "cordboard_resolver_failed_destinations 0.0" in metrics
            finally:
                await server.stop()
                state.close()

    asyncio.run(scenario())
