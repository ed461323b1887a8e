//! Boxes and numbers in bytes that may be anything.

use crate::error::WireError;

/// A box inside bytes that are held.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoxIn<'a> {
    pub(super) kind: [u8; 4],
    /// Where its payload begins in the outermost bytes, for errors.
    pub(super) at: usize,
    pub(super) payload: &'a [u8],
}

impl<'a> BoxIn<'a> {
    /// The boxes in the payload behind its first `skip` bytes.
    pub(super) fn children(&self, skip: usize) -> Children<'a> {
        Children {
            rest: self.payload.get(skip..).unwrap_or_default(),
            at: self.at + skip,
        }
    }

    /// Version of a full box, and its flags.
    pub(super) fn version_and_flags(&self) -> Result<(u8, u32), WireError> {
        let word = u32_at(self.payload, 0, self.at)?;
        Ok(((word >> 24) as u8, word & 0xFF_FFFF))
    }

    pub(super) fn u32(&self, offset: usize) -> Result<u32, WireError> {
        u32_at(self.payload, offset, self.at)
    }

    pub(super) fn u64(&self, offset: usize) -> Result<u64, WireError> {
        let high = self.u32(offset)?;
        let low = self.u32(offset + 4)?;
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    /// The first box of this kind in the payload.
    pub(super) fn child(&self, kind: &[u8; 4]) -> Result<Option<BoxIn<'a>>, WireError> {
        for inner in self.children(0) {
            let inner = inner?;
            if inner.kind == *kind {
                return Ok(Some(inner));
            }
        }
        Ok(None)
    }
}

/// The boxes that fill a payload.
pub(super) struct Children<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Children<'a> {
    /// The boxes in `bytes`, which begin at `at` of the input.
    pub(super) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { rest: bytes, at }
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<BoxIn<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let split = split_box(self.rest, self.at);
        match split {
            Ok((found, rest)) => {
                self.at += self.rest.len() - rest.len();
                self.rest = rest;
                Some(Ok(found))
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

fn split_box(bytes: &[u8], at: usize) -> Result<(BoxIn<'_>, &[u8]), WireError> {
    let truncated = |needed| WireError::truncated("MP4 box", at, needed, bytes.len());
    let Some((&[a, b, c, d, k0, k1, k2, k3], _)) = bytes.split_first_chunk::<8>() else {
        return Err(truncated(8));
    };
    let size = u32::from_be_bytes([a, b, c, d]) as usize;
    // Sizes 0 (to the end) and 1 (64 bits) are not in boxes that we write inside others.
    if size < 8 {
        return Err(WireError::invalid("MP4 box size", at, size as u64));
    }
    let (whole, rest) = bytes.split_at_checked(size).ok_or(truncated(size))?;
    let found = BoxIn {
        kind: [k0, k1, k2, k3],
        at: at + 8,
        payload: whole.get(8..).unwrap_or_default(),
    };
    Ok((found, rest))
}

/// A big-endian number; `base` is where `bytes` begins in the input.
pub(super) fn u32_at(bytes: &[u8], offset: usize, base: usize) -> Result<u32, WireError> {
    bytes
        .get(offset..)
        .and_then(|rest| rest.first_chunk::<4>())
        .map(|word| u32::from_be_bytes(*word))
        .ok_or_else(|| WireError::truncated("MP4 field", base + offset, offset + 4, bytes.len()))
}

/// A big-endian number of 16 bits.
pub(super) fn u16_at(bytes: &[u8], offset: usize, base: usize) -> Result<u16, WireError> {
    bytes
        .get(offset..)
        .and_then(|rest| rest.first_chunk::<2>())
        .map(|word| u16::from_be_bytes(*word))
        .ok_or_else(|| WireError::truncated("MP4 field", base + offset, offset + 2, bytes.len()))
}

/// One byte.
pub(super) fn u8_at(bytes: &[u8], offset: usize, base: usize) -> Result<u8, WireError> {
    bytes
        .get(offset)
        .copied()
        .ok_or_else(|| WireError::truncated("MP4 field", base + offset, offset + 1, bytes.len()))
}
