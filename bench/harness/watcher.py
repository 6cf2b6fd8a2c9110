"""A desktop that watches the DNs of a load, in a process of its own on the load's core.

    python -m bench.harness.watcher URL USER PASSWORD DN ...

Prints ``ready`` when registered; on the end of its standard input prints one line of JSON: how many events came, by
name, and how many numbers were missing, and ends.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence

from bench.harness.measure import LOAD_CORE
from cordboard.model.events import Event
from cordboard.tlib import TLibClient


async def watch(url: str, user: str, password: str, dns: Sequence[str]) -> None:
    """Until standard input ends."""
    counts: Counter[str] = Counter()
    async with TLibClient.connect(url, user=user, password=password, client="load") as link:
        for dn in dns:
            await link.register(dn)
        print("ready", flush=True)

        async def read() -> None:
            async for event in link.events():
                counts[type(event).__name__ if isinstance(event, Event) else "other"] += 1

        reader = asyncio.create_task(read())
        await asyncio.to_thread(sys.stdin.read)
        # What is still on its way.
        seen = -1
        while seen != counts.total():
            seen = counts.total()
            await asyncio.sleep(0.5)
        reader.cancel()
        print(json.dumps({"events": counts, "dropped": link.dropped, "reconnects": link.reconnects}), flush=True)


if __name__ == "__main__":
    os.sched_setaffinity(0, {LOAD_CORE})
    asyncio.run(watch(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
