//! Devices by their GRUUs (RFC 5627), and how to reach them.

use super::{Registrar, gruu};
use crate::bindings::Binding;
use crate::directory::Directory;
use crate::event::Device;
use crate::flow::Flow;
use crate::time::Time;
use crate::uri::Uri;

impl Registrar {
    /// The device that a URI names, if it is a GRUU of ours: `Some(None)` if it was one and names nobody any more
    /// (RFC 5627 section 5.1).
    #[must_use]
    pub fn device(&self, uri: &str, directory: &Directory, now: Time) -> Option<Option<Device>> {
        let uri = Uri::parse(uri).ok()?;
        let gr = uri.param("gr")?;
        let user = uri.user_decoded();
        if !gr.is_empty() {
            directory.get(&user)?;
            let instance = format!("<{gr}>");
            let plain = self.bindings.get(&user).iter().any(|b| b.instance() == gr);
            let instance = if plain { gr.into() } else { instance.into() };
            return Some(Some(Device { dn: user.into(), instance }));
        }
        if !user.starts_with(gruu::PREFIX) {
            return None;
        }
        let device = self.gruus.as_ref().and_then(|sealer| sealer.open(&user)).and_then(|named| {
            let is =
                |b: &&Binding| b.born == named.born && b.expires > now && gruu::name_of(b.instance()) == named.instance;
            let binding = self.bindings.get(&named.dn).iter().find(is)?;
            Some(Device { dn: named.dn.into(), instance: binding.instance().into() })
        });
        Some(device)
    }

    /// The Contact of a device and the flow to it, its best one.
    #[must_use]
    pub fn contact_of(&self, device: &Device, now: Time) -> Option<(&str, Flow)> {
        let live = |b: &&Binding| b.expires > now && b.instance() == &*device.instance;
        self.bindings.get(&device.dn).iter().find(live).map(|b| (b.uri(), b.flow))
    }
}
