//! Our own files read back: whole, cut anywhere, still growing, with foreign bytes inside.

mod support;

use proptest::prelude::*;
use support::nals;
use tongshi_wire::flac::{decode_frame, encode_g711};
use tongshi_wire::fmp4::read::{Found, Fragment, FragmentAt, Movie, Scanner, SoundForm};
use tongshi_wire::fmp4::{Sample, init_segment, write_fragment};
use tongshi_wire::g711::{self, Law};
use tongshi_wire::nal::video_config;
use tongshi_wire::{AudioCodec, AudioConfig, VideoCodec, VideoConfig};

const WALL_US: i64 = 1_767_225_600_123_456;
const FRAGMENTS: usize = 6;
const PICTURES: usize = 5;

fn video(codec: VideoCodec) -> VideoConfig {
    let sets = |set: &[u8]| vec![set.to_vec()];
    match codec {
        VideoCodec::H264 => video_config(
            codec,
            Vec::new(),
            sets(nals::H264_SPS),
            sets(nals::H264_PPS),
        )
        .unwrap(),
        VideoCodec::H265 => {
            let (vps, sps) = (sets(nals::H265_VPS), sets(nals::H265_SPS));
            video_config(codec, vps, sps, sets(nals::H265_PPS)).unwrap()
        }
    }
}

fn sound(codec: AudioCodec) -> AudioConfig {
    let is_aac = codec == AudioCodec::Aac;
    AudioConfig {
        codec,
        sample_rate: if is_aac { 16_000 } else { 8_000 },
        channels: 1,
        asc: if is_aac { vec![0x14, 0x08] } else { Vec::new() },
    }
}

/// A file as the recorder writes it, and where its fragments begin.
fn file(codec: VideoCodec, audio: Option<&AudioConfig>) -> (Vec<u8>, Vec<usize>) {
    let mut metadata = WALL_US.to_be_bytes().to_vec();
    metadata.extend_from_slice(b"{}");
    let mut bytes = init_segment(&video(codec), audio, Some(&metadata), true)
        .unwrap()
        .bytes;
    let mut begins = Vec::new();
    for fragment in 0..FRAGMENTS {
        begins.push(bytes.len());
        let pictures: Vec<Vec<u8>> = (0..PICTURES)
            .map(|index| vec![(fragment * 16 + index) as u8; 40 + index])
            .collect();
        let samples: Vec<Sample<'_>> = pictures
            .iter()
            .enumerate()
            .map(|(index, data)| Sample {
                data,
                dts: ((fragment * PICTURES + index) * 3_600) as u64,
                duration: 3_600,
                cts: if index % 2 == 1 { -7_200 } else { 3_600 },
                key: index == 0,
            })
            .collect();
        let mut frame = Vec::new();
        let law_bytes: Vec<u8> = (0..160).map(|n| (n * 7 + fragment) as u8).collect();
        encode_g711(Law::A, &law_bytes, fragment as u64 * 160, &mut frame).unwrap();
        let pieces: Vec<Sample<'_>> = audio
            .iter()
            .map(|_| Sample {
                data: &frame,
                dts: fragment as u64 * 160,
                duration: 160,
                cts: 0,
                key: true,
            })
            .collect();
        write_fragment(fragment as u32 + 1, &samples, &pieces, &mut bytes);
    }
    (bytes, begins)
}

#[derive(Debug, Default)]
struct Read {
    movie: Option<Movie>,
    fragments: Vec<(FragmentAt, Fragment)>,
    damaged: u32,
    failed: bool,
}

/// Feeds the scanner from a slice until it wants nothing.
fn go_on(scanner: &mut Scanner, bytes: &[u8], read: &mut Read) {
    let mut rounds = 0;
    while let Some(wanted) = scanner.wanted() {
        rounds += 1;
        assert!(rounds < 100_000, "the scanner does not come forward");
        let start = wanted.offset as usize;
        match scanner.receive(&bytes[start..start + wanted.bytes]) {
            Ok(Some(Found::Movie(movie))) => read.movie = Some(*movie),
            Ok(Some(Found::Fragment(at, fragment))) => read.fragments.push((at, fragment)),
            Ok(None) => {}
            Err(_) => {
                read.failed = true;
                break;
            }
        }
    }
    read.damaged = scanner.damaged();
}

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    go_on(&mut Scanner::new(bytes.len() as u64), bytes, &mut read);
    read
}

#[test]
fn a_file_gives_back_its_description_and_every_sample() {
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        for audio in [None, Some(AudioCodec::G711A), Some(AudioCodec::Aac)] {
            let audio = audio.map(sound);
            let (bytes, begins) = file(codec, audio.as_ref());
            let read = read(&bytes);
            let movie = read.movie.unwrap();
            assert_eq!(movie.video.config, video(codec));
            assert_eq!((movie.video.timescale, read.damaged), (90_000, 0));
            let track = movie.audio.as_ref().map(|track| {
                (
                    track.form.clone(),
                    track.sample_rate,
                    track.channels,
                    track.timescale,
                )
            });
            let expected = audio.as_ref().map(|audio| match audio.codec {
                AudioCodec::Aac => (SoundForm::Aac(audio.asc.clone()), 16_000, 1, 16_000),
                _ => (SoundForm::Flac, 8_000, 1, 8_000),
            });
            assert_eq!(track, expected);
            let found: Vec<usize> = read
                .fragments
                .iter()
                .map(|(at, _)| at.offset as usize)
                .collect();
            assert_eq!(found, begins);
            for (number, (at, fragment)) in read.fragments.iter().enumerate() {
                assert_eq!(fragment.audio.len(), usize::from(audio.is_some()));
                assert_eq!(fragment.first_key(), Some(0));
                for (index, sample) in fragment.video.iter().enumerate() {
                    assert_eq!(sample.dts, ((number * PICTURES + index) * 3_600) as u64);
                    assert_eq!(sample.cts, if index % 2 == 1 { -7_200 } else { 3_600 });
                    assert_eq!(sample.key, index == 0);
                    let start = (at.offset + sample.offset) as usize;
                    let data = &bytes[start..start + sample.size as usize];
                    assert_eq!(data, vec![(number * 16 + index) as u8; 40 + index]);
                }
            }
        }
    }
}

#[test]
fn g711_comes_back_from_flac_bit_by_bit() {
    let (bytes, _) = file(VideoCodec::H264, Some(&sound(AudioCodec::G711A)));
    let read = read(&bytes);
    for (number, (at, fragment)) in read.fragments.iter().enumerate() {
        let sample = fragment.audio[0];
        let start = (at.offset + sample.offset) as usize;
        let (mut pcm, mut law_bytes) = (Vec::new(), Vec::new());
        decode_frame(&bytes[start..start + sample.size as usize], &mut pcm).unwrap();
        assert_eq!(g711::law_of(&pcm), Some(Law::A));
        g711::encode(Law::A, &pcm, &mut law_bytes);
        assert_eq!(
            law_bytes,
            (0..160)
                .map(|n| (n * 7 + number) as u8)
                .collect::<Vec<u8>>()
        );
    }
}

#[test]
fn the_recorder_s_time_is_read() {
    let (bytes, _) = file(VideoCodec::H264, None);
    let mut scanner = Scanner::new(bytes.len() as u64);
    go_on(&mut scanner, &bytes, &mut Read::default());
    assert_eq!(scanner.wall_us(), Some(WALL_US));
}

#[test]
fn a_file_cut_anywhere_keeps_its_whole_fragments() {
    let (bytes, begins) = file(VideoCodec::H264, None);
    for size in 0..bytes.len() {
        let read = read(&bytes[..size]);
        let whole = begins
            .iter()
            .skip(1)
            .filter(|&&begin| begin <= size)
            .count();
        assert_eq!(read.fragments.len(), whole, "cut at {size}");
        assert_eq!(read.movie.is_some(), size >= begins[0], "cut at {size}");
    }
}

#[test]
fn a_growing_file_is_gone_on_with_where_it_stood() {
    let (bytes, _) = file(VideoCodec::H265, None);
    for step in [1, 7, 64, 333] {
        let (mut scanner, mut read) = (Scanner::new(0), Read::default());
        for size in (0..bytes.len()).step_by(step).chain([bytes.len()]) {
            scanner.grow(size as u64);
            go_on(&mut scanner, &bytes, &mut read);
        }
        assert_eq!(
            (read.fragments.len(), read.damaged),
            (FRAGMENTS, 0),
            "{step}"
        );
    }
}

#[test]
fn a_fragment_that_has_no_name_yet_is_waited_for() {
    let (mut bytes, begins) = file(VideoCodec::H264, None);
    let last = begins[FRAGMENTS - 1];
    bytes[last + 4..last + 8].copy_from_slice(b"free");
    let (mut scanner, mut read) = (Scanner::new(0), Read::default());
    for size in last..=bytes.len() {
        scanner.grow(size as u64);
        go_on(&mut scanner, &bytes, &mut read);
        assert_eq!((read.fragments.len(), read.damaged), (FRAGMENTS - 1, 0));
    }
    bytes[last + 4..last + 8].copy_from_slice(b"moof");
    scanner.grow(bytes.len() as u64);
    go_on(&mut scanner, &bytes, &mut read);
    assert_eq!((read.fragments.len(), read.damaged), (FRAGMENTS, 0));
}

#[test]
fn a_fragment_that_was_never_finished_is_passed_over() {
    let (mut bytes, begins) = file(VideoCodec::H264, None);
    bytes[begins[2] + 4..begins[2] + 8].copy_from_slice(b"free");
    let read = read(&bytes);
    assert_eq!((read.fragments.len(), read.damaged), (FRAGMENTS - 1, 0));
}

#[test]
fn foreign_bytes_in_the_middle_cost_only_what_they_cover() {
    let (bytes, begins) = file(VideoCodec::H264, None);
    for (from, to) in [
        (begins[2], begins[3]),
        (begins[2] + 10, begins[3] - 20),
        (begins[2], begins[2] + 4),
    ] {
        for filling in [0x00, 0xFF, b'm'] {
            let mut wrong = bytes.clone();
            wrong[from..to].fill(filling);
            let read = read(&wrong);
            let found: Vec<usize> = read
                .fragments
                .iter()
                .map(|(at, _)| at.offset as usize)
                .collect();
            assert!(
                begins
                    .iter()
                    .filter(|&&begin| begin != begins[2])
                    .all(|begin| found.contains(begin))
            );
            assert!(read.damaged > 0 || found.len() == FRAGMENTS);
        }
    }
}

#[test]
fn a_file_of_somebody_else_is_refused_at_once() {
    assert!(read(b"\xFF\xD8\xFF\xE0 this is a picture, and no film at all").failed);
    assert!(read(&[0; 4_096]).failed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_end_in_fragments_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let mut with_head = file(VideoCodec::H264, Some(&sound(AudioCodec::G711A))).0;
        with_head.extend_from_slice(&bytes);
        let found = read(&with_head);
        prop_assert!(found.fragments.len() >= FRAGMENTS);
        read(&bytes);
    }

    #[test]
    fn any_damage_leaves_samples_inside_of_the_file(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut bytes = file(VideoCodec::H265, Some(&sound(AudioCodec::Aac))).0;
        for (index, value) in hits {
            let place = index.index(bytes.len());
            bytes[place] = value;
        }
        for (at, fragment) in read(&bytes).fragments {
            for sample in fragment.video.iter().chain(&fragment.audio) {
                let end = at.offset + sample.offset + u64::from(sample.size);
                prop_assert!(end <= bytes.len() as u64);
                prop_assert!(end <= at.offset + u64::from(at.moof_bytes) + u64::from(at.mdat_bytes));
            }
        }
    }
}
