//! Transactions (RFC 3261 section 17, RFC 6026): the four machines, and the layer that finds the
//! machine a message belongs to.
//!
//! The layer absorbs retransmissions in both directions, sends its own, answers an INVITE 100
//! where its user does not soon, acknowledges error responses, and names requests that are merged (8.2.2.2) or cancelled
//! (9.2). What to do with a request, the retransmission of a 2xx and its ACK are the business of
//! the endpoint above.
//!
//! A transaction keeps its request until the final response and after that only what it needs to
//! recognise and answer retransmissions, as most transactions spend most of their life waiting
//! for those.

mod build;
mod client;
mod clients;
mod counters;
mod flows;
mod invite_client;
mod invite_server;
mod matching;
mod non_invite_client;
mod non_invite_server;
mod output;
mod queries;
mod server;
mod servers;
mod step;
mod table;
#[cfg(test)]
mod tests;
mod timing;
mod via;

use std::collections::VecDeque;

pub use self::counters::Counters;
pub use self::output::{Inbound, Output};
pub use self::queries::Place;
pub use self::servers::Reply;
pub use crate::event::{Failure, Fault, TransactionId};
pub use step::ProtocolError;
pub use timing::TimerSettings;
pub use via::reply_flow;

use self::client::Client;
use self::flows::Waiting;
use self::server::Server;
use self::table::Table;
use self::timing::Timer;
use crate::roomy::Roomy;
use crate::time::Time;
use crate::timers::Timers;

/// All transactions of one endpoint.
#[derive(Debug)]
pub struct Layer {
    settings: TimerSettings,
    timers: Timers<(TransactionId, Timer)>,
    clients: Table<Client>,
    waiting: Waiting,
    servers: Table<Server>,
    /// The keys of those that a request may not be merged with (RFC 3261 8.2.2.2).
    merges: Roomy<u128, ()>,
    /// Non-INVITE servers in COMPLETED, oldest first; some may be gone.
    answered: VecDeque<TransactionId>,
    counters: Counters,
    last_protocol_error: Option<ProtocolError>,
}

impl Layer {
    /// A layer without transactions.
    #[must_use]
    pub fn new(settings: TimerSettings) -> Self {
        Self {
            settings: settings.sane(),
            timers: Timers::new(),
            clients: Table::default(),
            waiting: Waiting::default(),
            servers: Table::default(),
            merges: Roomy::default(),
            answered: VecDeque::new(),
            counters: Counters::default(),
            last_protocol_error: None,
        }
    }

    /// When [`Layer::handle_timeouts`] should be called: not later than the next timer.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Does what is due.
    pub fn handle_timeouts(&mut self, now: Time, out: &mut Vec<Output>) {
        while let Some((id, timer)) = self.timers.pop_due(now) {
            match timer {
                Timer::A | Timer::B | Timer::D | Timer::E | Timer::F | Timer::K | Timer::M | Timer::Patience => {
                    self.step_client(id, client::Input::Timer(timer), None, now, out);
                }
                Timer::Trying | Timer::G | Timer::H | Timer::I | Timer::J | Timer::L | Timer::Unanswered => {
                    self.step_server(id, server::Input::Timer(timer), None, now, out);
                }
                Timer::C if self.clients.contains(id) => {
                    self.step_client(id, client::Input::Timer(timer), None, now, out);
                }
                Timer::C => self.step_server(id, server::Input::Timer(timer), None, now, out),
            }
        }
    }

    /// How many transactions live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Whether no transaction lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The last input that a machine had no entry for.
    #[must_use]
    pub fn last_protocol_error(&self) -> Option<ProtocolError> {
        self.last_protocol_error
    }
}
