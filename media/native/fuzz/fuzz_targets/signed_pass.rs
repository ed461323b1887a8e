//! See [`tongshi_plane::fuzzing::signed_pass`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tongshi_plane::fuzzing::signed_pass(input));
