//! Packets encrypted by libsrtp: we make the same octets, and read them.

use super::*;

#[test]
fn packets_are_those_of_libsrtp() {
    let mut session = None;
    let mut packets = 0;
    for line in include_str!("libsrtp.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [kind, one, two] = words[..] else { panic!("{line}") };
        if kind == "suite" {
            let keys = Keys::new(Suite::from_name(one).unwrap(), &hex(two)).unwrap();
            let mut transmit = Transmit::new(keys.clone());
            // Its index of RTCP begins at one, ours at zero (RFC 3711 3.4).
            let mut first = [0x80; 8 + ROOM];
            transmit.protect_rtcp(&mut first, 8).unwrap();
            session = Some((transmit, Receive::new(keys)));
            continue;
        }
        let (transmit, receive) = session.as_mut().unwrap();
        let (plain, theirs) = (hex(one), hex(two));
        let mut packet = plain.clone();
        packet.resize(plain.len() + ROOM, 0);
        let len = match kind {
            "rtp" => transmit.protect(&mut packet, plain.len()),
            _ => transmit.protect_rtcp(&mut packet, plain.len()),
        };
        assert_eq!(packet[..len.unwrap()], theirs, "{line}");
        let mut packet = theirs;
        let len = if kind == "rtp" { receive.unprotect(&mut packet) } else { receive.unprotect_rtcp(&mut packet) };
        assert_eq!((len, &packet[..plain.len()]), (Ok(plain.len()), &plain[..]), "{line}");
        packets += 1;
    }
    assert_eq!(packets, 40);
}
