//! What is done to samples between one codec and another.

pub mod level;
pub mod oscillator;
pub mod plc;
pub mod resample;
