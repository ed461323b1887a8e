//! NAL units of H.265 out of RTP payloads, when a camera sends the elementary stream.
//!
//! Source: RFC 7798 sections 4.4.1 (single), 4.4.2 (AP), 4.4.3 (FU), without DONL fields
//! (sprop-max-don-diff 0, as GB/T 28181 devices send). PACI is refused.

use crate::error::WireError;
use crate::rtp_h264::{NalSink, for_each_aggregated};

/// Aggregation packet.
pub(crate) const AGGREGATION: u8 = 48;
/// Fragmentation unit.
pub(crate) const FRAGMENTATION: u8 = 49;

/// Puts NAL units together again.
#[derive(Debug, Clone, Default)]
pub struct H265Depacketizer {
    in_fragment: bool,
}

impl H265Depacketizer {
    /// Takes the payload of the next RTP packet in order.
    ///
    /// # Errors
    ///
    /// The payload is shorter than its header, ends inside a NAL unit, or is of a kind that is
    /// not carried. What was whole before has been handed on.
    pub fn push(&mut self, payload: &[u8], sink: &mut impl NalSink) -> Result<(), WireError> {
        let &[first, second, ref rest @ ..] = payload else {
            return Err(WireError::truncated(
                "H.265 payload",
                payload.len(),
                2,
                payload.len(),
            ));
        };
        match first >> 1 & 0x3F {
            AGGREGATION => {
                self.in_fragment = false;
                for_each_aggregated(payload, 2, |nal| sink.begin_nal([nal, &[]]))
            }
            FRAGMENTATION => self.push_fragment([first, second], rest, sink),
            kind @ 50.. => Err(WireError::invalid("H.265 packet type", 0, u64::from(kind))),
            _ => {
                self.in_fragment = false;
                sink.begin_nal([payload, &[]]);
                Ok(())
            }
        }
    }

    /// Packets were lost: the pieces that follow have no beginning.
    pub const fn lost(&mut self) {
        self.in_fragment = false;
    }

    fn push_fragment(
        &mut self,
        [first, second]: [u8; 2],
        rest: &[u8],
        sink: &mut impl NalSink,
    ) -> Result<(), WireError> {
        let Some((&header, data)) = rest.split_first() else {
            return Err(WireError::truncated("FU header", 2, 3, 2));
        };
        if header & 0x80 != 0 {
            self.in_fragment = true;
            sink.begin_nal([&[first & 0x81 | (header & 0x3F) << 1, second], data]);
        } else if self.in_fragment {
            sink.continue_nal(data);
        }
        if header & 0x40 != 0 {
            self.in_fragment = false;
        }
        Ok(())
    }
}
