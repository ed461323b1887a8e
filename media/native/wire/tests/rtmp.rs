//! RTMP: both sides against each other, bytes cut anywhere, and peers that break the rules.

use proptest::prelude::*;
use tongshi_wire::amf::{self, Amf};
use tongshi_wire::flv::TagKind;
use tongshi_wire::rtmp::{
    Asked, ChunkReader, ClientEvent, ClientSession, Message, PushTarget, ServerEvent,
    ServerSession, kind, write_message,
};

const SEED: u64 = 42;

fn target(url: &str) -> PushTarget {
    PushTarget::parse(url).unwrap()
}

/// Hands bytes over in pieces of `size` until both sides are quiet.
struct Link {
    client: ClientSession,
    server: ServerSession,
    asked: Vec<ServerEvent>,
    said: Vec<ClientEvent>,
    size: usize,
}

impl Link {
    fn new(url: &str, size: usize) -> Self {
        Self {
            client: ClientSession::new(target(url), SEED),
            server: ServerSession::new(SEED + 1),
            asked: Vec::new(),
            said: Vec::new(),
            size,
        }
    }

    fn run(&mut self) {
        loop {
            let up = self.client.take_output();
            for piece in up.chunks(self.size) {
                self.server.receive(piece, &mut self.asked).unwrap();
            }
            let down = self.server.take_output();
            for piece in down.chunks(self.size) {
                self.client.receive(piece, &mut self.said).unwrap();
            }
            if up.is_empty() && down.is_empty() {
                return;
            }
        }
    }
}

#[test]
fn a_push_is_asked_for_accepted_and_carries_media_however_it_is_cut() {
    for size in [1, 7, 128, 100_000] {
        let mut link = Link::new("rtmp://h/live/door?key=a%20b", size);
        link.run();
        let asked = Asked {
            path: "/live/door".into(),
            query: "key=a%20b".into(),
        };
        assert_eq!(link.asked, [ServerEvent::Publish(asked)]);
        assert!(link.said.is_empty());
        link.server.accept_publish();
        link.run();
        assert_eq!(link.said, [ClientEvent::Ready { stream_id: 1 }]);
        let mut bytes = Vec::new();
        let body = vec![7u8; 150_000];
        for at in [10, 0xFF_FFFF, 0xFFFF_FFF0] {
            write_message(
                (6, 60_000),
                (kind::VIDEO, 1, at),
                &[&body[..5], &body[5..]],
                &mut bytes,
            );
            write_message(
                (4, 60_000),
                (kind::AUDIO, 1, at),
                &[&[0xAF, 1, 2]],
                &mut bytes,
            );
        }
        link.asked.clear();
        for piece in bytes.chunks(size) {
            link.server.receive(piece, &mut link.asked).unwrap();
        }
        let found: Vec<_> = link
            .asked
            .iter()
            .map(|event| match event {
                ServerEvent::Media {
                    kind,
                    timestamp_ms,
                    body,
                } => (*kind, *timestamp_ms, body.len()),
                other => panic!("{other:?}"),
            })
            .collect();
        let expected: Vec<_> = [10, 0xFF_FFFF, 0xFFFF_FFF0]
            .into_iter()
            .flat_map(|at| [(TagKind::Video, at, 150_000), (TagKind::Audio, at, 3)])
            .collect();
        assert_eq!(found, expected);
        link.client.end();
        link.asked.clear();
        link.run();
        assert_eq!(link.asked, [ServerEvent::Over]);
        assert!(link.server.held_bytes() < 400_000);
    }
}

#[test]
fn a_refusal_says_why() {
    let mut link = Link::new("rtmp://h:1936/a/b/name", 1_000);
    link.run();
    link.server.refuse("no such channel");
    link.run();
    let reason = "NetStream.Publish.BadName no such channel".to_owned();
    assert_eq!(link.said, [ClientEvent::Refused { reason }]);
}

#[test]
fn urls_are_read_as_players_and_encoders_write_them() {
    let read = target("rtmp://example.org:1936/app/inst/key?a=b/c&d=e");
    assert_eq!(
        (
            read.host.as_str(),
            read.port,
            read.app.as_str(),
            read.name.as_str()
        ),
        ("example.org", 1_936, "app/inst", "key?a=b/c&d=e")
    );
    let read = target("rtmp://[::1]/live/x");
    assert_eq!((read.host.as_str(), read.port), ("::1", 1_935));
    assert_eq!(target("rtmp://[::1]:9/live/x").port, 9);
    for wrong in [
        "http://h/a/b",
        "rtmps://h/a/b",
        "rtmp://h",
        "rtmp://h/a",
        "rtmp:///a/b",
        "rtmp://h:x/a/b",
        "rtmp://h:0/a/b",
        "rtmp://h/a/",
    ] {
        assert_eq!(PushTarget::parse(wrong), None, "{wrong}");
    }
}

fn command(values: &[Amf]) -> Vec<u8> {
    let mut body = Vec::new();
    values.iter().for_each(|value| amf::put(&mut body, value));
    let mut bytes = Vec::new();
    write_message((3, 128), (kind::COMMAND, 0, 0), &[&body], &mut bytes);
    bytes
}

fn text(text: &str) -> Amf {
    Amf::String(text.into())
}

/// A server whose handshake is over.
fn shaken() -> ServerSession {
    let mut server = ServerSession::new(SEED);
    let mut hello = vec![3];
    hello.extend_from_slice(&[9; 2 * 1_536]);
    server.receive(&hello, &mut Vec::new()).unwrap();
    let answer = server.take_output();
    assert_eq!(answer.len(), 1 + 2 * 1_536);
    assert_eq!(answer[1 + 1_536..], [9; 1_536]);
    server
}

#[test]
fn a_query_of_the_application_counts_too() {
    let mut server = shaken();
    let app = Amf::Object(vec![("app".into(), text("live?x=1"))]);
    let mut bytes = command(&[text("connect"), Amf::Number(1.0), app]);
    bytes.extend(command(&[
        text("createStream"),
        Amf::Number(2.0),
        Amf::Null,
    ]));
    bytes.extend(command(&[
        text("play"),
        Amf::Number(0.0),
        Amf::Null,
        text("cam?y=2"),
    ]));
    let mut events = Vec::new();
    server.receive(&bytes, &mut events).unwrap();
    let asked = Asked {
        path: "/live/cam".into(),
        query: "x=1&y=2".into(),
    };
    assert_eq!(events, [ServerEvent::Play(asked)]);
}

#[test]
fn rules_that_protect_us() {
    let fails = |bytes: &[u8]| shaken().receive(bytes, &mut Vec::new()).is_err();
    // Another version; a command before connect; one that is no command.
    assert!(
        ServerSession::new(SEED)
            .receive(b"\x06", &mut Vec::new())
            .is_err()
    );
    assert!(
        ServerSession::new(SEED)
            .receive(b"GET / HTTP/1.1", &mut Vec::new())
            .is_err()
    );
    assert!(fails(&command(&[text("play"), Amf::Number(1.0)])));
    assert!(fails(&command(&[Amf::Null])));
    // A header that refers to nothing, a message of 16 MB, a command of 1 MB, chunks of no size.
    assert!(fails(&[0xC5]));
    assert!(fails(&[6, 0, 0, 0, 0xFF, 0xFF, 0xFF, 9, 1, 0, 0, 0]));
    assert!(fails(&[3, 0, 0, 0, 0x10, 0, 0, 20, 0, 0, 0, 0]));
    assert!(fails(&[2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
    // Chunk streams without end.
    let mut many = Vec::new();
    for id in 0..40u8 {
        many.extend_from_slice(&[0, id, 0, 0, 0, 0, 0, 1, 8, 1, 0, 0, 0, 0]);
    }
    assert!(fails(&many));
    // Messages that begin and never end.
    let mut begun = Vec::new();
    for id in 3..13u8 {
        begun.extend_from_slice(&[id, 0, 0, 0, 0x30, 0, 0, 9, 1, 0, 0, 0]);
        begun.extend_from_slice(&[0; 128]);
    }
    let mut server = shaken();
    server.receive(&begun, &mut Vec::new()).unwrap();
    assert!(
        server.held_bytes() < 1 << 20,
        "memory comes with bytes, not with claims"
    );
    // Commands without end.
    let app = Amf::Object(vec![("app".into(), text("live"))]);
    let mut bytes = command(&[text("connect"), Amf::Number(1.0), app]);
    for _ in 0..1_001 {
        bytes.extend(command(&[text("x"), Amf::Number(1.0)]));
    }
    assert!(fails(&bytes));
}

fn messages(bytes: &[u8], size: usize) -> Vec<Message> {
    let (mut reader, mut out) = (ChunkReader::default(), Vec::new());
    for piece in bytes.chunks(size) {
        reader.receive(piece, &mut out).unwrap();
    }
    out
}

#[test]
fn headers_that_leave_things_out_are_filled_in() {
    let mut bytes = vec![4, 0, 0, 100, 0, 0, 2, 8, 1, 0, 0, 0, 1, 2];
    // The same message stream; then the same length and kind too; then everything.
    bytes.extend_from_slice(&[0x44, 0, 0, 20, 0, 0, 1, 9, 3]);
    bytes.extend_from_slice(&[0x84, 0, 0, 5, 4]);
    bytes.extend_from_slice(&[0xC4, 5]);
    for size in [1, 3, 100] {
        let found: Vec<_> = messages(&bytes, size)
            .into_iter()
            .map(|message| {
                (
                    message.kind,
                    message.timestamp_ms,
                    message.stream_id,
                    message.body,
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                (8, 100, 1, vec![1, 2]),
                (9, 120, 1, vec![3]),
                (9, 125, 1, vec![4]),
                (9, 130, 1, vec![5]),
            ]
        );
    }
}

#[test]
fn chunks_of_two_streams_may_alternate_and_one_may_be_given_up() {
    let mut bytes = vec![4, 0, 0, 0, 0, 0, 200, 8, 1, 0, 0, 0];
    bytes.extend_from_slice(&[1; 128]);
    bytes.extend_from_slice(&[6, 0, 0, 0, 0, 0, 3, 9, 1, 0, 0, 0, 7, 7, 7]);
    bytes.extend_from_slice(&[0xC4]);
    bytes.extend_from_slice(&[2; 72]);
    bytes.extend_from_slice(&[5, 0, 0, 0, 0, 0, 200, 8, 1, 0, 0, 0]);
    bytes.extend_from_slice(&[3; 128]);
    bytes.extend_from_slice(&[2, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 5]);
    bytes.extend_from_slice(&[0xC5]);
    bytes.extend_from_slice(&[4; 128]);
    bytes.extend_from_slice(&[0xC5]);
    bytes.extend_from_slice(&[4; 72]);
    let found: Vec<_> = messages(&bytes, 50)
        .into_iter()
        .map(|message| {
            (
                message.kind,
                message.body.len(),
                message.body.last().copied(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (9, 3, Some(7)),
            (8, 200, Some(2)),
            (2, 4, Some(5)),
            (8, 200, Some(4)),
        ]
    );
}

#[test]
fn an_extended_time_may_be_missing_in_later_chunks() {
    let mut bytes = Vec::new();
    let body: Vec<u8> = (0..200u8).collect();
    write_message((6, 128), (9, 1, 0x0123_4567), &[&body], &mut bytes);
    let whole = messages(&bytes, 1);
    assert_eq!(
        (whole[0].timestamp_ms, whole[0].body.len()),
        (0x0123_4567, 200)
    );
    let mut without = bytes.clone();
    let second = bytes.len() - 72 - 4;
    without.drain(second..second + 4);
    assert_eq!(messages(&without, 1_000), whole);
}

#[test]
fn tags_in_a_row_are_taken_apart() {
    let mut link = Link::new("rtmp://h/live/x", 4_096);
    link.run();
    link.server.accept_publish();
    link.run();
    let mut tags = Vec::new();
    tongshi_wire::flv::write_tag(TagKind::Audio, 500, &[&[0x72, 1]], &mut tags);
    tongshi_wire::flv::write_tag(TagKind::Video, 540, &[&[0x17, 1]], &mut tags);
    let mut bytes = Vec::new();
    write_message(
        (4, 60_000),
        (kind::AGGREGATE, 1, 9_000),
        &[&tags],
        &mut bytes,
    );
    let mut events = Vec::new();
    link.server.receive(&bytes, &mut events).unwrap();
    let times: Vec<u32> = events
        .iter()
        .map(|event| match event {
            ServerEvent::Media { timestamp_ms, .. } => *timestamp_ms,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(times, [9_000, 9_040]);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        bytes in prop::collection::vec(prop_oneof![Just(0u8), 0u8..10, any::<u8>()], 0..600),
        size in 1usize..200,
    ) {
        let mut server = shaken();
        let mut client = ClientSession::new(target("rtmp://h/a/b"), SEED);
        let _ = client.receive(&[3; 1 + 2 * 1_536], &mut Vec::new());
        let app = Amf::Object(vec![("app".into(), text("live"))]);
        let hello = command(&[text("connect"), Amf::Number(1.0), app]);
        server.receive(&hello, &mut Vec::new()).unwrap();
        for piece in bytes.chunks(size) {
            if server.receive(piece, &mut Vec::new()).is_err() {
                break;
            }
        }
        for piece in bytes.chunks(size) {
            if client.receive(piece, &mut Vec::new()).is_err() {
                break;
            }
        }
        prop_assert!(server.held_bytes() < 1 << 20);
    }

    #[test]
    fn messages_come_back_whatever_the_sizes(
        bodies in prop::collection::vec((0u8..3, any::<u32>(), prop::collection::vec(any::<u8>(), 0..400)), 1..20),
        size in 1usize..300,
    ) {
        let mut bytes = Vec::new();
        for (stream, at, body) in &bodies {
            write_message((4 + stream, 128), (kind::AUDIO, 1, *at), &[body], &mut bytes);
        }
        let found: Vec<_> = messages(&bytes, size).into_iter().map(|m| (m.timestamp_ms, m.body)).collect();
        let expected: Vec<_> = bodies.into_iter().map(|(_, at, body)| (at, body)).collect();
        prop_assert_eq!(found, expected);
    }
}
