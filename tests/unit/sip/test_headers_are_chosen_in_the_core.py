"""What the core chooses of a message's headers: those of some names, and the values of lists; and what a body is."""

import pytest

from cordboard._core import HeaderNames, Message
from cordboard.switch.headers import MAX_PASSED, end_to_end

HEAD = (
    "INVITE sip:1502@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nf: <sip:1501@h>;tag=1\r\nt: <sip:1502@h>\r\n"
    "i: c\r\nCSeq: 1 INVITE\r\n"
)


def message(*lines):
    return Message.parse((HEAD + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode())


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Subject: Lunch", ("Subject", "Lunch")),
        ("SUBJECT: Lunch", ("Subject", "Lunch")),
        ("s: Lunch", ("Subject", "Lunch")),
        ("Subject: at\r\n noon", ("Subject", "at noon")),
        ("Mood-Of-Ours: fine, thanks", ("Mood-of-Ours", "fine, thanks")),
        ("x-anything: 1", ("x-anything", "1")),
        ("X-: 2", ("X-", "2")),
    ],
)
def test_a_header_is_found_under_the_name_it_was_asked_for_by(line, found):
    names = HeaderNames(["Subject", "Mood-of-Ours"], prefix="X-")
    assert message(line, "Organization: Us", "X: 3", "Xy: 4").select(names) == [found]


def test_they_keep_their_order_and_without_a_prefix_only_those_listed_are_found():
    told = message("Subject: one", "X-A: two", "Priority: three", "Subject: four")
    assert told.select(HeaderNames(["Priority", "Subject"])) == [
        ("Subject", "one"),
        ("Priority", "three"),
        ("Subject", "four"),
    ]
    assert told.select(HeaderNames([])) == []


@pytest.mark.parametrize(
    "line",
    ["Supported: timer", "k: timer", "Supported: path, TIMER", "Supported: path\r\nSupported: timer", "Require: timer"],
)
def test_a_list_names_its_values(line):
    assert message(line).supports("timer")


@pytest.mark.parametrize("line", ["Supported: timers", "Supported: no-timer", "Subject: timer"])
def test_and_nothing_else(line):
    assert not message(line).supports("timer")


@pytest.mark.parametrize(
    ("line", "body", "content"),
    [
        ("Subject: none", "", (b"", "application/sdp")),
        ("Content-Type: text/plain", "", (b"", "application/sdp")),
        ("Content-Type: application/sdp", "v=0", (b"v=0", "application/sdp")),
        ("c: text/plain;\r\n charset=utf-8", "hello", (b"hello", "text/plain; charset=utf-8")),
        ("Subject: some", "hello", (b"hello", "application/octet-stream")),
        ("Content-Type:", "hello", (b"hello", "application/octet-stream")),
    ],
)
def test_a_body_comes_with_what_it_is(line, body, content):
    told = Message.parse(f"{HEAD}{line}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    assert told.content == content
    assert told.body == content[0]


def test_what_passes_from_leg_to_leg():
    passed = end_to_end(
        message("s: Lunch", 'Warning: 399 10.0.0.7 "Busy, very"', "Warning: what", "In-Reply-To: c", "X-Tag: 7")
    )
    assert passed == [("Subject", "Lunch"), ("Warning", '399 cordboard "Busy, very"'), ("X-Tag", "7")]
    assert len(end_to_end(message(*(f"X-{number}: 1" for number in range(MAX_PASSED + 5))))) == MAX_PASSED
