//! A stream as RTMP messages: shared by all players, or made for one server that we push to.

use tongshi_wire::AudioCodec;
use tongshi_wire::amf;
use tongshi_wire::flv::{self, TagKind, milliseconds};
use tongshi_wire::rtmp::{OUT_CHUNK_BYTES, STREAM_ID, chunks_of, write_message};

use crate::outputs::flv as tags;
use crate::unit::{StreamConfig, Unit};

/// Metadata and sequence headers for players.
pub(crate) fn description(config: &StreamConfig) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    for (kind, body) in tags::description(config) {
        put(
            kind,
            STREAM_ID,
            milliseconds(config.since),
            &[&body],
            &mut out,
        );
    }
    out
}

/// A unit for players.
pub(crate) fn unit(unit: &Unit) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.size_bytes() + 64 + 32 * unit.audio.len());
    tags::for_each_body(unit, |kind, time, parts| {
        put(kind, STREAM_ID, milliseconds(time), &parts, &mut out);
    });
    out
}

fn put(kind: TagKind, stream_id: u32, timestamp_ms: u32, parts: &[&[u8]], out: &mut Vec<u8>) {
    write_message(
        (chunks_of(kind), OUT_CHUNK_BYTES),
        (kind as u8, stream_id, timestamp_ms),
        parts,
        out,
    );
}

/// Makes the messages of one push: on the message stream that the server named, with times from 0.
#[derive(Debug)]
pub(crate) struct Maker {
    stream_id: u32,
    /// G.711 is sent too; else the stream goes without sound.
    g711: bool,
    origin: Option<i64>,
}

impl Maker {
    pub(crate) fn new(stream_id: u32, g711: bool) -> Maker {
        Maker {
            stream_id,
            g711,
            origin: None,
        }
    }

    fn sends(&self, codec: AudioCodec) -> bool {
        self.g711 || codec == AudioCodec::Aac
    }

    pub(crate) fn description(&mut self, config: &StreamConfig) -> Vec<u8> {
        let audio = config
            .audio
            .as_ref()
            .filter(|audio| self.sends(audio.codec));
        let video = config.video.as_ref();
        let at = self
            .origin
            .map_or(0, |origin| milliseconds(config.since - origin));
        let mut metadata = Vec::with_capacity(320);
        amf::put_string(&mut metadata, "@setDataFrame");
        metadata.extend_from_slice(&flv::metadata(video, audio));
        let mut out = Vec::with_capacity(512);
        put(TagKind::Script, self.stream_id, at, &[&metadata], &mut out);
        for (kind, body) in flv::sequence_headers(video, audio).unwrap_or_default() {
            put(kind, self.stream_id, at, &[&body], &mut out);
        }
        out
    }

    pub(crate) fn unit(&mut self, unit: &Unit) -> Vec<u8> {
        let origin = *self.origin.get_or_insert(unit.time);
        let sends_audio = unit
            .config
            .audio
            .as_ref()
            .is_some_and(|audio| self.sends(audio.codec));
        let mut out = Vec::with_capacity(unit.size_bytes() + 128);
        tags::for_each_body(unit, |kind, time, parts| {
            // Sound that is a little older than the first picture has no time of its own.
            if (kind == TagKind::Video || sends_audio) && time >= origin {
                put(
                    kind,
                    self.stream_id,
                    milliseconds(time - origin),
                    &parts,
                    &mut out,
                );
            }
        });
        out
    }
}
