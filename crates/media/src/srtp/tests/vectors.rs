//! The vectors of the RFCs.

use super::*;
use crate::srtp::cipher::{Cipher, Place};
use crate::srtp::derive::{Aes, Label, derive};

fn derived(keys: &Keys, label: Label, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    derive(keys, label, &mut out);
    out
}

/// RFC 3711 appendix B.2.
#[test]
fn counter_mode_with_128_bits() {
    let aes = Aes::new(&hex("2B7E151628AED2A6ABF7158809CF4F3C"));
    let block = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
    let mut stream = [0; 48];
    aes.counter_mode(&block, &mut stream);
    assert_eq!(
        stream[..],
        hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0")
    );
}

/// RFC 3711 appendix B.3.
#[test]
fn session_keys_of_128_bits() {
    let material = hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
    let keys = Keys::new(Suite::AesCm128HmacSha1_80, &material).unwrap();
    assert_eq!(derived(&keys, Label::RtpCipher, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(&keys, Label::RtpSalt, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(derived(&keys, Label::RtpTag, 20), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

/// RFC 6188 section 7.1.
#[test]
fn counter_mode_with_256_bits() {
    let aes = Aes::new(&hex("57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98"));
    let block = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000").try_into().unwrap();
    let mut stream = [0; 48];
    aes.counter_mode(&block, &mut stream);
    assert_eq!(
        stream[..],
        hex("92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31")
    );
}

/// RFC 6188 section 7.2.
#[test]
fn session_keys_of_256_bits() {
    let material =
        hex("f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2");
    let keys = Keys::new(Suite::AesCm256HmacSha1_80, &material).unwrap();
    assert_eq!(
        derived(&keys, Label::RtpCipher, 32),
        hex("5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4")
    );
    assert_eq!(derived(&keys, Label::RtpSalt, 14), hex("fa31791685ca444a9e07c6c64e93"));
    assert_eq!(derived(&keys, Label::RtpTag, 20), hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
}

const QUID: &str = "517569642070726f2071756f";

/// RFC 7714 sections 16.1.1 and 16.2.1.
#[test]
fn rtp_with_gcm() {
    let header = "8040f17b 8041f8d3 5501a0b2";
    let body = "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
    for (key_len, sealed) in [
        (
            16,
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833 899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            32,
            "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b 7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ] {
        let key: Vec<u8> = (0..key_len).collect();
        let cipher = Cipher::gcm(&key, hex(QUID).try_into().unwrap(), false);
        let place = Place { ssrc: 0x5501_a0b2, index: 0xf17b, word: [0; 4] };
        assert_sealed(&cipher, place, header, body, sealed);
    }
}

/// RFC 7714 sections 17.1 and 17.3.
#[test]
fn rtcp_with_gcm() {
    let header = "81c8000d 4d617273";
    let body = "4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef";
    for (key_len, sealed) in [
        (
            16,
            "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b c84aa45896cf4d2fc5abf87245d9eade",
        ),
        (
            32,
            "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad 1d1eb30c4446839f57ff6f6cb26ac3be",
        ),
    ] {
        let key: Vec<u8> = (0..key_len).collect();
        let cipher = Cipher::gcm(&key, hex(QUID).try_into().unwrap(), true);
        let place = Place { ssrc: 0x4d61_7273, index: 0x5d4, word: [0x80, 0, 0x05, 0xd4] };
        assert_sealed(&cipher, place, header, body, sealed);
    }
}

fn assert_sealed(cipher: &Cipher, place: Place, header: &str, body: &str, sealed: &str) {
    let (header, body) = (hex(header), hex(body));
    let mut packet = [&header[..], &body].concat();
    let tag = cipher.seal(place, &mut packet, header.len()).unwrap();
    assert_eq!([&packet[header.len()..], &tag].concat(), hex(sealed));
    assert_eq!(cipher.open(place, &mut packet, header.len(), &tag), Ok(()));
    assert_eq!(packet[header.len()..], body);
}
