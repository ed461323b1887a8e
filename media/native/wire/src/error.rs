//! The one error of this crate: which bytes were wrong, and where.
//!
//! ```text
//! WireError            the bytes are at fault: drop them and count
//!   ErrorKind::Truncated   fewer bytes than the format needs
//!   ErrorKind::Invalid     a field holds a value that the format forbids
//!   ErrorKind::TooLarge    a length is over the named limit of this crate
//! ```

use std::fmt;

/// What was wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The input ends before the format does.
    Truncated {
        /// Bytes that the format needs, counted from the start of the input.
        needed: usize,
        /// Bytes that were there.
        held: usize,
    },
    /// A field holds a value that the format forbids.
    Invalid {
        /// The value found.
        found: u64,
    },
    /// A length is over a limit of this crate.
    TooLarge {
        /// The length found, in bytes unless the message says otherwise.
        found: usize,
        /// The largest length allowed.
        limit: usize,
    },
}

/// Malformed bytes: where they are in the input, what was being read, and the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireError {
    /// What was being read, such as `"RTP version"`.
    pub what: &'static str,
    /// Byte position in the input where the trouble starts.
    pub offset: usize,
    /// What was wrong there.
    pub kind: ErrorKind,
}

impl WireError {
    /// The input of `held` bytes ends at `offset`, and `needed` bytes were needed.
    #[must_use]
    pub const fn truncated(what: &'static str, offset: usize, needed: usize, held: usize) -> Self {
        Self {
            what,
            offset,
            kind: ErrorKind::Truncated { needed, held },
        }
    }

    /// The field at `offset` holds the forbidden value `found`.
    #[must_use]
    pub const fn invalid(what: &'static str, offset: usize, found: u64) -> Self {
        Self {
            what,
            offset,
            kind: ErrorKind::Invalid { found },
        }
    }

    /// A length at `offset` is `found`, over `limit`.
    #[must_use]
    pub const fn too_large(what: &'static str, offset: usize, found: usize, limit: usize) -> Self {
        Self {
            what,
            offset,
            kind: ErrorKind::TooLarge { found, limit },
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, offset, kind } = self;
        match kind {
            ErrorKind::Truncated { needed, held } => {
                write!(
                    f,
                    "{what} at byte {offset}: {needed} bytes needed, {held} held"
                )
            }
            ErrorKind::Invalid { found } => {
                write!(f, "{what} at byte {offset}: {found:#x} is not allowed")
            }
            ErrorKind::TooLarge { found, limit } => {
                write!(f, "{what} at byte {offset}: {found} is over {limit}")
            }
        }
    }
}

impl std::error::Error for WireError {}
