//! What comes of a request, and what the layer wants done.

use std::sync::Arc;

use crate::event::{Failure, TransactionId};
use crate::flow::Transmit;
use crate::message::Message;

/// What [`super::Layer::receive_request`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A new request. An INVITE the user leaves alone is answered 100 by the layer.
    New(TransactionId),
    /// A retransmission, the ACK of an error response, or a request whose Via cannot be read:
    /// dealt with.
    Absorbed,
    /// An ACK that belongs to no error response: give it to the dialogs.
    Ack,
    /// A CANCEL (RFC 3261 9.2); answer it without a transaction. A repeated CANCEL comes again.
    Cancel {
        /// The INVITE it matches, answered or not. `None`: answer 481.
        invite: Option<TransactionId>,
    },
    /// The same request reached us over another path (RFC 3261 8.2.2.2): answer 482 without a
    /// transaction.
    Merged,
    /// There are [`super::TimerSettings::max_transactions`] already: answer 503 without a transaction.
    Overloaded,
}

/// What the layer wants done.
#[derive(Clone, Debug)]
pub enum Output {
    /// Put this on the wire.
    Send(Transmit),
    /// A response the user must see: each provisional but 100, the final one once, and for an
    /// INVITE each further 2xx, be it another fork's or a repetition.
    Response {
        /// The request of ours.
        id: TransactionId,
        /// The response.
        message: Arc<Message>,
    },
    /// A request of ours gets no final response.
    Failed {
        /// The request.
        id: TransactionId,
        /// Why.
        failure: Failure,
    },
    /// An error response of ours to an INVITE was never acknowledged (timer H).
    Unacknowledged {
        /// The INVITE.
        id: TransactionId,
    },
    /// The transaction is gone; its number means nothing any more.
    Terminated {
        /// The transaction.
        id: TransactionId,
    },
}
