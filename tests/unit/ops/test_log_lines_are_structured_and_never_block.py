import io
import logging as standard
import threading

import msgspec
import pytest
import structlog

from cordboard.ops import logging


@pytest.fixture(autouse=True)
def restored():
    root = standard.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.close()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    standard.getLogger("cordboard").setLevel(standard.NOTSET)


def lines(file):
    logging.close()
    return [msgspec.json.decode(line) for line in file.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_what_was_given():
    file = io.BytesIO()
    logging.configure(style="json", file=file)
    log = structlog.get_logger("cordboard.test").bind(conn_id="0123456789abcdef")
    log.info("call answered", call_id="abc@host", dn="1501")
    (line,) = lines(file)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "cordboard.test",
        "event": "call answered",
        "conn_id": "0123456789abcdef",
        "call_id": "abc@host",
        "dn": "1501",
    }


def test_passwords_and_tokens_are_never_written():
    for style in ("json", "text"):
        file = io.BytesIO()
        logging.configure(style=style, file=file)
        structlog.get_logger("x").warning("odd", password="hunter2", token="hunter2", ha1="hunter2")
        logging.close()
        assert b"odd" in file.getvalue()
        assert b"hunter2" not in file.getvalue()


@pytest.mark.parametrize("value", ["\x1b[2J", "a \x1b[2J", "\x9b2J", "a\rb", "\u202e"])
def test_nothing_in_a_line_is_obeyed_by_a_terminal(value):
    file = io.BytesIO()
    logging.configure(style="text", file=file)
    structlog.get_logger("x").warning("odd", caller=value)
    structlog.get_logger("x").warning(f"odd {value}")
    logging.close()
    assert not {"\x1b", "\x9b", "\r", "\u202e"} & set(file.getvalue().decode())


def test_the_level_changes_for_loggers_that_are_in_use():
    file = io.BytesIO()
    logging.configure(level="warning", style="json", file=file)
    log = structlog.get_logger("cordboard.test").bind(dn="1501")
    log.info("not yet")
    logging.set_level("debug")
    log.debug("now")
    logging.set_level("error")
    log.warning("no more")
    log.error("still")
    assert [line["event"] for line in lines(file)] == ["now", "still"]
    with pytest.raises(ValueError, match="none of debug"):
        logging.set_level("loud")


def test_a_line_below_the_level_is_not_even_rendered():
    class Bomb:
        def __str__(self):
            raise AssertionError("rendered")

    file = io.BytesIO()
    logging.configure(level="warning", style="json", file=file)
    log = structlog.get_logger("cordboard.test")
    log.info("quiet", value=Bomb())
    log.warning("loud")
    assert [line["event"] for line in lines(file)] == ["loud"]


def test_a_value_that_is_no_json_is_written_as_text():
    file = io.BytesIO()
    logging.configure(style="json", file=file)
    structlog.get_logger("x").info("odd", value={1, 2}, other=threading.Lock, key={(1, 2): 3})
    (line,) = lines(file)
    assert line["event"] in {"odd", "'odd'"}


def test_an_exception_is_told_with_its_trace():
    for style in ("json", "text"):
        file = io.BytesIO()
        logging.configure(style=style, file=file)
        try:
            int("deep down")
        except ValueError as error:
            structlog.get_logger("x").exception("failed")
            structlog.get_logger("x").error("failed again", exc_info=error)
        logging.close()
        assert file.getvalue().count(b"ValueError: invalid literal") == 2


def test_libraries_are_heard_from_warning_up():
    file = io.BytesIO()
    logging.configure(style="json", file=file)
    standard.getLogger("some.library").info("chatter")
    standard.getLogger("some.library").warning("trouble %d", 7)
    (line,) = lines(file)
    assert (line["level"], line["logger"], line["event"]) == ("warning", "some.library", "trouble 7")


def test_unknown_level_or_format_is_refused():
    with pytest.raises(ValueError, match="log level 'loud' is none of debug"):
        logging.configure(level="loud")
    with pytest.raises(ValueError, match="log format 'xml' is none of auto"):
        logging.configure(style="xml")


class Stuck(io.BytesIO):
    """A disk that does not take anything until told."""

    def __init__(self):
        super().__init__()
        self.free = threading.Event()
        self.entered = threading.Event()

    def write(self, data):
        self.entered.set()
        assert self.free.wait(10)
        return super().write(data)


def test_a_stuck_disk_costs_lines_which_are_counted_and_told():
    file = Stuck()
    writer = logging.LineWriter(file, max_lines=3)
    writer.write(b'"first"')
    assert file.entered.wait(10)
    for _ in range(5):
        writer.write(b'"more"')
    assert writer.dropped == 2
    file.free.set()
    writer.close()
    written = file.getvalue().splitlines()
    assert written[:4] == [b'"first"', b'"more"', b'"more"', b'"more"']
    assert msgspec.json.decode(written[4]) == {"level": "warning", "event": "log lines dropped", "lines": 2}
    assert writer.written == 5


def test_a_disk_that_fails_is_counted():
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(28, "No space left on device")

    writer = logging.LineWriter(Full())
    writer.write(b"lost")
    writer.close()
    assert writer.dropped >= 1
    assert writer.written == 0
