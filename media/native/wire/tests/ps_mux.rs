//! What goes to other platforms as a program stream (7.4, 7.6; GB-C125).

mod support;

use proptest::prelude::*;
use std::process::Command;
use support::nals::{
    H264_PPS, H264_SPS, H265_PPS, H265_SPS, H265_VPS, annexb, coded, h264_pictures, h265_pictures,
};
use support::rtp::{Sender, packet};
use support::{audio, configs, ingest, nals_of, units};
use tongshi_wire::ps::{
    MAX_PES_PAYLOAD, MapEntry, PsMuxer, PsPicture, Stamps, mpeg_crc32, write_pack_header,
    write_pes_header, write_program_map, write_system_header,
};
use tongshi_wire::{AudioCodec, AudioConfig, MediaEvent, VideoCodec, VideoConfig};

fn video_config(codec: VideoCodec) -> VideoConfig {
    let sets = |sets: &[&[u8]]| sets.iter().map(|set| set.to_vec()).collect();
    let (vps, sps, pps) = match codec {
        VideoCodec::H264 => (vec![], sets(&[H264_SPS]), sets(&[H264_PPS])),
        VideoCodec::H265 => (sets(&[H265_VPS]), sets(&[H265_SPS]), sets(&[H265_PPS])),
    };
    VideoConfig {
        codec,
        vps,
        sps,
        pps,
        width: 1920,
        height: 1080,
        profile: String::new(),
        frame_rate: None,
    }
}

fn audio_config(codec: AudioCodec) -> AudioConfig {
    AudioConfig {
        codec,
        sample_rate: 8_000,
        channels: 1,
        asc: match codec {
            AudioCodec::Aac => vec![0x15, 0x88],
            _ => vec![],
        },
    }
}

fn length_prefixed(nals: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for nal in nals {
        bytes.extend_from_slice(&(nal.len() as u32).to_be_bytes());
        bytes.extend_from_slice(nal);
    }
    bytes
}

/// The PES packets of a pack: stream id, length field and flags.
fn pes_packets(pack: &[u8]) -> Vec<(u8, usize, u8)> {
    let mut found = Vec::new();
    let mut at = 14;
    while at < pack.len() {
        assert_eq!(pack[at..at + 3], [0, 0, 1], "a unit follows a unit");
        let length = usize::from(u16::from_be_bytes([pack[at + 4], pack[at + 5]]));
        if pack[at + 3] >= 0xC0 {
            found.push((pack[at + 3], length, pack[at + 7]));
        }
        at += 6 + length;
    }
    assert_eq!(at, pack.len(), "lengths fill the pack");
    found
}

#[test]
fn the_units_have_the_bytes_of_the_examples() {
    let mut bytes = Vec::new();
    write_pack_header(900_000, &mut bytes);
    assert_eq!(
        bytes[..10],
        [0, 0, 1, 0xBA, 0x44, 0x00, 0xDD, 0xDD, 0x04, 0x01]
    );
    assert_eq!((bytes.len(), bytes[13]), (14, 0xF8));
    for (entries, expected) in [
        (
            vec![(0x1B, 0xE0), (0x90, 0xC0)],
            vec![
                0, 0, 1, 0xBC, 0, 0x12, 0xE0, 0xFF, 0, 0, 0, 8, 0x1B, 0xE0, 0, 0, 0x90, 0xC0, 0, 0,
                0xFE, 0xDF, 0xB1, 0xD7,
            ],
        ),
        (
            vec![(0x24, 0xE0)],
            vec![
                0, 0, 1, 0xBC, 0, 0x0E, 0xE0, 0xFF, 0, 0, 0, 4, 0x24, 0xE0, 0, 0, 0x0C, 0x49, 0xB0,
                0x76,
            ],
        ),
    ] {
        let entries: Vec<MapEntry> = entries
            .into_iter()
            .map(|(stream_type, stream_id)| MapEntry {
                stream_type,
                stream_id,
            })
            .collect();
        let mut bytes = Vec::new();
        write_program_map(&entries, 0, &mut bytes);
        assert_eq!(bytes, expected);
    }
    let mut bytes = Vec::new();
    write_system_header(true, true, &mut bytes);
    assert_eq!(bytes[..6], [0, 0, 1, 0xBB, 0, 0x0C]);
    assert_eq!(
        bytes[9..],
        [0x04, 0xE1, 0x7F, 0xE0, 0xE1, 0x90, 0xC0, 0xC0, 0x20]
    );
    let mut bytes = Vec::new();
    let stamps = |pts_90k, dts_90k| Some(Stamps { pts_90k, dts_90k });
    write_pes_header(0xE0, stamps(900_000, 900_000), 23, &mut bytes);
    write_pes_header(0xE0, stamps(907_200, 903_600), 0, &mut bytes);
    write_pes_header(0xE0, None, 7, &mut bytes);
    assert_eq!(
        bytes[..14],
        [
            0, 0, 1, 0xE0, 0, 0x1F, 0x84, 0x80, 5, 0x21, 0, 0x37, 0x77, 0x41
        ]
    );
    assert_eq!(
        bytes[20..33],
        [
            0x84, 0xC0, 0x0A, 0x31, 0, 0x37, 0xAF, 0x81, 0x11, 0, 0x37, 0x93, 0x61
        ]
    );
    assert_eq!(bytes[33..], [0, 0, 1, 0xE0, 0, 10, 0x80, 0, 0]);
    assert_eq!(mpeg_crc32(b"123456789"), 0x0376_E6E7);
}

/// GB-C125.
#[test]
fn a_key_frame_has_system_header_map_and_parameter_sets_and_is_split() {
    let muxer = PsMuxer::new(
        Some(&video_config(VideoCodec::H264)),
        Some(&audio_config(AudioCodec::G711A)),
        0,
    );
    for bytes in [MAX_PES_PAYLOAD - 100, MAX_PES_PAYLOAD, 3 * MAX_PES_PAYLOAD] {
        let nals = length_prefixed(&[coded(&[0x65, 0x88], bytes, 1)]);
        for keyframe in [true, false] {
            let mut pack = Vec::new();
            let picture = PsPicture {
                nals: &nals,
                pts_90k: 7,
                dts_90k: 7,
                keyframe,
            };
            muxer.write_picture(&picture, &mut pack);
            muxer.write_audio(&[0xD5; 320], 7, &mut pack);
            let count = |code| pack.windows(4).filter(|w| *w == [0, 0, 1, code]).count();
            assert_eq!(
                (count(0xBA), count(0xBB), count(0xBC)),
                (1, usize::from(keyframe), usize::from(keyframe))
            );
            let sets = pack.windows(H264_SPS.len()).any(|w| w == H264_SPS);
            assert_eq!(sets, keyframe);
            let packets = pes_packets(&pack);
            assert!(packets.iter().all(|&(_, length, _)| length <= 65_100));
            let with_stamps = packets.iter().filter(|&&(_, _, flags)| flags == 0x80);
            assert_eq!(with_stamps.count(), 2, "the first of each stream");
            let sets_bytes = if keyframe {
                H264_SPS.len() + H264_PPS.len() + 8
            } else {
                0
            };
            let expected = (nals.len() + sets_bytes).div_ceil(MAX_PES_PAYLOAD);
            assert_eq!(packets.len(), expected + 1);
        }
    }
}

#[test]
fn a_length_that_leads_out_of_the_picture_ends_it() {
    let muxer = PsMuxer::new(Some(&video_config(VideoCodec::H264)), None, 0);
    let mut nals = length_prefixed(&[coded(&[0x65, 0x88], 50, 1)]);
    let whole = nals.len();
    nals.extend_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF, 1, 2]);
    let mut pack = Vec::new();
    let picture = PsPicture {
        nals: &nals,
        pts_90k: 0,
        dts_90k: 0,
        keyframe: false,
    };
    muxer.write_picture(&picture, &mut pack);
    assert_eq!(pes_packets(&pack), [(0xE0, whole + 8, 0x80)]);
}

fn aac_frames(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|index| vec![index as u8 + 1; 100 + index])
        .collect()
}

#[test]
fn aac_gets_an_adts_header_and_comes_back() {
    let config = audio_config(AudioCodec::Aac);
    let muxer = PsMuxer::new(Some(&video_config(VideoCodec::H265)), Some(&config), 3);
    let mut sender = Sender::new(1_400);
    let frames = aac_frames(6);
    for (index, (picture, frame)) in h265_pictures(6, 3, 700, 200)
        .iter()
        .zip(&frames)
        .enumerate()
    {
        let nals = length_prefixed(&picture.expected);
        let pts = picture.pts as i64;
        let mut pack = Vec::new();
        let keyframe = index % 3 == 0;
        muxer.write_picture(
            &PsPicture {
                nals: &nals,
                pts_90k: pts,
                dts_90k: pts,
                keyframe,
            },
            &mut pack,
        );
        muxer.write_audio(frame, pts, &mut pack);
        sender.send(picture.pts, &pack);
    }
    let events = ingest(&sender.packets);
    let found: Vec<Vec<u8>> = audio(&events)
        .iter()
        .map(|frame| frame.data.clone())
        .collect();
    assert_eq!(found, frames);
    let described = events.iter().find_map(|event| match event {
        MediaEvent::AudioConfig(config) => Some(config.clone()),
        _ => None,
    });
    assert_eq!(described, Some(config));
    assert_eq!(units(&events).len(), 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_packed_comes_out_of_our_demuxer_as_it_was(
        h265 in any::<bool>(),
        law in any::<bool>(),
        sizes in prop::collection::vec(prop::collection::vec(8usize..90_000, 1..4), 1..8),
        shift in 0i64..4,
        start in prop_oneof![Just(0i64), Just((1 << 33) - 7_200), 0i64..1 << 33],
        mtu in 100usize..3_000,
    ) {
        let codec = if h265 { VideoCodec::H265 } else { VideoCodec::H264 };
        let sound = audio_config(if law { AudioCodec::G711A } else { AudioCodec::G711U });
        let config = video_config(codec);
        let muxer = PsMuxer::new(Some(&config), Some(&sound), 0);
        let mut sender = Sender::new(mtu);
        let mut pictures = Vec::new();
        for (index, sizes) in sizes.iter().enumerate() {
            let first: &[u8] = match (h265, index) {
                (false, 0) => &[0x65, 0x88],
                (false, _) => &[0x41, 0x9A],
                (true, 0) => &[0x26, 0x01, 0xAF],
                (true, _) => &[0x02, 0x01, 0xD0],
            };
            let later: &[u8] = match (h265, index) {
                (false, 0) => &[0x65, 0x48],
                (false, _) => &[0x41, 0x4A],
                (true, 0) => &[0x26, 0x01, 0x2F],
                (true, _) => &[0x02, 0x01, 0x50],
            };
            let nals: Vec<Vec<u8>> = sizes
                .iter()
                .enumerate()
                .map(|(part, &size)| coded(if part == 0 { first } else { later }, size, size as u32))
                .collect();
            let dts = start + index as i64 * 3_600;
            let bytes = length_prefixed(&nals);
            let mut pack = Vec::new();
            muxer.write_picture(
                &PsPicture {
                    nals: &bytes,
                    pts_90k: dts + shift * 3_600,
                    dts_90k: dts,
                    keyframe: index == 0,
                },
                &mut pack,
            );
            muxer.write_audio(&[0xD5; 320], dts, &mut pack);
            sender.send(dts as u64, &pack);
            pictures.push((nals, dts));
        }
        let events = ingest(&sender.packets);
        let found = units(&events);
        prop_assert_eq!(found.len(), pictures.len());
        let base = found[0].dts_90k - pictures[0].1;
        for (unit, (nals, dts)) in found.iter().zip(&pictures) {
            prop_assert_eq!(&nals_of(unit), nals);
            prop_assert_eq!(unit.dts_90k, dts + base);
            prop_assert_eq!(unit.pts_90k - unit.dts_90k, shift * 3_600);
        }
        prop_assert_eq!(&configs(&events)[0].sps, &config.sps);
        prop_assert_eq!(audio(&events).len(), pictures.len());
    }

    #[test]
    fn any_bytes_as_nal_units_give_whole_packs(nals in prop::collection::vec(any::<u8>(), 0..400)) {
        let muxer = PsMuxer::new(Some(&video_config(VideoCodec::H264)), None, 0);
        let mut pack = Vec::new();
        let picture = PsPicture { nals: &nals, pts_90k: -1, dts_90k: i64::MIN, keyframe: false };
        muxer.write_picture(&picture, &mut pack);
        prop_assert_eq!(pes_packets(&pack).len(), 1);
    }
}

/// AAC of a tone, frame by frame without headers. None with a printed reason when ffmpeg is not there.
fn tone_of_ffmpeg() -> Option<Vec<Vec<u8>>> {
    let output = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=16000:duration=2",
        ])
        .args(["-c:a", "aac", "-f", "adts", "-"])
        .output();
    match output {
        Ok(output) if output.status.success() => {
            let mut frames = Vec::new();
            let mut splitter = tongshi_wire::aac::AdtsSplitter::default();
            splitter.receive(&output.stdout, |_, data| frames.push(data.to_vec()));
            Some(frames)
        }
        other => {
            println!("not judged, ffmpeg: {other:?}");
            None
        }
    }
}

#[test]
fn ffprobe_reads_every_picture_and_all_sound() {
    let Some(frames) = tone_of_ffmpeg() else {
        return;
    };
    let sound = AudioConfig {
        codec: AudioCodec::Aac,
        sample_rate: 16_000,
        channels: 1,
        asc: vec![0x14, 0x08],
    };
    let muxer = PsMuxer::new(Some(&video_config(VideoCodec::H264)), Some(&sound), 0);
    let mut stream = Vec::new();
    let pictures = h264_pictures(frames.len(), 25, 150_000, 9_000);
    for (picture, frame) in pictures.iter().zip(&frames) {
        let nals = length_prefixed(&picture.expected);
        let (pts, keyframe) = (picture.pts as i64, picture.keyframe);
        muxer.write_picture(
            &PsPicture {
                nals: &nals,
                pts_90k: pts,
                dts_90k: pts,
                keyframe,
            },
            &mut stream,
        );
        muxer.write_audio(frame, pts, &mut stream);
    }
    let path = std::env::temp_dir().join(format!("tongshi-mux-{}.ps", std::process::id()));
    std::fs::write(&path, &stream).unwrap();
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-f",
            "mpeg",
            "-count_packets",
            "-show_entries",
        ])
        .args([
            "stream=codec_name,sample_rate,width,nb_read_packets",
            "-of",
            "csv=p=0",
        ])
        .arg(&path)
        .output();
    let _ = std::fs::remove_file(&path);
    let text = String::from_utf8_lossy(&output.unwrap().stdout).into_owned();
    let count = frames.len();
    assert!(text.contains(&format!("h264,1920,{count}")), "{text}");
    assert!(text.contains(&format!("aac,16000,{count}")), "{text}");
}

#[test]
fn one_packet_of_an_outside_example_is_as_ours() {
    // Protocol notes 7.1: PT 96, seq 1, ts 900000, y=0200000001.
    let mut numbering = tongshi_wire::rtp_send::RtpNumbering::new(200_000_001, 96, 1);
    let header = numbering.next_header(900_000, false, 3);
    assert_eq!(
        header,
        [
            0x80, 0x60, 0, 1, 0, 0x0D, 0xBB, 0xA0, 0x0B, 0xEB, 0xC2, 0x01
        ]
    );
    assert_eq!(packet(1, 900_000, false, &[])[..], header[..]);
    assert_eq!(annexb(&[&[1]]), [0, 0, 0, 1, 1]);
}
