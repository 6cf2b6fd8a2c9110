"""A server without time refuses what is new, and keeps what there is."""

import pytest

from cordboard.model import requests as rq
from cordboard.model.errors import Code
from cordboard.testkit.centre import Centre


def test_new_calls_are_refused_and_those_there_are_go_on():
    centre = Centre(("1501", "1502"), registering=True)
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502")
    centre.run(3)
    centre.switch.refuse_new(1.0)
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

    centre.switch.refuse_new(0.0)
    again = a.call("1502", hang_up_after=1)
    centre.run(5)
    assert again.events[-1] == "bye sent"
    assert centre.leftovers() == []


def test_a_part_of_new_calls_is_refused_whoever_asks_for_them():
    centre = Centre(("1501", "1502"))
    centre.switch.refuse_new(0.5)
    phone = centre.phones["1501"]
    heard = []
    for _ in range(4):
        call = phone.call("1502", hang_up_after=1)
        centre.run(5)
        heard.append(call.events[-1])
    assert heard == ["bye sent", "503"] * 2

    def ask():
        answers = centre.switch.request("link", rq.MakeCall(this_dn="1501", other_dn="1502"), 1)
        centre.run(10)
        for call in phone.calls:
            call.hang_up()
        centre.run(5)
        return [error.error_code for error in answers]

    assert [ask() for _ in range(4)] == [[], [Code.TOO_BUSY]] * 2
    assert centre.leftovers() == []


@pytest.mark.parametrize("part", [-0.1, 1.1, float("nan")])
def test_what_is_no_part_is_refused_and_changes_nothing(part):
    centre = Centre(("1501", "1502"))
    with pytest.raises(ValueError, match="no part between 0 and 1"):
        centre.switch.refuse_new(part)
    call = centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(5)
    assert call.events[-1] == "bye sent"
    assert centre.switch.thinning.part == 0.0
