"""The tables of registrations and tests of devices are whole, and lead nowhere else."""

import pytest

from cordboard.switch.trunks import monitor, registration


def test_every_test_of_a_device_leads_somewhere_from_everywhere():
    assert set(monitor.TABLE) == {(state, what) for state in monitor.State for what in monitor.Input}
    assert {monitor.TABLE[state, monitor.Input.ANSWER] for state in monitor.State} == {monitor.State.UP}
    assert {monitor.TABLE[state, monitor.Input.DEAD] for state in monitor.State} == {monitor.State.DOWN}


def test_every_registration_can_be_ended_and_comes_to_rest():
    for state in registration.State:
        seen = {registration.TABLE[state, registration.Input.END]}
        for what in (registration.Input.ACCEPTED, registration.Input.REFUSED, registration.Input.SILENT):
            if registration.State.LEAVING in seen:
                assert registration.TABLE[registration.State.LEAVING, what] is registration.State.IDLE


@pytest.mark.parametrize("state", list(registration.State))
def test_every_state_can_be_reached_and_left(state):
    assert state in registration.TABLE.values()
    assert any(before is state and after is not state for (before, _), after in registration.TABLE.items())
