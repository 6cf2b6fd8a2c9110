//! The answer to a REGISTER, printed: 200 with all bindings (RFC 3261 10.3 step 8), or the refusal.

use std::fmt::Write;
use std::sync::Arc;

use super::{Refusal, Registrar, Visit, date, gruu, journal, read};
use crate::bindings::Binding;
use crate::header::{HeaderName, StampedVia};
use crate::ids::Ids;
use crate::text::push_number;
use crate::uri::{Uri, is_sips};

impl Registrar {
    /// Prints the answer. Writing to a String cannot fail, here and below.
    pub(super) fn answer(
        &mut self,
        visit: &Visit<'_>,
        outcome: Result<Keeps, Refusal>,
        ids: &mut dyn Ids,
        journal: &mut Vec<u8>,
    ) -> Arc<[u8]> {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        let (status, reason) = outcome.as_ref().map_or_else(|r| (r.status, r.reason), |_| (200, "OK"));
        out.push_str("SIP/2.0 ");
        push_number(&mut out, status.into());
        out.push(' ');
        out.push_str(reason);
        out.push_str("\r\n");
        push_copied(&mut out, visit);
        match outcome {
            Ok(keeps) => self.push_success(&mut out, visit, keeps, ids, journal),
            Err(refusal) if status == 420 => push_header(&mut out, "Unsupported", &refusal.unsupported),
            Err(_) => {}
        }
        if !self.settings.software.is_empty() {
            push_header(&mut out, "Server", &self.settings.software);
        }
        out.push_str("Content-Length: 0\r\n\r\n");
        let bytes = Arc::from(out.as_bytes());
        self.scratch = out;
        bytes
    }

    fn push_success(
        &mut self,
        out: &mut String,
        visit: &Visit<'_>,
        keeps: Keeps,
        ids: &mut dyn Ids,
        journal: &mut Vec<u8>,
    ) {
        let request = visit.request;
        let live = self.bindings.get(visit.dn).iter().filter(|b| b.expires > visit.now);
        let named = live.clone().any(|b| !b.instance().is_empty());
        let gruus = named && read::supports(request, "gruu");
        if gruus && self.gruus.is_none() {
            self.gruus = gruu::Sealer::fresh(ids);
            if let Some(sealer) = &self.gruus {
                journal::secret(journal, sealer.secret());
            }
        }
        for binding in live {
            out.push_str("Contact: <");
            out.push_str(binding.uri());
            out.push('>');
            if binding.q < 1_000 {
                let _ = write!(out, ";q=0.{:03}", binding.q);
            }
            out.push_str(";expires=");
            push_number(out, binding.remaining(visit.now));
            if !binding.instance().is_empty() {
                let _ = write!(out, ";+sip.instance=\"{}\"", binding.instance());
                if binding.reg_id > 0 {
                    let _ = write!(out, ";reg-id={}", binding.reg_id);
                }
                if let Some(sealer) = self.gruus.as_ref().filter(|_| gruus) {
                    push_gruus(out, sealer, visit, binding, ids);
                }
            }
            out.push_str("\r\n");
        }
        for path in request.all(HeaderName::Path) {
            push_header(out, "Path", path);
        }
        if !self.settings.service_route.is_empty() {
            push_header(out, "Service-Route", &self.settings.service_route);
        }
        if keeps == Keeps::Flow {
            out.push_str("Require: outbound\r\n");
            if self.settings.flow_timer > 0 && read::is_direct(request) {
                out.push_str("Flow-Timer: ");
                push_number(out, u64::from(self.settings.flow_timer));
                out.push_str("\r\n");
            }
        }
        out.push_str("Supported: path, outbound, gruu\r\n");
        let (second, date) = &mut self.date;
        if *second != visit.unix || date.is_empty() {
            *second = visit.unix;
            date.clear();
            date::push(date, visit.unix);
        }
        push_header(out, "Date", date);
    }
}

/// What a registration has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// A Contact, or what there was.
    Contact,
    /// A flow (RFC 5626), which the answer says.
    Flow,
}

/// The public GRUU of a device, and a fresh temporary one if it is the one that asks (RFC 5627 section 5.3).
fn push_gruus(out: &mut String, sealer: &gruu::Sealer, visit: &Visit<'_>, binding: &Binding, ids: &mut dyn Ids) {
    let aor = &visit.parties.to_uri;
    let scheme = if is_sips(binding.uri()) { "sips" } else { aor.scheme };
    let instance = binding.instance();
    let urn = instance.strip_prefix('<').and_then(|i| i.strip_suffix('>')).unwrap_or(instance);
    out.push_str(";pub-gruu=\"");
    let _ = write!(out, "{scheme}:{}@", aor.user);
    push_host(out, aor);
    out.push_str(";gr=");
    push_escaped(out, urn);
    out.push('"');
    if binding.call_id() == visit.request.call_id() {
        let _ = write!(out, ";temp-gruu=\"{scheme}:{}", gruu::PREFIX);
        sealer.push_token(out, visit.dn, instance, binding.born, ids);
        out.push('@');
        push_host(out, aor);
        out.push_str(";gr\"");
    }
}

fn push_host(out: &mut String, uri: &Uri<'_>) {
    out.push_str(uri.host);
    if let Some(port) = uri.port {
        let _ = write!(out, ":{port}");
    }
}

/// As the value of a URI parameter (RFC 3261 25.1, `pvalue`).
fn push_escaped(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(byte.into()),
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => out.push(byte.into()),
            b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$' => out.push(byte.into()),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// Via, From, To, Call-ID and CSeq (RFC 3261 8.2.6.2), Via stamped with the source.
fn push_copied(out: &mut String, visit: &Visit<'_>) {
    let Visit { request, parties, flow, tag, .. } = *visit;
    for (at, line) in request.all(HeaderName::Via).enumerate() {
        if at == 0 {
            out.push_str("Via: ");
            StampedVia { line, source: flow.remote }.push_to(out);
            out.push_str("\r\n");
        } else {
            push_header(out, "Via", line);
        }
    }
    push_header(out, "From", request.get(HeaderName::From).unwrap_or(""));
    out.push_str("To: ");
    out.push_str(request.get(HeaderName::To).unwrap_or(""));
    if parties.to.tag().is_none() {
        out.push_str(";tag=");
        out.push_str(tag);
    }
    out.push_str("\r\n");
    push_header(out, "Call-ID", request.call_id());
    push_header(out, "CSeq", request.get(HeaderName::CSeq).unwrap_or(""));
}

fn push_header(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push_str(": ");
    out.push_str(value);
    out.push_str("\r\n");
}
