//! REGISTER after REGISTER, parted by form feeds, then a restart from the journal; and the same bytes as
//! a journal. Answers can be read, bindings stay within their limit, and nothing is lost by the restart.
#![no_main]

use std::sync::Arc;

use cordboard_sip::digest::{Digest, DigestSettings};
use cordboard_sip::directory::{Admission, Directory, Entry};
use cordboard_sip::ids::SeededIds;
use cordboard_sip::limits::Limits;
use cordboard_sip::registrar::{Registrar, Visit};
use cordboard_sip::{Flow, Message, Method, Time, Transport};
use libfuzzer_sys::fuzz_target;

const UNIX: u64 = 1_800_000_000;

fuzz_target!(|data: &[u8]| {
    let (mut events, mut journal, mut ids) = (Vec::new(), Vec::new(), SeededIds::new(1));
    let restored = Registrar::default().restore(data, Time(0), UNIX, &mut events);
    assert!(restored.damaged <= data.len());
    let mut directory = Directory::new(Digest::new("r", [9; 32], DigestSettings::default()));
    for dn in ["1501", "1502"] {
        directory.set(dn, Entry { registers: true, ..Entry::default() });
    }
    let address = ([192, 0, 2, 1], 5060).into();
    let flow = Flow { transport: Transport::Udp, local: address, remote: address, connection: 0 };
    let mut registrar = Registrar::default();
    let limits = Limits::default();
    let mut now = Time(0);
    for part in data.split(|byte| *byte == 0x0c) {
        now = Time(now.0 + 1_500_000);
        registrar.handle_timeouts(now, &mut events);
        let Ok(request) = Message::parse(part, &limits) else { continue };
        if !request.is_request() || request.method() != Method::Register {
            continue;
        }
        let Ok(parties) = request.parties() else { continue };
        let admission = directory.admit(&request, &parties.from_uri, &flow, now, &mut ids);
        let Admission::Admitted { dn } = admission else { continue };
        let unix = UNIX + now.seconds();
        let visit = Visit { request: &request, parties: &parties, dn: &dn, flow, now, unix, tag: "t" };
        let answer: Arc<[u8]> = registrar.register(&visit, &directory, &mut ids, &mut events, &mut journal);
        let roomy = Limits { message: 1 << 20, headers: 1_000, header: 1 << 20, ..limits };
        let answer = Message::parse(&answer, &roomy).expect("an answer is a message");
        assert!(answer.status() >= 200);
        assert!(registrar.locations(&dn, now).len() <= 10);
    }
    let mut again = Registrar::default();
    let restored = again.restore(&journal, now, UNIX + now.seconds(), &mut events);
    assert_eq!(restored.damaged, 0);
    for dn in ["1501", "1502"] {
        for location in registrar.locations(dn, now) {
            assert!(again.locations(dn, now).contains(&location));
        }
    }
});
