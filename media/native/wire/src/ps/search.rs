//! The search for the next system start code, which may lie across inputs.

use super::FIRST_SYSTEM_CODE;
use crate::nal::find_start_code;

/// No zero among the bytes before.
const NOTHING: u32 = 0x00FF_FFFF;
/// `00 00 01`.
const PREFIX: u32 = 0x0000_0001;

/// Remembers the last three bytes.
#[derive(Debug, Clone)]
pub(super) struct Search {
    carry: u32,
}

impl Search {
    pub(super) const fn new() -> Self {
        Self { carry: NOTHING }
    }

    /// Finds `00 00 01 xx` with `xx` a system code. Returns `xx` and the position behind it.
    pub(super) fn find(&mut self, data: &[u8]) -> Option<(u8, usize)> {
        for (position, &byte) in data.iter().take(3).enumerate() {
            if self.carry == PREFIX && byte >= FIRST_SYSTEM_CODE {
                *self = Self::new();
                return Some((byte, position + 1));
            }
            self.carry = (self.carry << 8 | u32::from(byte)) & NOTHING;
        }
        let mut from = 0;
        while let Some(code) = find_start_code(data, from) {
            match data.get(code + 3) {
                Some(&byte) if byte >= FIRST_SYSTEM_CODE => {
                    *self = Self::new();
                    return Some((byte, code + 4));
                }
                Some(_) => from = code + 3,
                None => break,
            }
        }
        if let Some(last) = data.last_chunk::<3>() {
            self.carry = u32::from_be_bytes([0, last[0], last[1], last[2]]);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_across_any_cut_and_codes_of_video_are_passed_over() {
        let stream = [9, 0, 0, 1, 0x65, 0, 0, 0, 1, 0xE0, 7];
        for cut in 0..=stream.len() {
            let mut search = Search::new();
            let found = match search.find(&stream[..cut]) {
                Some((code, next)) => (code, next),
                None => {
                    let (code, next) = search.find(&stream[cut..]).unwrap();
                    (code, cut + next)
                }
            };
            assert_eq!(found, (0xE0, 10), "cut at {cut}");
        }
    }
}
