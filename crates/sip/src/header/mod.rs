//! Header fields: their names here, one file for each typed value.

mod auth;
mod cseq;
mod dialog_refs;
mod event;
mod name_addr;
mod names;
mod numbers;
mod params;
mod quoted;
mod reason;
mod via;

pub use auth::{AuthParams, Challenge, Credentials};
pub use cseq::CSeq;
pub use dialog_refs::{RAck, Replaces};
pub use event::{Event, SubscriptionState};
pub use name_addr::NameAddr;
pub use numbers::{delta_seconds, qvalue};
pub use params::{Param, Params};
pub use quoted::{Quoted, unquote};
pub use reason::{Reason, Refresher, RetryAfter, SessionExpires};
pub use via::{StampedVia, Via};

/// Why a typed header value could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderError {
    /// What was being read, in the RFC's words: `Via`, `CSeq`, `name-addr` ...
    pub what: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

impl std::fmt::Display for HeaderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bad {}: {}", self.what, self.why)
    }
}

impl std::error::Error for HeaderError {}

macro_rules! header_names {
    ($($(#[$doc:meta])* $variant:ident = $name:literal $(/ $compact:literal)?;)*) => {
        /// A header field name, known or not. Comparison ignores case and compact form.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum HeaderName {
            $($(#[$doc])* #[allow(missing_docs)] $variant,)*
            /// A name this list does not have; its text is in the message.
            Other,
        }

        impl HeaderName {
            const ALL: &[(&'static str, Self)] = &[$(($name, Self::$variant)),*];

            /// Finds a name in any case or compact form.
            #[must_use]
            pub fn from_bytes(name: &[u8]) -> Self {
                if let [letter] = name {
                    return match letter.to_ascii_lowercase() {
                        $($($compact => Self::$variant,)?)*
                        _ => Self::Other,
                    };
                }
                names::find(name)
            }

            /// The name as the RFCs write it; empty for [`HeaderName::Other`].
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* Self::Other => "" }
            }
        }
    };
}

header_names! {
    Via = "Via" / b'v';
    From = "From" / b'f';
    To = "To" / b't';
    CallId = "Call-ID" / b'i';
    CSeq = "CSeq";
    Contact = "Contact" / b'm';
    MaxForwards = "Max-Forwards";
    ContentLength = "Content-Length" / b'l';
    ContentType = "Content-Type" / b'c';
    Route = "Route";
    RecordRoute = "Record-Route";
    Expires = "Expires";
    Authorization = "Authorization";
    ProxyAuthorization = "Proxy-Authorization";
    WwwAuthenticate = "WWW-Authenticate";
    ProxyAuthenticate = "Proxy-Authenticate";
    UserAgent = "User-Agent";
    Server = "Server";
    Allow = "Allow";
    Supported = "Supported" / b'k';
    Require = "Require";
    ProxyRequire = "Proxy-Require";
    Unsupported = "Unsupported";
    Accept = "Accept";
    AllowEvents = "Allow-Events" / b'u';
    Event = "Event" / b'o';
    SubscriptionState = "Subscription-State";
    ReferTo = "Refer-To" / b'r';
    ReferredBy = "Referred-By" / b'b';
    Replaces = "Replaces";
    RAck = "RAck";
    RSeq = "RSeq";
    SessionExpires = "Session-Expires" / b'x';
    MinSe = "Min-SE";
    MinExpires = "Min-Expires";
    RetryAfter = "Retry-After";
    Reason = "Reason";
    Warning = "Warning";
    Date = "Date";
    Subject = "Subject" / b's';
    AlertInfo = "Alert-Info";
    CallInfo = "Call-Info";
    AnswerMode = "Answer-Mode";
    PAssertedIdentity = "P-Asserted-Identity";
    PPreferredIdentity = "P-Preferred-Identity";
    RemotePartyId = "Remote-Party-ID";
    Privacy = "Privacy";
    Diversion = "Diversion";
    HistoryInfo = "History-Info";
    Path = "Path";
    ServiceRoute = "Service-Route";
    ContentEncoding = "Content-Encoding" / b'e';
    ContentDisposition = "Content-Disposition";
    MimeVersion = "MIME-Version";
    Timestamp = "Timestamp";
    Organization = "Organization";
    AcceptEncoding = "Accept-Encoding";
    AcceptLanguage = "Accept-Language";
    AcceptContact = "Accept-Contact" / b'a';
    RejectContact = "Reject-Contact" / b'j';
    RequestDisposition = "Request-Disposition" / b'd';
    AuthenticationInfo = "Authentication-Info";
    ContentLanguage = "Content-Language";
    ErrorInfo = "Error-Info";
    Identity = "Identity" / b'y';
    IdentityInfo = "Identity-Info" / b'n';
    InReplyTo = "In-Reply-To";
    Join = "Join";
    Priority = "Priority";
    PrivAnswerMode = "Priv-Answer-Mode";
    ReplyTo = "Reply-To";
    SipETag = "SIP-ETag";
    SipIfMatch = "SIP-If-Match";
    TargetDialog = "Target-Dialog";
    UserToUser = "User-to-User";
}

/// Splits a comma-separated list into trimmed values, quotes and brackets respected.
pub fn split_list(line: &str) -> impl Iterator<Item = &str> {
    // Most lines hold one value and no comma at all.
    let single = memchr::memchr(b',', line.as_bytes()).is_none();
    let (one, many) = if single { (Some(line), None) } else { (None, Some(line)) };
    let many = many.into_iter().flat_map(|l| params::split_outside_quotes(l, b','));
    one.into_iter().chain(many).map(crate::text::trim)
}
