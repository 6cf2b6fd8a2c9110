//! The SIP endpoint under the engine.

use std::net::SocketAddr;

use cordboard_sip::directory::Proof;
use cordboard_sip::endpoint::{Command, Control, Endpoint, Event, Fault};
use cordboard_sip::{Flow, Time, Transmit, Transport};

use crate::core::Core;

impl Core for Endpoint {
    type Control = Control;

    fn receive(&mut self, data: &[u8], flow: Flow, now: Time) {
        Self::receive(self, data, flow, now);
    }

    fn command(&mut self, command: Command, now: Time) {
        Self::command(self, command, now);
    }

    fn control(&mut self, control: Control, _now: Time) {
        Self::control(self, control);
    }

    fn transport_failed(&mut self, transport: Transport, remote: SocketAddr, connection: u64, fault: Fault, now: Time) {
        Self::transport_failed(self, transport, remote, connection, fault, now);
    }

    fn next_timeout(&self) -> Option<Time> {
        Self::next_timeout(self)
    }

    fn handle_timeouts(&mut self, now: Time) {
        Self::handle_timeouts(self, now);
    }

    fn take_transmits(&mut self, out: &mut Vec<Transmit>) {
        Self::take_transmits(self, out);
    }

    fn take_events(&mut self, out: &mut Vec<Event>) {
        Self::take_events(self, out);
    }

    fn take_journal(&mut self, out: &mut Vec<u8>) {
        Self::take_journal(self, out);
    }

    fn snapshot_journal(&mut self) -> Vec<u8> {
        Self::snapshot_bindings(self)
    }

    fn take_proofs(&mut self, out: &mut Vec<Proof>) {
        self.directory.take_proofs(out);
    }

    fn set_overloaded(&mut self, overloaded: bool) {
        Self::set_overloaded(self, overloaded);
    }

    fn counters(&self, out: &mut Vec<(&'static str, u64)>) {
        out.extend(self.all_counters());
    }
}
