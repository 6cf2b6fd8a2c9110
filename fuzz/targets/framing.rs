//! A stream cut into messages: however it arrives, the same messages come out, and the parser finds
//! the end of each where the framing found it.
#![no_main]

use cordboard_net::framing::{Frame, FrameError, FrameLimits, Framer};
use cordboard_sip::limits::Limits;
use cordboard_sip::message::Message;
use libfuzzer_sys::fuzz_target;

const LIMITS: FrameLimits = FrameLimits { head: 4_096, body: 4_096 };

#[derive(Debug, PartialEq)]
enum Out {
    Message(Vec<u8>),
    Ping,
    Error(FrameError),
}

fn frames(data: &[u8], size: usize) -> Vec<Out> {
    let mut framer = Framer::new(LIMITS);
    let mut out = Vec::new();
    for part in data.chunks(size) {
        framer.push(part);
        loop {
            match framer.pull() {
                Ok(Some(Frame::Message(bytes))) => out.push(Out::Message(bytes.to_vec())),
                Ok(Some(Frame::Ping)) => out.push(Out::Ping),
                Ok(None) => break,
                Err(error) => {
                    out.push(Out::Error(error));
                    return out;
                }
            }
        }
    }
    out
}

fuzz_target!(|data: &[u8]| {
    let Some((size, stream)) = data.split_first() else { return };
    let whole = frames(stream, stream.len().max(1));
    assert_eq!(frames(stream, usize::from(*size).max(1)), whole);
    for message in whole.iter().filter_map(|out| if let Out::Message(bytes) = out { Some(bytes) } else { None }) {
        if let Ok(read) = Message::parse(message, &Limits::default()) {
            assert!(message.ends_with(read.body()));
            assert!(message.len() - read.body().len() <= LIMITS.head);
        }
    }
});
