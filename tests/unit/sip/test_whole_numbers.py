"""Numbers in texts that others wrote: nothing they may send makes reading one fail, or is read as another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordboard.config.dn_options import DnOptions, dial_plan
from cordboard.config.kinds import BadValueError
from cordboard.config.kinds.addresses import PeerList
from cordboard.sip.bodies.msml.grammar import grammar
from cordboard.sip.bodies.msml.model import MsmlError, Pattern
from cordboard.sip.numbers import whole_number
from cordboard.sip.resolver.failover import retry_after

ODD = ["²", "\u0661", "1²", "+1", "-1", "1_0", " 1", "1 ", "", "1" * 5000, "0x1", "1.0"]
"""What is no number, though ``str.isdigit`` or ``int`` takes some of it for one."""


@given(st.integers(0, 10**19))
def test_a_number_is_read(number):
    assert whole_number(str(number), number) == number
    assert whole_number(str(number), number - 1) is None


@given(st.text())
def test_nothing_fails(text):
    number = whole_number(text, 10**19)
    assert number is None or text.strip("0") == str(number).strip("0")


@pytest.mark.parametrize("text", ODD)
def test_what_is_none(text):
    assert whole_number(text, 10**19) is None


def test_none_is_none():
    assert whole_number(None, 1) is None


@pytest.mark.parametrize("text", ODD)
def test_of_a_header(text):
    assert retry_after(text) in (None, 1.0)  # blanks round a header's value are none of it
    assert retry_after(f"{text} (in maintenance)") in (None, 1.0)


@pytest.mark.parametrize("text", ["192.0.2.1:²", "192.0.2.1:\u0661"])
def test_of_a_port(text):
    with pytest.raises(BadValueError):
        PeerList().parse(text)


@pytest.mark.parametrize("number", ["²", "\u0661"])
def test_of_a_rule(number):
    options = DnOptions.parse({f"dial-plan-rule-{number}": "9=>"}, "1501")
    assert dial_plan(options) == ()
    assert options.notices("1501") != []  # and that is said


def test_of_a_range_of_keys():
    with pytest.raises(MsmlError):
        grammar(Pattern("[1-²]", "mgcp"))
