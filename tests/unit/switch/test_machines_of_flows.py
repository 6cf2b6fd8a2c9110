"""The tables of transfers, of joinings and of limbs: walked, each state with each input."""

from itertools import product

import pytest

from cordboard.sip.machine import MachineError
from cordboard.switch.flows import reconnect, transfer_machine
from cordboard.switch.flows.transfer import Transfer
from cordboard.switch.services import limb

MACHINES = [
    (transfer_machine, Transfer, transfer_machine.State.NEW),
    (reconnect, reconnect.Reconnect, reconnect.State.ASKING),
    (limb, limb.Limb, limb.State.CALLING),
]
ALL = [
    pytest.param(made, module.TABLE, state, what, id=f"{made.__name__} {state.value} {what.value}")
    for module, made, _ in MACHINES
    for state, what in product(module.State, module.Input)
]
STARTS = [pytest.param(module, start, id=made.__name__) for module, made, start in MACHINES]


@pytest.mark.parametrize(("made", "table", "state", "what"), ALL)
def test_an_input_leads_where_the_table_says_or_is_an_error_that_names_both(made, table, state, what):
    machine = object.__new__(made)
    machine.state = state
    if (state, what) in table:
        assert machine._step(what) is state
        assert machine.state is table[state, what]
        return
    with pytest.raises(MachineError) as raised:
        machine._step(what)
    assert (raised.value.state, raised.value.input) == (state, what)
    assert state.value in str(raised.value)
    assert what.value in str(raised.value)
    assert machine.state is state


def reached(table, start):
    found = {start}
    while True:
        more = {after for (before, _), after in table.items() if before in found} - found
        if not more:
            return found
        found |= more


@pytest.mark.parametrize(("module", "start"), STARTS)
def test_every_state_can_be_reached_and_every_input_is_of_use(module, start):
    assert reached(module.TABLE, start) == set(module.State)
    assert {what for _, what in module.TABLE} == set(module.Input)


@pytest.mark.parametrize(("module", "start"), STARTS)
def test_every_state_comes_to_an_end(module, start):
    ends = {
        state for state in module.State if {module.TABLE.get((state, what), state) for what in module.Input} == {state}
    }
    assert ends
    assert start not in ends
    for state in module.State:
        assert reached(module.TABLE, state) & ends


def test_a_transfer_whose_target_has_not_answered_hears_of_everybody_who_leaves():
    left = {transfer_machine.Input.ANSWERED, transfer_machine.Input.FAILED, transfer_machine.Input.SURVIVOR_LEFT}
    for state in transfer_machine.PENDING:
        assert left <= {what for before, what in transfer_machine.TABLE if before is state}


@pytest.mark.parametrize("state", list(reconnect.State))
def test_a_joining_can_be_stopped_at_any_time(state):
    assert reconnect.TABLE[state, reconnect.Input.STOP] is reconnect.State.DONE


@pytest.mark.parametrize("state", list(limb.State))
def test_a_limb_can_be_closed_at_any_time(state):
    assert limb.TABLE[state, limb.Input.CLOSE] is limb.State.CLOSED
