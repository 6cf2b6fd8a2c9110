//! What the core tells its user, and what the user asks of the core.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::flow::{Flow, Transport};
use crate::message::{Message, Method};

/// Names a transaction, server or client, for as long as it matters. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(pub u64);

/// Names a dialog, early or confirmed. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogId(pub u64);

/// Why a client transaction ended without a final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Timer B, C or F: nobody answered (treat as 408, RFC 3261 8.1.3.1).
    Timeout,
    /// The transport could not deliver (treat as 503, RFC 3261 8.1.3.1).
    Transport(Fault),
}

/// Why a transport could not deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Nothing of ours leads there.
    NoRoute,
    /// ICMP says that nobody is there.
    Unreachable,
    /// No connection could be made.
    NotConnected,
    /// The connection ended.
    ConnectionLost,
    /// The dialog was over before the answer came.
    DialogOver,
    /// The handshake of TLS failed; the driver says how.
    Tls(&'static str),
}

impl Fault {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NoRoute => "no route",
            Self::Unreachable => "unreachable",
            Self::NotConnected => "connection refused",
            Self::ConnectionLost => "connection lost",
            Self::DialogOver => "call over",
            Self::Tls(words) => words,
        }
    }
}

/// What happened to the bindings of a DN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindingChange {
    /// The DN had no binding and has one now.
    Appeared,
    /// The set of contacts, an address of theirs or a q changed; a mere refresh is not told.
    Moved,
    /// The last binding expired or was removed.
    Gone,
}

/// Where a registered phone can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The Contact URI as registered.
    pub uri: String,
    /// The flow the REGISTER came over: requests to a NATed or connected phone go back on it.
    pub flow: Flow,
    /// Preference, 0 to 1000 (q of RFC 3261 20.10 times 1000).
    pub q: u16,
    /// The Path of the registration (RFC 3327), outermost first; empty for none.
    pub path: Vec<String>,
    /// The phone's User-Agent, for people to read.
    pub user_agent: String,
    /// Which device it is: its `+sip.instance` without the quotes (RFC 5626); empty if it gave none.
    pub instance: String,
    /// Which of the flows of that device it is; 0 for one registered without `reg-id`.
    pub reg_id: u32,
    /// Whether a NAT hides the Contact, so that the phone is reached where it was heard.
    pub nat: bool,
}

/// One device of a DN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The DN.
    pub dn: Arc<str>,
    /// The device's `+sip.instance` without the quotes.
    pub instance: Box<str>,
}

/// What the core tells its user. Whole messages; never a header, never a retransmission.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new request, outside or inside a dialog; never ACK, CANCEL or REGISTER. The user
    /// owes it a final response; an INVITE it leaves alone is answered 100 meanwhile.
    Request {
        /// To answer it.
        transaction: TransactionId,
        /// The dialog it belongs to; for an initial INVITE the one that a response will create.
        dialog: Option<DialogId>,
        /// Whether it arrived within an existing dialog.
        in_dialog: bool,
        /// The request.
        message: Arc<Message>,
        /// Where it came from.
        flow: Flow,
        /// The DN the directory admitted it as (by digest, by address or by its From); in a dialog
        /// `None`, the dialog itself is the proof.
        dn: Option<Arc<str>>,
        /// The dialog of ours that the Replaces of an INVITE (RFC 3891) or of a REFER's Refer-To
        /// names, even if it has just ended; `None` for one that names none, or none of ours.
        replaces: Option<DialogId>,
        /// The device that the Request-URI names, where that is a GRUU of ours (RFC 5627).
        gruu: Option<Device>,
    },
    /// The ACK for a 2xx arrived (RFC 3261 13.3.1.4).
    Ack {
        /// The dialog.
        dialog: DialogId,
        /// The ACK; may carry an answer.
        message: Arc<Message>,
    },
    /// A CANCEL took effect: the core answered it 200 and the INVITE 487.
    Cancelled {
        /// The cancelled INVITE.
        transaction: TransactionId,
        /// The dialog it would have made.
        dialog: DialogId,
        /// The CANCEL; may carry Reason (RFC 3326).
        message: Arc<Message>,
    },
    /// A response to a request of ours; never 100. For an INVITE, each fork has its own dialog
    /// and each 2xx comes once; the core acknowledges 3xx to 6xx, the user 2xx. A provisional response
    /// that is reliable (it has `Require: 100rel` and RSeq) comes once and in order; the user owes it a PRACK.
    Response {
        /// The request it answers.
        transaction: TransactionId,
        /// The dialog it belongs to or has made; `None` for a response that makes none.
        dialog: Option<DialogId>,
        /// The response.
        message: Arc<Message>,
    },
    /// A request of ours got no final response.
    Failed {
        /// The request.
        transaction: TransactionId,
        /// Its dialog, if it was sent within one.
        dialog: Option<DialogId>,
        /// Its Call-ID; empty for one that could not even be made.
        call_id: Box<str>,
        /// Why.
        failure: Failure,
    },
    /// A 2xx of ours was never acknowledged in 64*T1; the user should send BYE (RFC 3261
    /// 13.3.1.4).
    NoAck {
        /// The dialog.
        dialog: DialogId,
    },
    /// A reliable provisional response of ours got no PRACK in 64*T1. The user still owes the INVITE
    /// its final response, which should be a 5xx (RFC 3262 section 3).
    NoPrack {
        /// The INVITE.
        transaction: TransactionId,
        /// Its dialog.
        dialog: DialogId,
        /// The INVITE itself.
        message: Arc<Message>,
    },
    /// The bindings of a DN changed.
    Binding {
        /// The DN.
        dn: Arc<str>,
        /// What changed.
        change: BindingChange,
        /// All locations now, best first.
        locations: Vec<Location>,
    },
}

/// Where a request outside a dialog goes: the address behind its URI, found by the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The transport. UDP gives way to TCP by itself for large requests (RFC 3261 18.1.1).
    pub transport: Transport,
    /// The address.
    pub remote: SocketAddr,
    /// A connection to prefer (the flow of a registration); 0 for any.
    pub connection: u64,
}

/// A header of a request or response the user makes.
pub type HeaderLine = (String, String);

/// A body and its Content-Type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// `application/sdp` ...; ignored when there are no bytes.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What the user asks of the core. The core adds Via, From, To, Call-ID, CSeq, Max-Forwards,
/// Route, Contact, Content-Length and User-Agent/Server; `headers` are all others.
#[derive(Clone, Debug)]
pub enum Command {
    /// Answers a request. A 101-299 to an initial INVITE creates or confirms its dialog.
    ///
    /// A 2xx waits by itself for the PRACK of a reliable response that carries a body; from then on no
    /// further response is taken.
    Respond {
        /// The request.
        transaction: TransactionId,
        /// 101 to 699.
        status: u16,
        /// A phrase other than the RFC's.
        reason: Option<String>,
        /// Further headers.
        headers: Vec<HeaderLine>,
        /// The body.
        body: Body,
        /// Of a provisional response to an INVITE: repeat it until PRACK comes, where the caller
        /// supports that (RFC 3262). Where the caller requires it, it is done whatever is said here.
        reliable: bool,
    },
    /// Sends a request outside any dialog: an INVITE, which may make dialogs, or another.
    Send {
        /// The number the user gave it (from [`crate::endpoint::Numbers`]).
        transaction: TransactionId,
        /// The method.
        method: Method,
        /// The Request-URI.
        uri: String,
        /// From without a tag: `"1501" <sip:1501@host>`.
        from: String,
        /// To.
        to: String,
        /// Where to send it.
        destination: Destination,
        /// The user part of our Contact; empty for none.
        contact_user: String,
        /// Further headers.
        headers: Vec<HeaderLine>,
        /// The body.
        body: Body,
        /// Of an INVITE: how long to wait for any response, be it 100, before it has failed with
        /// [`Failure::Timeout`]; zero for timer B. A peer that wakes up after that is cancelled; its 2xx still arrives
        /// as [`Event::Response`].
        patience: Duration,
    },
    /// Sends a request within a dialog: re-INVITE, BYE, INFO ... A PRACK without RAck is given that of the
    /// latest reliable response.
    SendInDialog {
        /// The number the user gave it.
        transaction: TransactionId,
        /// The dialog.
        dialog: DialogId,
        /// The method.
        method: Method,
        /// Further headers.
        headers: Vec<HeaderLine>,
        /// The body.
        body: Body,
    },
    /// Acknowledges the 2xx of a dialog (RFC 3261 13.2.2.4). The core repeats it whenever the
    /// 2xx is repeated.
    Ack {
        /// The dialog.
        dialog: DialogId,
        /// Further headers.
        headers: Vec<HeaderLine>,
        /// The body, where the 2xx carried an offer.
        body: Body,
    },
    /// Cancels an INVITE of ours (RFC 3261 9.1): at once if a provisional response has come, as
    /// soon as one comes otherwise. A final response still arrives as [`Event::Response`].
    Cancel {
        /// The INVITE.
        transaction: TransactionId,
        /// Further headers, such as Reason.
        headers: Vec<HeaderLine>,
    },
    /// Forgets a dialog without a word to the peer. Dialogs that BYE ended are forgotten already.
    Forget {
        /// The dialog.
        dialog: DialogId,
    },
}
