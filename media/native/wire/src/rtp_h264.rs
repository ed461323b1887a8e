//! NAL units of H.264 out of RTP payloads, when a camera sends the elementary stream.
//!
//! Source: RFC 6184 sections 5.6 (single), 5.7.1 (STAP-A), 5.8 (FU-A). Interleaved mode
//! (STAP-B, MTAP, FU-B) is refused: no device offers it.

use crate::error::WireError;

/// STAP-A.
pub(crate) const STAP_A: u8 = 24;
/// FU-A.
pub(crate) const FU_A: u8 = 28;

/// Takes NAL units, whole or in pieces.
pub trait NalSink {
    /// A NAL unit begins with these bytes, the second slice right after the first.
    fn begin_nal(&mut self, parts: [&[u8]; 2]);
    /// The NAL unit goes on.
    fn continue_nal(&mut self, data: &[u8]);
}

/// Puts NAL units together again.
#[derive(Debug, Clone, Default)]
pub struct H264Depacketizer {
    in_fragment: bool,
}

impl H264Depacketizer {
    /// Takes the payload of the next RTP packet in order.
    ///
    /// # Errors
    ///
    /// The payload is empty, ends inside a NAL unit, or is of a kind that is not carried. What was
    /// whole before has been handed on.
    pub fn push(&mut self, payload: &[u8], sink: &mut impl NalSink) -> Result<(), WireError> {
        let Some(&header) = payload.first() else {
            return Err(WireError::truncated("H.264 payload", 0, 1, 0));
        };
        match header & 0x1F {
            1..=23 => {
                self.in_fragment = false;
                sink.begin_nal([payload, &[]]);
                Ok(())
            }
            STAP_A => {
                self.in_fragment = false;
                for_each_aggregated(payload, 1, |nal| sink.begin_nal([nal, &[]]))
            }
            FU_A => self.push_fragment(payload, sink),
            kind => Err(WireError::invalid("H.264 packet type", 0, u64::from(kind))),
        }
    }

    /// Packets were lost: the pieces that follow have no beginning.
    pub const fn lost(&mut self) {
        self.in_fragment = false;
    }

    fn push_fragment(&mut self, payload: &[u8], sink: &mut impl NalSink) -> Result<(), WireError> {
        let &[indicator, header, ref data @ ..] = payload else {
            return Err(WireError::truncated("FU-A header", 1, 2, payload.len()));
        };
        if header & 0x80 != 0 {
            self.in_fragment = true;
            sink.begin_nal([&[indicator & 0xE0 | header & 0x1F], data]);
        } else if self.in_fragment {
            sink.continue_nal(data);
        }
        if header & 0x40 != 0 {
            self.in_fragment = false;
        }
        Ok(())
    }
}

/// Walks the NAL units of an aggregation packet: 16-bit sizes from `start` on.
pub(crate) fn for_each_aggregated(
    payload: &[u8],
    start: usize,
    mut nal: impl FnMut(&[u8]),
) -> Result<(), WireError> {
    let mut at = start;
    while at < payload.len() {
        let Some(size) = payload.get(at..at + 2) else {
            return Err(WireError::truncated(
                "aggregated NAL size",
                at,
                at + 2,
                payload.len(),
            ));
        };
        let end = at + 2 + usize::from(u16::from_be_bytes([size[0], size[1]]));
        let Some(unit) = payload.get(at + 2..end) else {
            return Err(WireError::truncated(
                "aggregated NAL unit",
                at,
                end,
                payload.len(),
            ));
        };
        if !unit.is_empty() {
            nal(unit);
        }
        at = end;
    }
    Ok(())
}
