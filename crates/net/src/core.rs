//! The face a SIP core shows to the driver.

use std::net::SocketAddr;

use cordboard_sip::directory::Proof;
use cordboard_sip::endpoint::{Command, Event, Fault};
use cordboard_sip::{Flow, Time, Transmit, Transport};

/// A SIP core as the engine sees it: bytes, commands and the time go in; bytes to send, events
/// and the next deadline come out.
///
/// The engine calls it from one thread only and never concurrently. After any call that may have
/// changed it, the engine takes its journal, transmits and events, in that order: what the journal
/// holds is on file before the answer that confirms it is on the wire.
pub trait Core: Send + 'static {
    /// What the core's user changes besides [`Command`]s: `set_dn`, `remove_dn` ...
    type Control: Send + 'static;

    /// One datagram, or one framed message of a stream (RFC 3261 18.3).
    fn receive(&mut self, data: &[u8], flow: Flow, now: Time);

    /// Something the user asked for.
    fn command(&mut self, command: Command, now: Time);

    /// A change of configuration.
    fn control(&mut self, control: Self::Control, now: Time);

    /// The transport could not deliver to `remote` (RFC 3261 18.4), or connection number
    /// `connection` is gone, whatever the reason; 0 where the transport has no connections.
    fn transport_failed(&mut self, transport: Transport, remote: SocketAddr, connection: u64, fault: Fault, now: Time);

    /// When [`Core::handle_timeouts`] is next due; may be early, never late.
    fn next_timeout(&self) -> Option<Time>;

    /// Fires every timer due at `now`.
    fn handle_timeouts(&mut self, now: Time);

    /// Moves what is to be sent to the end of `out`, in order.
    fn take_transmits(&mut self, out: &mut Vec<Transmit>);

    /// Moves what the user is to be told to the end of `out`, in order.
    fn take_events(&mut self, out: &mut Vec<Event>);

    /// Moves the bytes to append to the bindings journal to the end of `out`. One call's bytes are
    /// kept or lost as a whole.
    fn take_journal(&mut self, out: &mut Vec<u8>);

    /// Everything the journal has to say, in its shortest form: the file is rewritten with it.
    fn snapshot_journal(&mut self) -> Vec<u8>;

    /// Moves who has proved himself, or could not, to the end of `out`.
    fn take_proofs(&mut self, out: &mut Vec<Proof>) {
        let _ = out;
    }

    /// Whether the user is too far behind, so that new requests should be answered 503.
    fn set_overloaded(&mut self, overloaded: bool);

    /// Adds the core's own counters to `out`.
    fn counters(&self, out: &mut Vec<(&'static str, u64)>) {
        let _ = out;
    }
}
