//! What a publisher sends, packed by our own writer, comes out as frames on one time line.

mod support;

use proptest::prelude::*;
use support::nals::{h264_pictures, h265_pictures};
use tongshi_wire::fed::Fed;
use tongshi_wire::ingest::IngestConfig;
use tongshi_wire::rtp_pack::{FRAMING_BYTES, Numbering, Packets, Picture};
use tongshi_wire::rtsp::Pushed;
use tongshi_wire::rtsp::sdp;
use tongshi_wire::{AudioCodec, Unsupported, VideoCodec, nal};

const ANNOUNCE: &str = "v=0\nm=video 0 RTP/AVP 102\na=rtpmap:102 CODEC/90000\na=control:streamid=0\n\
     m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/16000/1\n\
     a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408\na=control:streamid=1\n";

fn pushed(codec: &str, ordered: bool) -> Pushed {
    let text = ANNOUNCE.replace("CODEC", codec);
    let config = IngestConfig {
        ordered,
        ..IngestConfig::default()
    };
    Pushed::new(&sdp::parse(text.as_bytes()), config)
}

fn datagrams(packets: &Packets, nals: &[u8]) -> Vec<Vec<u8>> {
    packets
        .iter(nals)
        .map(|(head, body)| [&head[FRAMING_BYTES..], body].concat())
        .collect()
}

/// Pictures as RTP of payload type 102, with their parameter sets where the stream has them.
fn video_packets(codec: VideoCodec, count: usize) -> Vec<Vec<u8>> {
    let pictures = match codec {
        VideoCodec::H264 => h264_pictures(count, 5, 4_000, 900),
        VideoCodec::H265 => h265_pictures(count, 5, 4_000, 900),
    };
    let mut numbering = Numbering {
        channel: 0,
        payload_type: 102,
        ssrc: 7,
        sequence: 65_500,
    };
    let mut out = Vec::new();
    for picture in &pictures {
        let mut nals = Vec::new();
        for unit in nal::AnnexB::new(&picture.annexb) {
            nals.extend_from_slice(&(unit.len() as u32).to_be_bytes());
            nals.extend_from_slice(unit);
        }
        let packed = Packets::of_picture(
            &Picture {
                codec,
                nals: &nals,
                timestamp: picture.pts as u32,
                sets: None,
            },
            &mut numbering,
        );
        out.extend(datagrams(&packed, &nals));
    }
    out
}

fn key_and_times(fed: &[Fed]) -> Vec<(bool, i64)> {
    fed.iter()
        .filter_map(|fed| match fed {
            Fed::Video {
                annexb, pts_90k, ..
            } => Some((
                nal::AnnexB::new(annexb)
                    .any(|unit| matches!(unit[0] & 0x1F, 7) || unit[0] >> 1 == 33),
                *pts_90k,
            )),
            Fed::Audio { .. } | Fed::Unsupported { .. } => None,
        })
        .collect()
}

#[test]
fn pictures_of_both_codecs_come_out_with_their_sets_and_at_their_pace() {
    for (codec, name) in [(VideoCodec::H264, "H264"), (VideoCodec::H265, "H265")] {
        let mut pushed = pushed(name, true);
        let mut out = Vec::new();
        for (index, packet) in video_packets(codec, 10).iter().enumerate() {
            assert!(pushed.receive(0, packet, 1_000_000 + index as u64, &mut out));
        }
        pushed.flush(&mut out);
        let seen = key_and_times(&out);
        let keys: Vec<usize> = (0..seen.len()).filter(|&index| seen[index].0).collect();
        assert_eq!((seen.len(), keys), (10, vec![0, 5]), "{name}");
        assert_eq!(seen[0].1, 0);
        assert!(seen.windows(2).all(|pair| pair[1].1 - pair[0].1 == 3_600));
        assert_eq!(pushed.ssrc(0), Some(7));
    }
}

#[test]
fn sound_has_the_form_of_its_description() {
    let mut pushed = pushed("H264", true);
    let mut numbering = Numbering {
        channel: 2,
        payload_type: 97,
        ssrc: 8,
        sequence: 0,
    };
    let unit = vec![0x21; 200];
    let pieces = (0..3u32).map(|index| (5_000 + index * 1_024, unit.as_slice()));
    let packed = Packets::of_sound(AudioCodec::Aac, pieces, &mut numbering);
    let mut out = Vec::new();
    for packet in datagrams(&packed, &[]) {
        pushed.receive(1, &packet, 1_000_000, &mut out);
    }
    let expected: Vec<Fed> = (0..3)
        .map(|index| Fed::Audio {
            codec: AudioCodec::Aac,
            data: unit.clone(),
            pts_90k: index * 5_760,
            asc: vec![0x14, 0x08],
            sample_rate: 16_000,
            channels: 1,
        })
        .collect();
    assert_eq!(out, expected);
}

#[test]
fn parameter_sets_of_the_description_do_where_the_stream_has_none() {
    let packets = video_packets(VideoCodec::H264, 5);
    let is_set = |packet: &Vec<u8>| matches!(packet[12] & 0x1F, 7 | 8);
    let (sets, rest): (Vec<_>, Vec<_>) = packets.into_iter().partition(is_set);
    let mut tracks = sdp::parse(ANNOUNCE.replace("CODEC", "H264").as_bytes());
    let config = IngestConfig {
        ordered: true,
        ..IngestConfig::default()
    };
    for given in [false, true] {
        if given {
            tracks[0].sets = sets
                .iter()
                .take(2)
                .map(|packet| packet[12..].to_vec())
                .collect();
        }
        let mut pushed = Pushed::new(&tracks, config);
        let mut out = Vec::new();
        // The numbers go on over the sets that were left out, as an encoder's without them would.
        for (index, packet) in rest.iter().enumerate() {
            let mut packet = packet.clone();
            packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
            pushed.receive(0, &packet, 1_000_000, &mut out);
        }
        pushed.flush(&mut out);
        assert_eq!(key_and_times(&out).len(), if given { 5 } else { 0 });
    }
}

#[test]
fn datagrams_out_of_order_are_put_right_and_a_lost_one_costs_up_to_a_key_frame() {
    let mut packets = video_packets(VideoCodec::H264, 10);
    packets.swap(3, 4);
    let mut pushed = pushed("H264", false);
    let mut out = Vec::new();
    for (index, packet) in packets.iter().enumerate() {
        if index != packets.len() / 2 - 2 {
            pushed.receive(0, packet, 1_000_000 + 1_000 * index as u64, &mut out);
        }
    }
    assert!(pushed.next_timer().is_some());
    pushed.handle_timer(9_000_000, &mut out);
    pushed.flush(&mut out);
    let seen = key_and_times(&out);
    assert!((5..10).contains(&seen.len()), "{}", seen.len());
    assert_eq!(pushed.stats(0).unwrap().lost, 1);
}

#[test]
fn other_payload_types_other_tracks_and_no_rtp_are_passed_over() {
    let mut pushed = pushed("VP9", true);
    assert!(pushed.is_carried());
    let mut out = Vec::new();
    for packet in video_packets(VideoCodec::H264, 2) {
        assert!(pushed.receive(0, &packet, 1, &mut out));
        assert!(!pushed.receive(9, &packet, 1, &mut out));
        pushed.receive(1, &packet, 1, &mut out);
    }
    assert!(!pushed.receive(1, &[0; 5], 1, &mut out));
    let what = Unsupported::PayloadType(102);
    assert_eq!(out, [Fed::Unsupported { what }]);
    let only = sdp::parse(b"m=video 0 RTP/AVP 96\na=rtpmap:96 AV1/90000\n");
    assert!(!Pushed::new(&only, IngestConfig::default()).is_carried());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_packets_give_frames_or_nothing(
        packets in prop::collection::vec((0usize..3, prop::collection::vec(any::<u8>(), 0..60), any::<bool>()), 0..60),
    ) {
        let mut pushed = pushed("H265", false);
        let mut out = Vec::new();
        for (index, (track, payload, is_rtp)) in packets.iter().enumerate() {
            let mut packet = payload.clone();
            if *is_rtp {
                let mut head = vec![0x80, if *track == 0 { 102 } else { 97 }];
                head.extend_from_slice(&(index as u16).to_be_bytes());
                head.extend_from_slice(&[0, 0, index as u8, 0, 0, 0, 0, 7]);
                head.extend(packet);
                packet = head;
            }
            pushed.receive(*track, &packet, index as u64 * 1_000, &mut out);
            pushed.receive_control(*track, &packet);
        }
        pushed.handle_timer(1 << 40, &mut out);
        pushed.flush(&mut out);
    }
}
