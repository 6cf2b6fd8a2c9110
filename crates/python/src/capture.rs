//! What went over the wire, as Python reads it.

use cordboard_net::capture::Captured;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

type Address = (String, u16);

/// Number, Unix time, whether we sent it, transport, our address, the peer's, the message.
pub(crate) type Row<'py> = (u64, f64, bool, &'static str, Address, Address, Bound<'py, PyBytes>);

pub(crate) fn rows<'py>(py: Python<'py>, messages: &[Captured]) -> Vec<Row<'py>> {
    let host_port = |address: std::net::SocketAddr| (address.ip().to_canonical().to_string(), address.port());
    messages
        .iter()
        .map(|message| {
            let (local, remote) = (host_port(message.flow.local), host_port(message.flow.remote));
            let transport = message.flow.transport.uri_token();
            let data = PyBytes::new(py, &message.data);
            (message.number, message.at as f64 / 1e6, message.outgoing, transport, local, remote, data)
        })
        .collect()
}
