//! RTSP messages in any cut, their limits, and descriptions of streams.

use proptest::prelude::*;
use tongshi_wire::rtsp::parser::{MAX_BODY_BYTES, MAX_HEAD_BYTES, MAX_HELD_BYTES};
use tongshi_wire::rtsp::sdp::{self, Description, Encoding};
use tongshi_wire::rtsp::{Headers, Item, Parser, Request, Response};
use tongshi_wire::{AudioCodec, AudioConfig, VideoCodec, VideoConfig, WireError, nal};

/// What a parser gave, with its bytes owned.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Given {
    Request(Request),
    Response(Response),
    Frame(u8, Vec<u8>),
}

fn feed(parser: &mut Parser, bytes: &[u8], out: &mut Vec<Given>) -> Result<(), WireError> {
    parser.feed(bytes, &mut |item| {
        out.push(match item {
            Item::Request(request) => Given::Request(request),
            Item::Response(response) => Given::Response(response),
            Item::Frame { channel, data } => Given::Frame(channel, data.to_vec()),
        });
    })
}

fn parse(bytes: &[u8]) -> Result<Vec<Given>, WireError> {
    let mut out = Vec::new();
    feed(&mut Parser::default(), bytes, &mut out).map(|()| out)
}

fn one_request(bytes: &[u8]) -> Request {
    match parse(bytes).unwrap().as_slice() {
        [Given::Request(request)] => request.clone(),
        other => panic!("{other:?}"),
    }
}

fn request(method: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let mut all = Headers::default();
    for (name, value) in headers {
        all.add(name, *value);
    }
    Request {
        method: method.into(),
        uri: "rtsp://h/live/ab?tag=x".into(),
        version: "RTSP/1.0".into(),
        headers: all,
        body: body.to_vec(),
    }
}

/// Messages of both directions with binary frames between them.
fn conversation() -> (Vec<u8>, usize) {
    let mut response = Response::new(200);
    response.headers.add("CSeq", "3");
    response.body = b"v=0\r\n".to_vec();
    let mut bytes = request("OPTIONS", &[("CSeq", "1")], b"").serialize();
    bytes.extend_from_slice(b"\r\n$\x00\x00\x03abc");
    bytes.extend(request("ANNOUNCE", &[("CSeq", "2")], b"v=0\r\n\r\nm=video").serialize());
    bytes.extend_from_slice(b"$\x01\x00\x00");
    bytes.extend(response.serialize());
    bytes.extend_from_slice(b"$\x03\x00\x05\r\n\r\n$");
    (bytes, 6)
}

#[test]
fn a_request_is_read_with_its_parts() {
    let sent = request("SETUP", &[("CSeq", "7"), ("Transport", "RTP/AVP")], b"");
    let read = one_request(&sent.serialize());
    assert_eq!(read, sent);
    assert_eq!(
        (read.cseq(), read.headers.get("TRANSPORT")),
        (Some("7"), Some("RTP/AVP"))
    );
}

#[test]
fn lines_may_be_folded_and_end_with_a_line_feed_alone() {
    let read = one_request(
        b"PLAY rtsp://h/x RTSP/1.0\nCSeq: 9\nSession: a\n ;timeout=60\nRange:\tnpt=0-\n\n",
    );
    assert_eq!(read.headers.get("session"), Some("a ;timeout=60"));
    assert_eq!(read.headers.get("range"), Some("npt=0-"));
}

#[test]
fn a_head_may_be_long_up_to_its_limit() {
    let head = |length: usize| {
        let start = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: ";
        let padding = "a".repeat(length - start.len() - 4);
        format!("{start}{padding}\r\n\r\n").into_bytes()
    };
    assert_eq!(parse(&head(MAX_HEAD_BYTES)).unwrap().len(), 1);
    assert!(parse(&head(MAX_HEAD_BYTES + 1)).is_err());
}

#[test]
fn a_body_may_be_long_up_to_its_limit() {
    let announce =
        |length: usize| format!("ANNOUNCE * RTSP/1.0\r\nContent-Length: {length}\r\n\r\n");
    let mut whole = announce(MAX_BODY_BYTES).into_bytes();
    whole.resize(whole.len() + MAX_BODY_BYTES, b'x');
    assert_eq!(parse(&whole).unwrap().len(), 1);
    for length in ["65537", "99999999999999999999999", "-1", "x", "+1", ""] {
        let bytes = format!("ANNOUNCE * RTSP/1.0\r\nContent-Length: {length}\r\n\r\n");
        assert!(parse(bytes.as_bytes()).is_err(), "{length}");
    }
}

#[test]
fn header_lines_are_counted() {
    let lines = |count: usize| format!("OPTIONS * RTSP/1.0\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert!(parse(lines(64).as_bytes()).is_ok());
    assert!(parse(lines(65).as_bytes()).is_err());
}

#[test]
fn what_is_no_message_breaks_the_connection_for_good() {
    for bad in [
        &b"GET\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\n\n",
        b"PLAY rtsp://h/a b RTSP/1.0\r\n\r\n",
        b"PLAY * SIP/2.0\r\n\r\n",
        b"RTSP/1.0 abc OK\r\n\r\n",
        b"RTSP/1.0 99 Low\r\n\r\n",
        b"PLAY * RTSP/1.0\r\n folded\r\n\r\n",
        b"PLAY * RTSP/1.0\r\nno colon\r\n\r\n",
        b"PLAY * RTSP/1.0\r\n: x\r\n\r\n",
    ] {
        let mut parser = Parser::default();
        let mut out = Vec::new();
        assert!(feed(&mut parser, bad, &mut out).is_err(), "{bad:?}");
        assert!(feed(&mut parser, b"OPTIONS * RTSP/1.0\r\n\r\n", &mut out).is_err());
        assert!(out.is_empty());
    }
    // Somebody who took the wrong port can be told so.
    assert_eq!(one_request(b"GET / HTTP/1.1\r\n\r\n").version, "HTTP/1.1");
}

#[test]
fn a_written_header_stays_one_line() {
    let mut response = Response::new(200);
    response.headers.add("Session", "a\r\nEvil: b");
    assert_eq!(
        response.serialize(),
        b"RTSP/1.0 200 OK\r\nSession: a  Evil: b\r\n\r\n"
    );
}

fn video(codec: VideoCodec) -> VideoConfig {
    let set = |bytes: &[u8]| vec![bytes.to_vec()];
    // libx264 and libx265, 320x240.
    let (vps, sps, pps) = match codec {
        VideoCodec::H264 => (
            Vec::new(),
            set(&[0x67, 0x42, 0xC0, 0x0D, 0xDA, 0x05, 0x07, 0xE8, 0x40]),
            set(&[0x68, 0xCE, 0x38, 0x80]),
        ),
        VideoCodec::H265 => (
            set(&[0x40, 0x01, 0x0C]),
            set(&[
                0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00,
                0x00, 0x03, 0x00, 0x3C, 0xA0,
            ]),
            set(&[0x44, 0x01]),
        ),
    };
    VideoConfig {
        codec,
        vps,
        sps,
        pps,
        width: 320,
        height: 240,
        profile: String::new(),
        frame_rate: Some((25, 1)),
    }
}

#[test]
fn a_description_names_sets_profile_and_sound() {
    let audio = AudioConfig {
        codec: AudioCodec::G711A,
        sample_rate: 8_000,
        channels: 1,
        asc: Vec::new(),
    };
    let h264 = video(VideoCodec::H264);
    let text = sdp::describe(&Description {
        id: 5,
        video: Some(&h264),
        audio: Some(&audio),
    });
    for line in [
        "m=video 0 RTP/AVP 96\r\n",
        "a=rtpmap:96 H264/90000\r\n",
        "packetization-mode=1;profile-level-id=42C00D;sprop-parameter-sets=Z0LADdoFB+hA,aM44gA==\r\n",
        "a=framerate:25.000\r\n",
        "a=control:track0\r\n",
        "m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=control:track1\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let h265 = video(VideoCodec::H265);
    let text = sdp::describe(&Description {
        id: 5,
        video: Some(&h265),
        audio: None,
    });
    assert!(text.contains("a=rtpmap:96 H265/90000\r\n"));
    assert!(text.contains(
        "profile-space=0;profile-id=1;tier-flag=0;level-id=60;sprop-vps=QAEM;sprop-sps="
    ));
    assert!(!text.contains("m=audio"));
}

#[test]
fn our_own_description_is_read_as_an_announcement() {
    let audio = AudioConfig {
        codec: AudioCodec::Aac,
        sample_rate: 44_100,
        channels: 2,
        asc: vec![0x12, 0x10],
    };
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        let video = video(codec);
        let text = sdp::describe(&Description {
            id: 1,
            video: Some(&video),
            audio: Some(&audio),
        });
        let tracks = sdp::parse(text.as_bytes());
        let sets: Vec<Vec<u8>> = [&video.vps, &video.sps, &video.pps]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        assert_eq!(tracks[0].sets, sets);
        assert_eq!(
            (tracks[0].clock_rate, tracks[0].control.as_str()),
            (90_000, "track0")
        );
        assert_eq!(tracks[1].encoding, Encoding::Aac(vec![0x12, 0x10]));
        assert_eq!((tracks[1].clock_rate, tracks[1].channels), (44_100, 2));
    }
}

#[test]
fn static_payload_types_need_no_map_and_unknown_codecs_keep_their_name() {
    let tracks = sdp::parse(
        b"v=0\nm=audio 0 RTP/AVP 8\nm=audio 0 RTP/AVP 0\nm=video 0 RTP/AVP 97\na=rtpmap:97 vp9/90000\nm=application 0 RTP/AVP 107\n",
    );
    let encodings: Vec<&Encoding> = tracks.iter().map(|track| &track.encoding).collect();
    assert_eq!(
        encodings,
        [
            &Encoding::Pcma,
            &Encoding::Pcmu,
            &Encoding::Other("VP9".into()),
            &Encoding::Other(String::new())
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_cut_of_a_conversation_gives_the_same_items(sizes in prop::collection::vec(1usize..80, 1..40)) {
        let (bytes, count) = conversation();
        let (mut parser, mut out, mut rest) = (Parser::default(), Vec::new(), &bytes[..]);
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            feed(&mut parser, piece, &mut out).unwrap();
            rest = after;
        }
        prop_assert_eq!(out.len(), count);
        prop_assert_eq!(out, parse(&bytes).unwrap());
        prop_assert_eq!(parser.held_bytes(), 0);
    }

    #[test]
    fn any_bytes_give_items_or_an_error(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'$'), Just(b'\n'), Just(b' ')], 0..2_000),
        size in 1usize..300,
    ) {
        let mut parser = Parser::default();
        let mut out = Vec::new();
        for piece in bytes.chunks(size) {
            if feed(&mut parser, piece, &mut out).is_err() {
                break;
            }
            prop_assert!(parser.held_bytes() <= MAX_HELD_BYTES);
        }
        for item in &out {
            if let Given::Request(request) = item {
                prop_assert_eq!(one_request(&request.serialize()).method.clone(), request.method.clone());
            }
        }
    }

    #[test]
    fn any_announcement_is_read(bytes in prop::collection::vec(any::<u8>(), 0..1_000), kind in 0u8..128) {
        let mut text = format!("m=video 0 RTP/AVP {kind}\na=rtpmap:{kind} H265/x\na=fmtp:{kind} sprop-sps=").into_bytes();
        text.extend(bytes);
        let tracks = sdp::parse(&text);
        prop_assert!(!tracks.is_empty() && tracks.len() <= 8);
        for set in tracks.iter().flat_map(|track| &track.sets) {
            let _ = nal::codec_evidence(set);
        }
    }
}
