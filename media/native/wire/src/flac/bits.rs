//! Bits, most significant first, onto the end of a byte vector.

/// Writes bits to the end of a vector; four bytes go out as they fill.
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            held: 0,
            count: 0,
        }
    }

    /// Writes the low `width` bits of `value`, `width` at most 32.
    #[inline]
    pub(super) fn put(&mut self, value: u32, width: u32) {
        let mask = (1u64 << width) - 1;
        self.held = self.held << width | (u64::from(value) & mask);
        self.count += width;
        if self.count >= 32 {
            self.count -= 32;
            let word = (self.held >> self.count) as u32;
            self.out.extend_from_slice(&word.to_be_bytes());
        }
    }

    /// Writes `zeros` zero bits and a one.
    pub(super) fn put_unary(&mut self, mut zeros: u32) {
        while zeros >= 32 {
            self.put(0, 32);
            zeros -= 32;
        }
        self.put(1, zeros + 1);
    }

    /// Writes out the whole bytes that are held.
    fn flush(&mut self) {
        while self.count >= 8 {
            self.count -= 8;
            self.out.push((self.held >> self.count) as u8);
        }
    }

    /// Writes a Rice code: the high part in unary, a one, the low `parameter` bits.
    #[inline]
    pub(super) fn put_rice(&mut self, value: u32, parameter: u32) {
        let zeros = value >> parameter;
        let low = value & ((1 << parameter) - 1);
        let width = zeros + 1 + parameter;
        if width <= 32 {
            self.put(1 << parameter | low, width);
        } else {
            self.put_unary(zeros);
            self.put(low, parameter);
        }
    }

    /// Writes a number of up to 36 bits in the extended UTF-8 form (RFC 9639 section 9.1.5).
    pub(super) fn put_coded_number(&mut self, number: u64) {
        if number < 0x80 {
            self.put(number as u32, 8);
            return;
        }
        let mut following = 1;
        while following < 6 && number >= 1 << (5 * following + 6) {
            following += 1;
        }
        let lead = 0xFF00_u32 >> (following + 1) & 0xFF;
        self.put(lead | (number >> (6 * following)) as u32, 8);
        for index in (0..following).rev() {
            self.put(0x80 | (number >> (6 * index)) as u32 & 0x3F, 8);
        }
    }

    /// Fills the last byte with zeros.
    pub(super) fn align(&mut self) {
        self.flush();
        if self.count > 0 {
            self.put(0, 8 - self.count);
            self.flush();
        }
    }

    /// Bytes in the vector so far.
    pub(super) fn byte_position(&mut self) -> usize {
        self.flush();
        self.out.len()
    }

    /// The whole bytes written since `position`.
    pub(super) fn written_since(&mut self, position: usize) -> &[u8] {
        self.flush();
        &self.out[position..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coded_numbers_follow_the_table_of_the_rfc() {
        for (number, bytes) in [
            (0x7F_u64, vec![0x7F]),
            (0x80, vec![0xC2, 0x80]),
            (0x7FF, vec![0xDF, 0xBF]),
            (0x800, vec![0xE0, 0xA0, 0x80]),
            (0xFFFF, vec![0xEF, 0xBF, 0xBF]),
            (0x1F_FFFF, vec![0xF7, 0xBF, 0xBF, 0xBF]),
            (0x3FF_FFFF, vec![0xFB, 0xBF, 0xBF, 0xBF, 0xBF]),
            (0x7FFF_FFFF, vec![0xFD, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF]),
            (
                0xF_FFFF_FFFF,
                vec![0xFE, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF],
            ),
        ] {
            let mut out = Vec::new();
            let mut writer = BitWriter::new(&mut out);
            writer.put_coded_number(number);
            writer.align();
            assert_eq!(out, bytes, "{number:#x}");
        }
    }

    #[test]
    fn unary_codes_longer_than_a_word_keep_their_length() {
        let mut out = Vec::new();
        let mut writer = BitWriter::new(&mut out);
        writer.put_unary(70);
        writer.align();
        assert_eq!(out, [0, 0, 0, 0, 0, 0, 0, 0, 2]);
    }
}
