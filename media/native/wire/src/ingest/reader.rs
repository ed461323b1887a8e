//! What reads the payloads that are no plain audio, and how it is found.

use crate::probe::{Probe, Verdict};
use crate::rtp_h264::H264Depacketizer;
use crate::rtp_h265::H265Depacketizer;
use crate::timeline::Stamp;

/// Payloads kept while it is not clear what they are.
pub(super) const MAX_PROBED: usize = 32;

/// The reader of the pictures, and of what is multiplexed with them.
#[derive(Debug)]
pub(super) enum Reader {
    /// Payloads wait until it is clear what they are.
    Probing(Vec<(Vec<u8>, Stamp)>),
    Ps,
    Ts,
    AnnexB,
    H264(H264Depacketizer),
    H265(H265Depacketizer),
    Refused,
}

impl Reader {
    /// Whether this is what the bytes say.
    pub(super) const fn is(&self, verdict: Verdict) -> bool {
        matches!(
            (self, verdict),
            (_, Verdict::Unsure)
                | (Self::Ps, Verdict::Ps)
                | (Self::Ts, Verdict::Ts)
                | (Self::AnnexB, Verdict::AnnexB)
                | (Self::H264(_), Verdict::H264)
                | (Self::H265(_), Verdict::H265)
                | (Self::Refused, Verdict::Refused(_))
        )
    }

    /// NAL units in RTP or as a byte stream: there is no container.
    pub(super) const fn is_elementary(&self) -> bool {
        matches!(self, Self::AnnexB | Self::H264(_) | Self::H265(_))
    }

    /// What a packet held is with the picture when the packet was read.
    pub(super) const fn reads_at_once(&self) -> bool {
        matches!(self, Self::Ps) || self.is_elementary()
    }

    /// Bytes of memory kept for payloads that wait.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Probing(kept) => kept.iter().map(|(payload, _)| payload.capacity()).sum(),
            _ => 0,
        }
    }
}

/// The search goes on until the chosen reader has shown that it is the right one.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) probe: Probe,
    pub(super) is_over: bool,
}
