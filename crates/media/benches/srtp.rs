//! What SRTP costs a packet: `cargo bench -p cordboard-media --bench srtp`. Prints nanoseconds a packet of G.711, 20 ms;
//! the best of several runs, since whatever disturbs a run only slows it.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::Instant;

use cordboard_media::rtp;
use cordboard_media::srtp::{Keys, ROOM, Receive, Suite, Transmit};

const PACKET: usize = rtp::HEADER + 160;
const ROUNDS: usize = 10_000;

fn main() {
    for suite in Suite::ALL {
        let keys = Keys::generate(suite, &mut |out| out.fill(7));
        let (mut best_out, mut best_in) = (u128::MAX, u128::MAX);
        for _ in 0..15 {
            let (mut transmit, mut receive) = (Transmit::new(keys.clone()), Receive::new(keys.clone()));
            let mut packets = vec![[0x55_u8; PACKET + ROOM]; ROUNDS];
            for (sequence, packet) in packets.iter_mut().enumerate() {
                rtp::write(packet, 8, false, sequence as u16, 0, 9);
            }
            let start = Instant::now();
            let mut len = 0;
            for packet in &mut packets {
                len = transmit.protect(packet, PACKET).unwrap();
            }
            best_out = best_out.min(start.elapsed().as_nanos());
            let start = Instant::now();
            for packet in &mut packets {
                receive.unprotect(&mut packet[..len]).unwrap();
            }
            best_in = best_in.min(start.elapsed().as_nanos());
        }
        let each = |nanoseconds: u128| nanoseconds / ROUNDS as u128;
        println!("{:<26}out {:>6} ns   in {:>6} ns", suite.name(), each(best_out), each(best_in));
    }
}
