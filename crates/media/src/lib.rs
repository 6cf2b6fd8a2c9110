//! Voice: without a clock or a socket, but for [`engine`], which gives it both.
//!
//! Samples are `i16`, linear, one channel; a frame is 20 ms at its owner's rate. The functions here
//! take slices and write into the caller's buffers: what is needed is allocated when an object is
//! made, never per frame.
//!
//! From the bottom up: [`codec`] turns samples into payloads and back, [`dsp`] measures, conceals and
//! resamples them, [`mixer`] lets a room of people hear each other.
//! [`description`] says what offer and answer came to, [`srtp`] encrypts.
//! [`tone`] makes what a network sounds like, [`mod@file`] reads and writes sound files.
#![deny(unsafe_code)]

pub mod cng;
pub mod codec;
pub mod description;
pub mod dsp;
pub mod dtmf;
pub mod engine;
pub mod file;
pub mod mixer;
pub mod quality;
pub mod tone;

// Packets.
pub mod jitter;
pub mod latch;
pub mod reception;
pub mod rtcp;
pub mod rtp;
pub mod srtp;
