"""A server without time refuses what is new, and keeps what there is."""

from cordboard.model import requests as rq
from cordboard.model.errors import Code
from cordboard.testkit.centre import Centre


def test_new_calls_are_refused_and_those_there_are_go_on():
    centre = Centre(("1501", "1502"), registering=True)
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502")
    centre.run(3)
    centre.switch.refuse_new(True)
    late = a.call("1502")
    (error,) = centre.switch.request("link", rq.MakeCall(this_dn="1501", other_dn="1502"), 1)
    centre.run(3)
    assert late.events == ["503"]
    assert error.error_code == Code.TOO_BUSY
    (refused,) = {p.data for p in centre.network.packets if p.data.startswith(b"SIP/2.0 503")}
    assert b"Retry-After: 10" in refused
    assert len(centre.switch.calls) == 1

    call.hold()
    centre.run(1)
    call.retrieve()
    centre.run(1)
    assert "Held" in centre.desktop.told("1501")
    assert "Retrieved" in centre.desktop.told("1501")
    b.register()
    centre.run(1)
    assert [p.data[:11] for p in centre.network.packets if b"REGISTER" in p.data][-1] == b"SIP/2.0 200"
    call.hang_up()
    centre.run(2)
    assert "Released" in centre.desktop.told("1502")

    centre.switch.refuse_new(False)
    again = a.call("1502", hang_up_after=1)
    centre.run(5)
    assert again.events[-1] == "bye sent"
    assert centre.leftovers() == []
