//! The latest messages, bounded in bytes; the oldest go first.
//!
//! They are copied one behind the other into pages, so that keeping one allocates nothing and the memory a message came
//! in is free for the next. A full page is never written again: who reads shares it and need not hold up the engine.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use cordboard_sip::Flow;
use memchr::memchr;
use memchr::memmem::Finder;

use super::Captured;

/// What keeping a message costs beside its bytes.
const OVERHEAD: usize = size_of::<Entry>();
/// Bytes of a page at most, and how many pages a smaller ring has.
const PAGE: usize = 64 << 10;
const PAGES: usize = 16;

#[derive(Clone, Debug)]
struct Entry {
    number: u64,
    at: u64,
    outgoing: bool,
    flow: Flow,
    range: Range<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

impl Page {
    fn held(&self) -> usize {
        self.bytes.len() + self.entries.len() * OVERHEAD
    }

    fn last(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.number)
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
    }
}

#[derive(Debug, Default)]
pub(super) struct Ring {
    full: VecDeque<Arc<Page>>,
    /// Where the next message goes.
    open: Page,
    held: usize,
    limit: usize,
    last: u64,
}

impl Ring {
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.shrink();
    }

    pub(super) fn is_on(&self) -> bool {
        self.limit > 0
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }

    pub(super) fn push(&mut self, at: u64, outgoing: bool, flow: Flow, data: &[u8]) {
        let size = data.len() + OVERHEAD;
        if self.open.held() + size > PAGE.min(self.limit / PAGES) && !self.open.entries.is_empty() {
            self.turn_page();
        }
        self.last += 1;
        let start = self.open.bytes.len();
        self.open.bytes.extend_from_slice(data);
        let range = start..self.open.bytes.len();
        self.open.entries.push(Entry { number: self.last, at, outgoing, flow, range });
        self.held += size;
        self.shrink();
    }

    /// The page that would go next is used again, unless somebody still reads it.
    fn turn_page(&mut self) {
        let spare = match self.full.front() {
            Some(oldest) if self.held + PAGE.min(self.limit / PAGES) > self.limit => {
                self.held -= oldest.held();
                self.full.pop_front().and_then(Arc::into_inner)
            }
            _ => None,
        };
        let mut next = spare.unwrap_or_default();
        next.clear();
        self.full.push_back(Arc::new(std::mem::replace(&mut self.open, next)));
    }

    fn shrink(&mut self) {
        while self.held > self.limit {
            match self.full.pop_front() {
                Some(oldest) => self.held -= oldest.held(),
                None => {
                    self.open.clear();
                    self.held = 0;
                }
            }
        }
    }

    /// The pages with messages numbered above `number`, in order.
    pub(super) fn after(&self, number: u64) -> Vec<Arc<Page>> {
        let first = self.full.partition_point(|page| page.last() <= number);
        self.full.range(first..).cloned().chain([Arc::new(self.open.clone())]).collect()
    }
}

/// Those numbered above `number` whose Call-ID is one of these.
pub(super) fn of_calls(pages: &[Arc<Page>], call_ids: &[String], number: u64) -> Vec<Captured> {
    let mut found = Vec::new();
    for page in pages {
        for entry in page.entries.iter().filter(|entry| entry.number > number) {
            let data = &page.bytes[entry.range.clone()];
            if call_id(data).is_some_and(|id| call_ids.iter().any(|c| c.as_bytes() == id)) {
                let Entry { number, at, outgoing, flow, .. } = *entry;
                found.push(Captured { number, at, outgoing, flow, data: data.into() });
            }
        }
    }
    found
}

/// The value of a header's first line, by its name or compact name, in the bytes of a message.
fn header<'a>(data: &'a [u8], name: &str, compact: u8) -> Option<&'a [u8]> {
    let mut rest = &data[memchr(b'\n', data)? + 1..];
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        if line.is_empty() {
            return None;
        }
        rest = rest.get(end + 1..).unwrap_or_default();
        let Some(colon) = memchr(b':', line) else { continue };
        let found = line[..colon].trim_ascii();
        if found.eq_ignore_ascii_case(name.as_bytes()) || (found.len() == 1 && found[0].eq_ignore_ascii_case(&compact))
        {
            return Some(line[colon + 1..].trim_ascii());
        }
    }
    None
}

/// The Call-ID of a message, without reading more of it than needed.
pub(super) fn call_id(data: &[u8]) -> Option<&[u8]> {
    header(data, "Call-ID", b'i')
}

/// Whether a message is a REGISTER or the answer to one. Few answers have that word at all.
pub(super) fn is_registration(data: &[u8]) -> bool {
    static REGISTER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"REGISTER"));
    data.starts_with(b"REGISTER ")
        || (data.starts_with(b"SIP/")
            && REGISTER.find(data).is_some()
            && header(data, "CSeq", 0).is_some_and(|value| value.ends_with(b"REGISTER")))
}

#[cfg(test)]
mod tests {
    use cordboard_sip::Transport;

    use super::*;

    fn push(ring: &mut Ring, text: &str) {
        let flow = Flow {
            transport: Transport::Udp,
            local: "10.0.0.1:5060".parse().unwrap(),
            remote: "10.0.0.2:5060".parse().unwrap(),
            connection: 0,
        };
        ring.push(0, false, flow, text.as_bytes());
    }

    fn numbers(ring: &Ring, after: u64) -> Vec<u64> {
        of_calls(&ring.after(after), &["one".to_owned()], after).iter().map(|m| m.number).collect()
    }

    const TEXT: &str = "BYE sip:a SIP/2.0\r\nCall-ID: one\r\n\r\n";

    #[test]
    fn the_oldest_messages_make_room_for_new_ones() {
        let mut ring = Ring::default();
        let limit = 100 * (OVERHEAD + TEXT.len());
        ring.set_limit(limit);
        for last in 1..=1_000 {
            push(&mut ring, TEXT);
            assert!(ring.held() <= limit);
            let kept = numbers(&ring, 0);
            assert_eq!(kept, (last + 1 - kept.len() as u64..=last).collect::<Vec<_>>());
            assert_eq!(ring.held(), kept.len() * (OVERHEAD + TEXT.len()));
            assert!(kept.len() >= 85.min(last as usize), "{} of {last}", kept.len());
        }
        assert_eq!(numbers(&ring, 998), [999, 1_000]);
        assert_eq!(numbers(&ring, 1_000), []);
        ring.set_limit(0);
        assert_eq!((ring.held(), numbers(&ring, 0).len()), (0, 0));
    }

    #[test]
    fn a_message_larger_than_a_page_is_kept_and_one_larger_than_the_ring_is_not() {
        let mut ring = Ring::default();
        ring.set_limit(PAGES * 100 + 4 * OVERHEAD);
        push(&mut ring, TEXT);
        push(&mut ring, &format!("{TEXT}{}", "x".repeat(1_000)));
        push(&mut ring, TEXT);
        assert_eq!(numbers(&ring, 0), [1, 2, 3]);
        push(&mut ring, &format!("{TEXT}{}", "x".repeat(10_000)));
        assert_eq!((ring.held(), numbers(&ring, 0).len()), (0, 0));
        push(&mut ring, TEXT);
        assert_eq!(numbers(&ring, 0), [5]);
    }

    #[test]
    fn what_somebody_reads_stays_as_it_was() {
        let mut ring = Ring::default();
        ring.set_limit(100 * (OVERHEAD + TEXT.len()));
        for _ in 0..100 {
            push(&mut ring, TEXT);
        }
        let pages = ring.after(0);
        let read = of_calls(&pages, &["one".to_owned()], 0);
        for _ in 0..1_000 {
            push(&mut ring, "BYE sip:a SIP/2.0\r\nCall-ID: two\r\n\r\n");
        }
        assert_eq!(of_calls(&pages, &["one".to_owned()], 0), read);
        assert_eq!(numbers(&ring, 0), []);
    }

    #[test]
    fn a_call_is_found_by_either_form_of_call_id_and_by_nothing_else() {
        let mut ring = Ring::default();
        ring.set_limit(1 << 20);
        for text in [
            "BYE sip:a SIP/2.0\r\nCall-ID: one\r\n\r\n",
            "BYE sip:a SIP/2.0\r\ni : one\r\n\r\n",
            "BYE sip:a SIP/2.0\r\ncall-id:one\r\n\r\n",
            "BYE sip:a SIP/2.0\r\nCall-ID: one2\r\n\r\n",
            "BYE sip:a SIP/2.0\r\nCall-ID: two\r\n\r\nCall-ID: one\r\n",
            "no SIP at all",
            "",
        ] {
            push(&mut ring, text);
        }
        assert_eq!(numbers(&ring, 0), [1, 2, 3]);
    }

    #[test]
    fn registrations_are_told_from_what_only_mentions_them() {
        assert!(is_registration(b"REGISTER sip:a SIP/2.0\r\nCSeq: 1 REGISTER\r\n\r\n"));
        assert!(is_registration(b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n"));
        assert!(!is_registration(b"SIP/2.0 200 OK\r\nAllow: INVITE, REGISTER\r\nCSeq: 1 INVITE\r\n\r\n"));
        assert!(!is_registration(b"INVITE sip:a SIP/2.0\r\nAllow: INVITE, REGISTER\r\nCSeq: 1 INVITE\r\n\r\n"));
    }
}
