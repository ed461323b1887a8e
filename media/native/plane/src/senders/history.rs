//! Frames of the source that are kept until a sender that packs units can go over to them, and where it can.
//!
//! Nothing may be sent twice or left out when it does. A unit holds the sound that came between the picture before
//! it and its own, and where in the frames that was depends on how the camera packs and on how its pictures end. So
//! frames and pictures both carry the number of pieces of sound before them, and a sender goes over where these agree.

use std::collections::VecDeque;
use std::sync::Arc;

use tongshi_wire::tape::{PictureMark, PictureMarks};

use crate::senders::piece::{Piece, Sound};

/// Frames of the source that are kept.
const MAX_BYTES: usize = 8 << 20;
/// Time stamps of a program stream have 33 bits.
const STAMP_BITS: u32 = 33;

/// A frame of the source that a sender may begin with.
struct Kept {
    packet: u64,
    sounds: u64,
    begins_pack: bool,
    piece: Arc<Piece>,
}

/// Where a sender goes over to the frames of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crossing {
    /// Frames from this place on are sent instead of the unit.
    Instead(usize),
    /// The unit is sent with this of its sound, then the frames from this place on.
    Behind(usize, Sound),
}

/// Frames that nobody who packs units has got past yet.
#[derive(Default)]
pub(crate) struct History {
    kept: VecDeque<Kept>,
    bytes: usize,
    /// Of the unit that was handed out last, if it is a picture of a program stream.
    last: Option<PictureMark>,
}

impl History {
    pub(crate) fn keep(&mut self, packet: u64, sounds: u64, begins_pack: bool, piece: Arc<Piece>) {
        self.bytes += piece.bytes.len();
        self.kept.push_back(Kept {
            packet,
            sounds,
            begins_pack,
            piece,
        });
        if self.bytes > MAX_BYTES {
            self.forget();
        }
    }

    pub(crate) fn forget(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }

    /// Number of the first payload of the newest frame.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.kept.back().map(|kept| kept.packet)
    }

    pub(crate) fn from(&self, place: usize) -> impl Iterator<Item = &Arc<Piece>> {
        self.kept.range(place..).map(|kept| &kept.piece)
    }

    /// A unit was handed out, a picture that began at `mark` if that is known.
    pub(crate) fn handed_out(&mut self, mark: Option<PictureMark>) {
        self.last = mark;
    }

    /// Frames up to the picture that was handed out last are of no use.
    pub(crate) fn trim(&mut self, marks: &PictureMarks) {
        let Some(passed) = self.last.or_else(|| marks.newest()) else {
            return;
        };
        while let Some(first) = self.kept.front() {
            if first.packet > passed.packet {
                break;
            }
            self.bytes -= first.piece.bytes.len();
            self.kept.pop_front();
        }
    }

    /// Where one goes over who has been sent all units before that of the picture `own`. `next` is the picture after
    /// it, where that is known; `open` the frame that is still coming.
    pub(crate) fn crossing(
        &self,
        own: Option<PictureMark>,
        next: Option<PictureMark>,
        open: Option<(u64, u64)>,
    ) -> Option<Crossing> {
        let own = own?;
        let before = self
            .last
            .filter(|last| shift_of(*last).is_some() && shift_of(*last) == shift_of(own));
        if let Some(before) = before
            && let Some(place) = self
                .begin(own)
                .and_then(|at| self.back_to(at, before.sounds))
        {
            return Some(Crossing::Instead(place));
        }
        let (place, sounds) = match next {
            Some(next) => {
                if shift_of(next).is_none() || shift_of(next) != shift_of(own) {
                    return None;
                }
                let place = self.begin(next)?;
                (place, self.kept.get(place)?.sounds)
            }
            None => self.coming(own, open)?,
        };
        if sounds == own.sounds {
            return Some(Crossing::Behind(place, Sound::Whole));
        }
        before
            .is_some_and(|before| before.sounds == sounds)
            .then_some(Crossing::Behind(place, Sound::Behind))
    }

    /// The frame that is still coming, where it is the first with pictures after the one that began at `own`.
    fn coming(&self, own: PictureMark, open: Option<(u64, u64)>) -> Option<(usize, u64)> {
        let (packet, sounds) = open?;
        let mut between = self.kept.iter().filter(|kept| kept.packet > own.packet);
        let is_next = packet > own.packet && !between.any(|kept| has_pictures(&kept.piece.bytes));
        is_next.then_some((self.kept.len(), sounds))
    }

    /// Place of the frame with which a picture begins, if it begins a pack.
    fn begin(&self, mark: PictureMark) -> Option<usize> {
        self.kept
            .iter()
            .position(|kept| kept.packet == mark.packet && kept.begins_pack)
    }

    /// The frame at `place`, or the first of those with nothing but sound before it, where so many pieces of sound had come.
    fn back_to(&self, place: usize, sounds: u64) -> Option<usize> {
        let mut place = place;
        while self.kept.get(place)?.sounds > sounds {
            place = place.checked_sub(1)?;
            if has_pictures(&self.kept.get(place)?.piece.bytes) {
                return None;
            }
        }
        (self.kept.get(place)?.sounds == sounds).then_some(place)
    }
}

/// Whether a PES packet of video is in a frame.
fn has_pictures(frame: &[u8]) -> bool {
    frame
        .windows(4)
        .any(|code| matches!(code, [0, 0, 1, 0xE0..=0xEF]))
}

/// The source's stamp less our time, for a picture that the source stamped.
pub(crate) fn shift_of(mark: PictureMark) -> Option<i64> {
    let source = i64::try_from(mark.source_pts?).ok()?;
    Some((source - mark.pts_90k).rem_euclid(1 << STAMP_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: &[u8] = &[0, 0, 1, 0xBA, 0, 0, 1, 0xE0, 9];
    const SOUND: &[u8] = &[0, 0, 1, 0xC0, 9];

    fn mark(packet: u64, sounds: u64) -> PictureMark {
        let pts_90k = packet as i64 * 3_600;
        PictureMark {
            dts_90k: pts_90k,
            pts_90k,
            source_pts: Some(pts_90k as u64 + 77),
            packet,
            sounds,
        }
    }

    /// Frames by number of packet, sound before them, and content.
    fn history(frames: &[(u64, u64, &[u8])], last: Option<PictureMark>) -> History {
        let mut history = History::default();
        for &(packet, sounds, bytes) in frames {
            let piece = Arc::new(Piece {
                bytes: bytes.to_vec(),
                timestamp: 0,
                wall_us: 0,
                passed: true,
            });
            history.keep(packet, sounds, bytes.starts_with(&[0, 0, 1, 0xBA]), piece);
        }
        history.handed_out(last);
        history
    }

    #[test]
    fn a_picture_whose_sound_is_in_its_own_frame_is_passed_at_once() {
        let history = history(&[(20, 2, PICTURE)], Some(mark(10, 2)));
        assert_eq!(
            history.crossing(Some(mark(20, 3)), None, None),
            Some(Crossing::Instead(0))
        );
    }

    #[test]
    fn frames_of_sound_before_it_go_along() {
        let frames = [(18, 2, SOUND), (19, 3, SOUND), (20, 4, PICTURE)];
        let history = history(&frames, Some(mark(10, 3)));
        assert_eq!(
            history.crossing(Some(mark(20, 5)), None, None),
            Some(Crossing::Instead(1))
        );
    }

    #[test]
    fn a_picture_that_was_left_out_is_not_passed_on() {
        let frames = [(15, 2, PICTURE), (20, 3, PICTURE)];
        let history = history(&frames, Some(mark(10, 2)));
        assert_eq!(history.crossing(Some(mark(20, 4)), None, None), None);
    }

    #[test]
    fn sound_that_the_unit_before_had_already_is_not_sent_again() {
        // The sound of each pack is before its picture, which ends the picture before.
        let frames = [(20, 1, PICTURE), (30, 2, PICTURE)];
        let history = history(&frames, Some(mark(10, 2)));
        assert_eq!(
            history.crossing(Some(mark(20, 3)), Some(mark(30, 4)), None),
            Some(Crossing::Behind(1, Sound::Behind))
        );
    }

    #[test]
    fn the_frame_that_is_coming_may_be_the_first_that_is_passed() {
        let history = history(&[(20, 1, PICTURE)], Some(mark(10, 2)));
        let own = Some(mark(20, 3));
        assert_eq!(
            history.crossing(own, None, Some((30, 2))),
            Some(Crossing::Behind(1, Sound::Behind))
        );
        assert_eq!(history.crossing(own, None, Some((20, 2))), None);
    }

    #[test]
    fn the_first_unit_is_packed_with_what_was_before_the_next_frame() {
        let history = history(&[(30, 3, PICTURE)], None);
        assert_eq!(
            history.crossing(Some(mark(20, 3)), Some(mark(30, 4)), None),
            Some(Crossing::Behind(0, Sound::Whole))
        );
    }

    #[test]
    fn nobody_goes_over_where_the_stamps_leap() {
        let frames = [(20, 2, PICTURE), (30, 2, PICTURE)];
        let mut before = mark(10, 2);
        before.source_pts = Some(5);
        let mut next = mark(30, 2);
        next.source_pts = None;
        let history = history(&frames, Some(before));
        assert_eq!(history.crossing(Some(mark(20, 2)), Some(next), None), None);
    }
}
