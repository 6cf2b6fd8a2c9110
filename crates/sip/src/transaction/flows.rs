//! Which client transactions wait on a flow, so that its failure finds them at once.

use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use super::Layer;
use crate::event::TransactionId;
use crate::flow::{Flow, Transport};

/// Client transactions by transport and remote address.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    flows: FxHashMap<(Transport, SocketAddr), Vec<TransactionId>>,
}

impl Waiting {
    /// Those that wait on flows to `remote`, oldest or not.
    pub(super) fn on(&self, transport: Transport, remote: SocketAddr) -> Vec<TransactionId> {
        self.flows.get(&(transport, remote)).cloned().unwrap_or_default()
    }

    /// Adds one and tells its place.
    fn add(&mut self, flow: &Flow, id: TransactionId) -> u32 {
        let list = self.flows.entry((flow.transport, flow.remote)).or_default();
        list.push(id);
        (list.len() - 1) as u32
    }

    /// Removes the one at `place` and tells which has moved there.
    fn remove(&mut self, flow: &Flow, place: u32) -> Option<TransactionId> {
        let key = (flow.transport, flow.remote);
        let list = self.flows.get_mut(&key)?;
        let place = place as usize;
        if place < list.len() {
            list.swap_remove(place);
        }
        let moved = list.get(place).copied();
        if list.is_empty() {
            self.flows.remove(&key);
        }
        moved
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }
}

impl Layer {
    /// Puts a client transaction on the list or takes it off, as its state asks for.
    pub(super) fn follow_flow(&mut self, id: TransactionId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.waits_on_flow() {
            if client.waiting_at.is_none() {
                client.waiting_at = Some(self.waiting.add(&client.flow, id));
            }
        } else if let Some(place) = client.waiting_at.take() {
            let flow = client.flow;
            self.vacate(&flow, place);
        }
    }

    /// Takes one off the list whatever its state, so that its flow may change.
    pub(super) fn leave_flow(&mut self, id: TransactionId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if let Some(place) = client.waiting_at.take() {
            let flow = client.flow;
            self.vacate(&flow, place);
        }
    }

    /// Empties a place and tells the one that moves in.
    pub(super) fn vacate(&mut self, flow: &Flow, place: u32) {
        let moved = self.waiting.remove(flow, place);
        if let Some(client) = moved.and_then(|id| self.clients.get_mut(id)) {
            client.waiting_at = Some(place);
        }
    }
}
