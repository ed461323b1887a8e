//! What single NAL units and parameter sets say about where pictures begin.

use super::MAX_LEADING_NALS;
use crate::media::VideoCodec;
use crate::nal::h264::SliceForm;
use crate::nal::{self, NalKind};

/// What parameter sets say of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Coding {
    #[default]
    Unknown,
    /// A first slice always begins a picture.
    Frames,
    /// It may be that of a second field.
    Fields(SliceForm),
}

impl Coding {
    pub(super) const fn form(self) -> Option<SliceForm> {
        match self {
            Self::Fields(form) => Some(form),
            Self::Unknown | Self::Frames => None,
        }
    }
}

/// Reads it from the SPS in a picture whose codec is proven.
pub(super) fn read_coding(evidence: Option<VideoCodec>, bytes: &[u8]) -> Coding {
    match evidence {
        None => Coding::Unknown,
        Some(VideoCodec::H265) => Coding::Frames,
        Some(VideoCodec::H264) => nal::AnnexB::new(bytes)
            .take(MAX_LEADING_NALS)
            .filter(|unit| nal::classify(VideoCodec::H264, unit) == NalKind::Sps)
            .find_map(|unit| nal::h264::parse_sps(unit).ok())
            .map_or(Coding::Unknown, |sps| match sps.frames_only {
                true => Coding::Frames,
                false => Coding::Fields(sps.slices),
            }),
    }
}

/// Whether a NAL unit is the first slice of a picture.
pub(super) const fn is_first_slice(kind: Option<NalKind>) -> bool {
    matches!(kind, Some(NalKind::Slice { first: true, .. }))
}

/// Whether a NAL unit without slice data stands before the picture that it belongs to.
pub(super) const fn is_opening(kind: Option<NalKind>) -> bool {
    matches!(
        kind,
        None | Some(
            NalKind::Delimiter
                | NalKind::Sps
                | NalKind::Pps
                | NalKind::Vps
                | NalKind::Sei
                | NalKind::Prefix
        )
    )
}

/// Where the start code of the NAL unit at `start` begins, a leading zero included.
pub(super) fn code_start(bytes: &[u8], start: usize) -> usize {
    let code = start - 3;
    match code.checked_sub(1).map(|before| bytes[before]) {
        Some(0) => code - 1,
        _ => code,
    }
}
