//! TCP: not yet listened on.

use std::io;
use std::net::SocketAddr;

use cordboard_sip::{Flow, Time, Transmit, Transport};
use mio::event::Event;
use mio::{Registry, Token};

use crate::config::TcpConfig;
use crate::counters::Counters;

pub(crate) struct Tcp {
    _config: TcpConfig,
}

impl Tcp {
    pub(crate) fn new(config: TcpConfig, _first: Token) -> Self {
        Self { _config: config }
    }

    pub(crate) fn listen(&mut self, _address: SocketAddr, _registry: &Registry) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn stop_listening(&mut self, _registry: &Registry) {}

    pub(crate) fn note(&mut self, _event: &Event) {}

    pub(crate) fn has_work(&self) -> bool {
        false
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        None
    }

    pub(crate) fn expire(
        &mut self,
        _now: Time,
        _registry: &Registry,
        _counters: &Counters,
        _gone: &mut Vec<(Transport, SocketAddr, u64)>,
    ) {
    }

    pub(crate) fn receive(
        &mut self,
        _now: Time,
        _registry: &Registry,
        _counters: &Counters,
        _gone: &mut Vec<(Transport, SocketAddr, u64)>,
        _pass: impl FnMut(&[u8], Flow),
    ) -> usize {
        0
    }

    pub(crate) fn send(
        &mut self,
        transmit: Transmit,
        _now: Time,
        _registry: &Registry,
        counters: &Counters,
        gone: &mut Vec<(Transport, SocketAddr, u64)>,
    ) {
        counters.tcp_no_route.one();
        gone.push((transmit.flow.transport, transmit.flow.remote, transmit.flow.connection));
    }

    pub(crate) fn flush(
        &mut self,
        _now: Time,
        _registry: &Registry,
        _counters: &Counters,
        _gone: &mut Vec<(Transport, SocketAddr, u64)>,
    ) {
    }

    pub(crate) fn is_waiting_to_send(&self) -> bool {
        false
    }
}
