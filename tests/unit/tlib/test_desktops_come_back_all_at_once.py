import asyncio
import contextlib

from tlib_house import house, run

from cordboard.model.events import EventDialing
from cordboard.tlib import TLibClient

DESKTOPS = 100
EVENTS = 200


def test_a_hundred_cut_off_at_once_see_every_event_once():
    async def main():
        async with house(max_pending=20) as h, contextlib.AsyncExitStack() as stack:
            links = []
            for _ in range(DESKTOPS):
                link = TLibClient.connect(h.url, user="anna", password="secret", first_delay=0.01, max_delay=0.5)
                links.append(await stack.enter_async_context(link))
            await asyncio.gather(*(link.register("1501") for link in links))

            async def watch(link):
                seen = []
                async for event in link.events():
                    if isinstance(event, EventDialing):
                        seen.append(event.event_sequence_number)
                    if len(seen) == EVENTS:
                        break
                return seen

            watching = [asyncio.create_task(watch(link)) for link in links]
            for number in range(EVENTS):
                h.switch.dial("1501", "1502")
                if number == EVENTS // 4:
                    for link in links:
                        link._socket.transport.abort()
                    await h.settled(lambda: h.hub.connected == 0)
                elif number > EVENTS // 4:
                    await asyncio.sleep(0)
            for seen in await asyncio.gather(*watching):
                assert seen == list(range(2, EVENTS + 2))
            assert h.hub.counters.resumed == DESKTOPS
            assert h.hub.counters.snapshots == 0
            assert len(h.hub.sessions) == DESKTOPS

    run(main, 60)
