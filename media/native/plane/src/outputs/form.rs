//! A unit in the form of viewers. The picture is not copied: it is sent from where it is.

use crate::unit::Unit;

/// What stands before the picture of a unit, and behind it.
#[derive(Debug)]
pub(crate) struct Form {
    /// Both, one after the other.
    bytes: Box<[u8]>,
    /// Where the second begins.
    split: usize,
    has_picture: bool,
}

impl Form {
    /// `split`: how many of the `bytes` stand before the picture; none of it with `has_picture` false.
    pub(crate) fn new(bytes: Vec<u8>, split: usize, has_picture: bool) -> Form {
        Form {
            split: split.min(bytes.len()),
            bytes: bytes.into(),
            has_picture,
        }
    }

    /// All of it, in order, around the picture of the unit that it was made for.
    pub(crate) fn parts<'a>(&'a self, unit: &'a Unit) -> [&'a [u8]; 3] {
        let (before, behind) = self.bytes.split_at(self.split);
        let picture = match &unit.picture {
            Some(picture) if self.has_picture => &picture.nals[..],
            _ => &[],
        };
        [before, picture, behind]
    }
}
