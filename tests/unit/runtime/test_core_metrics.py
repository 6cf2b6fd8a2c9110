from cordboard.runtime import core_metrics
from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners


def test_what_a_core_tells_of_the_moment_is_told_apart_from_what_only_grows():
    """Whatever falls at any time is of the moment; what is said to be so, and was ever there, falls."""
    centre = Centre(("1501", "1502"), registering=True)
    centre.phones["1502"].choose = lambda _: Manners(ring=0.3, answer=1.0)
    counters = centre.switch.dispatcher.endpoint.counters
    before, fallen, seen = counters(), set(), set()
    for _ in range(2):
        call = centre.phones["1501"].call("1502")
        for second in range(400):
            if second == 30:
                call.hang_up()
            centre.run(0.1)
            now = counters()
            fallen |= {name for name, value in now.items() if value < before.get(name, 0)}
            seen |= {name for name, value in now.items() if value}
            before = now
    assert fallen == core_metrics.GAUGES & seen
    assert {"dialogs", "transactions", "server_transactions", "invite_client_transactions"} <= fallen
