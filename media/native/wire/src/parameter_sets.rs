//! The parameter sets of a stream, by their ids.

use crate::media::{VideoCodec, VideoConfig};
use crate::nal::{self, NalKind, h264, h265};

/// Longest parameter set kept, in bytes.
const MAX_SET_BYTES: usize = 4_096;
/// Most sets of one kind.
const MAX_SETS: usize = 32;

/// Sets of one kind, in the order of their ids.
type Sets = Vec<(u32, Vec<u8>)>;

/// VPS, SPS and PPS of one stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct ParameterSets {
    vps: Sets,
    sps: Sets,
    pps: Sets,
    changed: bool,
}

impl ParameterSets {
    /// Takes a parameter set; other NAL units and broken ones are passed over.
    pub(crate) fn put(&mut self, codec: VideoCodec, kind: NalKind, set: &[u8]) {
        let sets = match kind {
            NalKind::Vps => &mut self.vps,
            NalKind::Sps => &mut self.sps,
            NalKind::Pps => &mut self.pps,
            _ => return,
        };
        if set.len() > MAX_SET_BYTES || sets.iter().any(|(_, known)| known == set) {
            return;
        }
        let Some(id) = read_id(codec, kind, set) else {
            return;
        };
        match sets.binary_search_by_key(&id, |&(known, _)| known) {
            Ok(index) => sets[index].1 = set.to_vec(),
            Err(index) if sets.len() < MAX_SETS => sets.insert(index, (id, set.to_vec())),
            Err(_) => return,
        }
        self.changed = true;
    }

    /// Forgets all: another codec begins.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The description of the stream, when the sets have changed since it was asked for and are
    /// complete.
    pub(crate) fn take_changed(&mut self, codec: VideoCodec) -> Option<VideoConfig> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let all = |sets: &Sets| sets.iter().map(|(_, set)| set.clone()).collect();
        nal::video_config(codec, all(&self.vps), all(&self.sps), all(&self.pps)).ok()
    }
}

fn read_id(codec: VideoCodec, kind: NalKind, set: &[u8]) -> Option<u32> {
    let id = match (codec, kind) {
        (VideoCodec::H264, NalKind::Sps) => h264::parse_sps(set).map(|sps| sps.id),
        (VideoCodec::H264, _) => h264::parse_pps_id(set),
        (VideoCodec::H265, NalKind::Sps) => h265::parse_sps(set).map(|sps| sps.id),
        (VideoCodec::H265, NalKind::Vps) => h265::parse_vps_id(set),
        (VideoCodec::H265, _) => h265::parse_pps_id(set),
    };
    id.ok()
}
