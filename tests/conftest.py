"""For all tests: a test that needs a stranger's program says so, and is skipped where the program is missing.

In continuous integration nothing may be missing: there such a test fails.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

from cordboard.testkit.strangers.program import MissingProgramError, find

# How fast the machine is says nothing about the code: no test may fail because something else ran beside it.
settings.register_profile("cordboard", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("cordboard")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("strangers"):
        for program in marker.args:
            try:
                find(program)
            except MissingProgramError as missing:
                if os.environ.get("CI"):
                    pytest.fail(str(missing), pytrace=False)
                pytest.skip(str(missing))
