//! The layout of the journal: bytes in records that are whole or not there.
//!
//! ```text
//! file   = magic *record
//! record = length(u32 LE) crc32(u32 LE, of length and bytes) bytes
//! ```
//!
//! In the first version the checksum was of the bytes alone, so that zeros a lost power had left were records without
//! bytes. Its files are read still; whoever opens one writes it anew.
//!
//! A record that is cut off or damaged ends the file: all before it counts, it and all after it do not.

/// What a file begins with.
pub const MAGIC: &[u8; 8] = b"CBJRNL2\n";
/// What a file of the first version begins with.
pub const FIRST: &[u8; 8] = b"CBJRNL1\n";

/// Appends one record.
pub fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    // A turn's changes and a snapshot are far below 4 GiB.
    let length = (bytes.len() as u32).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&crc32(&[&length, bytes]).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// The contents of all whole records, and how many bytes of the file they take; of a file of either version.
#[must_use]
pub fn read(raw: &[u8]) -> (Vec<u8>, usize) {
    let mut contents = Vec::new();
    let first = raw.starts_with(FIRST);
    let Some(mut rest) = raw.strip_prefix(if first { FIRST } else { MAGIC }) else { return (contents, 0) };
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let crc = u32::from_le_bytes([c0, c1, c2, c3]);
        let Some((bytes, next)) = after.split_at_checked(length) else { break };
        let length = [l0, l1, l2, l3];
        if crc32(&[if first { &[] } else { &length[..] }, bytes]) != crc {
            break;
        }
        contents.extend_from_slice(bytes);
        rest = next;
    }
    (contents, raw.len() - rest.len())
}

/// CRC-32 as of IEEE 802.3, of parts one after the other.
fn crc32(parts: &[&[u8]]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut value = index as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    !parts
        .iter()
        .copied()
        .flatten()
        .fold(!0, |crc, byte| (crc >> 8) ^ TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(&[b"1234", b"", b"56789"]), 0xcbf4_3926);
    }
}
