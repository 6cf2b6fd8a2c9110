//! Requests of ours (RFC 3261 17.1, RFC 6026).

use super::*;

#[test]
fn an_invite_over_udp_is_sent_again_with_doubling_intervals_until_timer_b() {
    let mut bench = Bench::new();
    bench.send(&request("INVITE", "z9hG4bKa"), Transport::Udp);
    assert_eq!(bench.sent_kinds(), ["INVITE"]);
    let at = bench.sent_within(40 * S);
    assert_eq!(at, [500, 1_500, 3_500, 7_500, 15_500, 31_500].map(|ms| ms * MS));
    assert_eq!(bench.told(), ["failed 1 Timeout", "terminated 1"]);
    bench.assert_clean();
}
