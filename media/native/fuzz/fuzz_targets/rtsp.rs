//! One RTSP connection cut in two ways, and everything that is read out of its messages.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::rtsp::parser::MAX_HELD_BYTES;
use tongshi_wire::rtsp::{Item, Parser, auth, sdp, transport, uri};

/// How the items looked, and whether the stream was refused.
fn items(stream: &[u8], size: usize) -> (Vec<String>, bool) {
    let mut parser = Parser::default();
    let mut items = Vec::new();
    for piece in stream.chunks(size) {
        let outcome = parser.feed(piece, &mut |item| {
            look_into(&item);
            items.push(format!("{item:?}"));
        });
        if outcome.is_err() {
            return (items, true);
        }
        // A frame can be as long as its length field says.
        assert!(parser.held_bytes() <= MAX_HELD_BYTES.max(4 + 65_535));
    }
    (items, false)
}

fn look_into(item: &Item<'_>) {
    let Item::Request(request) = item else {
        return;
    };
    let _ = request.cseq();
    let _ = uri::parse(&request.uri);
    let _ = transport::parse(request.headers.get("Transport").unwrap_or_default());
    let _ = auth::parse_digest(request.headers.get("Authorization").unwrap_or_default());
    assert!(sdp::parse(&request.body).len() <= 8);
}

fuzz_target!(|input: &[u8]| {
    if let Some((&size, stream)) = input.split_first() {
        assert_eq!(
            items(stream, usize::from(size) + 1),
            items(stream, usize::MAX)
        );
    }
    assert!(sdp::parse(input).len() <= 8);
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = uri::parse(text);
        let _ = transport::parse(text);
        let _ = auth::parse_digest(text);
    }
});
