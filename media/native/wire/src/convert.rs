//! Annex B to length-prefixed NAL units, in the same buffer.

/// Bytes of a length.
const LENGTH: usize = 4;

/// Replaces `bytes` by the NAL units at `pieces` (start and end, in order), each after its length
/// in 4 bytes.
///
/// Start codes of 4 bytes leave just the room that is needed. A stream with start codes of 3 bytes
/// may not: it is copied once more.
pub(crate) fn to_length_prefixed(bytes: &mut Vec<u8>, pieces: &[(usize, usize)]) {
    if !fits_in_place(pieces) {
        copy_out(bytes, pieces);
        return;
    }
    let mut write = 0;
    for &(start, end) in pieces {
        let length = end - start;
        bytes[write..write + LENGTH].copy_from_slice(&(length as u32).to_be_bytes());
        write += LENGTH;
        if start != write {
            bytes.copy_within(start..end, write);
        }
        write += length;
    }
    bytes.truncate(write);
}

/// Whether no NAL unit has to move towards the end.
fn fits_in_place(pieces: &[(usize, usize)]) -> bool {
    let mut write = 0;
    pieces.iter().all(|&(start, end)| {
        write += LENGTH;
        let fits = write <= start;
        write += end - start;
        fits
    })
}

fn copy_out(bytes: &mut Vec<u8>, pieces: &[(usize, usize)]) {
    let total: usize = pieces.iter().map(|(start, end)| LENGTH + end - start).sum();
    let mut out = Vec::with_capacity(total);
    for &(start, end) in pieces {
        out.extend_from_slice(&((end - start) as u32).to_be_bytes());
        out.extend_from_slice(&bytes[start..end]);
    }
    *bytes = out;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_byte_codes_are_replaced_where_they_stand_and_gaps_are_closed() {
        let mut bytes = vec![
            0, 0, 0, 1, 0x09, 0xF0, 0, 0, 0, 1, 0x65, 1, 2, 0, 0, 1, 0x65, 3,
        ];
        to_length_prefixed(&mut bytes, &[(10, 13), (16, 18)]);
        assert_eq!(bytes, [0, 0, 0, 3, 0x65, 1, 2, 0, 0, 0, 2, 0x65, 3]);
    }

    #[test]
    fn three_byte_codes_get_the_room_that_they_lack() {
        let mut bytes = vec![0, 0, 1, 0x65, 1, 0, 0, 1, 0x65, 2];
        to_length_prefixed(&mut bytes, &[(3, 5), (8, 10)]);
        assert_eq!(bytes, [0, 0, 0, 2, 0x65, 1, 0, 0, 0, 2, 0x65, 2]);
    }
}
