//! The memory of pictures: how much the next one will need, and what is used again.

use super::Assembler;

/// Buffers kept for reuse.
const MAX_SPARE: usize = 4;
/// A buffer larger than this is not kept.
const MAX_SPARE_BYTES: usize = 1 << 20;

impl Assembler {
    /// Room for more bytes. A buffer is taken when the first bytes come: one that waits for the next picture would
    /// be out of the caches by then. A picture that outgrows it is a key frame, most often as large as the last one.
    pub(super) fn make_room(&mut self, more: usize) {
        let typical_bytes = self.typical_bytes();
        let bytes = &mut self.picture.bytes;
        let needed = bytes.len() + more;
        if needed <= bytes.capacity() {
            return;
        }
        if bytes.capacity() == 0 {
            *bytes = self
                .spare
                .pop()
                .unwrap_or_else(|| Vec::with_capacity(with_some_to_spare(typical_bytes)));
        }
        if needed > bytes.capacity() {
            let expected = if needed <= self.large_bytes {
                with_some_to_spare(self.large_bytes)
            } else {
                needed + needed / 4
            };
            bytes.reserve_exact(expected - bytes.len());
        }
    }

    /// A picture of this size is done: the next ones are expected to be like it.
    pub(super) fn learn_size(&mut self, bytes: usize) {
        let bytes = bytes.min(MAX_SPARE_BYTES);
        if bytes > 2 * self.typical_bytes() {
            self.large_bytes = bytes;
        }
        self.newest_bytes = [bytes, self.newest_bytes[0]];
    }

    /// Size of a picture that is no key frame.
    fn typical_bytes(&self) -> usize {
        self.newest_bytes[0].min(self.newest_bytes[1])
    }

    /// Takes back a buffer to be filled again.
    pub(crate) fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < MAX_SPARE && buffer.capacity() <= MAX_SPARE_BYTES {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// Takes back the list of positions of a picture.
    pub(crate) fn recycle_nals(&mut self, mut nals: Vec<u32>) {
        if self.spare_nals.len() < MAX_SPARE {
            nals.clear();
            self.spare_nals.push(nals);
        }
    }

    /// Bytes of memory kept for pictures.
    pub(crate) fn held_bytes(&self) -> usize {
        let spare: usize = self.spare.iter().map(Vec::capacity).sum();
        self.picture.bytes.capacity() + 4 * self.picture.nals.capacity() + spare
    }
}

/// Capacity for a picture that is expected to have so many bytes.
const fn with_some_to_spare(bytes: usize) -> usize {
    bytes + bytes / 16 + 512
}
