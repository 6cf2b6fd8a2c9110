//! Identifiers nobody can guess.

use cordboard_sip::Ids;

/// How many identifiers one system call fetches.
const BATCH: usize = 512;

/// Tags, branches and nonces from the operating system's generator (RFC 3261 19.3 asks for
/// cryptographic strength), read 512 at a time so that one costs some nanoseconds.
///
/// Spent bits are erased, so that a later look into the memory does not tell earlier identifiers.
pub struct StrongIds {
    pool: Box<[u8; BATCH * 8]>,
    /// Where the unspent bytes start.
    at: usize,
}

impl StrongIds {
    /// Fetches the first batch.
    ///
    /// # Errors
    /// If the operating system has no randomness to give.
    pub fn new() -> std::io::Result<Self> {
        let mut pool = Box::new([0; BATCH * 8]);
        getrandom::fill(&mut pool[..]).map_err(std::io::Error::from)?;
        Ok(Self { pool, at: 0 })
    }
}

impl Ids for StrongIds {
    /// # Panics
    /// If the operating system stops giving randomness: better no server than one whose tags can
    /// be guessed.
    fn next_u64(&mut self) -> u64 {
        if self.at == self.pool.len() {
            if let Err(error) = getrandom::fill(&mut self.pool[..]) {
                panic!("the operating system gives no more randomness: {error}");
            }
            self.at = 0;
        }
        let mut bits = [0; 8];
        let spent = &mut self.pool[self.at..self.at + 8];
        bits.copy_from_slice(spent);
        spent.fill(0);
        self.at += 8;
        u64::from_ne_bytes(bits)
    }
}

impl std::fmt::Debug for StrongIds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StrongIds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_identifier_comes_twice_over_several_batches() {
        let mut ids = StrongIds::new().unwrap();
        let mut seen: Vec<u64> = (0..BATCH * 4).map(|_| ids.next_u64()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), BATCH * 4);
    }

    #[test]
    fn spent_bits_are_erased() {
        let mut ids = StrongIds::new().unwrap();
        let bits = ids.next_u64();
        assert_ne!(bits, 0);
        assert_eq!(ids.pool[..8], [0; 8]);
    }
}
