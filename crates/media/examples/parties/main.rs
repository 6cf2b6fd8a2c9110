//! Parties on the loopback that say and hear: the load for figures and soaks of media, see bench/README.md.
//!
//! ```text
//! parties relay SECONDS PORT_A PORT_B < calls       "A B" or "A B KEY KEY" a line
//! parties conference SECONDS PORT TALKERS < seats   "PORT" a line
//! ```
//!
//! All parties of a side share a socket: what they send to tells them apart. A call's line has the two ports A and B
//! send to, and for SRTP at A's side the keys A encrypts and decrypts with, in hexadecimal digits
//! (AES_CM_128_HMAC_SHA1_80). Everybody says a packet of G.711 each 20 ms, spread over the 20 ms.
//!
//! One line of JSON says what the parties found. In a call each packet has a mark by which the other party knows it
//! and how long it was under way: from just before it was given to the kernel until the kernel had it for the other
//! party, by the clock of the day, so that a party that is slow to read adds nothing; in a conference the talkers each say a tone of their own, and all others listen
//! whether it goes on without a break.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod conference;
mod relay;
mod wire;

use std::io::Read;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut lines = String::new();
    let read = std::io::stdin().read_to_string(&mut lines).map_err(|error| error.to_string());
    let done = read.and_then(|_| match words[..] {
        ["relay", seconds, a, b] => relay::run(number(seconds)?, [number(a)?, number(b)?], &lines),
        ["conference", seconds, port, talkers] => {
            conference::run(number(seconds)?, number(port)?, number(talkers)?, &lines)
        }
        _ => Err("relay SECONDS PORT_A PORT_B, or conference SECONDS PORT TALKERS".to_owned()),
    });
    match done {
        Ok(found) => {
            println!("{found}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("parties: {error}");
            ExitCode::from(2)
        }
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("not a number: {text}"))
}
