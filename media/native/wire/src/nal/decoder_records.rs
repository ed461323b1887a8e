//! Decoder configuration records as others write them: avcC and hvcC.
//!
//! Source: ISO/IEC 14496-15 5.3.3.1 and 8.3.3.1.

use crate::error::WireError;
use crate::media::VideoCodec;

/// Most bytes of parameter sets that are taken from a record.
const MAX_SETS_BYTES: usize = 65_536;

/// What a decoder has to know before the first picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderRecord {
    /// Bytes of the length before each NAL unit: 1 to 4.
    pub length_bytes: usize,
    /// The parameter sets as an Annex B byte stream.
    pub sets: Vec<u8>,
}

impl DecoderRecord {
    /// Reads the record of this codec.
    ///
    /// # Errors
    ///
    /// The bytes end early, or are of another version.
    pub fn parse(codec: VideoCodec, record: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader {
            bytes: record,
            position: 0,
            sets: Vec::new(),
        };
        // Version 0 is written by some encoders of H.265.
        let version = reader.byte()?;
        if version > 1 {
            return Err(WireError::invalid(
                "decoder record version",
                0,
                u64::from(version),
            ));
        }
        let length_bytes = match codec {
            VideoCodec::H264 => reader.avcc()?,
            VideoCodec::H265 => reader.hvcc()?,
        };
        Ok(Self {
            length_bytes,
            sets: reader.sets,
        })
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    sets: Vec<u8>,
}

impl Reader<'_> {
    fn avcc(&mut self) -> Result<usize, WireError> {
        self.skip(3)?;
        let length_bytes = usize::from(self.byte()? & 3) + 1;
        let count = self.byte()? & 0x1F;
        self.take_sets(usize::from(count))?;
        let count = self.byte()?;
        self.take_sets(usize::from(count))?;
        Ok(length_bytes)
    }

    fn hvcc(&mut self) -> Result<usize, WireError> {
        self.skip(20)?;
        let length_bytes = usize::from(self.byte()? & 3) + 1;
        let arrays = self.byte()?;
        for _ in 0..arrays {
            self.skip(1)?;
            let count = usize::from(self.byte()?) << 8 | usize::from(self.byte()?);
            self.take_sets(count)?;
        }
        Ok(length_bytes)
    }

    fn take_sets(&mut self, count: usize) -> Result<(), WireError> {
        for _ in 0..count {
            let length = usize::from(self.byte()?) << 8 | usize::from(self.byte()?);
            let start = self.position;
            self.skip(length)?;
            let set = self.bytes.get(start..self.position).unwrap_or_default();
            if set.is_empty() {
                continue;
            }
            if self.sets.len() + set.len() > MAX_SETS_BYTES {
                let found = self.sets.len() + set.len();
                return Err(WireError::too_large(
                    "parameter sets",
                    start,
                    found,
                    MAX_SETS_BYTES,
                ));
            }
            self.sets.extend_from_slice(&[0, 0, 0, 1]);
            self.sets.extend_from_slice(set);
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, WireError> {
        let byte = self.bytes.get(self.position).copied();
        self.skip(1)?;
        Ok(byte.unwrap_or(0))
    }

    fn skip(&mut self, count: usize) -> Result<(), WireError> {
        let end = self.position + count;
        if end > self.bytes.len() {
            let held = self.bytes.len();
            return Err(WireError::truncated(
                "decoder record",
                self.position,
                end,
                held,
            ));
        }
        self.position = end;
        Ok(())
    }
}

/// Appends NAL units, each after its length in `length_bytes` bytes, to `out` as an Annex B byte stream.
///
/// Bytes that already are one are taken as they are: some encoders write them so against the rule.
///
/// # Errors
///
/// A length is over what is left.
pub fn append_annexb_of(
    nals: &[u8],
    length_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    let before = out.len();
    let mut rest = nals;
    while !rest.is_empty() {
        let at = nals.len() - rest.len();
        let found = rest
            .split_at_checked(length_bytes)
            .and_then(|(length, body)| {
                let length = length
                    .iter()
                    .fold(0usize, |length, &byte| length << 8 | usize::from(byte));
                body.split_at_checked(length)
            });
        let Some((nal, after)) = found else {
            out.truncate(before);
            if nals.starts_with(&[0, 0, 1]) || nals.starts_with(&[0, 0, 0, 1]) {
                out.extend_from_slice(nals);
                return Ok(());
            }
            return Err(WireError::truncated(
                "NAL unit",
                at,
                nals.len() + 1,
                nals.len(),
            ));
        };
        if !nal.is_empty() {
            out.extend_from_slice(&[0, 0, 0, 1]);
            out.extend_from_slice(nal);
        }
        rest = after;
    }
    Ok(())
}
