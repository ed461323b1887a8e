//! What payload types stand for, in Python's words.

use pyo3::prelude::*;
use tongshi_plane::{Label, PlaneError};
use tongshi_wire::rtp_aac::AacFormat;
use tongshi_wire::{AudioCodec, Unsupported, VideoCodec};

use crate::plane::refuse;

/// Reads a label. `aac`: AudioSpecificConfig, lengths of the fields of a unit's head in bits, clock rate.
pub fn label(kind: &str, aac: (&[u8], [u8; 3], u32)) -> PyResult<Label> {
    let (config, bits, clock_rate) = aac;
    Ok(match kind {
        "unknown" => Label::Unknown,
        "h264" => Label::Video(VideoCodec::H264),
        "h265" => Label::Video(VideoCodec::H265),
        "g711a" => Label::G711(AudioCodec::G711A),
        "g711u" => Label::G711(AudioCodec::G711U),
        "aac" => AacFormat::new(config, bits, clock_rate)
            .map(Label::Aac)
            .map_err(|error| refuse(&PlaneError::BadArgument(error.to_string())))?,
        "latm" => Label::Refused(Unsupported::AudioType(0x11)),
        "g722.1" => Label::Refused(Unsupported::AudioType(0x92)),
        "g723.1" => Label::Refused(Unsupported::AudioType(0x93)),
        "g729" => Label::Refused(Unsupported::AudioType(0x99)),
        "svac-audio" => Label::Refused(Unsupported::AudioType(0x9B)),
        "mpeg4" => Label::Refused(Unsupported::VideoType(0x10)),
        "svac" => Label::Refused(Unsupported::VideoType(0x80)),
        other => {
            return Err(refuse(&PlaneError::BadArgument(format!(
                "{other:?} is no label of a payload type"
            ))));
        }
    })
}
