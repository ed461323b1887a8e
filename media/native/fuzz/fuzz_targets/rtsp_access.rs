//! See [`tongshi_plane::fuzzing::rtsp_access`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tongshi_plane::fuzzing::rtsp_access(input));
