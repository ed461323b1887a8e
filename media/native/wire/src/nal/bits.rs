//! Bits of a raw byte sequence payload.

use crate::error::WireError;

/// Removes emulation prevention bytes: `00 00 03` becomes `00 00`.
///
/// Source: ITU-T H.264 7.3.1, ITU-T H.265 7.3.1.1.
#[must_use]
pub fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        bytes.push(byte);
    }
    bytes
}

/// Reads bits, most significant first; errors name the byte where the input ended.
#[derive(Debug, Clone)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits read so far.
    position: usize,
    what: &'static str,
}

impl<'a> BitReader<'a> {
    /// Reads `bytes`; `what` names the structure in errors.
    #[must_use]
    pub const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self {
            bytes,
            position: 0,
            what,
        }
    }

    /// Bits read so far.
    #[must_use]
    pub const fn bit_position(&self) -> usize {
        self.position
    }

    /// One bit as a flag, u(1).
    ///
    /// # Errors
    ///
    /// The input is at its end.
    pub fn flag(&mut self) -> Result<bool, WireError> {
        Ok(self.bits(1)? == 1)
    }

    /// `width` bits as a number, u(n), `width` at most 32.
    ///
    /// # Errors
    ///
    /// The input ends before.
    pub fn bits(&mut self, width: u32) -> Result<u32, WireError> {
        let end = self.position + width as usize;
        if end > 8 * self.bytes.len() {
            return Err(self.ended(end));
        }
        let mut value = 0;
        while self.position < end {
            let byte = u32::from(self.bytes[self.position / 8]);
            let free = 8 - self.position % 8;
            let take = free.min(end - self.position);
            let piece = byte >> (free - take) & ((1 << take) - 1);
            value = value << take | piece;
            self.position += take;
        }
        Ok(value)
    }

    /// Passes over `count` bits.
    ///
    /// # Errors
    ///
    /// The input ends before.
    pub fn skip(&mut self, count: usize) -> Result<(), WireError> {
        let end = self.position.saturating_add(count);
        if end > 8 * self.bytes.len() {
            return Err(self.ended(end));
        }
        self.position = end;
        Ok(())
    }

    /// Exp-Golomb code, ue(v).
    ///
    /// # Errors
    ///
    /// The input ends before, or the code is longer than 32 bits of value.
    pub fn unsigned(&mut self) -> Result<u32, WireError> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(WireError::invalid(self.what, self.position / 8, zeros));
            }
        }
        let rest = self.bits(zeros as u32)?;
        Ok(((1u64 << zeros) - 1 + u64::from(rest)) as u32)
    }

    /// Exp-Golomb code that stands for no more than `limit`.
    ///
    /// # Errors
    ///
    /// As [`BitReader::unsigned`], or the value is over the limit.
    pub fn unsigned_up_to(&mut self, limit: u32) -> Result<u32, WireError> {
        let value = self.unsigned()?;
        if value > limit {
            let offset = self.position / 8;
            return Err(WireError::invalid(self.what, offset, u64::from(value)));
        }
        Ok(value)
    }

    /// Signed Exp-Golomb code, se(v).
    ///
    /// # Errors
    ///
    /// As [`BitReader::unsigned`].
    pub fn signed(&mut self) -> Result<i32, WireError> {
        let code = i64::from(self.unsigned()?);
        let magnitude = (code + 1) / 2;
        Ok(if code % 2 == 1 { magnitude } else { -magnitude } as i32)
    }

    fn ended(&self, end_bits: usize) -> WireError {
        let held = self.bytes.len();
        WireError::truncated(self.what, held, end_bits.div_ceil(8), held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_read_as_in_table_9_2() {
        // 1 010 011 00100 00101 1 -> 0 1 2 3 4 0
        let bytes = [0b1010_0110, 0b0100_0010, 0b1100_0000];
        let mut reader = BitReader::new(&bytes, "test");
        let values: Vec<u32> = (0..6).map(|_| reader.unsigned().unwrap()).collect();
        assert_eq!(values, [0, 1, 2, 3, 4, 0]);
        let mut reader = BitReader::new(&bytes, "test");
        let values: Vec<i32> = (0..5).map(|_| reader.signed().unwrap()).collect();
        assert_eq!(values, [0, 1, -1, 2, -2]);
    }

    #[test]
    fn the_end_of_input_is_an_error_that_names_the_byte() {
        let mut reader = BitReader::new(&[0xFF, 0x00], "test");
        assert_eq!(reader.bits(12).unwrap(), 0xFF0);
        let error = reader.bits(5).unwrap_err();
        assert_eq!(error.offset, 2);
        assert_eq!(error.to_string(), "test at byte 2: 3 bytes needed, 2 held");
    }

    #[test]
    fn emulation_prevention_bytes_are_removed() {
        assert_eq!(
            unescape(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3]),
            [1, 0, 0, 1, 0, 0, 0, 0]
        );
    }
}
