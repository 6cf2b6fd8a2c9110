//! Which dialog of ours a Replaces names (RFC 3891): that of an INVITE, or of the URI in a REFER.

use super::{DialogId, Endpoint};
use crate::header::{HeaderName, NameAddr, Replaces};
use crate::message::{Message, Method};
use crate::uri::Uri;

impl Endpoint {
    /// The dialog named, if it is one of ours. RFC 3891 section 3: the tags are seen from the side
    /// that is to replace, so `to-tag` is ours and `from-tag` the peer's.
    pub(super) fn replaced(&self, request: &Message, method: &Method) -> Option<DialogId> {
        match method {
            Method::Invite => self.dialog_named(request.get(HeaderName::Replaces)?),
            Method::Refer => {
                let address = NameAddr::parse(request.get(HeaderName::ReferTo)?).ok()?;
                let uri = Uri::parse(address.uri).ok()?;
                let (_, value) = uri.header_fields().find(|(name, _)| name.eq_ignore_ascii_case("Replaces"))?;
                self.dialog_named(&value)
            }
            _ => None,
        }
    }

    fn dialog_named(&self, value: &str) -> Option<DialogId> {
        let named = Replaces::parse(value).ok()?;
        self.find_dialog(named.call_id, named.to_tag, named.from_tag)
    }
}
