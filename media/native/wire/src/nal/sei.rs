//! Supplemental enhancement information: only the recovery point is of interest.

use super::bits::{BitReader, unescape};
use crate::media::VideoCodec;

/// payloadType of the recovery point, the same in both codecs.
const RECOVERY_POINT: u32 = 6;
/// Messages looked at in one NAL unit.
const MAX_MESSAGES: usize = 16;

/// Whether an SEI NAL unit holds a recovery point: decoding may start at its picture, at once or
/// after some pictures of intra refresh. Stands in for a key frame when the encoder sends no IDR.
///
/// Source: ITU-T H.264 D.1.8, ITU-T H.265 D.2.8; protocol notes 7.5 rule 15.
#[must_use]
pub fn is_recovery_point(codec: VideoCodec, nal: &[u8]) -> bool {
    let header = match codec {
        VideoCodec::H264 => 1,
        VideoCodec::H265 => 2,
    };
    let Some(body) = nal.get(header..) else {
        return false;
    };
    let bytes = unescape(body);
    let mut rest = &bytes[..];
    for _ in 0..MAX_MESSAGES {
        let Some((kind, after_kind)) = read_long(rest) else {
            return false;
        };
        let Some((size, payload)) = read_long(after_kind) else {
            return false;
        };
        if kind == RECOVERY_POINT {
            let mut reader = BitReader::new(payload, "recovery point SEI");
            return match codec {
                VideoCodec::H264 => reader.unsigned().is_ok(),
                VideoCodec::H265 => reader.signed().is_ok(),
            };
        }
        let Some(next) = payload.get(size as usize..) else {
            return false;
        };
        rest = next;
    }
    false
}

/// A number in the form `FF* xx`: each FF adds 255.
fn read_long(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let last = bytes.iter().position(|&byte| byte != 0xFF)?;
    let value = 255 * u32::try_from(last).ok()? + u32::from(bytes[last]);
    Some((value, &bytes[last + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_point_is_found_behind_other_messages() {
        let h264 = [0x06, 0x05, 0x02, 0xAA, 0xBB, 0x06, 0x01, 0xC4, 0x80];
        assert!(is_recovery_point(VideoCodec::H264, &h264));
        assert!(!is_recovery_point(VideoCodec::H264, &h264[..5]));
        let h265 = [0x4E, 0x01, 0x06, 0x01, 0xC4, 0x80];
        assert!(is_recovery_point(VideoCodec::H265, &h265));
        assert!(!is_recovery_point(VideoCodec::H264, &[]));
    }
}
