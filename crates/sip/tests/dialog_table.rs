//! The machine of a dialog, state by state (RFC 3261 section 12, 13.2.2.4, 15).

use cordboard_sip::dialog::{INPUTS, Input, STATES, State, next};

#[test]
fn every_entry_of_the_table_is_the_expected_one() {
    let moves = [
        (State::Early, Input::Provisional, State::Early),
        (State::Early, Input::Success, State::Confirmed),
        (State::Early, Input::Failure, State::Terminated),
        (State::Early, Input::Bye, State::Terminated),
        (State::Confirmed, Input::Success, State::Confirmed),
        (State::Confirmed, Input::Bye, State::Terminated),
    ];
    for state in STATES {
        for input in INPUTS {
            let wanted = moves.iter().find(|(s, i, _)| (*s, *i) == (state, input)).map(|(_, _, to)| *to);
            assert_eq!(next(state, input), wanted, "{state:?} {input:?}");
        }
    }
}

#[test]
fn every_state_can_be_left_for_the_end_and_the_end_is_left_by_nothing() {
    for state in STATES {
        let ends = INPUTS.iter().any(|input| next(state, *input) == Some(State::Terminated));
        assert_eq!(ends, state != State::Terminated, "{state:?}");
    }
}
