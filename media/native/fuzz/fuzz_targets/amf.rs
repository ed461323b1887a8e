//! Values of commands and metadata: what is read is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::amf;

fuzz_target!(|input: &[u8]| {
    let Ok(values) = amf::read_all(input) else {
        return;
    };
    let mut bytes = Vec::new();
    values.iter().for_each(|value| amf::put(&mut bytes, value));
    let again = amf::read_all(&bytes).expect("our own bytes");
    // Not compared by value: a number may be no number.
    assert_eq!(format!("{values:?}"), format!("{again:?}"));
});
