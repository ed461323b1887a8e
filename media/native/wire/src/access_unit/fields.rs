//! Where pictures begin in H.264 that may be coded in fields.
//!
//! A frame is one picture here, whether it comes as one coded picture or as two fields. Fields of
//! one frame have one frame_num and opposite parity; everything else begins another frame.
//!
//! Source: ITU-T H.264 7.3.3 (slice header), 7.4.1.2.4 (first slice of a picture), 3.30
//! (complementary field pairs).

use crate::nal::BitReader;
use crate::nal::h264::SliceForm;

/// Bytes of a NAL unit that are looked at. The fields need six in a real stream, an emulation prevention byte or two
/// included eight.
pub(super) const SLICE_BYTES: usize = 8;

/// One coded picture, as its first slice tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Coded {
    frame_number: u32,
    /// Of a field, whether it is the bottom one.
    parity: Option<bool>,
}

/// Follows the coded pictures of one frame.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fields {
    first: Option<Coded>,
    is_complete: bool,
}

impl Fields {
    /// Whether the picture that begins with this slice begins another frame. `slice` is the start of a NAL
    /// unit whose first_mb_in_slice is 0; none when it cannot be read.
    pub(super) fn begins_frame(&self, form: SliceForm, slice: &[u8]) -> Option<bool> {
        let coded = read(form, slice)?;
        Some(match (self.first, self.is_complete) {
            (None, _) => false,
            (Some(_), true) => true,
            (Some(first), false) => !is_pair(first, coded),
        })
    }

    /// Takes the picture into the frame.
    pub(super) fn take(&mut self, form: SliceForm, slice: &[u8]) {
        let Some(coded) = read(form, slice) else {
            return;
        };
        match self.first {
            None => {
                self.is_complete = coded.parity.is_none();
                self.first = Some(coded);
            }
            Some(_) => self.is_complete = true,
        }
    }
}

fn is_pair(first: Coded, second: Coded) -> bool {
    let opposite = matches!((first.parity, second.parity), (Some(a), Some(b)) if a != b);
    opposite && first.frame_number == second.frame_number
}

fn read(form: SliceForm, slice: &[u8]) -> Option<Coded> {
    let bytes = crate::nal::unescape(slice.get(1..slice.len().min(SLICE_BYTES))?);
    let mut reader = BitReader::new(&bytes, "H.264 slice header");
    // first_mb_in_slice, slice_type, pic_parameter_set_id
    for _ in 0..3 {
        reader.unsigned().ok()?;
    }
    if form.separate_planes {
        reader.bits(2).ok()?;
    }
    let frame_number = reader.bits(form.frame_number_bits).ok()?;
    let is_field = reader.flag().ok()?;
    let parity = if is_field {
        Some(reader.flag().ok()?)
    } else {
        None
    };
    Some(Coded {
        frame_number,
        parity,
    })
}
