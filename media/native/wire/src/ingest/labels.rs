//! What payload types stand for: by the tables of the standard, and by the session description.
//!
//! A label is where reading begins, not where it ends: what the bytes prove wins (Q94).

use crate::media::{AudioCodec, Unsupported, VideoCodec};
use crate::rtp_aac::AacFormat;

/// What a payload type stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// A program stream, or nothing that can be relied on: look at the bytes.
    Unknown,
    /// An elementary stream of video in RTP.
    Video(VideoCodec),
    /// G.711.
    G711(AudioCodec),
    /// AAC by RFC 3640.
    Aac(AacFormat),
    /// A codec that is not carried.
    Refused(Unsupported),
}

/// Payload types that a description may name.
const MAX_NAMED: usize = 16;

/// The labels of one reception.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    named: Vec<(u8, Label)>,
}

/// AAC in the form of the standard's example.
const AAC: Label = Label::Aac(AacFormat::HBR);

impl Labels {
    /// The session description says what a payload type is.
    pub(super) fn name(&mut self, payload_type: u8, label: Label) {
        self.named.retain(|&(known, _)| known != payload_type);
        if self.named.len() < MAX_NAMED {
            self.named.push((payload_type, label));
        }
    }

    /// What a payload type stands for.
    ///
    /// Source: GB/T 28181-2022 annex C; RFC 3551 table 4.
    pub(super) fn of(&self, payload_type: u8) -> &Label {
        if let Some((_, label)) = self.named.iter().find(|&&(known, _)| known == payload_type) {
            return label;
        }
        match payload_type {
            0 => &Label::G711(AudioCodec::G711U),
            4 => &Label::Refused(Unsupported::PayloadType(4)),
            8 => &Label::G711(AudioCodec::G711A),
            9 => &Label::Refused(Unsupported::PayloadType(9)),
            18 => &Label::Refused(Unsupported::PayloadType(18)),
            20 => &Label::Refused(Unsupported::PayloadType(20)),
            97 => &Label::Refused(Unsupported::PayloadType(97)),
            98 => &Label::Video(VideoCodec::H264),
            99 => &Label::Refused(Unsupported::PayloadType(99)),
            100 => &Label::Video(VideoCodec::H265),
            102 => &AAC,
            _ => &Label::Unknown,
        }
    }
}
