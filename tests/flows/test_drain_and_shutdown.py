"""How the switch stops."""

from cordboard.model import requests as rq
from cordboard.model.errors import Code
from cordboard.testkit.phone import Manners


def test_a_drain_lets_calls_end_and_refuses_new_ones(centre):
    a = centre.phones["1501"]
    call = a.call("1502")
    centre.run(3)
    told = []
    centre.switch.drain(lambda: told.append("empty"))
    late = a.call("1502")
    (error,) = centre.switch.request("link", rq.MakeCall(this_dn="1501", other_dn="1502"), 1)
    centre.run(3)
    assert late.events == ["503"]
    assert error.error_code == Code.DRAINING
    assert centre.tally.refused == {503: 1}
    refused = [p for p in centre.network.packets if p.data.startswith(b"SIP/2.0 503")]
    assert b"Retry-After: 10" in refused[0].data
    assert told == []
    call.hang_up()
    centre.run(1)
    assert told == ["empty"]
    centre.switch.resume()
    again = a.call("1502", hang_up_after=1)
    centre.run(5)
    assert again.events[-1] == "bye sent"
    assert told == ["empty"]


def test_an_idle_switch_is_drained_at_once(centre):
    told = []
    centre.switch.drain(lambda: told.append("empty"))
    assert told == ["empty"]


def test_a_shutdown_ends_calls_in_every_state(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    talking = a.call("1502")
    centre.run(3)
    b.manners = Manners(answer=None)
    ringing = a.call("1502")
    centre.run(1)
    centre.switch.request("link", rq.MakeCall(this_dn="1502", other_dn="1501"), 1)
    centre.run(0.5)
    centre.switch.shut_down()
    centre.run(2)
    assert talking.events[-1] == "bye"
    assert ringing.events == ["180", "503"]
    assert [c.over for c in b.calls] == [True, True, True]
    assert sorted(r.reason for r in centre.desktop.records) == ["shutdown"] * 3
