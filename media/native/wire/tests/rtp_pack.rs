//! What is packed for readers is what the depacketizers, written from the same clauses, take apart again.

use proptest::prelude::*;
use tongshi_wire::rtp_h264::{H264Depacketizer, NalSink};
use tongshi_wire::rtp_h265::H265Depacketizer;
use tongshi_wire::rtp_pack::{
    AAC_PAYLOAD_TYPE, FRAMING_BYTES, MAX_PAYLOAD_BYTES, Numbering, Packets, Picture,
    VIDEO_PAYLOAD_TYPE,
};
use tongshi_wire::{AudioCodec, VideoCodec, VideoConfig, nal, rtp, rtp_aac};

const SSRC: u32 = 0x0102_0304;

fn numbering(sequence: u16) -> Numbering {
    Numbering {
        channel: 0,
        payload_type: VIDEO_PAYLOAD_TYPE,
        ssrc: SSRC,
        sequence,
    }
}

fn length_prefixed(units: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for unit in units {
        bytes.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        bytes.extend_from_slice(unit);
    }
    bytes
}

fn sets(codec: VideoCodec) -> VideoConfig {
    VideoConfig {
        codec,
        vps: Vec::new(),
        sps: vec![vec![0x67, 0x4D, 0, 0x1F, 1]],
        pps: vec![vec![0x68, 2]],
        width: 16,
        height: 16,
        profile: String::new(),
        frame_rate: None,
    }
}

#[derive(Default)]
struct Collected(Vec<Vec<u8>>);

impl NalSink for Collected {
    fn begin_nal(&mut self, parts: [&[u8]; 2]) {
        self.0.push(parts.concat());
    }

    fn continue_nal(&mut self, data: &[u8]) {
        self.0.last_mut().unwrap().extend_from_slice(data);
    }
}

/// Whole packets without framing.
fn datagrams(packets: &Packets, picture: &[u8]) -> Vec<Vec<u8>> {
    let joined = packets.iter(picture).map(|(head, body)| {
        let length = u16::from_be_bytes([head[2], head[3]]);
        assert_eq!(usize::from(length), head.len() - FRAMING_BYTES + body.len());
        [&head[FRAMING_BYTES..], body].concat()
    });
    joined.collect()
}

/// NAL units out of the packets, every header checked on the way.
fn unpacked(codec: VideoCodec, datagrams: &[Vec<u8>], first: u16, timestamp: u32) -> Vec<Vec<u8>> {
    let (mut h264, mut h265) = (H264Depacketizer::default(), H265Depacketizer::default());
    let mut units = Collected::default();
    for (index, datagram) in datagrams.iter().enumerate() {
        let packet = rtp::parse(datagram).unwrap();
        assert!(packet.payload.len() <= MAX_PAYLOAD_BYTES);
        assert_eq!(packet.sequence, first.wrapping_add(index as u16));
        assert_eq!((packet.timestamp, packet.ssrc), (timestamp, SSRC));
        assert_eq!(packet.marker, index + 1 == datagrams.len());
        match codec {
            VideoCodec::H264 => h264.push(packet.payload, &mut units).unwrap(),
            VideoCodec::H265 => h265.push(packet.payload, &mut units).unwrap(),
        }
    }
    units.0
}

fn unit(header: &[u8], length: usize) -> Vec<u8> {
    let mut unit = header.to_vec();
    unit.extend((0..length).map(|index| index as u8 | 1));
    unit
}

#[test]
fn a_unit_of_the_limit_is_one_packet_and_one_byte_more_are_two() {
    for (extra, expected) in [(0, 1), (1, 2)] {
        let picture = length_prefixed(&[unit(&[0x41], MAX_PAYLOAD_BYTES - 1 + extra)]);
        let packed = Packets::of_picture(
            &Picture {
                codec: VideoCodec::H264,
                nals: &picture,
                timestamp: 0,
                sets: None,
            },
            &mut numbering(0),
        );
        assert_eq!(packed.len(), expected);
    }
}

#[test]
fn a_key_frame_follows_its_parameter_sets_under_one_time_stamp() {
    let config = sets(VideoCodec::H264);
    let picture = length_prefixed(&[unit(&[0x65], 5_000)]);
    let mut numbers = numbering(u16::MAX - 1);
    let packed = Packets::of_picture(
        &Picture {
            codec: VideoCodec::H264,
            nals: &picture,
            timestamp: 77,
            sets: Some(&config),
        },
        &mut numbers,
    );
    let units = unpacked(
        VideoCodec::H264,
        &datagrams(&packed, &picture),
        u16::MAX - 1,
        77,
    );
    assert_eq!(
        units,
        [
            config.sps[0].clone(),
            config.pps[0].clone(),
            unit(&[0x65], 5_000)
        ]
    );
    assert_eq!(numbers.sequence, packed.next_sequence());
    assert_eq!(packed.first_sequence(), u16::MAX - 1);
}

#[test]
fn fragments_of_one_unit_but_the_last_are_equally_long() {
    let picture = length_prefixed(&[unit(&[0x02, 0x01], 10_000)]);
    let packed = Packets::of_picture(
        &Picture {
            codec: VideoCodec::H265,
            nals: &picture,
            timestamp: 0,
            sets: None,
        },
        &mut numbering(0),
    );
    let sizes: Vec<usize> = datagrams(&packed, &picture).iter().map(Vec::len).collect();
    let (last, others) = sizes.split_last().unwrap();
    assert!(others.iter().all(|size| *size == MAX_PAYLOAD_BYTES + 12));
    assert!(*last <= MAX_PAYLOAD_BYTES + 12);
}

#[test]
fn another_channel_changes_the_framing_alone() {
    let picture = length_prefixed(&[unit(&[0x65], 3_000)]);
    let packed = Packets::of_picture(
        &Picture {
            codec: VideoCodec::H264,
            nals: &picture,
            timestamp: 0,
            sets: None,
        },
        &mut numbering(0),
    );
    let mut expected = Vec::new();
    for (head, body) in packed.iter(&picture) {
        expected.extend([b'$', 6]);
        expected.extend_from_slice(&head[2..]);
        expected.extend_from_slice(body);
    }
    assert_eq!(packed.framed_for(6, &picture), expected);
    assert_eq!(packed.framed_bytes(), expected.len());
    assert_eq!(packed.payload_bytes(), expected.len() - packed.len() * 16);
}

#[test]
fn g711_is_cut_into_packets_whose_stamps_count_samples() {
    let sound = vec![0xD5; 3_000];
    let packed = Packets::of_sound(
        AudioCodec::G711A,
        std::iter::once((u32::MAX - 9, sound.as_slice())),
        &mut Numbering {
            payload_type: 8,
            ..numbering(5)
        },
    );
    let stamps: Vec<(u32, usize)> = datagrams(&packed, &[])
        .iter()
        .map(|datagram| {
            let packet = rtp::parse(datagram).unwrap();
            assert_eq!(packet.payload_type, 8);
            (packet.timestamp, packet.payload.len())
        })
        .collect();
    assert_eq!(
        stamps,
        [(u32::MAX - 9, 1_400), (1_390, 1_400), (2_790, 200)]
    );
}

#[test]
fn an_aac_unit_is_read_back_and_a_long_one_goes_on_in_the_next_packet() {
    let mut numbers = Numbering {
        payload_type: AAC_PAYLOAD_TYPE,
        ..numbering(0)
    };
    let short = unit(&[], 300);
    let packed = Packets::of_sound(
        AudioCodec::Aac,
        std::iter::once((1_024, short.as_slice())),
        &mut numbers,
    );
    let datagram = &datagrams(&packed, &[])[0];
    let packet = rtp::parse(datagram).unwrap();
    assert!(packet.marker);
    let mut units = Vec::new();
    rtp_aac::for_each_unit(packet.payload, |unit| units.push(unit.to_vec())).unwrap();
    assert_eq!(units, [short]);

    let long = unit(&[], 2_000);
    let packed = Packets::of_sound(
        AudioCodec::Aac,
        std::iter::once((2_048, long.as_slice())),
        &mut numbers,
    );
    let mut joined = Vec::new();
    for (index, datagram) in datagrams(&packed, &[]).iter().enumerate() {
        let packet = rtp::parse(datagram).unwrap();
        assert_eq!(packet.payload[..4], [0, 16, 0x3E, 0x80]);
        assert_eq!((packet.marker, packet.timestamp), (index == 1, 2_048));
        joined.extend_from_slice(&packet.payload[4..]);
    }
    assert_eq!(joined, long);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_picture_is_taken_apart_again(
        sizes in prop::collection::vec(0usize..6_000, 1..8),
        h265 in any::<bool>(),
        sequence in any::<u16>(),
        timestamp in any::<u32>(),
    ) {
        let codec = if h265 { VideoCodec::H265 } else { VideoCodec::H264 };
        let header: &[u8] = if h265 { &[0x02, 0x01] } else { &[0x41] };
        let units: Vec<Vec<u8>> = sizes.iter().map(|&size| unit(header, size)).collect();
        let picture = length_prefixed(&units);
        let packed = Packets::of_picture(
            &Picture { codec, nals: &picture, timestamp, sets: None },
            &mut numbering(sequence),
        );
        prop_assert_eq!(unpacked(codec, &datagrams(&packed, &picture), sequence, timestamp), units);
    }

    #[test]
    fn any_bytes_are_packed_without_a_panic(nals in prop::collection::vec(any::<u8>(), 0..5_000)) {
        for codec in [VideoCodec::H264, VideoCodec::H265] {
            let picture = Picture { codec, nals: &nals, timestamp: 0, sets: None };
            let packed = Packets::of_picture(&picture, &mut numbering(0));
            let bodies: usize = nal::length_prefixed(&nals).map(|(_, unit)| unit.len()).sum();
            prop_assert!(packed.payload_bytes() <= bodies + 3 * packed.len());
        }
    }
}
