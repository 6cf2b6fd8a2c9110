//! What the endpoint counts.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Totals since the start; each only grows.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Each total with its name.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Bindings taken up from the journal of an earlier run.
    bindings_restored,
    /// Bytes of that journal that were no whole record.
    journal_bytes_skipped,
    /// Requests read.
    requests_received,
    /// Responses read.
    responses_received,
    /// Data that was no SIP message and could not be answered.
    garbage_dropped,
    /// Requests too broken to serve, answered 4xx or 5xx.
    malformed_answered,
    /// Responses too broken to use.
    malformed_responses_dropped,
    /// STUN Binding requests answered on the SIP port.
    stun_answered,
    /// STUN messages that were no Binding request, or a damaged one.
    stun_dropped,
    /// Keep-alives sent to phones behind a NAT.
    keep_alives_sent,
    /// Requests to a temporary GRUU that names nobody any more, answered 404.
    stale_gruus,
    /// REGISTER requests answered.
    registers,
    /// Requests challenged with 401.
    challenges,
    /// Requests refused by the directory.
    refused,
    /// Requests answered 503 for overload.
    overload_refused,
    /// Requests answered 482 for having arrived twice on different paths.
    merged,
    /// Requests answered 483.
    too_many_hops,
    /// Requests to a `sips` URI that did not come over TLS, answered 416.
    insecure_sips,
    /// Requests answered 420 for an extension we do not have.
    bad_extension,
    /// Requests for no dialog or transaction of ours, answered 481.
    no_such_dialog,
    /// Requests out of CSeq order, answered 500.
    out_of_order,
    /// ACKs for no dialog of ours, dropped.
    stray_acks,
    /// Responses for no transaction of ours, dropped.
    stray_responses,
    /// Responses of more answerers than an INVITE may have; a call any of them would begin is ended at once.
    surplus_forks,
    /// Repeats of a 2xx to INVITE sent.
    success_resent,
    /// 2xx to INVITE never acknowledged.
    success_unacknowledged,
    /// Repeats of a 2xx to INVITE acknowledged again.
    success_reacknowledged,
    /// Commands for a transaction or dialog that has gone.
    stale_commands,
    /// Repeats of a reliable provisional response sent.
    reliable_resent,
    /// Reliable provisional responses whose PRACK never came.
    reliable_unacknowledged,
    /// Reliable provisional responses heard again, dropped.
    reliable_repeated,
    /// Reliable provisional responses heard before one that must come first, dropped.
    reliable_out_of_order,
    /// PRACKs for no response of ours that waits for one, answered 481.
    pracks_unmatched,
    /// Requests sent by TCP for their size.
    sent_by_tcp_for_size,
    /// Requests of ours sent again with credentials.
    authenticated,
    /// Challenges we have no credentials or no algorithm for.
    challenges_unmet,
    /// Credentials of ours that were not accepted.
    credentials_refused,
}
