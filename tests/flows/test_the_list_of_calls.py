"""The list of what a call can do (calls.md) names tests that are there."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LINES = [line for line in (HERE / "calls.md").read_text().splitlines() if "`test_" in line and "::" in line]
NAMED = sorted({name for line in LINES for name in re.findall(r"`(test_\w+\.py)::(test_\w+)`", line)})


def test_it_is_not_empty():
    assert len(LINES) > 40


@pytest.mark.parametrize("line", LINES)
def test_each_line_names_a_test(line):
    assert re.search(r"`test_\w+\.py::test_\w+`", line), line


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_test_is_there(file, name):
    assert re.search(rf"^def {name}\(", (HERE / file).read_text(), re.MULTILINE)
