//! Requests of peers (RFC 3261 17.2, RFC 6026).

use super::*;

#[test]
fn an_invite_is_answered_100_at_once_and_a_busy_is_repeated_until_its_ack() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    let id = bench.accept(&invite, Transport::Udp);
    assert_eq!(bench.sent_kinds(), ["100"]);
    assert!(bench.respond(id, 486));
    assert_eq!(bench.sent_kinds(), ["486"]);
    assert_eq!(bench.sent_within(4 * S), [500, 1_500, 3_500].map(|ms| ms * MS));
    assert_eq!(bench.receive_request(&request("ACK", "z9hG4bKa"), Transport::Udp), Inbound::Absorbed);
    assert_eq!(bench.sent_within(4 * S), []);
    bench.advance(2 * S);
    assert_eq!(bench.told(), ["terminated 1"]);
    bench.assert_clean();
}
