//! What a REGISTER asks for (RFC 3261 10.3, RFC 3327 5.3, RFC 5626 section 6).

use std::borrow::Cow;

use super::{MALFORMED_EXPIRES, Refusal, RegistrarSettings, USER_AGENT, nat};
use crate::bindings::{Binding, same_uri};
use crate::directory::Directory;
use crate::flow::Flow;
use crate::header::{HeaderName, NameAddr, delta_seconds, qvalue, split_list};
use crate::message::{Message, unfold};
use crate::time::Time;
use crate::uri::{Uri, is_sips};

/// The extensions a REGISTER may require.
pub(crate) const EXTENSIONS: [&str; 3] = ["path", "outbound", "gruu"];

/// Bytes of a Contact URI.
pub(super) const CONTACT_URI: usize = 1_024;
/// Bytes of an instance.
const INSTANCE: usize = 256;
/// Bytes of all Path values together.
const PATH: usize = 2_048;

/// One Contact of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) uri: &'a str,
    /// `+sip.instance` without the quotes.
    pub(super) instance: &'a str,
    /// 0 for none.
    pub(super) reg_id: u32,
    pub(super) q: u16,
    pub(super) expires: u32,
    pub(super) nat: bool,
    /// Which binding it is for.
    pub(super) at: Option<usize>,
}

/// What a request asks for.
pub(super) enum Asked<'a> {
    Nothing,
    RemoveAll,
    Contacts(Vec<Wanted<'a>>),
}

/// Reads the Contact values of a request and finds the bindings they are for.
pub(super) fn contacts<'a>(
    request: &'a Message,
    present: &[Binding],
    flow: Flow,
    now: Time,
    settings: &RegistrarSettings,
) -> Result<Asked<'a>, Refusal> {
    let default = match request.get(HeaderName::Expires) {
        Some(text) => read_expires(text),
        None => settings.default_expires,
    };
    let mut wanted: Vec<Wanted<'_>> = Vec::with_capacity(1);
    let mut all = false;
    for value in request.contacts() {
        if all || (value == "*" && !wanted.is_empty()) {
            return Err(Refusal::new(400, "Contact * With Others"));
        }
        if value == "*" {
            all = true;
            continue;
        }
        let contact = contact(request, value, present, flow, now, default, settings)?;
        if wanted.iter().any(|w| w.reg_id == contact.reg_id && same_uri(w.uri, contact.uri)) {
            return Err(Refusal::new(400, "Contact Twice"));
        }
        // RFC 5626 section 6: a flow is registered on its own.
        if contact.reg_id > 0 && wanted.iter().any(|w| w.reg_id > 0 && w.expires > 0) {
            return Err(Refusal::new(400, "Two Flows At Once"));
        }
        if wanted.len() == settings.contacts {
            return Err(Refusal::new(403, "Too Many Contacts"));
        }
        wanted.push(contact);
    }
    if !all {
        return Ok(if wanted.is_empty() { Asked::Nothing } else { Asked::Contacts(wanted) });
    }
    match request.get(HeaderName::Expires).map(str::trim) {
        Some("0") => Ok(Asked::RemoveAll),
        _ => Err(Refusal::new(400, "Contact * Needs Expires 0")),
    }
}

fn contact<'a>(
    request: &Message,
    value: &'a str,
    present: &[Binding],
    flow: Flow,
    now: Time,
    default: u32,
    settings: &RegistrarSettings,
) -> Result<Wanted<'a>, Refusal> {
    let bad = Refusal::new(400, "Bad Contact");
    let Ok(contact) = NameAddr::parse(value) else { return Err(bad) };
    let (mut expires, mut q, mut instance, mut reg_id) = (default, 1_000, "", 0);
    for param in contact.params.iter() {
        let text = param.value.unwrap_or("");
        match param.name {
            name if name.eq_ignore_ascii_case("expires") => expires = read_expires(text),
            name if name.eq_ignore_ascii_case("q") => q = qvalue(text).ok_or(bad.clone())?,
            name if name.eq_ignore_ascii_case("reg-id") => reg_id = read_reg_id(text).ok_or(bad.clone())?,
            name if name.eq_ignore_ascii_case("+sip.instance") => instance = read_instance(text).ok_or(bad.clone())?,
            _ => {}
        }
    }
    // RFC 5626 section 6: without an instance, or from a phone that does not do outbound, it says nothing.
    if reg_id > 0 && (instance.is_empty() || !supports(request, "outbound")) {
        reg_id = 0;
    }
    if reg_id > 0 && !first_hop_keeps_flows(request) {
        return Err(Refusal::new(439, "First Hop Lacks Outbound Support"));
    }
    let at = match reg_id {
        0 => present.iter().position(|b| b.is_for(contact.uri)),
        _ => present.iter().position(|b| b.reg_id == reg_id && b.instance() == instance),
    };
    let known = at.map(|at| &present[at]).filter(|b| b.uri() == contact.uri && b.flow == flow && b.path().is_empty());
    let nat = match known {
        // The same phone at the same place: what was found then holds.
        Some(binding) => binding.nat,
        None => {
            let Ok(uri) = Uri::parse(contact.uri) else { return Err(bad) };
            if uri.host.is_empty() || contact.uri.len() > CONTACT_URI {
                return Err(bad);
            }
            // RFC 5630 5.1.1.1: who can be reached over TLS only has come over TLS.
            if is_sips(contact.uri) && !flow.transport.is_secure() && expires > 0 {
                return Err(Refusal::new(400, "SIPS Contact Over An Insecure Transport"));
            }
            request.get(HeaderName::Path).is_none() && nat::hides(request, &uri, flow)
        }
    };
    let at = at.filter(|at| present[*at].expires > now || expires == 0);
    let expires = expires.min(settings.maximum_expires);
    Ok(Wanted { uri: contact.uri, instance, reg_id, q, expires, nat, at })
}

/// Whether the phone says it supports an extension.
pub(super) fn supports(request: &Message, tag: &str) -> bool {
    let lists = |name| request.list(name).any(|t| t.eq_ignore_ascii_case(tag));
    lists(HeaderName::Supported) || lists(HeaderName::Require)
}

/// Whether the phone's first hop keeps its flow: we ourselves, if it comes straight to us, else a proxy that says so by
/// `ob` in its Path (RFC 5626 section 6).
fn first_hop_keeps_flows(request: &Message) -> bool {
    let keeps = |value| NameAddr::parse(value).and_then(|a| a.parse_uri()).is_ok_and(|uri| uri.params.has("ob"));
    is_direct(request) || request.list(HeaderName::Path).any(keeps)
}

/// Whether a request has passed no proxy.
pub(super) fn is_direct(request: &Message) -> bool {
    request.list(HeaderName::Via).nth(1).is_none()
}

/// RFC 3261 10.3 step 2, and RFC 3327 5.3 where the settings want it: a proxy has put a Path into the request of a phone
/// that has never heard of it.
pub(super) fn check_extensions(request: &Message, settings: &RegistrarSettings) -> Result<(), Refusal> {
    let known = |tag: &str| EXTENSIONS.iter().any(|t| t.eq_ignore_ascii_case(tag));
    let mut unknown: Vec<&str> = request.list(HeaderName::Require).filter(|tag| !known(tag)).collect();
    if settings.path_needs_support && request.get(HeaderName::Path).is_some() && !supports(request, "path") {
        unknown.push("path");
    }
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Refusal { unsupported: unknown.join(", "), ..Refusal::new(420, "Bad Extension") })
}

/// RFC 3261 10.3 steps 4 and 5: the To must name the DN the request was admitted as, and that DN must be
/// one that registers.
pub(super) fn check_address_of_record(to: &Uri<'_>, dn: &str, directory: &Directory) -> Result<(), Refusal> {
    let user = to.user_decoded();
    match directory.get(&user) {
        None => Err(Refusal::new(404, "Not Found")),
        Some(entry) if *user != *dn || !entry.registers => Err(Refusal::new(403, "Forbidden")),
        Some(_) => Ok(()),
    }
}

fn read_expires(text: &str) -> u32 {
    delta_seconds(text).unwrap_or(MALFORMED_EXPIRES)
}

/// RFC 5626 4.2: 1 to 2^31-1.
fn read_reg_id(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|id| digits && (1..=0x7fff_ffff).contains(id))
}

/// `"<urn:uuid:...>"` without the quotes. One with escapes or control characters is none.
fn read_instance(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    let plain = inside.bytes().all(|b| b > b' ' && b != b'"' && b != b'\\' && b != 0x7f);
    (plain && !matches!(inside, "" | "<>") && inside.len() <= INSTANCE).then_some(inside)
}

/// The Path values joined (RFC 3327 section 5.3), each of which is an address once they are taken apart again: a quote
/// that is open at the end of one line would swallow the next.
pub(super) fn path(request: &Message) -> Result<Cow<'_, str>, Refusal> {
    let mut lines = request.all(HeaderName::Path);
    let Some(first) = lines.next() else { return Ok(Cow::Borrowed("")) };
    let path = lines.fold(unfold(first), |sum, line| Cow::Owned(format!("{sum}, {}", unfold(line))));
    if path.len() > PATH {
        return Err(Refusal::new(400, "Path Too Long"));
    }
    let is_address = |value: &str| NameAddr::parse(value).and_then(|a| a.parse_uri()).is_ok();
    if !split_list(&path).filter(|value| !value.is_empty()).all(is_address) {
        return Err(Refusal::new(400, "Bad Path"));
    }
    Ok(path)
}

pub(super) fn user_agent(request: &Message) -> Cow<'_, str> {
    let text = unfold(request.get(HeaderName::UserAgent).unwrap_or(""));
    match text.char_indices().nth(USER_AGENT) {
        None => text,
        Some((end, _)) => Cow::Owned(text[..end].to_owned()),
    }
}
