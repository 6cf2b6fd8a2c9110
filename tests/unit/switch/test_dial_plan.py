"""Dial plan rules: what matches, what comes out, and what cannot be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordboard.switch.trunks.dial_plan import Dialled, DialPlan, Rule, RuleError, compiled


@pytest.mark.parametrize(
    ("rule", "number", "found"),
    [
        ("9XXX => ${DIGITS:1}", "9123", "123"),
        ("9XXX => ${DIGITS:1}", "91234", None),
        ("9XXX => ${DIGITS:1}", "912a", None),
        ("00Z. => +${DIGITS:2}", "0049", "+49"),
        ("00Z. => +${DIGITS:2}", "0009", None),
        ("00Z. => +${DIGITS:2}", "004", None),
        ("N! => 1${DIGITS}", "2", "12"),
        ("N! => 1${DIGITS}", "1", None),
        ("[2-46]XX => 8${DIGITS:-2}", "611", "811"),
        ("[2-46]XX => 8${DIGITS:-2}", "511", None),
        ("X. => ${DIGITS:1:2}", "12345", "23"),
        ("*21* => 7", "*21*", "7"),
        ("100 => 1501", "100", "1501"),
    ],
)
def test_rule(rule, number, found):
    dialled = Rule(rule).apply(number)
    assert (dialled.number if dialled is not None else None) == found


def test_values_behind_the_digits():
    assert Rule("9. => ${DIGITS:1}; clir=true; trunk=a, b").apply("91") == Dialled("1", True, ("a", "b"))


def test_the_first_rule_that_matches_counts():
    plan = DialPlan()
    plan.take("rules", compiled(["91X => 1", "9. => 2"]))
    assert [plan.apply(number).number for number in ("911", "92", "8")] == ["1", "2", "8"]


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "9X",
        "=> 1",
        "9X =>",
        "9X => $x",
        "9X => ${DIGIT}",
        "9.X => 1",
        "[9 => 1",
        "[] => 1",
        "[9-2] => 1",
        "[a] => 1",
        "9X => 1; what=ever",
    ],
)
def test_what_cannot_be_read_says_why(rule):
    with pytest.raises(RuleError) as caught:
        Rule(rule)
    assert caught.value.reason


@given(st.text(max_size=40), st.text(max_size=80))
def test_no_rule_and_no_number_breaks_it(rule, number):
    try:
        plan = DialPlan()
        plan.take("rules", compiled([rule]))
    except RuleError:
        return
    assert isinstance(plan.apply(number).number, str)
