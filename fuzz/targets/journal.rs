//! A journal as it may be found after a crash. What is kept is kept whole and in order, whatever follows it; bytes that
//! are no journal are none; and the bindings that come of it never outnumber what was written.
#![no_main]

use cordboard_net::records::{MAGIC, push, read};
use cordboard_sip::Time;
use cordboard_sip::registrar::Registrar;
use libfuzzer_sys::fuzz_target;

const UNIX: u64 = 1_800_000_000;

fuzz_target!(|data: &[u8]| {
    // As it is: an arbitrary file.
    let (contents, good) = read(data);
    assert!(good <= data.len() && contents.len() <= good);
    assert_eq!(read(&data[..good]), (contents, good), "what is whole is read again as it was");

    // The first byte says where the file was cut and where a bit was turned over; the rest are records.
    let Some((&choice, records)) = data.split_first() else { return };
    let mut file = MAGIC.to_vec();
    let mut ends = vec![(file.len(), 0)];
    for record in records.split(|byte| *byte == 0x0c) {
        push(&mut file, record);
        ends.push((file.len(), ends[ends.len() - 1].1 + record.len()));
    }
    let whole: Vec<u8> = records.iter().copied().filter(|byte| *byte != 0x0c).collect();
    assert_eq!(read(&file), (whole.clone(), file.len()));
    let at = MAGIC.len() + (file.len() - MAGIC.len()) * usize::from(choice) / 256;
    let kept = |at: usize| *ends.iter().rev().find(|(end, _)| *end <= at).expect("the magic is kept");
    let (end, length) = kept(at);
    assert_eq!(read(&file[..at]), (whole[..length].to_vec(), end));
    // One bit that turned over is seen, in a length as well.
    file[at] ^= 1 << (choice % 8);
    assert_eq!(read(&file), (whole[..length].to_vec(), end));

    let mut events = Vec::new();
    let restored = Registrar::default().restore(&whole, Time(0), UNIX, &mut events);
    assert!(restored.damaged <= whole.len());
});
