//! Bindings as bytes that survive the process.
//!
//! A journal is a run of records, each `magic, version, length, CRC-32, payload` with numbers little
//! endian. The last record of a journal may be torn, where the process or the machine died while it was
//! written; whatever is no whole record is passed over. Expiry is in Unix seconds, since the monotonic clock starts anew.

use std::net::{IpAddr, SocketAddr};

use super::KEEP_LONGER;
use crate::bindings::{Binding, Terms, Texts, later};
use crate::crc::crc32;
use crate::flow::{Flow, Transport};
use crate::time::Time;

const MAGIC: u8 = 0xcb;
const VERSION: u8 = 2;
/// The version before instances were kept; still read.
const WITHOUT_INSTANCE: u8 = 1;
/// Magic, version, length of the payload (2), CRC-32 of the payload (4).
const HEAD: usize = 8;
const PUT: u8 = 1;
const REMOVE: u8 = 2;
const SECRET: u8 = 3;
const TRANSPORTS: [Transport; 5] = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// A binding was made or changed.
    Put {
        /// Of this DN.
        dn: &'a str,
        /// Which flow; 0 for one registered without `reg-id`.
        reg_id: u32,
        /// As it is now; `None` if it had expired by the time it was read.
        binding: Option<Binding>,
        /// The Contact URI.
        uri: &'a str,
    },
    /// A binding was removed.
    Remove {
        /// Of this DN.
        dn: &'a str,
        /// The Contact URI.
        uri: &'a str,
        /// Which flow; 0 for one registered without `reg-id`.
        reg_id: u32,
    },
    /// Temporary GRUUs are sealed with this.
    Secret([u8; 32]),
}

/// Appends that a binding was made or changed.
pub(super) fn put(out: &mut Vec<u8>, dn: &str, binding: &Binding) {
    record(out, |out| {
        let Texts { uri, call_id, path, user_agent, instance } = binding.texts();
        out.push(PUT);
        for text in [dn, uri, call_id, path, user_agent, instance] {
            push_text(out, text);
        }
        out.extend_from_slice(&binding.q.to_le_bytes());
        out.extend_from_slice(&binding.cseq.to_le_bytes());
        out.extend_from_slice(&binding.interval.to_le_bytes());
        out.extend_from_slice(&binding.kept_until.to_le_bytes());
        let transport = TRANSPORTS.iter().position(|t| *t == binding.flow.transport).unwrap_or(0);
        out.push(transport as u8);
        push_address(out, binding.flow.local);
        push_address(out, binding.flow.remote);
        out.extend_from_slice(&binding.reg_id.to_le_bytes());
        out.extend_from_slice(&binding.born.to_le_bytes());
        out.push(u8::from(binding.nat));
    });
}

/// Appends that a binding was removed.
pub(super) fn remove(out: &mut Vec<u8>, dn: &str, uri: &str, reg_id: u32) {
    record(out, |out| {
        out.push(REMOVE);
        push_text(out, dn);
        push_text(out, uri);
        out.extend_from_slice(&reg_id.to_le_bytes());
    });
}

/// Appends what temporary GRUUs are sealed with.
pub(super) fn secret(out: &mut Vec<u8>, secret: &[u8; 32]) {
    record(out, |out| {
        out.push(SECRET);
        out.extend_from_slice(secret);
    });
}

/// When a binding that expires at `expires` is to be kept until: longer, so that not every refresh of a
/// phone that refreshes every few seconds needs a record. Whatever is kept, [`read`] gives no binding
/// more than its own interval to live.
pub(super) fn keep_until(expires: u64) -> u64 {
    expires.saturating_add(KEEP_LONGER)
}

fn record(out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[MAGIC, VERSION, 0, 0, 0, 0, 0, 0]);
    payload(out);
    // Texts::MAX and the length of a DN keep the payload below 64 KiB.
    let length = (out.len() - start - HEAD) as u16;
    let sum = crc32(&out[start + HEAD..]);
    out[start + 2..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + HEAD].copy_from_slice(&sum.to_le_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn push_address(out: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
        }
    }
    out.extend_from_slice(&address.port().to_le_bytes());
}

/// Takes the first record off `bytes`; `None` if they do not begin with a whole one.
pub(super) fn read<'a>(bytes: &mut &'a [u8], now: Time, unix: u64) -> Option<Record<'a>> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    if head[0] != MAGIC || !(WITHOUT_INSTANCE..=VERSION).contains(&head[1]) {
        return None;
    }
    let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
    let sum = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let (payload, rest) = rest.split_at_checked(length)?;
    if crc32(payload) != sum {
        return None;
    }
    let record = Fields { rest: payload, version: head[1] }.record(now, unix)?;
    *bytes = rest;
    Some(record)
}

struct Fields<'a> {
    rest: &'a [u8],
    version: u8,
}

impl<'a> Fields<'a> {
    fn record(mut self, now: Time, unix: u64) -> Option<Record<'a>> {
        let [kind] = self.array()?;
        if kind == SECRET {
            return Some(Record::Secret(self.array()?));
        }
        let dn = self.text()?;
        let uri = self.text()?;
        match kind {
            PUT => {
                let (reg_id, binding) = self.binding(uri, now, unix)?;
                Some(Record::Put { dn, uri, reg_id, binding })
            }
            REMOVE => Some(Record::Remove { dn, uri, reg_id: self.since(VERSION)?.map_or(0, u32::from_le_bytes) }),
            _ => None,
        }
    }

    /// A field that records have since a version; `Some(None)` for an older record.
    fn since<const N: usize>(&mut self, version: u8) -> Option<Option<[u8; N]>> {
        if self.version < version { Some(None) } else { self.array().map(Some) }
    }

    /// Its `reg-id` and, if it has not expired, the binding.
    fn binding(&mut self, uri: &str, now: Time, unix: u64) -> Option<(u32, Option<Binding>)> {
        let (call_id, path, user_agent) = (self.text()?, self.text()?, self.text()?);
        let instance = if self.version < VERSION { "" } else { self.text()? };
        let texts = Texts { uri, call_id, path, user_agent, instance };
        let q = u16::from_le_bytes(self.array()?);
        let cseq = u32::from_le_bytes(self.array()?);
        let interval = u32::from_le_bytes(self.array()?);
        let kept_until = u64::from_le_bytes(self.array()?);
        let [transport] = self.array()?;
        let transport = *TRANSPORTS.get(usize::from(transport))?;
        // A connection does not survive; a flow to the same address may be made anew.
        let flow = Flow { transport, local: self.address()?, remote: self.address()?, connection: 0 };
        let reg_id = self.since(VERSION)?.map_or(0, u32::from_le_bytes);
        let born = self.since(VERSION)?.map_or(0, u32::from_le_bytes);
        let nat = self.since(VERSION)?.is_some_and(|[nat]| nat != 0);
        let left = kept_until.saturating_sub(unix).min(u64::from(interval));
        let expires = later(now, left);
        let terms = Terms { q, cseq, interval, expires, updated: now, kept_until, flow, reg_id, nat, born };
        let binding = Binding::new(texts, terms)?;
        Some((reg_id, (left > 0).then_some(binding)))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*field)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u16::from_le_bytes(self.array()?);
        let (field, rest) = self.rest.split_at_checked(usize::from(length))?;
        self.rest = rest;
        std::str::from_utf8(field).ok()
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let ip = match self.array()? {
            [4] => IpAddr::from(self.array::<4>()?),
            [6] => IpAddr::from(self.array::<16>()?),
            _ => return None,
        };
        Some(SocketAddr::new(ip, u16::from_le_bytes(self.array()?)))
    }
}
