//! The pictures since the newest key frame: what a new viewer is given so that it starts at once.

use std::sync::Arc;

use crate::unit::Unit;

/// Bounded in bytes and pictures. A GOP that outgrows it keeps only its key frame (for snapshots),
/// and new viewers wait for the next one: a start in mid-GOP shows nothing.
#[derive(Debug)]
pub struct GopCache {
    units: Vec<Arc<Unit>>,
    bytes: usize,
    overflowed: bool,
    max_bytes: usize,
    max_pictures: usize,
}

impl GopCache {
    /// An empty cache with its limits.
    pub fn new(max_bytes: usize, max_pictures: usize) -> GopCache {
        GopCache {
            units: Vec::new(),
            bytes: 0,
            overflowed: false,
            max_bytes,
            max_pictures,
        }
    }

    /// Takes the next unit of the stream.
    pub fn push(&mut self, unit: &Arc<Unit>) {
        if unit.is_key() {
            self.clear();
        } else if self.units.is_empty() || self.overflowed {
            return;
        }
        self.bytes += unit.size_bytes();
        if !unit.is_key() && (self.bytes > self.max_bytes || self.units.len() >= self.max_pictures)
        {
            self.units.truncate(1);
            self.overflowed = true;
            return;
        }
        self.units.push(Arc::clone(unit));
    }

    /// Forgets everything: the stream is described anew.
    pub fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
        self.overflowed = false;
    }

    /// What a new reader can start with: the whole GOP so far, or nothing.
    pub fn whole(&self) -> &[Arc<Unit>] {
        if self.overflowed { &[] } else { &self.units }
    }

    /// Bytes of the pictures that nobody else holds.
    pub fn idle_bytes(&self) -> usize {
        self.units
            .iter()
            .filter(|unit| Arc::strong_count(unit) == 1)
            .map(|unit| unit.size_bytes())
            .sum()
    }

    /// The newest key frame.
    pub fn keyframe(&self) -> Option<&Arc<Unit>> {
        self.units.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::unit;

    #[test]
    fn a_key_frame_begins_anew_and_nothing_starts_before_one() {
        let mut gop = GopCache::new(1_000, 10);
        gop.push(&unit(1, false, 10));
        assert!(gop.whole().is_empty());
        gop.push(&unit(2, true, 10));
        gop.push(&unit(3, false, 10));
        assert_eq!(gop.whole().len(), 2);
        gop.push(&unit(4, true, 10));
        assert_eq!(gop.whole().len(), 1);
    }

    #[test]
    fn an_outgrown_gop_keeps_its_key_frame_only() {
        for mut gop in [GopCache::new(30, 10), GopCache::new(1_000, 3)] {
            gop.push(&unit(1, true, 10));
            gop.push(&unit(2, false, 10));
            gop.push(&unit(3, false, 10));
            assert_eq!(gop.whole().len(), 3);
            gop.push(&unit(4, false, 10));
            assert!(gop.whole().is_empty());
            assert_eq!(gop.keyframe().unwrap().sequence, 1);
            gop.push(&unit(5, true, 100));
            assert_eq!(gop.whole().len(), 1);
        }
    }
}
