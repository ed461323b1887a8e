//! What is sent: frames of a program stream, shared by all receivers.

use std::sync::Arc;

use crate::unit::Unit;

/// One frame of the program stream, in the form in which every receiver gets it.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    /// RTP timestamp of all its packets.
    pub(crate) timestamp: u32,
    /// Wall clock when it came, µs since 1970.
    pub(crate) wall_us: i64,
    /// As the source sent it.
    pub(crate) passed: bool,
}

/// What of a unit's sound goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sound {
    /// All of it.
    Whole,
    /// None of this unit: it comes behind, in the source's own payloads.
    Behind,
    /// None at all: the receiver does not know it.
    Never,
}

/// A unit that is still to be packed.
#[derive(Clone, Debug)]
pub(crate) struct Unpacked {
    pub(crate) unit: Arc<Unit>,
    /// What takes its times to the source's own stamps.
    pub(crate) shift_90k: i64,
    pub(crate) sound: Sound,
}

/// One thing in the queue of a sender.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Piece(Arc<Piece>),
    Unpacked(Unpacked),
}

impl Item {
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Item::Piece(piece) => piece.bytes.len(),
            Item::Unpacked(unpacked) => unpacked.unit.size_bytes(),
        }
    }
}
