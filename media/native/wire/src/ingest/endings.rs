//! Whether the marker bit tells where a picture ends.
//!
//! It should (RFC 6184 section 5.1, GB/T 28181-2016 annex C), and often does not (Q92). Without it a picture ends where
//! the next one begins, one interval later. So it is watched: only after it stood on the last packet of each picture,
//! and on no other, for a while, a picture is given out when it comes. One that turns out to have been cut ends the
//! trust, for longer each time.

/// Pictures in a row that have to agree.
const FIRST_PROOF: u32 = 12;
const MAX_PROOF: u32 = 1 << 16;

/// What is known of the marker bit of one stream.
#[derive(Debug)]
pub(super) struct Endings {
    /// Pictures in a row whose last packet, and no other, had the bit.
    agreed: u32,
    /// How many are asked for.
    proof: u32,
    /// Packets with the bit since the picture began.
    marked: u32,
    newest_is_marked: bool,
    newest_timestamp: u32,
    /// The newest picture was ended by the bit.
    was_early: bool,
}

impl Default for Endings {
    fn default() -> Self {
        Self {
            agreed: 0,
            proof: FIRST_PROOF,
            marked: 0,
            newest_is_marked: false,
            newest_timestamp: 0,
            was_early: false,
        }
    }
}

impl Endings {
    /// A packet was read, and completed `finished` pictures that were before it; one of them may have had no
    /// beginning (`cut`). Returns whether this packet ends a picture.
    pub(super) fn packet(
        &mut self,
        marker: bool,
        timestamp: u32,
        finished: u64,
        cut: bool,
    ) -> bool {
        self.judge(cut);
        if finished > 0 {
            let agrees = finished == 1
                && self.marked == 1
                && self.newest_is_marked
                && timestamp != self.newest_timestamp;
            self.agreed = if agrees {
                self.agreed.saturating_add(1)
            } else {
                0
            };
            self.marked = 0;
            self.was_early = false;
        }
        self.marked = self.marked.saturating_add(u32::from(marker));
        self.newest_is_marked = marker;
        self.newest_timestamp = timestamp;
        marker && self.agreed >= self.proof
    }

    /// A picture was given out at the bit; `cut`: it had no beginning.
    pub(super) fn ended(&mut self, cut: bool) {
        self.judge(cut);
        self.marked = 0;
        self.was_early = true;
    }

    /// A picture without a beginning after one that was ended early: both were one.
    fn judge(&mut self, cut: bool) {
        if cut && self.was_early {
            self.proof = (self.proof * 16).min(MAX_PROOF);
            self.agreed = 0;
        }
    }

    /// Packets are missing: the picture at hand says nothing.
    pub(super) const fn lost(&mut self) {
        self.marked = 2;
        self.was_early = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures of three packets; `marks` says which have the bit.
    fn ends(endings: &mut Endings, pictures: std::ops::Range<u32>, marks: [bool; 3]) -> u32 {
        let mut early = 0;
        let mut is_open = pictures.start > 0;
        for timestamp in pictures {
            for (index, marker) in marks.into_iter().enumerate() {
                let finished = u64::from(index == 0 && is_open);
                if index == 0 {
                    is_open = true;
                }
                if endings.packet(marker, timestamp, finished, false) {
                    endings.ended(false);
                    early += 1;
                    is_open = false;
                }
            }
        }
        early
    }

    #[test]
    fn a_bit_that_agrees_for_a_while_is_believed() {
        let mut endings = Endings::default();
        let marks = [false, false, true];
        assert_eq!(ends(&mut endings, 0..FIRST_PROOF, marks), 0);
        assert_eq!(
            ends(&mut endings, FIRST_PROOF..100, marks),
            100 - FIRST_PROOF
        );
    }

    #[test]
    fn bits_at_other_places_never_are() {
        for marks in [
            [true; 3],
            [false; 3],
            [true, false, false],
            [false, true, true],
        ] {
            assert_eq!(ends(&mut Endings::default(), 0..500, marks), 0, "{marks:?}");
        }
    }

    #[test]
    fn a_lie_costs_trust_for_long() {
        let mut endings = Endings::default();
        ends(&mut endings, 0..50, [false, false, true]);
        assert!(!endings.packet(false, 50, 1, true));
        assert_eq!(ends(&mut endings, 51..200, [false, false, true]), 0);
        assert!(ends(&mut endings, 200..500, [false, false, true]) > 0);
    }

    #[test]
    fn a_loss_begins_the_proof_anew_only_when_it_matters() {
        let mut endings = Endings::default();
        ends(&mut endings, 0..FIRST_PROOF - 1, [false, false, true]);
        endings.lost();
        assert_eq!(
            ends(
                &mut endings,
                FIRST_PROOF..FIRST_PROOF * 2,
                [false, false, true]
            ),
            0
        );
    }
}
