//! Both sides of a connection after the handshake; the first byte says which, and how the bytes are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tongshi_wire::fed::Feeder;
use tongshi_wire::flv::FlvFrames;
use tongshi_wire::rtmp::{ClientSession, PushTarget, ServerEvent, ServerSession};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else {
        return;
    };
    let mut hello = vec![3; 1 + 2 * 1_536];
    hello.extend_from_slice(bytes);
    let size = usize::from(choice >> 1) * 13 + 1;
    if choice & 1 == 0 {
        let target = PushTarget::parse("rtmp://h/a/b").expect("a good URL");
        let mut client = ClientSession::new(target, 1);
        for piece in hello.chunks(size) {
            if client.receive(piece, &mut Vec::new()).is_err() {
                return;
            }
        }
        return;
    }
    let mut server = ServerSession::new(1);
    let (mut frames, mut fed) = (FlvFrames::default(), Vec::new());
    for piece in hello.chunks(size) {
        let mut events = Vec::new();
        let heard = server.receive(piece, &mut events);
        for event in events {
            match event {
                ServerEvent::Publish(_) => server.accept_publish(),
                ServerEvent::Play(_) => server.accept_play(),
                ServerEvent::Media {
                    kind,
                    timestamp_ms,
                    body,
                } => {
                    frames.receive(kind, timestamp_ms, &body, &mut fed);
                }
                ServerEvent::Over => {}
            }
        }
        let _ = server.take_output();
        if heard.is_err() {
            break;
        }
    }
    assert!(server.held_bytes() < 32 << 20);
    let (mut feeder, mut events) = (Feeder::default(), Vec::new());
    for frame in &fed {
        feeder.receive(frame, 0, &mut events);
    }
});
