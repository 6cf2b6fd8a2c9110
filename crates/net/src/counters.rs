//! Everything the driver received, sent and dropped, by reason.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number that only the driver changes and anybody may read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        if count > 0 {
            self.0.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The driver's counters.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($(#[$doc])* pub(crate) $name: Counter,)*
        }

        impl Counters {
            /// All names and values, in the order of declaration.
            pub(crate) fn snapshot(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get()),)*]
            }
        }
    };
}

counters! {
    /// Datagrams handed to the core.
    udp_received,
    /// Datagrams sent.
    udp_sent,
    /// Datagrams of CR, LF and NUL only, with which phones keep a NAT open.
    udp_keepalives,
    /// Datagrams longer than the buffer, dropped.
    udp_truncated,
    /// Datagrams dropped because too many waited for the socket.
    udp_send_overflow,
    /// Datagrams the socket would not take.
    udp_send_failed,
    /// Times the socket's send buffer was full.
    udp_send_blocked,
    /// Messages for which no socket of that address family listens.
    udp_no_socket,
    /// ICMP errors that mean a destination cannot be reached.
    udp_icmp_errors,
    /// Reads of a UDP socket that failed.
    udp_receive_failed,
    /// The receive buffer the kernel granted, in bytes, of the smallest socket.
    udp_receive_buffer,
    /// Connections open now.
    tcp_connections,
    /// Connections accepted.
    tcp_accepted,
    /// Connections refused: as many as may be are open.
    tcp_refused_total,
    /// Connections refused: as many as may be are open from that source.
    tcp_refused_source,
    /// Accepts that failed, for want of descriptors as a rule.
    tcp_accept_failed,
    /// Connections opened by us.
    tcp_connected,
    /// Connections we could not open.
    tcp_connect_failed,
    /// Messages for which no connection could be begun.
    tcp_no_route,
    /// Messages handed to the core.
    tcp_received,
    /// Messages written in full.
    tcp_sent,
    /// Keep-alive pings answered (RFC 5626 4.4.1).
    tcp_pings,
    /// Connections closed because of bytes that are no SIP.
    tcp_garbage,
    /// Connections closed because a message was too large.
    tcp_too_large,
    /// Connections closed because a message did not end in time, or none ever came.
    tcp_too_slow,
    /// Connections closed because their peer does not read.
    tcp_slow_readers,
    /// Connections closed after a long silence.
    tcp_idle,
    /// Connections the peer closed.
    tcp_peer_closed,
    /// Connections that broke.
    tcp_broken,
    /// TLS handshakes done, in either direction.
    tls_handshakes,
    /// Those of them that resumed an earlier session.
    tls_resumed,
    /// TLS handshakes under way now.
    tls_handshaking,
    /// Connections refused: as many handshakes as may be are under way.
    tls_refused_total,
    /// Connections closed because what came is no TLS, or not at that place.
    tls_garbage,
    /// Connections closed because of a record or handshake message larger than TLS allows.
    tls_oversized,
    /// Handshakes that found no version, cipher or signature in common.
    tls_incompatible,
    /// Connections the peer ended by an alert: it does not accept our certificate, as a rule.
    tls_refused_by_peer,
    /// Handshakes with a peer that has no certificate where one is required.
    tls_no_certificate,
    /// Handshakes with a peer whose certificate is valid no longer, or not yet.
    tls_certificate_expired,
    /// Handshakes with a peer whose certificate nobody we believe has signed.
    tls_certificate_untrusted,
    /// Handshakes with a peer whose certificate is for another name (RFC 5922).
    tls_certificate_wrong_name,
    /// Handshakes with a peer whose certificate has another fault.
    tls_certificate_bad,
    /// Connections closed because the peer wanted to negotiate anew (RFC 5746).
    tls_renegotiation,
    /// Handshakes that took too long.
    tls_handshake_too_slow,
    /// Handshakes the peer left.
    tls_handshake_left,
    /// Times the certificates were exchanged while running.
    tls_reloads,
    /// Times they could not be, and the old ones stayed.
    tls_reloads_failed,
    /// Messages dropped: their source sends more than it may.
    guard_limited,
    /// Messages dropped: their source is banned.
    guard_banned,
    /// Connections refused: their source is banned.
    guard_refused,
    /// Bans.
    guard_bans,
    /// Messages of sources beyond those that can be remembered; they are read.
    guard_untracked,
    /// Messages lost with their connection.
    tcp_send_lost,
    /// Commands executed.
    commands,
    /// Events queued for the user.
    events,
    /// Times the event queue rose above its limit.
    overloads,
    /// Turns of the loop.
    turns,
    /// Bytes written to the journal.
    journal_written,
    /// Bytes the journal could not take.
    journal_lost,
    /// Times the journal was rewritten.
    journal_rewritten,
    /// Bytes found damaged at the end of the journal at the start.
    journal_damaged,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_names_every_counter_once() {
        let counters = Counters::default();
        counters.udp_received.add(3);
        counters.tcp_connections.set(0);
        let snapshot = counters.snapshot();
        assert!(snapshot.contains(&("udp_received", 3)));
        assert!(snapshot.contains(&("tcp_connections", 0)));
        let mut names: Vec<_> = snapshot.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), snapshot.len());
    }
}
