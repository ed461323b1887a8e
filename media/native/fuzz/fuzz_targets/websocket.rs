//! See [`tongshi_plane::fuzzing::websocket`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tongshi_plane::fuzzing::websocket(input));
