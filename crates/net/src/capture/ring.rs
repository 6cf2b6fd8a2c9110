//! The latest messages, bounded in bytes; the oldest go first.

use std::collections::VecDeque;
use std::sync::Arc;

use memchr::memmem;

use super::Captured;

/// What keeping a message costs beside its bytes.
const OVERHEAD: usize = 160;

#[derive(Debug, Default)]
pub(super) struct Ring {
    messages: VecDeque<Arc<Captured>>,
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

    pub(super) fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn push(&mut self, message: Arc<Captured>) {
        self.held += message.data.len() + OVERHEAD;
        self.messages.push_back(message);
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.held > self.limit {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.held -= oldest.data.len() + OVERHEAD;
        }
    }

    /// Those numbered above `number`, in order.
    pub(super) fn after(&self, number: u64) -> Vec<Arc<Captured>> {
        let first = self.messages.partition_point(|message| message.number <= number);
        self.messages.range(first..).cloned().collect()
    }
}

/// Those whose Call-ID is one of these.
pub(super) fn of_calls(mut messages: Vec<Arc<Captured>>, call_ids: &[String]) -> Vec<Arc<Captured>> {
    messages.retain(|message| call_id(&message.data).is_some_and(|id| call_ids.iter().any(|c| c.as_bytes() == id)));
    messages
}

/// The value of a header's first line, by its name or compact name, in the bytes of a message.
fn header<'a>(data: &'a [u8], name: &str, compact: u8) -> Option<&'a [u8]> {
    for line in data.split(|b| *b == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return None;
        }
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (found, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if found.eq_ignore_ascii_case(name.as_bytes()) || (found.len() == 1 && found[0].eq_ignore_ascii_case(&compact))
        {
            return Some(value);
        }
    }
    None
}

/// The Call-ID of a message, without reading more of it than needed.
pub(super) fn call_id(data: &[u8]) -> Option<&[u8]> {
    header(data, "Call-ID", b'i')
}

/// Whether a message is a REGISTER or the answer to one.
pub(super) fn is_registration(data: &[u8]) -> bool {
    // Most messages do not have the word at all.
    memmem::find(data, b"REGISTER").is_some()
        && (data.starts_with(b"REGISTER ")
            || (data.starts_with(b"SIP/") && header(data, "CSeq", 0).is_some_and(|v| v.ends_with(b"REGISTER"))))
}

#[cfg(test)]
mod tests {
    use cordboard_sip::{Flow, Transport};

    use super::*;

    fn message(ring: &mut Ring, text: &str) -> Arc<Captured> {
        let flow = Flow {
            transport: Transport::Udp,
            local: "10.0.0.1:5060".parse().unwrap(),
            remote: "10.0.0.2:5060".parse().unwrap(),
            connection: 0,
        };
        let number = ring.next_number();
        Arc::new(Captured { number, at: 0, outgoing: false, flow, data: text.as_bytes().into() })
    }

    #[test]
    fn the_oldest_messages_make_room_for_new_ones() {
        let mut ring = Ring::default();
        ring.set_limit(10 * (OVERHEAD + 100));
        for _ in 0..1_000 {
            let one = message(&mut ring, &"x".repeat(100));
            ring.push(one);
        }
        assert!(ring.held() <= 10 * (OVERHEAD + 100));
        let numbers: Vec<_> = ring.after(0).iter().map(|m| m.number).collect();
        assert_eq!(numbers, (991..=1_000).collect::<Vec<_>>());
        assert_eq!(ring.after(998).len(), 2);
        ring.set_limit(0);
        assert_eq!((ring.held(), ring.after(0).len()), (0, 0));
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
            let one = message(&mut ring, text);
            ring.push(one);
        }
        let found = of_calls(ring.after(0), &["one".to_owned()]);
        assert_eq!(found.iter().map(|m| m.number).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn registrations_are_told_from_what_only_mentions_them() {
        assert!(is_registration(b"REGISTER sip:a SIP/2.0\r\nCSeq: 1 REGISTER\r\n\r\n"));
        assert!(is_registration(b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n"));
        assert!(!is_registration(b"SIP/2.0 200 OK\r\nAllow: INVITE, REGISTER\r\nCSeq: 1 INVITE\r\n\r\n"));
        assert!(!is_registration(b"INVITE sip:a SIP/2.0\r\nAllow: INVITE, REGISTER\r\nCSeq: 1 INVITE\r\n\r\n"));
    }
}
