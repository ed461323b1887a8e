//! Fragmented MP4, read back by a reader of its own, and by ffprobe when it is there.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};
use support::boxes::{find, long_number, number, walk};
use support::nals;
use tongshi_wire::flac;
use tongshi_wire::fmp4::{self, Sample, init_segment, mime_codecs, write_fragment};
use tongshi_wire::g711::Law;
use tongshi_wire::nal::video_config;
use tongshi_wire::{AudioCodec, AudioConfig, VideoCodec, VideoConfig};

fn h264() -> VideoConfig {
    let (sps, pps) = (nals::H264_SPS.to_vec(), nals::H264_PPS.to_vec());
    video_config(VideoCodec::H264, Vec::new(), vec![sps], vec![pps]).unwrap()
}

fn h265() -> VideoConfig {
    let (vps, sps) = (nals::H265_VPS.to_vec(), nals::H265_SPS.to_vec());
    let pps = nals::H265_PPS.to_vec();
    video_config(VideoCodec::H265, vec![vps], vec![sps], vec![pps]).unwrap()
}

fn g711() -> AudioConfig {
    AudioConfig {
        codec: AudioCodec::G711A,
        sample_rate: 8_000,
        channels: 1,
        asc: Vec::new(),
    }
}

fn aac() -> AudioConfig {
    AudioConfig {
        codec: AudioCodec::Aac,
        sample_rate: 16_000,
        channels: 1,
        asc: vec![0x14, 0x08],
    }
}

#[test]
fn codec_strings_follow_rfc_6381() {
    assert_eq!(mime_codecs(Some(&h264()), None), "avc1.4d4028");
    assert_eq!(
        mime_codecs(Some(&h264()), Some(&g711())),
        "avc1.4d4028,flac"
    );
    let both = mime_codecs(Some(&h265()), Some(&aac()));
    assert_eq!(both, "hvc1.1.6.L120.90,mp4a.40.2");
}

#[test]
fn parameter_sets_tell_size_cropping_and_rate() {
    for (config, rate) in [(h264(), (50 * 2, 2 * 2)), (h265(), (25, 1))] {
        assert_eq!((config.width, config.height), (1920, 1080));
        let (scale, units) = config.frame_rate.unwrap();
        assert_eq!(scale * rate.1, units * rate.0, "25 pictures per second");
    }
    let small = tongshi_wire::nal::h264::parse_sps(nals::H264_SMALL_SPS).unwrap();
    assert_eq!((small.format.width, small.format.height), (640, 360));
    assert_eq!(
        (small.profile, small.constraints, small.level),
        (66, 0xC0, 22)
    );
    assert!(small.frames_only);
    let field = tongshi_wire::nal::h264::parse_sps(nals::H264_FIELD_SPS).unwrap();
    assert_eq!((field.format.width, field.format.height), (704, 576));
    assert!(!field.frames_only);
}

#[test]
fn the_init_segment_has_the_boxes_in_their_places() {
    let init = init_segment(&h264(), Some(&g711()), Some(b"hello"), true).unwrap();
    let kinds: Vec<[u8; 4]> = walk(&init.bytes, 0).iter().map(|b| b.kind).collect();
    assert_eq!(kinds, [*b"ftyp", *b"uuid", *b"moov"]);
    let metadata = find(&init.bytes, "uuid").unwrap();
    assert_eq!(metadata.body[..16], fmp4::METADATA_UUID);
    assert_eq!(&metadata.body[16..], b"hello");
    let duration = find(&init.bytes, "moov/mvex/mehd").unwrap();
    assert_eq!(duration.body[0], 1, "version 1: 64 bits");
    assert_eq!(init.mehd_offset, Some(duration.body_at + 4));
    let moov = find(&init.bytes, "moov").unwrap();
    let tracks: Vec<_> = walk(moov.body, 0)
        .into_iter()
        .filter(|b| &b.kind == b"trak")
        .collect();
    assert_eq!(tracks.len(), 2);
    for (track, (id, timescale)) in tracks.iter().zip([(1, 90_000), (2, 8_000)]) {
        assert_eq!(number(find(track.body, "tkhd").unwrap().body, 12), id);
        assert_eq!(
            number(find(track.body, "mdia/mdhd").unwrap().body, 12),
            timescale
        );
    }
    let plain = init_segment(&h264(), None, None, false).unwrap();
    assert_eq!(plain.mehd_offset, None);
    assert!(find(&plain.bytes, "moov/mvex/mehd").is_none());
    assert!(find(&plain.bytes, "uuid").is_none());
}

#[test]
fn sample_entries_hold_the_records() {
    for (config, entry, record) in [(h264(), b"avc1", b"avcC"), (h265(), b"hvc1", b"hvcC")] {
        let init = init_segment(&config, Some(&aac()), None, false).unwrap();
        let table = find(&init.bytes, "moov/trak/mdia/minf/stbl/stsd").unwrap();
        let entries = walk(&table.body[8..], 0);
        assert_eq!(&entries[0].kind, entry);
        let inner = walk(&entries[0].body[78..], 0);
        assert_eq!(&inner[0].kind, record);
        assert_eq!(inner[0].body[0], 1);
        for set in config.vps.iter().chain(&config.sps).chain(&config.pps) {
            assert!(inner[0].body.windows(set.len()).any(|bytes| bytes == set));
        }
    }
}

#[test]
fn a_fragment_gives_back_its_samples() {
    let video: Vec<(Vec<u8>, i32)> = (0..3)
        .map(|n| (vec![n; 100 + n as usize], 3_600 * i32::from(n) - 3_600))
        .collect();
    let audio: Vec<Vec<u8>> = (0..4).map(|n| vec![0x80 | n; 50]).collect();
    let samples: Vec<Sample<'_>> = video
        .iter()
        .enumerate()
        .map(|(index, (data, cts))| Sample {
            data,
            dts: (1 << 40) + 3_600 * index as u64,
            duration: 3_600,
            cts: *cts,
            key: index == 0,
        })
        .collect();
    let sounds: Vec<Sample<'_>> = audio
        .iter()
        .map(|data| Sample {
            data,
            dts: 77,
            duration: 320,
            cts: 0,
            key: true,
        })
        .collect();
    let mut out = vec![0xEE; 5];
    write_fragment(9, &samples, &sounds, &mut out);
    let fragment = &out[5..];
    let boxes = walk(fragment, 0);
    assert_eq!((boxes[0].kind, boxes[1].kind), (*b"moof", *b"mdat"));
    assert_eq!(number(find(fragment, "moof/mfhd").unwrap().body, 4), 9);
    let tracks: Vec<_> = walk(boxes[0].body, 0)
        .into_iter()
        .filter(|b| &b.kind == b"traf")
        .collect();
    assert_eq!(tracks.len(), 2);

    let time = find(tracks[0].body, "tfdt").unwrap().body;
    assert_eq!((time[0], long_number(time, 4)), (1, 1 << 40));
    let run = find(tracks[0].body, "trun").unwrap().body;
    assert_eq!(number(run, 0), 0x0100_0F01);
    let mut at = number(run, 8) as usize;
    for (index, sample) in samples.iter().enumerate() {
        let row = &run[12 + 16 * index..];
        assert_eq!(number(row, 0), 3_600);
        assert_eq!(number(row, 4) as usize, sample.data.len());
        assert_eq!(
            number(row, 8),
            if sample.key { 0x0200_0000 } else { 0x0101_0000 }
        );
        assert_eq!(number(row, 12) as i32, sample.cts);
        assert_eq!(&fragment[at..at + sample.data.len()], sample.data);
        at += sample.data.len();
    }
    let run = find(tracks[1].body, "trun").unwrap().body;
    assert_eq!(number(run, 0), 0x0100_0301);
    assert_eq!(number(run, 8) as usize, at);
    for sample in &sounds {
        assert_eq!(&fragment[at..at + 50], sample.data);
        at += 50;
    }
    assert_eq!(at, fragment.len());
    let mut nothing = Vec::new();
    write_fragment(1, &[], &[], &mut nothing);
    assert!(nothing.is_empty());
}

/// Speech-like and extreme samples as A-law bytes.
fn sound() -> Vec<u8> {
    let mut state = 1u32;
    (0..8_000u32)
        .map(|n| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match n / 1_000 {
                0 => 0xD5,
                1 => (state >> 24) as u8,
                2 => {
                    if n % 2 == 0 {
                        0xAA
                    } else {
                        0x2A
                    }
                }
                _ => (((f64::from(n) * 0.07).sin() * 40.0) as i32 as u8) ^ 0x55,
            }
        })
        .collect()
}

/// Runs a program with bytes on its input; none with a printed reason when it is not there.
fn pipe(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            println!("not judged by {program}, it does not start: {error}");
            return None;
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}");
    Some(output.stdout)
}

#[test]
fn flac_is_decoded_by_ffmpeg_bit_by_bit() {
    let data = sound();
    let mut samples = 0;
    let mut file = b"fLaC".to_vec();
    file.extend([0x80, 0, 0, 34]);
    file.extend(flac::stream_info(8_000));
    let mut expected = Vec::new();
    let mut at = 0;
    for size in [160, 320, 161, 16, 1, 333, 1_024, 2_000, 4_608]
        .into_iter()
        .cycle()
    {
        let end = (at + size).min(data.len());
        for (law, table) in [
            (Law::A, &tongshi_wire::g711::A_LAW),
            (Law::Mu, &tongshi_wire::g711::MU_LAW),
        ] {
            flac::encode_g711(law, &data[at..end], samples, &mut file).unwrap();
            samples += (end - at) as u64;
            for &byte in &data[at..end] {
                expected.extend(table[usize::from(byte)].to_le_bytes());
            }
        }
        at = end;
        if at == data.len() {
            break;
        }
    }
    assert!(file.len() < expected.len(), "smaller than PCM");
    let arguments = [
        "-v",
        "error",
        "-xerror",
        "-err_detect",
        "crccheck+explode",
        "-f",
        "flac",
        "-i",
        "-",
        "-f",
        "s16le",
        "-",
    ];
    if let Some(decoded) = pipe("ffmpeg", &arguments, &file) {
        assert_eq!(decoded.len(), expected.len());
        assert!(decoded == expected, "every sample as it was");
    }
}

#[test]
fn flac_refuses_blocks_without_samples_or_with_too_many() {
    let mut out = Vec::new();
    assert!(flac::encode(&[], 0, &mut out).is_err());
    assert!(flac::encode(&[0; 4_609], 0, &mut out).is_err());
    assert!(out.is_empty());
    assert!(flac::encode(&[0; 4_608], 0, &mut out).is_ok());
}

/// Tracks and packets of a file, as ffprobe sees them.
fn probe(file: &[u8]) -> Option<String> {
    let entries = "stream=codec_name,codec_tag_string,width,height,sample_rate:packet=stream_index,pts,dts,flags";
    let arguments = [
        "-v",
        "error",
        "-show_entries",
        entries,
        "-of",
        "compact",
        "-i",
        "-",
    ];
    pipe("ffprobe", &arguments, file).map(|text| String::from_utf8(text).unwrap())
}

#[test]
fn ffprobe_reads_tracks_and_times_as_they_were_written() {
    let sounds: Vec<Vec<u8>> = sound()
        .chunks(320)
        .take(4)
        .zip((0..).step_by(320))
        .map(|(piece, first)| {
            let mut frame = Vec::new();
            flac::encode_g711(Law::A, piece, first, &mut frame).unwrap();
            frame
        })
        .collect();
    for (config, name) in [
        (h264(), "h264|codec_tag_string=avc1"),
        (h265(), "hevc|codec_tag_string=hvc1"),
    ] {
        let mut file = init_segment(&config, Some(&g711()), Some(b"m"), true)
            .unwrap()
            .bytes;
        let is_h264 = config.codec == VideoCodec::H264;
        let slices: Vec<Vec<u8>> = (0..4u32)
            .map(|n| match (n, is_h264) {
                (0, true) => nals::idr(60, n),
                (0, false) => nals::h265_idr(60, n),
                (_, true) => nals::p_slice(60, n),
                (_, false) => nals::h265_p(60, n),
            })
            .map(|slice| [&[0, 0, 0, 60][..], &slice].concat())
            .collect();
        let video: Vec<Sample<'_>> = slices
            .iter()
            .zip(0u64..)
            .map(|(data, n)| Sample {
                data,
                dts: 90_000 + 3_600 * n,
                duration: 3_600,
                cts: 0,
                key: n == 0,
            })
            .collect();
        let audio: Vec<Sample<'_>> = sounds
            .iter()
            .enumerate()
            .map(|(n, data)| Sample {
                data,
                dts: 8_000 + 320 * n as u64,
                duration: 320,
                cts: 0,
                key: true,
            })
            .collect();
        write_fragment(1, &video[..2], &audio[..2], &mut file);
        write_fragment(2, &video[2..], &audio[2..], &mut file);
        let Some(report) = probe(&file) else { return };
        assert!(report.contains(name), "{report}");
        assert!(report.contains("width=1920|height=1080"), "{report}");
        assert!(
            report.contains("codec_name=flac|codec_tag_string=fLaC|sample_rate=8000"),
            "{report}"
        );
        for time in [90_000, 93_600, 97_200, 100_800] {
            assert!(
                report.contains(&format!("stream_index=0|pts={time}|dts={time}")),
                "{report}"
            );
        }
        assert!(
            report.contains("stream_index=1|pts=8960|dts=8960"),
            "{report}"
        );
        assert_eq!(report.matches("flags=K").count(), 5, "{report}");
    }
}
