//! L16: linear samples of 16 bits in network order (RFC 3551 4.5.11).

/// Writes samples as far as `out` has room; gives the number of octets.
pub fn encode(samples: &[i16], out: &mut [u8]) -> usize {
    let places = out.as_chunks_mut::<2>().0;
    let count = samples.len().min(places.len());
    for (place, sample) in places.iter_mut().zip(samples) {
        *place = sample.to_be_bytes();
    }
    2 * count
}

/// Reads samples as far as `out` has room; an odd octet at the end is left out. Gives the number of samples.
pub fn decode(octets: &[u8], out: &mut [i16]) -> usize {
    let pairs = octets.as_chunks::<2>().0;
    for (pair, sample) in pairs.iter().zip(out.iter_mut()) {
        *sample = i16::from_be_bytes(*pair);
    }
    pairs.len().min(out.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_in_network_order() {
        let mut octets = [0; 5];
        assert_eq!(encode(&[0x0102, -2, 7], &mut octets), 4);
        assert_eq!(octets, [1, 2, 0xff, 0xfe, 0]);
        let mut samples = [0; 3];
        assert_eq!(decode(&octets, &mut samples), 2);
        assert_eq!(samples, [0x0102, -2, 0]);
    }
}
