//! The core on a virtual network: no sockets, no clock, repeatable identifiers.

use std::net::SocketAddr;

use cordboard_sip::endpoint::{Command, Control, Endpoint, Event, Fault, Numbers, Settings};
use cordboard_sip::ids::SeededIds;
use cordboard_sip::{Flow, Routes, Time, Transmit, Transport};

/// The wall clock of a virtual network starts on this day: 1 January 2026, in microseconds.
const EPOCH: u64 = 1_767_225_600_000_000;

struct VirtualRoutes(Vec<(Transport, SocketAddr)>);

impl Routes for VirtualRoutes {
    fn local(&self, transport: Transport, remote: SocketAddr) -> Option<SocketAddr> {
        self.0.iter().find(|(t, a)| *t == transport && a.is_ipv4() == remote.is_ipv4()).map(|(_, a)| *a)
    }
}

pub(crate) struct VirtualCore {
    endpoint: Endpoint,
    now: Time,
}

impl VirtualCore {
    pub(crate) fn new(local: Vec<(Transport, SocketAddr)>, settings: Settings, seed: u64) -> Self {
        let routes = Box::new(VirtualRoutes(local));
        let endpoint = Endpoint::new(settings, routes, Box::new(SeededIds::new(seed)), Time(0), EPOCH);
        Self { endpoint, now: Time(0) }
    }

    pub(crate) fn numbers(&self) -> Numbers {
        self.endpoint.numbers()
    }

    pub(crate) fn receive(&mut self, data: &[u8], flow: Flow, now: Time) {
        self.now = now;
        self.endpoint.receive(data, flow, now);
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.endpoint.command(command, self.now);
    }

    pub(crate) fn control(&mut self, control: Control) {
        self.endpoint.control(control);
    }

    pub(crate) fn transport_failed(&mut self, transport: Transport, remote: SocketAddr, now: Time) {
        let fault = if transport == Transport::Udp { Fault::Unreachable } else { Fault::NotConnected };
        self.now = now;
        self.endpoint.transport_failed(transport, remote, 0, fault, now);
    }

    pub(crate) fn advance(&mut self, now: Time) {
        self.now = now;
        self.endpoint.handle_timeouts(now);
    }

    pub(crate) fn next_timeout(&self) -> Option<Time> {
        self.endpoint.next_timeout()
    }

    pub(crate) fn transmits(&mut self) -> Vec<Transmit> {
        let mut out = Vec::new();
        self.endpoint.take_transmits(&mut out);
        out
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        let mut out = Vec::new();
        self.endpoint.take_events(&mut out);
        out
    }

    pub(crate) fn counters(&self) -> Vec<(&'static str, u64)> {
        self.endpoint.all_counters()
    }
}
