//! Secure packets: the first octet chooses suite and key identifier; the rest is taken for what came, which nobody
//! without the key can have made, and then for what is sent, which comes back as it was.
#![no_main]

use cordboard_media::srtp::{Keys, ROOM, Receive, Suite, Transmit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let suite = Suite::ALL[usize::from(choice % 6)];
    let mut random = |out: &mut [u8]| out.fill(*choice);
    let keys = Keys::generate(suite, &mut random).with_mki(u32::from(*choice), choice / 6 % 5);
    let (mut transmit, mut receive) = (Transmit::new(keys.clone()), Receive::new(keys));

    assert!(receive.unprotect(&mut data.to_vec()).is_err());
    assert!(receive.unprotect_rtcp(&mut data.to_vec()).is_err());

    let mut packet = data.to_vec();
    packet.resize(data.len() + ROOM, 0);
    if let Ok(len) = transmit.protect(&mut packet, data.len()) {
        assert!((data.len()..=data.len() + ROOM).contains(&len));
        assert_eq!(receive.unprotect(&mut packet[..len]), Ok(data.len()));
        assert_eq!(&packet[..data.len()], data);
    }
    let mut packet = data.to_vec();
    packet.resize(data.len() + ROOM, 0);
    if let Ok(len) = transmit.protect_rtcp(&mut packet, data.len()) {
        assert!((data.len()..=data.len() + ROOM).contains(&len));
        assert_eq!(receive.unprotect_rtcp(&mut packet[..len]), Ok(data.len()));
        assert_eq!(&packet[..data.len()], data);
    }
});
