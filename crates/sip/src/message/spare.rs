//! Memory that goes from one message to the next.
//!
//! Messages are put together one at a time and then copied to where they stay, in one piece of the right size. What they
//! are put together in is warm, never grows for long, and leaves no holes of a kilobyte between what lives.

use std::cell::Cell;
use std::sync::Arc;

use super::HeaderEntry;

/// What a message rarely exceeds.
const USUAL: usize = 2_048;
/// Of a larger message the memory is not kept.
const MOST: usize = 65_536;
/// Header lines that a message rarely exceeds.
const LINES: usize = 24;

thread_local! {
    static TEXT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static ENTRIES: Cell<Vec<HeaderEntry>> = const { Cell::new(Vec::new()) };
}

/// An empty text with room for a message, and an empty index.
pub(super) fn take() -> (String, Vec<HeaderEntry>) {
    let mut entries = ENTRIES.take();
    entries.reserve(LINES);
    // Nothing is UTF-8.
    (String::from_utf8(take_text()).unwrap_or_default(), entries)
}

/// Takes back what [`take`] gave.
pub(super) fn give(text: Vec<u8>, mut entries: Vec<HeaderEntry>) {
    give_text(text);
    if entries.capacity() <= MOST / size_of::<HeaderEntry>() {
        entries.clear();
        ENTRIES.set(entries);
    }
}

/// The parts one behind the other.
pub(super) fn join(parts: &[&[u8]]) -> Arc<[u8]> {
    let mut text = take_text();
    for part in parts {
        text.extend_from_slice(part);
    }
    let joined = Arc::from(&*text);
    give_text(text);
    joined
}

fn take_text() -> Vec<u8> {
    let mut text = TEXT.take();
    text.reserve(USUAL);
    text
}

fn give_text(mut text: Vec<u8>) {
    if text.capacity() <= MOST {
        text.clear();
        TEXT.set(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_large_message_took_is_not_kept() {
        assert_eq!(*join(&[&[1; MOST], b"2"]), [&[1; MOST][..], b"2"].concat());
        assert!(TEXT.take().capacity() <= MOST);
    }

    #[test]
    fn two_messages_at_once_do_not_share_their_memory() {
        let ((mut one, entries), (mut two, _)) = (take(), take());
        one.push_str("one");
        two.push_str("two");
        assert_eq!((one.as_str(), two.as_str()), ("one", "two"));
        give(one.into_bytes(), entries);
        assert_eq!(take().0, "");
    }
}
