//! Units to frames of a program stream: each is packed once, whoever needs it first.

use std::collections::VecDeque;
use std::sync::Arc;

use tongshi_wire::ps::{PsMuxer, PsPicture};

use crate::senders::piece::{Piece, Sound, Unpacked};
use crate::timing::rescale;
use crate::unit::{StreamConfig, Unit, VIDEO_CLOCK};

/// Packed units that are kept for the other receivers.
const KEPT: usize = 4;

struct Muxers {
    config: Arc<StreamConfig>,
    with_sound: PsMuxer,
    without: PsMuxer,
}

struct Packed {
    sequence: u64,
    shift_90k: i64,
    sound: Sound,
    piece: Arc<Piece>,
}

/// The multiplexer of one session.
#[derive(Default)]
pub(crate) struct SessionMuxer {
    muxers: Option<Muxers>,
    /// Version of the map: one up with each description.
    version: u8,
    packed: VecDeque<Packed>,
}

impl SessionMuxer {
    /// The unit as one pack.
    pub(crate) fn pack(&mut self, unpacked: &Unpacked) -> Arc<Piece> {
        let &Unpacked {
            ref unit,
            shift_90k,
            sound,
        } = unpacked;
        let is_it = |packed: &&Packed| {
            (packed.sequence, packed.shift_90k, packed.sound) == (unit.sequence, shift_90k, sound)
        };
        if let Some(found) = self.packed.iter().find(is_it) {
            return Arc::clone(&found.piece);
        }
        let muxers = self.muxers_for(&unit.config);
        let muxer = match sound {
            Sound::Never => &muxers.without,
            Sound::Whole | Sound::Behind => &muxers.with_sound,
        };
        let piece = Arc::new(Piece {
            bytes: pack(muxer, unit, shift_90k, sound),
            timestamp: (unit.pts_90k + shift_90k) as u32,
            wall_us: unit.wall_us,
            passed: false,
        });
        if self.packed.len() >= KEPT {
            self.packed.pop_front();
        }
        self.packed.push_back(Packed {
            sequence: unit.sequence,
            shift_90k,
            sound,
            piece: Arc::clone(&piece),
        });
        piece
    }

    /// Nobody needs packed units any more.
    pub(crate) fn forget(&mut self) {
        self.packed.clear();
    }

    fn muxers_for(&mut self, config: &Arc<StreamConfig>) -> &Muxers {
        let same = self
            .muxers
            .as_ref()
            .is_some_and(|muxers| Arc::ptr_eq(&muxers.config, config));
        if !same {
            self.version = self.version.wrapping_add(1) & 0x1F;
        }
        let version = self.version;
        let make = || Muxers {
            config: Arc::clone(config),
            with_sound: PsMuxer::new(config.video.as_ref(), config.audio.as_ref(), version),
            without: PsMuxer::new(config.video.as_ref(), None, version),
        };
        if !same {
            self.muxers = None;
        }
        self.muxers.get_or_insert_with(make)
    }
}

fn pack(muxer: &PsMuxer, unit: &Unit, shift_90k: i64, sound: Sound) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(unit.size_bytes() + 256);
    let origin = match &unit.picture {
        Some(picture) => {
            muxer.write_picture(
                &PsPicture {
                    nals: &picture.nals,
                    pts_90k: picture.pts_90k + shift_90k,
                    dts_90k: picture.dts_90k + shift_90k,
                    keyframe: picture.keyframe,
                },
                &mut bytes,
            );
            picture.dts_90k - unit.time
        }
        None => {
            // Sound alone has no key frames: the map goes with each pack.
            muxer.write_head(unit.pts_90k + shift_90k, true, &mut bytes);
            unit.pts_90k - unit.time
        }
    };
    let rate = unit
        .config
        .audio
        .as_ref()
        .map_or(VIDEO_CLOCK, |audio| i64::from(audio.sample_rate.max(1)));
    if sound == Sound::Whole {
        for sample in &unit.audio {
            let pts_90k = origin + rescale(sample.time, VIDEO_CLOCK, rate) + shift_90k;
            muxer.write_audio(sample.original(), pts_90k, &mut bytes);
        }
    }
    bytes
}
