"""The figures over TLS in small: every refresh and every call of their phones goes by its ladder."""

import pytest
from bench.harness import figures


@pytest.mark.parametrize(("figure", "rate"), [("register-tls", 50), ("call-tls", 10)])
def test_a_figure_over_tls(figure: str, rate: int) -> None:
    told = figures.measure(figure, rate=rate, seconds=1, runs=2)
    assert told.failed == 0
    assert told.cpu_us > 0
    assert f'"figure": "{figure}"' in told.line()
