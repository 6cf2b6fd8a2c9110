import asyncio
import re
from pathlib import Path

import pytest
import structlog
from tlib_house import house, run

from cordboard.model.events import EventReleased

TEXT = (Path(__file__).resolve().parents[3] / "docs/tlib-link.md").read_text()


@pytest.fixture
def _quiet():
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("_quiet")
def test_the_fifteen_lines_run_as_printed(capsys):
    source = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1]
    body, _, _ = source.partition("asyncio.run(")
    assert len([line for line in source.splitlines() if line.strip()]) <= 15
    names = {}
    exec(compile(body, "docs/tlib-link.md", "exec"), names)

    async def main():
        async with house() as h:
            task = asyncio.create_task(names["main"](h.url, "anna", "secret"))
            await h.settled(lambda: len(h.switch.requests) == 2)
            released = EventReleased(this_dn="1501", conn_id=f"{1:016x}", call_id=1, call_uuid="u")
            await h.settled(lambda: h.switch.dialled == 1)
            h.hub.emit(released)
            await task

    run(main)
    assert capsys.readouterr().out.splitlines() == [
        "1501 is in service",
        "EventRegistered 1501",
        "EventOffHook 1501",
        "EventDialing 1501",
        "EventReleased 1501",
    ]


def test_every_message_and_reason_is_documented():
    from cordboard.tlib.protocol import CLOSE_CODES, ClientMessage, ServerMessage

    for message in (*ClientMessage.__args__, *ServerMessage.__args__):
        assert f"| `{message.__struct_config__.tag}` |" in TEXT
        for name in message.__struct_fields__:
            assert f"`{name}`" in TEXT or f'"{name}"' in TEXT, (message, name)
    for reason, code in CLOSE_CODES.items():
        assert f"| `{reason.value}` | {code} |" in TEXT
