//! The search for start codes, at the speed of memory.

use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Chooses its vector instructions once, at the first search.
static START_CODE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(&[0, 0, 1]));

/// Finds `00 00 01` in `bytes`, from position `from` on.
#[must_use]
pub fn find_start_code(bytes: &[u8], from: usize) -> Option<usize> {
    let found = START_CODE.find(bytes.get(from..)?)?;
    Some(from + found)
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
