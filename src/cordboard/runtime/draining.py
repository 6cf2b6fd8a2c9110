"""Waiting for the last call or leg before a stop."""

import asyncio


async def emptied(empty: asyncio.Event, now: asyncio.Event, seconds: float) -> None:
    """Waits until there is nothing left, for so long, or until somebody wants it to end now."""
    waits = [asyncio.create_task(event.wait()) for event in (empty, now)]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
