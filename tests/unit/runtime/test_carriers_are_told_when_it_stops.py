"""A server that stops takes its registrations back, whether there are calls or not."""

import asyncio

import pytest

from cordboard._core import Message
from cordboard.config import toml
from cordboard.runtime import server as runtime
from cordboard.runtime.server import Server
from cordboard.runtime.state import State

CENTRE = """\
[application]
sip-listen = ["udp:127.0.0.1:0"]
tlib-port = 0
http-port = 0
cdr-enabled = false
[switch]
name = "t"
realm = "t.example"
[dn.9000]
type = "Trunk"
contact = "sip:127.0.0.1:%d"
trunk-user = "acme"
trunk-password = "open-sesame"
trunk-register = true
"""


class Carrier(asyncio.DatagramProtocol):
    """Answers every REGISTER, as long as it is not dumb."""

    def __init__(self):
        self.expires = []
        self.dumb = False
        self.registered = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        message = Message.parse(data)
        self.expires.append(message.header("Expires"))
        if not self.dumb:
            kept = "".join(f"{name}: {message.header(name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
            answer = f"SIP/2.0 200 OK\r\n{kept}To: {message.header('To')};tag=c\r\nContent-Length: 0\r\n\r\n"
            self.transport.sendto(answer.encode(), address)
            self.registered.set()


@pytest.mark.parametrize("dumb", [False, True])
def test_a_registration_is_taken_back(tmp_path, monkeypatch, dumb):
    monkeypatch.setattr(runtime, "CARRIERS", 0.2)

    async def scenario():
        async with asyncio.timeout(20):
            loop = asyncio.get_running_loop()
            transport, carrier = await loop.create_datagram_endpoint(Carrier, local_addr=("127.0.0.1", 0))
            state = State(tmp_path)
            server = Server(toml.loads(CENTRE % transport.get_extra_info("sockname")[1]).environment, state)
            await server.start()
            await carrier.registered.wait()
            carrier.dumb = dumb
            await server.stop()
            assert carrier.expires[-1] == "0"
            transport.close()
            state.close()

    asyncio.run(scenario())


def test_what_fails_keeps_nothing_open(tmp_path, monkeypatch):
    async def scenario():
        async with asyncio.timeout(20):
            state = State(tmp_path)
            server = Server(toml.loads(CENTRE % 9).environment, state)
            await server.start()
            assert state.link_file.exists()
            monkeypatch.setattr(server.switch, "shut_down", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await server.stop()
            assert not state.link_file.exists()
            state.close()

    asyncio.run(scenario())
