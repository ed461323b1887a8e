//! One fragment: `moof` with a `traf` for each track that has samples, then `mdat`.

use super::boxes::{put_box, put_full_box, put_u32, put_u64};
use super::{AUDIO_TRACK, VIDEO_TRACK};

/// sample_depends_on = 2: depends on nothing, a key frame.
const KEY_FLAGS: u32 = 0x0200_0000;
/// sample_depends_on = 1, sample_is_non_sync_sample = 1.
const DELTA_FLAGS: u32 = 0x0101_0000;
/// tfhd: default-base-is-moof.
const BASE_IS_MOOF: u32 = 0x02_0000;
/// trun: data offset, and duration and size of each sample.
const RUN_FIELDS: u32 = 0x01 | 0x100 | 0x200;
/// trun: flags of each sample.
const RUN_FLAGS: u32 = 0x400;
/// trun: composition time offset of each sample.
const RUN_OFFSETS: u32 = 0x800;

/// One sample of a fragment, in ticks of its track's timescale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample<'a> {
    /// Video: NAL units with 4-byte lengths. Audio: one FLAC frame or AAC access unit.
    pub data: &'a [u8],
    /// Decoding time. Only that of the first sample is written; the rest follows from the
    /// durations.
    pub dts: u64,
    /// Until the next sample of the track.
    pub duration: u32,
    /// Presentation time less decoding time; may be negative.
    pub cts: i32,
    /// Decoding can start here. Always true for audio.
    pub key: bool,
}

/// Appends one fragment with sequence number `sequence` to `out`. Tracks without samples are
/// left out; with no sample at all nothing is appended.
///
/// Source: ISO/IEC 14496-12 8.8.
pub fn write_fragment(
    sequence: u32,
    video: &[Sample<'_>],
    audio: &[Sample<'_>],
    out: &mut Vec<u8>,
) {
    if video.is_empty() && audio.is_empty() {
        return;
    }
    out.reserve(bytes(video) + bytes(audio) + 16 * (video.len() + audio.len()) + 256);
    write_fragment_head(sequence, video, audio, out);
    for sample in video.iter().chain(audio) {
        out.extend_from_slice(sample.data);
    }
}

fn bytes(samples: &[Sample<'_>]) -> usize {
    samples.iter().map(|sample| sample.data.len()).sum()
}

/// Appends what stands before the data of such a fragment: `moof`, and the header of `mdat`. The data of the
/// samples follow as they are, those of the video first.
pub fn write_fragment_head(
    sequence: u32,
    video: &[Sample<'_>],
    audio: &[Sample<'_>],
    out: &mut Vec<u8>,
) {
    let (video_bytes, audio_bytes) = (bytes(video), bytes(audio));
    let start = out.len();
    let mut offset_fields = [None; 2];
    put_box(out, b"moof", |out| {
        put_full_box(out, b"mfhd", 0, 0, |out| put_u32(out, sequence));
        for (field, track, samples) in [(0, VIDEO_TRACK, video), (1, AUDIO_TRACK, audio)] {
            if !samples.is_empty() {
                offset_fields[field] = Some(put_track_fragment(out, track, samples));
            }
        }
    });
    // Data offsets count from the first byte of moof; 8 is the header of mdat.
    let video_start = out.len() - start + 8;
    for (field, offset) in [(0, video_start), (1, video_start + video_bytes)] {
        if let Some(position) = offset_fields[field] {
            let value = (offset as u32).to_be_bytes();
            out[position..position + 4].copy_from_slice(&value);
        }
    }
    put_u32(out, (8 + video_bytes + audio_bytes) as u32);
    out.extend_from_slice(b"mdat");
}

/// Appends `traf`; returns where the data offset of its run lies.
fn put_track_fragment(out: &mut Vec<u8>, track: u32, samples: &[Sample<'_>]) -> usize {
    let is_video = track == VIDEO_TRACK;
    let with_offsets = samples.iter().any(|sample| sample.cts != 0);
    let mut run = RUN_FIELDS;
    run |= if is_video { RUN_FLAGS } else { 0 };
    run |= if with_offsets { RUN_OFFSETS } else { 0 };
    let mut offset_field = 0;
    put_box(out, b"traf", |out| {
        put_full_box(out, b"tfhd", 0, BASE_IS_MOOF, |out| put_u32(out, track));
        put_full_box(out, b"tfdt", 1, 0, |out| put_u64(out, samples[0].dts));
        // Version 1: composition time offsets are signed.
        put_full_box(out, b"trun", 1, run, |out| {
            put_u32(out, samples.len() as u32);
            offset_field = out.len();
            put_u32(out, 0);
            for sample in samples {
                put_u32(out, sample.duration);
                put_u32(out, sample.data.len() as u32);
                if is_video {
                    put_u32(out, if sample.key { KEY_FLAGS } else { DELTA_FLAGS });
                }
                if with_offsets {
                    put_u32(out, sample.cts as u32);
                }
            }
        });
    });
    offset_field
}
