use proptest::prelude::*;

use super::read::CONTACT_URI;
use super::*;
use crate::bindings::later;
use crate::digest::{Digest, DigestSettings};
use crate::directory::Entry;
use crate::flow::Transport;
use crate::header::{HeaderName, NameAddr};
use crate::ids::SeededIds;
use crate::limits::Limits;

const UNIX: u64 = 1_800_000_000;

/// A registrar with two DNs that register and one that does not, and a clock.
struct Site {
    registrar: Registrar,
    directory: Directory,
    now: Time,
    flow: Flow,
    events: Vec<Event>,
    journal: Vec<u8>,
    ids: SeededIds,
}

impl Site {
    fn new() -> Self {
        let mut directory = Directory::new(Digest::new("r", [0; 32], DigestSettings::default()));
        for dn in ["1501", "1502", "queue"] {
            directory.set(dn, Entry { registers: dn != "queue", ..Entry::default() });
        }
        let local = "127.0.0.1:5060".parse().unwrap();
        let remote = "127.0.0.1:6000".parse().unwrap();
        Self {
            registrar: Registrar::default(),
            directory,
            now: Time(500_000_000),
            flow: Flow { transport: Transport::Udp, local, remote, connection: 0 },
            events: Vec::new(),
            journal: Vec::new(),
            ids: SeededIds::new(5),
        }
    }

    fn unix(&self) -> u64 {
        UNIX + self.now.seconds()
    }

    fn pass(&mut self, seconds: u64) {
        self.now = later(self.now, seconds);
        self.registrar.handle_timeouts(self.now, &mut self.events);
    }

    /// Sends a REGISTER of 1501 and gives the answer.
    fn register(&mut self, call_id: &str, cseq: u32, headers: &str) -> Message {
        self.register_as("1501", "1501", call_id, cseq, headers)
    }

    fn register_as(&mut self, dn: &str, to: &str, call_id: &str, cseq: u32, headers: &str) -> Message {
        let text = format!(
            "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKa\r\nVia: SIP/2.0/UDP b\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{dn}@h>;tag=f\r\nTo: <sip:{to}@h>\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} REGISTER\r\nUser-Agent: phone\r\n{headers}\r\n"
        );
        self.visit(dn, &text)
    }

    fn visit(&mut self, dn: &str, text: &str) -> Message {
        let request = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let (dn, unix) = (Arc::from(dn), self.unix());
        let parties = request.parties().unwrap();
        let visit =
            Visit { request: &request, parties: &parties, dn: &dn, flow: self.flow, now: self.now, unix, tag: "t" };
        let bytes =
            self.registrar.register(&visit, &self.directory, &mut self.ids, &mut self.events, &mut self.journal);
        Message::parse(&bytes, &Limits::default()).unwrap()
    }

    /// As [`Site::register`], from the phone itself: no proxy has added a Via.
    fn direct(&mut self, call_id: &str, cseq: u32, headers: &str) -> Message {
        let text = format!(
            "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6000;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n\
             From: <sip:1501@h>;tag=f\r\nTo: <sip:1501@h>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n{headers}\r\n"
        );
        self.visit("1501", &text)
    }

    fn uris(&self, dn: &str) -> Vec<String> {
        self.registrar.locations(dn, self.now).into_iter().map(|l| l.uri).collect()
    }

    /// What was told since the last time, as `change dn contacts`.
    fn told(&mut self) -> Vec<String> {
        self.events
            .drain(..)
            .map(|event| match event {
                Event::Binding { dn, change, locations } => format!("{change:?} {dn} {}", locations.len()),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// Another process that has read the journal.
    fn restarted(&self, journal: &[u8]) -> (Site, Restored) {
        let mut site = Site { now: Time(3_000_000), ..Site::new() };
        let restored = site.registrar.restore(journal, site.now, self.unix(), &mut site.events);
        (site, restored)
    }
}

fn contacts(answer: &Message) -> Vec<&str> {
    assert_eq!(answer.status(), 200);
    answer.contacts().collect()
}

#[test]
fn a_binding_appears_is_refreshed_in_silence_and_goes() {
    let mut site = Site::new();
    let answer = site.register("a", 1, "Contact: <sip:1501@10.0.0.1>;expires=60\r\n");
    assert_eq!(contacts(&answer), ["<sip:1501@10.0.0.1>;expires=60"]);
    assert_eq!(site.told(), ["Appeared 1501 1"]);
    site.pass(50);
    assert_eq!(contacts(&site.register("a", 2, "")), ["<sip:1501@10.0.0.1>;expires=10"]);
    let answer = site.register("a", 3, "Contact: <sip:1501@10.0.0.1>;expires=60\r\n");
    assert_eq!(contacts(&answer), ["<sip:1501@10.0.0.1>;expires=60"]);
    assert!(site.told().is_empty());
    assert!(contacts(&site.register("a", 4, "Contact: <sip:1501@10.0.0.1>;expires=0\r\n")).is_empty());
    assert_eq!(site.told(), ["Gone 1501 0"]);
    let counters = site.registrar.counters();
    assert_eq!((counters.added, counters.refreshed, counters.removed, counters.queries), (1, 1, 1, 1));
}

#[test]
fn the_answer_copies_what_it_must_and_says_where_it_was_heard_from() {
    let mut site = Site::new();
    let answer =
        site.register("a", 1, "Path: <sip:p1;lr>,\r\n <sip:p2;lr>\r\nPath: <sip:p3;lr>\r\nContact: sip:a@h\r\n");
    let vias: Vec<_> = answer.all(HeaderName::Via).collect();
    assert_eq!(vias, ["SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport=6000;received=127.0.0.1", "SIP/2.0/UDP b"]);
    assert_eq!(answer.get(HeaderName::To), Some("<sip:1501@h>;tag=t"));
    assert_eq!(answer.call_id(), "a");
    assert_eq!(answer.get(HeaderName::CSeq), Some("1 REGISTER"));
    assert_eq!(answer.get(HeaderName::Date), Some("Fri, 15 Jan 2027 08:08:20 GMT"));
    assert_eq!(answer.list(HeaderName::Path).collect::<Vec<_>>(), ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"]);
    assert_eq!(answer.get(HeaderName::Supported), Some("path, outbound, gruu"));
    assert_eq!(contacts(&answer), ["<sip:a@h>;expires=1800"]);
    let locations = site.registrar.locations("1501", site.now);
    assert_eq!(locations[0].path, ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"]);
    assert_eq!((locations[0].user_agent.as_str(), locations[0].flow), ("phone", site.flow));
}

#[test]
fn expiry_is_taken_from_the_contact_then_the_header_then_the_default() {
    let mut site = Site::new();
    for (cseq, (headers, expected)) in [
        ("Expires: 300\r\nContact: <sip:a@h>;expires=5\r\n", "5"),
        ("Expires: 300\r\nContact: <sip:a@h>\r\n", "300"),
        ("Contact: <sip:a@h>\r\n", "1800"),
        ("Contact: <sip:a@h>;expires=1\r\n", "1"),
        ("Contact: <sip:a@h>;expires=99999999999\r\n", "86400"),
        ("Contact: <sip:a@h>;expires=soon\r\n", "3600"),
        ("Expires: -1\r\nContact: <sip:a@h>\r\n", "3600"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = site.register("a", cseq as u32 + 1, headers);
        assert_eq!(contacts(&answer), [format!("<sip:a@h>;expires={expected}")], "{headers}");
    }
}

#[test]
fn several_contacts_are_ordered_by_q_then_by_how_recent_they_are() {
    let mut site = Site::new();
    site.register("a", 1, "Contact: <sip:a@h>;q=0.5, <sip:b@h>;q=0.25\r\n");
    site.pass(1);
    site.register("b", 1, "Contact: <sip:c@h>;q=0.5\r\n");
    site.pass(1);
    let answer = site.register("c", 1, "Contact: <sip:d@h>\r\n");
    let shown: Vec<_> = contacts(&answer).iter().map(|c| c.split(";expires").next().unwrap()).collect();
    assert_eq!(shown, ["<sip:d@h>", "<sip:c@h>;q=0.500", "<sip:a@h>;q=0.500", "<sip:b@h>;q=0.250"]);
    assert_eq!(site.told(), ["Appeared 1501 2", "Moved 1501 3", "Moved 1501 4"]);
    site.register("b", 2, "Contact: <sip:c@h>;q=0.1\r\n");
    assert_eq!(site.told(), ["Moved 1501 4"]);
    assert_eq!(site.uris("1501"), ["sip:d@h", "sip:a@h", "sip:b@h", "sip:c@h"]);
}

#[test]
fn a_new_flow_is_a_move() {
    let mut site = Site::new();
    site.register("a", 1, "Contact: <sip:a@h>\r\n");
    site.flow.remote.set_port(6001);
    site.register("a", 2, "Contact: <sip:a@h>\r\n");
    assert_eq!(site.told(), ["Appeared 1501 1", "Moved 1501 1"]);
    assert_eq!(site.registrar.locations("1501", site.now)[0].flow.remote.port(), 6001);
}

#[test]
fn the_same_cseq_is_a_retransmission_and_a_lower_one_changes_nothing() {
    let mut site = Site::new();
    let headers = "Contact: <sip:a@h>;expires=60\r\n";
    site.register("a", 7, headers);
    site.pass(10);
    assert_eq!(contacts(&site.register("a", 7, headers)), ["<sip:a@h>;expires=50"]);
    assert_eq!(site.register("a", 6, headers).status(), 500);
    assert_eq!(site.register("a", 6, "Contact: <sip:a@h>;expires=0, <sip:b@h>\r\n").status(), 500);
    assert_eq!(site.register("a", 7, "Contact: <sip:a@h>, <sip:b@h>\r\n").status(), 500);
    assert_eq!(site.uris("1501"), ["sip:a@h"]);
    assert_eq!(contacts(&site.register("another", 1, headers)), ["<sip:a@h>;expires=60"]);
    let counters = site.registrar.counters();
    assert_eq!((counters.retransmitted, counters.out_of_order), (1, 3));
}

#[test]
fn star_removes_everything_but_only_with_expires_0_alone_and_in_order() {
    let mut site = Site::new();
    site.register("a", 5, "Contact: <sip:a@h>, <sip:b@h>\r\n");
    for headers in [
        "Contact: *\r\n",
        "Contact: *\r\nExpires: 60\r\n",
        "Contact: *, <sip:a@h>\r\nExpires: 0\r\n",
        "Contact: <sip:a@h>\r\nContact: *\r\nExpires: 0\r\n",
    ] {
        assert_eq!(site.register("a", 6, headers).status(), 400, "{headers}");
    }
    for cseq in [4, 5] {
        assert_eq!(site.register("a", cseq, "Contact: *\r\nExpires: 0\r\n").status(), 500);
    }
    assert_eq!(site.uris("1501").len(), 2);
    assert!(contacts(&site.register("a", 6, "Contact: *\r\nExpires: 0\r\n")).is_empty());
    assert!(contacts(&site.register("a", 6, "Contact: *\r\nExpires: 0\r\n")).is_empty());
    assert_eq!(site.told(), ["Appeared 1501 2", "Gone 1501 0"]);
}

#[test]
fn one_bad_contact_leaves_all_as_it_was() {
    let mut site = Site::new();
    for bad in ["<sip:>", "<mailto:a@h>", "\"x\" sip:a@h", "<sip:a@h", "<sip:a@h>;q=2", "<sip:good@h>", "sip:x@h:99999"]
    {
        let answer = site.register("a", 1, &format!("Contact: <sip:good@h>, {bad}\r\n"));
        assert_eq!(answer.status(), 400, "{bad}");
    }
    let long = format!("Contact: <sip:{}@h>\r\n", "x".repeat(CONTACT_URI));
    assert_eq!(site.register("a", 1, &long).status(), 400);
    assert_eq!(site.register("a", 1, "Path: nonsense\r\nContact: <sip:a@h>\r\n").status(), 400);
    let open_quote = "Path: <sip:edge;lr\">\r\nPath: <sip:core;lr>\r\nContact: <sip:a@h>\r\n";
    assert_eq!(site.register("a", 1, open_quote).status(), 400);
    let many: String = (0..11).map(|n| format!("Contact: <sip:a{n}@h>\r\n")).collect();
    assert_eq!(site.register("a", 1, &many).status(), 403);
    assert!(site.registrar.is_empty() && site.journal.is_empty() && site.events.is_empty());
}

#[test]
fn only_the_dn_itself_may_register_and_only_if_it_registers() {
    let mut site = Site::new();
    for (dn, to, status) in
        [("1501", "1502", 403), ("queue", "queue", 403), ("1501", "9999", 404), ("1502", "1502", 200)]
    {
        let answer = site.register_as(dn, to, "a", 1, "Contact: <sip:a@h>\r\n");
        assert_eq!(answer.status(), status, "{dn} {to}");
    }
    assert_eq!(site.registrar.len(), 1);
}

#[test]
fn an_unknown_extension_is_named() {
    let mut site = Site::new();
    let answer = site.register("a", 1, "Require: path, gin, sec-agree\r\nContact: <sip:a@h>\r\n");
    assert_eq!((answer.status(), answer.get(HeaderName::Unsupported)), (420, Some("gin, sec-agree")));
}

#[test]
fn the_least_recent_gives_way_to_an_eleventh() {
    let mut site = Site::new();
    for n in 0..11 {
        site.register(&format!("call{n}"), 1, &format!("Contact: <sip:a@h:{}>\r\n", 5000 + n));
        site.pass(1);
        site.register("call0", n + 2, "Contact: <sip:a@h:5000>\r\n");
    }
    let uris = site.uris("1501");
    assert_eq!(uris.len(), 10);
    assert!(uris.contains(&"sip:a@h:5000".into()) && !uris.contains(&"sip:a@h:5001".into()));
    assert_eq!(site.registrar.counters().displaced, 1);
}

#[test]
fn expiry_is_told_once_and_on_time() {
    let mut site = Site::new();
    site.register("a", 1, "Contact: <sip:a@h>;expires=5, <sip:b@h>;expires=10\r\n");
    assert_eq!(site.told(), ["Appeared 1501 2"]);
    site.pass(4);
    assert!(site.told().is_empty());
    site.pass(1);
    assert_eq!(site.told(), ["Moved 1501 1"]);
    site.pass(5);
    assert_eq!(site.told(), ["Gone 1501 0"]);
    assert_eq!(site.registrar.next_timeout(), None);
    assert_eq!(site.registrar.counters().expired, 2);
}

#[test]
fn a_binding_that_expired_a_moment_ago_is_not_shown() {
    let mut site = Site::new();
    site.register("a", 1, "Contact: <sip:a@h>;expires=5, <sip:b@h>\r\n");
    site.now = later(site.now, 5);
    assert_eq!(contacts(&site.register("a", 2, "")), ["<sip:b@h>;expires=1795"]);
    assert_eq!(contacts(&site.register("a", 3, "Contact: <sip:a@h>;expires=9\r\n")).len(), 2);
}

#[test]
fn a_dn_that_is_removed_loses_its_bindings() {
    let mut site = Site::new();
    site.register("a", 1, "Contact: <sip:a@h>\r\n");
    site.registrar.remove("1501", &mut site.events, &mut site.journal);
    site.registrar.remove("1502", &mut site.events, &mut site.journal);
    assert_eq!(site.told(), ["Appeared 1501 1", "Gone 1501 0"]);
    assert_eq!(site.restarted(&site.journal).1.bindings, 0);
}

#[test]
fn frequent_refreshes_hardly_write_and_a_restart_still_knows_the_phone() {
    let mut site = Site::new();
    site.register("a", 1, "Contact: <sip:a@h>;expires=5\r\n");
    let once = site.journal.len();
    for n in 0..120 {
        site.pass(4);
        site.register("a", n + 2, "Contact: <sip:a@h>;expires=5\r\n");
    }
    assert!(site.journal.len() <= 10 * once, "{} bytes, {once} a record", site.journal.len());
    site.pass(2);
    let (mut again, restored) = site.restarted(&site.journal);
    assert_eq!((restored.bindings, restored.damaged), (1, 0));
    assert_eq!(again.told(), ["Appeared 1501 1"]);
    again.pass(5);
    assert_eq!(again.told(), ["Gone 1501 0"]);
    site.pass(600);
    assert_eq!(site.restarted(&site.journal).1.bindings, 0);
}

#[test]
fn a_journal_torn_at_any_byte_gives_what_was_whole() {
    let mut site = Site::new();
    site.flow.remote = "[2001:db8::1]:5070".parse().unwrap();
    let mut whole = vec![0];
    for n in 0..3 {
        site.register("a", n + 1, &format!("Path: <sip:p;lr>\r\nContact: <sip:a{n}@h>\r\n"));
        whole.push(site.journal.len());
    }
    for end in 0..=site.journal.len() {
        let (_, restored) = site.restarted(&site.journal[..end]);
        let records = whole.iter().rposition(|w| *w <= end).unwrap();
        assert_eq!((restored.records, restored.bindings), (records, records));
        assert_eq!(restored.damaged, end - whole[records]);
        // Whoever appends to a torn journal loses nothing but what was torn.
        let mended = [&site.journal[..end], &site.journal[..whole[1]]].concat();
        assert!(site.restarted(&mended).1.records >= records.max(1));
    }
    for at in 0..site.journal.len() {
        let mut spoilt = site.journal.clone();
        spoilt[at] ^= 0x40;
        assert_eq!(site.restarted(&spoilt).1.records, 2, "byte {at}");
    }
}

#[test]
fn a_restored_location_is_as_it_was_but_for_its_connection() {
    let mut site = Site::new();
    site.flow = Flow { transport: Transport::Tcp, connection: 9, ..site.flow };
    site.register("a", 1, "Path: <sip:p;lr>\r\nContact: <sip:a@h>;q=0.7\r\n");
    let (again, _) = site.restarted(&site.journal);
    let mut expected = site.registrar.locations("1501", site.now);
    expected[0].flow.connection = 0;
    assert_eq!(again.registrar.locations("1501", again.now), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn journal_and_snapshot_restore_what_is_there(
        steps in prop::collection::vec((0usize..2, 0u32..4, prop::sample::select(vec![0u32, 2, 5, 60, 600]), 0u64..30, 0u16..3), 1..60)
    ) {
        let mut site = Site::new();
        let mut cseq = 0;
        for (dn, contact, expires, pause, port) in steps {
            site.pass(pause);
            cseq += 1;
            let dn = ["1501", "1502"][dn];
            site.flow.remote.set_port(6000 + port);
            site.register_as(dn, dn, "a", cseq, &format!("Contact: <sip:a{contact}@h>;expires={expires}\r\n"));
        }
        let sorted = |site: &Site, dn: &str| {
            let mut all = site.registrar.locations(dn, site.now);
            all.sort_by(|a, b| a.uri.cmp(&b.uri));
            all
        };
        let (from_journal, torn) = site.restarted(&site.journal);
        let (from_snapshot, _) = site.restarted(&site.registrar.snapshot());
        prop_assert_eq!(torn.damaged, 0);
        for dn in ["1501", "1502"] {
            prop_assert_eq!(sorted(&from_snapshot, dn), sorted(&site, dn));
            // A binding that expired a moment before the restart may be in the journal for a while yet.
            let kept = sorted(&from_journal, dn);
            for location in sorted(&site, dn) {
                prop_assert!(kept.contains(&location), "{} lost", location.uri);
            }
            for binding in from_journal.registrar.bindings.get(dn) {
                let left = binding.remaining(from_journal.now);
                let old = site.registrar.bindings.get(dn).iter().find(|b| b.uri() == binding.uri());
                let known = old.map_or(0, |b| b.remaining(site.now));
                prop_assert!(left >= known && left <= (known + KEEP_LONGER).min(u64::from(binding.interval)));
            }
        }
    }
}

const FLOWS: &str = "Supported: path, outbound, gruu\r\n";

fn flow_of(reg_id: u32, uri: &str) -> String {
    format!("{FLOWS}Contact: <{uri}>;reg-id={reg_id};+sip.instance=\"<urn:uuid:a>\";expires=60\r\n")
}

/// A parameter of the Contact for `uri` in an answer, without quotes.
fn param(answer: &Message, uri: &str, name: &str) -> Option<String> {
    let contact = answer.contacts().map(|c| NameAddr::parse(c).unwrap()).find(|c| c.uri == uri)?;
    contact.params.unquoted(name).map(Into::into)
}

#[test]
fn a_path_is_refused_to_a_phone_that_does_not_know_it_only_where_that_is_wanted() {
    let mut site = Site::new();
    let path = "Path: <sip:edge;lr>\r\nContact: <sip:a@h>\r\n";
    assert_eq!(site.register("a", 1, path).status(), 200);
    site.registrar.settings_mut().path_needs_support = true;
    let answer = site.register("a", 2, path);
    assert_eq!((answer.status(), answer.get(HeaderName::Unsupported)), (420, Some("path")));
    assert_eq!(site.register("a", 3, &format!("Supported: path\r\n{path}")).status(), 200);
}

#[test]
fn two_flows_of_a_phone_are_two_bindings_and_each_is_replaced_by_its_own_refresh() {
    let mut site = Site::new();
    let answer = site.direct("a", 1, &flow_of(1, "sip:a@10.0.0.1"));
    assert_eq!(answer.get(HeaderName::Require), Some("outbound"));
    assert_eq!(answer.get_by_name("Flow-Timer"), Some("120"));
    assert_eq!(param(&answer, "sip:a@10.0.0.1", "reg-id").as_deref(), Some("1"));
    assert_eq!(param(&answer, "sip:a@10.0.0.1", "+sip.instance").as_deref(), Some("<urn:uuid:a>"));
    site.direct("b", 1, &flow_of(2, "sip:a@10.0.0.1"));
    assert_eq!(site.registrar.locations("1501", site.now).len(), 2);
    // The phone has started anew: another Contact and Call-ID, the same flow.
    site.direct("c", 1, &flow_of(2, "sip:a@10.0.0.2"));
    let found: Vec<_> = site.registrar.locations("1501", site.now).into_iter().map(|l| (l.reg_id, l.uri)).collect();
    assert!(
        found.contains(&(1, "sip:a@10.0.0.1".into())) && found.contains(&(2, "sip:a@10.0.0.2".into())),
        "{found:?}"
    );
    let (restarted, restored) = site.restarted(&site.journal);
    assert_eq!((restored.bindings, restored.damaged), (2, 0));
    let ids: Vec<_> = restarted.registrar.locations("1501", restarted.now).iter().map(|l| l.reg_id).collect();
    assert!(ids.contains(&1) && ids.contains(&2));
}

#[test]
fn a_flow_counts_only_where_phone_and_first_hop_support_it() {
    let mut site = Site::new();
    let through_a_proxy = flow_of(1, "sip:a@h");
    assert_eq!(site.register("a", 1, &through_a_proxy).status(), 439);
    let answer = site.register("a", 2, &format!("Path: <sip:token@edge;lr;ob>\r\n{through_a_proxy}"));
    assert_eq!((answer.status(), answer.get(HeaderName::Require)), (200, Some("outbound")));
    assert_eq!(answer.get_by_name("Flow-Timer"), None);
    let plain = "Contact: <sip:b@h>;reg-id=1;+sip.instance=\"<urn:uuid:b>\"\r\n";
    let answer = site.direct("b", 1, plain);
    assert_eq!((answer.status(), answer.get(HeaderName::Require)), (200, None));
    for bad in ["reg-id=0", "reg-id=2147483648", "reg-id=x", "+sip.instance=bare", "+sip.instance=\"<>\""] {
        assert_eq!(site.direct("d", 1, &format!("{FLOWS}Contact: <sip:c@h>;{bad}\r\n")).status(), 400, "{bad}");
    }
}

#[test]
fn a_flow_ends_with_its_connection_and_the_other_one_stays() {
    let mut site = Site::new();
    site.flow = Flow { transport: Transport::Tcp, connection: 7, ..site.flow };
    site.direct("a", 1, &flow_of(1, "sip:a@10.0.0.1;transport=tcp"));
    site.flow.connection = 8;
    site.direct("b", 1, &flow_of(2, "sip:a@10.0.0.1;transport=tcp"));
    site.told();
    site.registrar.connection_gone(7, &mut site.events, &mut site.journal);
    assert_eq!(site.told(), ["Moved 1501 1"]);
    assert_eq!(site.restarted(&site.journal).1.bindings, 1);
    site.registrar.connection_gone(8, &mut site.events, &mut site.journal);
    site.registrar.connection_gone(8, &mut site.events, &mut site.journal);
    assert_eq!(site.told(), ["Gone 1501 0"]);
    assert_eq!(site.registrar.counters().flows_failed, 2);
}

#[test]
fn a_connection_is_remembered_for_as_long_as_it_keeps_a_binding() {
    let mut site = Site::new();
    let on = |site: &mut Site, connection, cseq| {
        site.flow = Flow { transport: Transport::Tcp, connection, ..site.flow };
        site.direct("a", cseq, &flow_of(1, "sip:a@10.0.0.1;transport=tcp"))
    };
    // A phone that connects anew for each registration, as over a NAT that forgets.
    for n in 1..=100 {
        assert_eq!(on(&mut site, u64::from(n), n).status(), 200);
        assert_eq!(site.registrar.connections.len(), 1);
    }
    site.registrar.remove("1501", &mut site.events, &mut site.journal);
    assert_eq!(site.registrar.connections.len(), 0);
    on(&mut site, 200, 200);
    assert_eq!(site.registrar.connections.len(), 1);
    site.pass(100_000);
    assert_eq!(site.registrar.connections.len(), 0);
}

#[test]
fn a_gruu_leads_to_its_device_alone_and_a_temporary_one_for_as_long_as_its_registration() {
    let mut site = Site::new();
    let contact =
        |id: &str| format!("{FLOWS}Contact: <sip:{id}@10.0.0.1>;+sip.instance=\"<urn:uuid:{id}>\";expires=60\r\n");
    let answer = site.direct("a", 1, &contact("a"));
    let uri = "sip:a@10.0.0.1";
    assert_eq!(param(&answer, uri, "pub-gruu").as_deref(), Some("sip:1501@h;gr=urn:uuid:a"));
    let first = param(&answer, uri, "temp-gruu").unwrap();
    site.direct("b", 1, &contact("b"));
    let second = param(&site.direct("a", 2, &contact("a")), uri, "temp-gruu").unwrap();
    assert_ne!(first, second);
    let device = |site: &Site, uri: &str| {
        site.registrar.device(uri, &site.directory, site.now).map(|d| d.map(|d| format!("{} {}", d.dn, d.instance)))
    };
    let named = Some(Some("1501 <urn:uuid:a>".to_owned()));
    for gruu in [&first, &second, "sip:1501@h;gr=urn:uuid:a"] {
        assert_eq!(device(&site, gruu), named, "{gruu}");
    }
    assert_eq!(device(&site, "sip:1501@h"), None);
    assert_eq!(device(&site, "sip:9999@h;gr=urn:uuid:a"), None);
    assert_eq!(device(&site, "sip:tgruu.00@h;gr"), Some(None));
    // They outlive a restart, but not the registration, nor a new Call-ID.
    assert_eq!(device(&site.restarted(&site.registrar.snapshot()).0, &first), named);
    site.direct("c", 1, &contact("a"));
    assert_eq!(device(&site, &first), Some(None));
    let fresh = param(&site.direct("c", 2, &contact("a")), uri, "temp-gruu").unwrap();
    assert_eq!(device(&site, &fresh), named);
    site.pass(61);
    assert_eq!(device(&site, &fresh), Some(None));
}

#[test]
fn a_sips_contact_is_refused_over_a_plain_transport() {
    let mut site = Site::new();
    assert_eq!(site.direct("a", 1, "Contact: <sips:a@h>\r\n").status(), 400);
    site.flow.transport = Transport::Tls;
    assert_eq!(site.direct("a", 2, "Contact: <sips:a@h>\r\n").status(), 200);
}

#[test]
fn a_service_route_is_handed_out() {
    let mut site = Site::new();
    site.registrar.settings_mut().service_route = "<sip:orig@proxy;lr>".into();
    let answer = site.direct("a", 1, "Contact: <sip:a@h>\r\n");
    assert_eq!(answer.get_by_name("Service-Route"), Some("<sip:orig@proxy;lr>"));
}

#[test]
fn a_journal_of_the_version_before_instances_is_still_read() {
    let mut site = Site::new();
    site.direct("a", 1, "Contact: <sip:a@h>;expires=60\r\n");
    let mut old = site.journal.clone();
    // Without the empty instance (2 bytes, behind the empty User-Agent), reg-id, birth and NAT (9 bytes).
    let agent_end = 8 + 1 + [4, 7, 1, 0, 0].iter().map(|n| n + 2).sum::<usize>();
    old.drain(agent_end..agent_end + 2);
    old.truncate(old.len() - 9);
    old[1] = 1;
    let (length, sum) = ((old.len() - 8) as u16, crate::crc::crc32(&old[8..]));
    old[2..4].copy_from_slice(&length.to_le_bytes());
    old[4..8].copy_from_slice(&sum.to_le_bytes());
    let (restarted, restored) = site.restarted(&old);
    assert_eq!((restored.bindings, restored.damaged), (1, 0));
    assert_eq!(restarted.uris("1501"), ["sip:a@h"]);
}
