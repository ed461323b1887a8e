//! The search for start codes, at the speed of memory.

/// Bytes compared in one step; the compiler turns the inner loop into vector instructions.
const BLOCK: usize = 64;

/// Finds `00 00 01` in `bytes`, from position `from` on.
///
/// Coded video holds two zeros in a row about once in 65,536 bytes, so whole blocks without
/// such a pair are passed over; only a block with one is read byte by byte.
#[must_use]
pub fn find_start_code(bytes: &[u8], from: usize) -> Option<usize> {
    let mut position = from;
    while position + BLOCK + 2 <= bytes.len() {
        if has_zero_pair(bytes, position) {
            let end = position + BLOCK + 2;
            if let Some(found) = find_slowly(&bytes[position..end]) {
                return Some(position + found);
            }
        }
        position += BLOCK;
    }
    let found = find_slowly(bytes.get(position..)?)?;
    Some(position + found)
}

fn has_zero_pair(bytes: &[u8], position: usize) -> bool {
    let here = &bytes[position..position + BLOCK];
    let next = &bytes[position + 1..position + 1 + BLOCK];
    let smallest = here
        .iter()
        .zip(next)
        .fold(u8::MAX, |least, (&a, &b)| least.min(a | b));
    smallest == 0
}

fn find_slowly(bytes: &[u8]) -> Option<usize> {
    bytes.windows(3).position(|code| code == [0, 0, 1])
}

/// The NAL units of an Annex B byte stream, without start codes and trailing zeros.
#[derive(Debug, Clone)]
pub struct AnnexB<'a> {
    bytes: &'a [u8],
    /// Where the next NAL unit begins, behind its start code.
    next: Option<usize>,
}

impl<'a> AnnexB<'a> {
    /// Iterates over `bytes`; anything before the first start code is passed over.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let next = find_start_code(bytes, 0).map(|code| code + 3);
        Self { bytes, next }
    }
}

impl<'a> Iterator for AnnexB<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.next?;
        let code = find_start_code(self.bytes, start);
        self.next = code.map(|code| code + 3);
        Some(trim_zeros(
            &self.bytes[start..code.unwrap_or(self.bytes.len())],
        ))
    }
}

/// Cuts trailing zeros: they belong to the next start code or are stuffing (rule 12).
pub(crate) fn trim_zeros(nal: &[u8]) -> &[u8] {
    let end = nal.iter().rposition(|&byte| byte != 0).map_or(0, |i| i + 1);
    &nal[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_code_is_found_wherever_it_lies_in_a_block() {
        for position in 0..200 {
            let mut bytes = vec![0xAB; 203];
            bytes[position..position + 3].copy_from_slice(&[0, 0, 1]);
            assert_eq!(find_start_code(&bytes, 0), Some(position));
            assert_eq!(find_start_code(&bytes, position), Some(position));
            assert_eq!(find_start_code(&bytes, position + 1), None);
        }
    }

    #[test]
    fn searching_from_beyond_the_end_finds_nothing() {
        assert_eq!(find_start_code(&[0, 0, 1], 4), None);
        assert_eq!(find_start_code(&[], 0), None);
    }

    #[test]
    fn nal_units_come_without_codes_and_trailing_zeros() {
        let stream = [
            9, 0, 0, 0, 1, 0x67, 1, 0, 0, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 3, 0,
        ];
        let nals: Vec<&[u8]> = AnnexB::new(&stream).collect();
        assert_eq!(nals, [&[0x67, 1][..], &[0x68, 2], &[0x65, 3]]);
    }
}
