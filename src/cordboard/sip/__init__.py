"""SIP usages over the Rust core: sessions, and who owns which transaction. No input or output, no clock."""
