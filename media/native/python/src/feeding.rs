//! Frames that Python gives.

use pyo3::prelude::*;
use tongshi_plane::{Fed, PlaneError};
use tongshi_wire::{AudioCodec, VideoCodec};

use crate::plane::refuse;

/// "h264" or "h265".
pub fn video_codec(name: &str) -> PyResult<VideoCodec> {
    match name {
        "h264" => Ok(VideoCodec::H264),
        "h265" => Ok(VideoCodec::H265),
        other => Err(unknown(other)),
    }
}

/// "g711a", "g711u" or "aac".
pub fn audio_codec(name: &str) -> PyResult<AudioCodec> {
    match name {
        "g711a" => Ok(AudioCodec::G711A),
        "g711u" => Ok(AudioCodec::G711U),
        "aac" => Ok(AudioCodec::Aac),
        other => Err(unknown(other)),
    }
}

/// One picture.
pub fn video(codec: VideoCodec, annexb: &[u8], pts_90k: i64, dts_90k: i64) -> Fed {
    Fed::Video {
        codec,
        annexb: annexb.to_vec(),
        pts_90k,
        dts_90k,
    }
}

/// One piece of sound with its form: samples per second, channels, AudioSpecificConfig.
pub fn audio(
    codec: AudioCodec,
    data: &[u8],
    pts_90k: i64,
    (sample_rate, channels, asc): (u32, u8, &[u8]),
) -> Fed {
    Fed::Audio {
        codec,
        data: data.to_vec(),
        pts_90k,
        asc: asc.to_vec(),
        sample_rate,
        channels,
    }
}

fn unknown(codec: &str) -> PyErr {
    refuse(&PlaneError::BadArgument(format!("{codec:?} is no codec")))
}
