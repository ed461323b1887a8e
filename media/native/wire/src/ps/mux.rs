//! A multiplexer for program streams as this standard wants them: one pack for each picture.
//!
//! ```text
//! key frame : pack header | system header | map | PES video (1..n) | PES audio (0..n)
//! other     : pack header | PES video (1..n) | PES audio (0..n)
//! ```
//!
//! Source: GB/T 28181-2016 annex C; protocol notes 7.4 and 7.6 (C125).

use super::MapEntry;
use super::write::{
    AUDIO_STREAM_ID, MAX_PES_PAYLOAD, Stamps, VIDEO_STREAM_ID, write_pack_header, write_pes_header,
    write_program_map, write_system_header,
};
use crate::aac;
use crate::media::{AudioCodec, AudioConfig, VideoCodec, VideoConfig};

/// Bytes of heads that a pack needs beside its payload, roughly.
const HEAD_BYTES: usize = 128;

/// One picture to be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PsPicture<'a> {
    /// NAL units after their lengths in 4 bytes, as in [`crate::AccessUnit`]. Parameter sets of
    /// the description are added before a key frame.
    pub nals: &'a [u8],
    /// Presentation time, 90 kHz.
    pub pts_90k: i64,
    /// Decoding time, 90 kHz; also the clock of the pack.
    pub dts_90k: i64,
    /// Decoding can start here: system header, map and parameter sets go before it.
    pub keyframe: bool,
}

/// Packs the pictures and the sound of one description.
#[derive(Debug, Clone)]
pub struct PsMuxer {
    /// System header and map.
    key_head: Vec<u8>,
    /// Parameter sets as an Annex B byte stream.
    sets: Vec<u8>,
    /// ADTS header of an empty frame, when the sound is AAC.
    adts: Option<[u8; aac::ADTS_HEADER_BYTES]>,
}

impl PsMuxer {
    /// `version` (5 bits) is that of the map: another one for each description of a stream.
    #[must_use]
    pub fn new(video: Option<&VideoConfig>, audio: Option<&AudioConfig>, version: u8) -> Self {
        let mut key_head = Vec::with_capacity(HEAD_BYTES);
        write_system_header(video.is_some(), audio.is_some(), &mut key_head);
        let video_entry = video.map(|config| MapEntry {
            stream_type: video_type(config.codec),
            stream_id: VIDEO_STREAM_ID,
        });
        let audio_entry = audio.map(|config| MapEntry {
            stream_type: audio_type(config.codec),
            stream_id: AUDIO_STREAM_ID,
        });
        let entries: Vec<MapEntry> = video_entry.into_iter().chain(audio_entry).collect();
        write_program_map(&entries, version, &mut key_head);
        Self {
            key_head,
            sets: video.map(VideoConfig::to_annexb).unwrap_or_default(),
            adts: audio.and_then(adts_template),
        }
    }

    /// Appends one picture as one pack. Its sound may follow with [`PsMuxer::write_audio`].
    ///
    /// NAL units behind a length that leads out of the bytes are left out.
    pub fn write_picture(&self, picture: &PsPicture<'_>, out: &mut Vec<u8>) {
        let nals = whole_nals(picture.nals);
        let sets: &[u8] = if picture.keyframe { &self.sets } else { &[] };
        out.reserve(sets.len() + nals.len() + HEAD_BYTES + nals.len() / MAX_PES_PAYLOAD * 16);
        self.write_head(picture.dts_90k, picture.keyframe, out);
        let stamps = Stamps {
            pts_90k: picture.pts_90k,
            dts_90k: picture.dts_90k,
        };
        let mut pes = PesWriter::new(VIDEO_STREAM_ID, stamps, sets.len() + nals.len(), out);
        pes.write(sets);
        let mut rest = nals;
        while let Some((length, body)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some((nal, behind)) = body.split_at_checked(length) else {
                break;
            };
            pes.write(&[0, 0, 0, 1]);
            pes.write(nal);
            rest = behind;
        }
    }

    /// Appends the head of a pack that holds sound alone. With `described` the map goes with it.
    pub fn write_head(&self, scr_90k: i64, described: bool, out: &mut Vec<u8>) {
        write_pack_header(scr_90k, out);
        if described {
            out.extend_from_slice(&self.key_head);
        }
    }

    /// Appends a piece of sound to the pack: G.711 as it is, one AAC access unit with an ADTS
    /// header of its own.
    pub fn write_audio(&self, data: &[u8], pts_90k: i64, out: &mut Vec<u8>) {
        let stamps = Stamps {
            pts_90k,
            dts_90k: pts_90k,
        };
        let header = self.adts.map(|template| adts_header(template, data.len()));
        let header: &[u8] = header.as_ref().map_or(&[], |bytes| bytes);
        out.reserve(header.len() + data.len() + 32);
        let mut pes = PesWriter::new(AUDIO_STREAM_ID, stamps, header.len() + data.len(), out);
        pes.write(header);
        pes.write(data);
    }
}

/// stream_type of the map (protocol notes 7.4).
const fn video_type(codec: VideoCodec) -> u8 {
    match codec {
        VideoCodec::H264 => 0x1B,
        VideoCodec::H265 => 0x24,
    }
}

const fn audio_type(codec: AudioCodec) -> u8 {
    match codec {
        AudioCodec::G711A => 0x90,
        AudioCodec::G711U => 0x91,
        AudioCodec::Aac => 0x0F,
    }
}

/// The bytes up to the first length that leads out of them.
fn whole_nals(nals: &[u8]) -> &[u8] {
    let mut end = 0usize;
    while let Some(length) = nals[end..].first_chunk::<4>() {
        let next = end.saturating_add(4 + u32::from_be_bytes(*length) as usize);
        if next > nals.len() {
            break;
        }
        end = next;
    }
    &nals[..end]
}

/// An ADTS header for this sound, its frame length still 0. None when it is no AAC.
///
/// Source: ISO/IEC 13818-7 6.2.
fn adts_template(audio: &AudioConfig) -> Option<[u8; aac::ADTS_HEADER_BYTES]> {
    if audio.codec != AudioCodec::Aac {
        return None;
    }
    let (object_type, rate, channels) = aac::parse_audio_specific_config(&audio.asc).unwrap_or((
        2,
        audio.sample_rate,
        audio.channels,
    ));
    let index = aac::frequency_index(rate).unwrap_or(4);
    // Two bits hold object types 1 to 4; what builds on AAC LC can be read as such.
    let profile = object_type.clamp(1, 4) - 1;
    let profile = if object_type > 4 { 1 } else { profile };
    let configuration = if channels >= 8 { 7 } else { channels };
    Some([
        0xFF,
        0xF1,
        profile << 6 | index << 2 | configuration >> 2,
        (configuration & 3) << 6,
        0,
        0x1F,
        0xFC,
    ])
}

fn adts_header(
    mut header: [u8; aac::ADTS_HEADER_BYTES],
    data_bytes: usize,
) -> [u8; aac::ADTS_HEADER_BYTES] {
    let length = data_bytes + header.len();
    header[3] |= (length >> 11) as u8 & 3;
    header[4] = (length >> 3) as u8;
    header[5] |= (length << 5) as u8;
    header
}

/// Cuts one payload into PES packets; only the first has time stamps.
struct PesWriter<'a> {
    stream_id: u8,
    /// Bytes that still fit into the open packet.
    room: usize,
    /// Bytes behind the open packet.
    later: usize,
    out: &'a mut Vec<u8>,
}

impl<'a> PesWriter<'a> {
    fn new(stream_id: u8, stamps: Stamps, total: usize, out: &'a mut Vec<u8>) -> Self {
        let room = total.min(MAX_PES_PAYLOAD);
        write_pes_header(stream_id, Some(stamps), room, out);
        Self {
            stream_id,
            room,
            later: total - room,
            out,
        }
    }

    fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.room == 0 {
                self.room = self.later.min(MAX_PES_PAYLOAD);
                self.later -= self.room;
                write_pes_header(self.stream_id, None, self.room, self.out);
            }
            // All pieces together are the total, so there is room as long as there are bytes.
            let (now, rest) = bytes.split_at(bytes.len().min(self.room.max(1)));
            self.out.extend_from_slice(now);
            self.room = self.room.saturating_sub(now.len());
            bytes = rest;
        }
    }
}
