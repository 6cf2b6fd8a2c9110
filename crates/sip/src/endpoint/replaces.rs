//! Which dialog of ours a Replaces names (RFC 3891): that of an INVITE, or of the URI in a REFER.

use std::collections::VecDeque;

use super::{DialogId, Endpoint, tag_hash};
use crate::header::{HeaderName, NameAddr, Replaces};
use crate::message::{Message, Method};
use crate::uri::Uri;

/// Ended dialogs that are remembered.
const MOST_ENDED: usize = 1024;

/// The dialogs that ended last: whoever comes too late to replace one is to be told just that (RFC 3891 section 3).
#[derive(Debug, Default)]
pub(super) struct Ended(VecDeque<(u64, DialogId)>);

impl Ended {
    pub(super) fn add(&mut self, tags: u64, dialog: DialogId) {
        if self.0.len() == MOST_ENDED {
            self.0.pop_front();
        }
        self.0.push_back((tags, dialog));
    }

    fn find(&self, tags: u64) -> Option<DialogId> {
        self.0.iter().rev().find(|(known, _)| *known == tags).map(|(_, dialog)| *dialog)
    }
}

impl Endpoint {
    /// The dialog named, if it is one of ours or was until lately. RFC 3891 section 3: the tags are seen from the side
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
            .or_else(|| self.ended.find(tag_hash(named.to_tag, named.from_tag)))
    }
}
