//! What holds for any bytes that a stranger sends to a listener: for the fuzz targets, and for the tests beside them.
//!
//! Each function takes any bytes and panics when a rule is broken. It is compiled for `cargo fuzz` and for tests alone.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tongshi_wire::rtsp::{Item, Parser, uri};

use crate::config::RtspConfig;
use crate::outputs::connection::hear_frames;
use crate::outputs::format::{Carrier, Format, Way};
use crate::outputs::http::{self, MAX_HEAD_BYTES};
use crate::outputs::rtsp::access;
use crate::outputs::viewer::Viewer;
use crate::outputs::websocket::{self, Heard, MAX_CLIENT_FRAME};
use crate::outputs::{admission, hls, signed_url};
use crate::recordings::{SegmentRef, read_all};
use crate::rtcp;

const KEY: &[u8] = b"key";
const NOW_S: i64 = 1_700_000_000;

/// A request to the viewers' listener, cut in two ways: the same requests and refusals, none of them with a pass that
/// was not signed.
pub fn http(input: &[u8]) {
    let Some((&size, bytes)) = input.split_first() else {
        return;
    };
    assert_eq!(
        heads(bytes, usize::from(size) + 1),
        heads(bytes, usize::MAX)
    );
    let text = String::from_utf8_lossy(bytes);
    let (file, query) = text.split_once('?').unwrap_or((&text, ""));
    let _ = hls::request::parse(file, query);
    assert!(hls::request::pass_of(query).len() <= query.len());
}

/// The requests of one connection as the listener reads them, up to a refusal.
fn heads(bytes: &[u8], size: usize) -> Vec<String> {
    let (mut heard, mut found) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(size) {
        heard.extend_from_slice(piece);
        loop {
            match http::parse_request(&heard) {
                Ok(None) => {
                    assert!(heard.len() < MAX_HEAD_BYTES);
                    break;
                }
                Ok(Some((request, taken))) => {
                    assert!((1..=MAX_HEAD_BYTES).contains(&taken));
                    let ticket = admission::check(KEY, &request, NOW_S, |_| true);
                    found.push(format!("{request:?} {ticket:?}"));
                    heard.drain(..taken);
                }
                Err(problem) => {
                    found.push(problem.status.to_string());
                    return found;
                }
            }
        }
    }
    found
}

/// A pass with any values, signed with our key: what is read is what stands there, and one changed letter is refused.
pub fn signed_pass(input: &[u8]) {
    let text = String::from_utf8_lossy(input).replace('\n', "");
    let mut values = text.split('\0');
    let mut next = || values.next().unwrap_or_default();
    let (path, signed) = (next(), [next(), next(), next(), next(), next(), next()]);
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("any key does");
    mac.update([&[path], &signed[..]].concat().join("\n").as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    let [user, ch, rights, tag, exp, end] = signed;
    let query = format!(
        "user={user}&ch={ch}&rights={rights}&tag={tag}&exp={exp}&end={end}&sig={signature}"
    );
    if let Some(pass) = signed_url::verify(KEY, path, &query) {
        assert_eq!((pass.tag.as_str(), pass.rights.as_str()), (tag, rights));
        assert_eq!(
            pass.expires_unix_s,
            exp.parse::<i64>().expect("it was read")
        );
        assert_eq!(signed_url::verify(KEY, &format!("{path}x"), &query), None);
        assert_eq!(signed_url::verify(b"other", path, &query), None);
        let _ = signed_url::check(KEY, path, &query, NOW_S);
    }
    assert_eq!(
        signed_url::verify(KEY, path, &format!("{query}&sig={signature}")),
        None
    );
}

/// What a viewer says over its WebSocket, cut in two ways: the same answers, and no more is kept than one frame.
pub fn websocket(input: &[u8]) {
    if let Heard::Ping(_, taken) | Heard::Ignored(taken) = websocket::hear(input) {
        assert!((1..=input.len()).contains(&taken));
    }
    if let Some((&size, bytes)) = input.split_first() {
        assert_eq!(said(bytes, usize::from(size) + 1), said(bytes, usize::MAX));
    }
}

/// What the listener says to a viewer that says this.
fn said(bytes: &[u8], size: usize) -> Vec<u8> {
    let way = Way {
        carrier: Carrier::WebSocket,
        format: Format::Fmp4,
    };
    let (mut viewer, mut heard, mut out) = (
        Viewer::new(way, Vec::new(), 1 << 20),
        Vec::new(),
        Vec::new(),
    );
    for piece in bytes.chunks(size) {
        if viewer.is_ending {
            break;
        }
        heard.extend_from_slice(piece);
        hear_frames(&mut viewer, &mut heard);
        assert!(viewer.is_ending || heard.len() < MAX_CLIENT_FRAME + 8);
    }
    while matches!(viewer.write_to(&mut out), Ok(1..)) {}
    out
}

/// RTCP of senders: statistics stay in their ranges, and a report can be made of them.
pub fn rtcp(input: &[u8]) {
    let mut reception = rtcp::Reception::default();
    let mut rest = input;
    let mut now_us = 0;
    while let Some((&[s0, s1, t0, t1, t2, t3, wait], after)) = rest.split_first_chunk::<7>() {
        rest = after;
        now_us += u64::from(wait) << (wait >> 4);
        let timestamp = u32::from_be_bytes([t0, t1, t2, t3]);
        reception.receive(u16::from_be_bytes([s0, s1]), timestamp, now_us);
        assert!(reception.lost() <= reception.expected());
    }
    let _ = rtcp::ssrc_of(input);
    let ssrc = input.get(4..8).map_or(0, |ssrc| {
        u32::from_be_bytes(ssrc.try_into().expect("four bytes"))
    });
    let report = rtcp::parse_sender_report(input, ssrc, now_us);
    let packet = rtcp::receiver_report(1, ssrc, &mut reception, report, now_us + 1);
    assert_eq!(rtcp::ssrc_of(&packet), Some(1));
}

/// Requests of an RTSP connection, and who may watch by them: nobody by bytes alone.
pub fn rtsp_access(input: &[u8]) {
    let mut parser = Parser::default();
    let configs = ["", "user"].map(|user| RtspConfig {
        user: user.into(),
        password: "secret".into(),
        ..RtspConfig::default()
    });
    let _ = parser.feed(input, &mut |item| {
        let Item::Request(request) = item else { return };
        let Some(target) = uri::parse(&request.uri) else {
            return;
        };
        for config in &configs {
            let admitted = access::check(config, KEY, &request, &target, "nonce", NOW_S);
            assert!(admitted.is_err(), "{admitted:?}");
        }
    });
}

/// A recorded file, played forwards and backwards to its end.
pub fn recording(input: &[u8]) {
    let path = scratch();
    let written = std::fs::File::create(&path).and_then(|mut file| file.write_all(input));
    written.expect("the directory for temporary files takes it");
    let segments: Arc<[SegmentRef]> = Arc::new([SegmentRef {
        path: path.clone(),
        start_us: NOW_S * 1_000_000,
        end_us: (NOW_S + 60) * 1_000_000,
        law: None,
    }]);
    read_all(&segments, &Arc::new(AtomicUsize::new(0)));
    let _ = std::fs::remove_file(&path);
}

/// In memory where there is such a directory.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let thread = std::thread::current().id();
    directory.join(format!(
        "tongshi-fuzz-{}-{thread:?}.mp4",
        std::process::id()
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Target = (&'static str, fn(&[u8]));

    const TARGETS: [Target; 6] = [
        ("http", http),
        ("signed_pass", signed_pass),
        ("websocket", websocket),
        ("rtcp", rtcp),
        ("rtsp_access", rtsp_access),
        ("recording", recording),
    ];

    /// The files that the fuzzers begin with: what they found is among them.
    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz/seeds")
            .join(target);
        let files = std::fs::read_dir(folder).expect("every target has seeds");
        files
            .map(|file| std::fs::read(file.expect("a file").path()).expect("bytes"))
            .collect()
    }

    #[test]
    fn seeds_keep_the_rules() {
        for (name, target) in TARGETS {
            for seed in seeds(name) {
                target(&seed);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn damaged_seeds_keep_the_rules(
            which in any::<prop::sample::Index>(),
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
            cut in any::<prop::sample::Index>(),
        ) {
            for (name, target) in TARGETS {
                let seeds = seeds(name);
                let mut bytes = seeds[which.index(seeds.len())].clone();
                for &(at, value) in &flips {
                    let at = at.index(bytes.len().max(1));
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = value;
                    }
                }
                target(&bytes);
                target(&bytes[..cut.index(bytes.len() + 1)]);
            }
        }

        #[test]
        fn any_bytes_keep_the_rules(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            for (_, target) in TARGETS {
                target(&bytes);
            }
        }
    }
}
