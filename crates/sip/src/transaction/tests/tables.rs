//! Walks the tables: every state can be reached and left for good, within a bound, no entry and no
//! timer is dead.

use super::*;

/// Checks one machine.
macro_rules! walk_table {
    ($name:ident, $machine:ident, $start:ident, $common:path) => {
        #[test]
        fn $name() {
            use crate::transaction::$machine::{Input, State, input, table, timers};
            let next = |state: State| Input::ALL.iter().filter_map(move |i| table(state, *i).map(|(_, next)| next));
            let reach = |from: State| {
                let mut seen = vec![from];
                let mut at = 0;
                while at < seen.len() {
                    for state in next(seen[at]) {
                        if !seen.contains(&state) {
                            seen.push(state);
                        }
                    }
                    at += 1;
                }
                seen
            };
            let reached = reach(State::$start);
            for state in State::ALL {
                assert!(reached.contains(state), "{state:?} cannot be reached");
                assert!(reach(*state).contains(&State::Terminated), "{state:?} never ends");
                if *state == State::Terminated {
                    assert_eq!(next(*state).count(), 0, "the end has a way out");
                    assert!(timers(*state).is_empty(), "a timer outlives the transaction");
                    continue;
                }
                let together = timers(*state).iter().filter(|timer| **timer != Timer::Patience).count();
                assert!(together <= 2, "{state:?} has more timers than there is room for");
                let fired = |timer: &Timer| {
                    let input = input($common(*timer)).expect("the machine knows its timer");
                    table(*state, input).unwrap_or_else(|| panic!("{timer:?} in {state:?} has no entry")).1
                };
                // The states stand in the order of life, the end last, so what only goes on by its timers ends.
                let after: Vec<_> = timers(*state).iter().map(|timer| fired(timer) as usize).collect();
                assert!(after.iter().any(|next| *next > *state as usize), "nothing bounds {state:?}");
                assert!(after.iter().all(|next| *next >= *state as usize), "a timer leads {state:?} back");
            }
            for wanted in Input::ALL {
                let used = State::ALL.iter().any(|state| table(*state, *wanted).is_some());
                assert!(used, "{wanted:?} has no entry at all");
            }
            for timer in ALL_TIMERS {
                let Some(wanted) = input($common(timer)) else {
                    assert!(State::ALL.iter().all(|s| !timers(*s).contains(&timer)), "{timer:?} has no input");
                    continue;
                };
                for state in State::ALL {
                    let has_entry = table(*state, wanted).is_some();
                    assert_eq!(has_entry, timers(*state).contains(&timer), "{timer:?} in {state:?}");
                }
            }
        }
    };
}

const ALL_TIMERS: [Timer; 16] = [
    Timer::A,
    Timer::B,
    Timer::C,
    Timer::D,
    Timer::E,
    Timer::F,
    Timer::G,
    Timer::H,
    Timer::I,
    Timer::J,
    Timer::K,
    Timer::L,
    Timer::M,
    Timer::Trying,
    Timer::Patience,
    Timer::Unanswered,
];

walk_table!(the_invite_client_table_is_whole, invite_client, Calling, client::Input::Timer);
walk_table!(the_non_invite_client_table_is_whole, non_invite_client, Trying, client::Input::Timer);
walk_table!(the_invite_server_table_is_whole, invite_server, Received, server::Input::Timer);
walk_table!(the_non_invite_server_table_is_whole, non_invite_server, Trying, server::Input::Timer);

#[test]
fn a_lingering_transaction_is_small() {
    let sizes = (size_of::<server::Server>(), size_of::<client::Client>());
    assert!(sizes.0 <= 272 && sizes.1 <= 256, "{sizes:?}");
}
