"""A virtual centre for each test, which must end with nothing left over."""

import pytest

from cordboard.testkit.centre import Centre


@pytest.fixture
def centre():
    made = Centre()
    yield made
    made.run(100)  # longer than every timer of SIP
    assert made.leftovers() == []
