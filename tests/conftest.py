"""For all tests: a test that needs a stranger's program says so, and is skipped where the program is missing.

In continuous integration nothing may be missing: there such a test fails.
"""

import os
import shutil

import pytest

from cordboard.testkit.strangers.program import MissingProgramError


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("strangers"):
        for program in marker.args:
            if shutil.which(program) is None:
                missing = MissingProgramError(program)
                if os.environ.get("CI"):
                    pytest.fail(str(missing), pytrace=False)
                pytest.skip(str(missing))
