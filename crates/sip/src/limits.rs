//! Bounds on everything a stranger can send.

/// Sizes and counts above which a message is refused rather than read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole message; above it 513 Message Too Large (RFC 3261 21.5.7).
    pub message: usize,
    /// Header lines, counted after unfolding.
    pub headers: usize,
    /// Bytes of one header line, name and value.
    pub header: usize,
    /// Via values in all.
    pub vias: usize,
    /// Bytes of a URI.
    pub uri: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message: 65_535, headers: 200, header: 8_192, vias: 70, uri: 4_096 }
    }
}
