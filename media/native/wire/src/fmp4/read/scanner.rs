//! The top level of a file: its head, and where each whole fragment is.

use super::movie::Movie;
use super::{Fragment, MAX_MDAT_BYTES, MAX_METADATA_BYTES, MAX_MOOF_BYTES, MAX_MOOV_BYTES};
use crate::error::WireError;
use crate::fmp4::METADATA_UUID;

/// Bytes that tell a box, its length and its kind.
const HEADER_BYTES: usize = 16;
/// Bytes searched at a time for a fragment behind foreign bytes.
const SEARCH_BYTES: usize = 1 << 16;
/// Bytes of a fragment's beginning that are looked for: `moof` with its `mfhd`.
const MARK_BYTES: usize = 16;

/// Bytes of the file that the scanner wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Position in the file.
    pub offset: u64,
    /// How many; fewer are there only at the end of the file.
    pub bytes: usize,
}

/// A whole fragment in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentAt {
    /// Where its `moof` begins.
    pub offset: u64,
    /// Bytes of the `moof`.
    pub moof_bytes: u32,
    /// Bytes of the `mdat` behind it, its header included.
    pub mdat_bytes: u32,
}

/// What the bytes were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The head of the file; comes once, and first.
    Movie(Box<Movie>),
    /// A whole fragment.
    Fragment(FragmentAt, Fragment),
}

#[derive(Debug, Clone)]
enum Step {
    /// A box header is wanted at the position.
    Header,
    /// The payload of this box is wanted; the next one begins at the end.
    Moov {
        payload: u64,
        end: u64,
    },
    Uuid {
        payload: u64,
        end: u64,
    },
    Moof {
        end: u64,
    },
    /// The header behind a `moof` that was read.
    Mdat {
        moof: Vec<u8>,
    },
    /// The header behind a `free` box.
    Free {
        end: u64,
    },
    /// Foreign bytes: a `moof` is looked for.
    Search,
}

/// Walks over the top-level boxes of one file.
///
/// Loop: [`Scanner::wanted`], read, [`Scanner::receive`]. None is wanted at the end; a file that has grown since is
/// gone on with after [`Scanner::grow`].
#[derive(Debug, Clone)]
pub struct Scanner {
    at: u64,
    limit: u64,
    step: Step,
    movie: Option<Box<Movie>>,
    wall_us: Option<i64>,
    damaged: u32,
}

impl Scanner {
    /// For a file that has `limit` bytes now.
    #[must_use]
    pub const fn new(limit: u64) -> Scanner {
        Scanner {
            at: 0,
            limit,
            step: Step::Header,
            movie: None,
            wall_us: None,
            damaged: 0,
        }
    }

    /// The file has `limit` bytes now.
    pub const fn grow(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// What the head said.
    #[must_use]
    pub fn movie(&self) -> Option<&Movie> {
        self.movie.as_deref()
    }

    /// Wall clock of the first picture as the recorder wrote it, µs since 1970.
    #[must_use]
    pub const fn wall_us(&self) -> Option<i64> {
        self.wall_us
    }

    /// Places where something was not as it should be, and was passed over.
    #[must_use]
    pub const fn damaged(&self) -> u32 {
        self.damaged
    }

    /// The bytes to read next; none when the rest of the file holds no whole box.
    #[must_use]
    pub fn wanted(&self) -> Option<Wanted> {
        let (offset, bytes, least) = match &self.step {
            Step::Header => (self.at, HEADER_BYTES, 8),
            Step::Moov { payload, end } | Step::Uuid { payload, end } => {
                let bytes = usize::try_from(end - payload).ok()?;
                (*payload, bytes, bytes)
            }
            Step::Moof { end } => {
                let bytes = usize::try_from(end - self.at).ok()?;
                (self.at, bytes, bytes)
            }
            Step::Mdat { moof } => (self.at + moof.len() as u64, HEADER_BYTES, 8),
            Step::Free { end } => (*end, HEADER_BYTES, 8),
            Step::Search => (self.at, SEARCH_BYTES, MARK_BYTES),
        };
        let left = self.limit.checked_sub(offset)?;
        let bytes = bytes.min(usize::try_from(left).unwrap_or(usize::MAX));
        (bytes >= least.max(1)).then_some(Wanted { offset, bytes })
    }

    /// Takes the bytes that were wanted.
    ///
    /// # Errors
    ///
    /// The head of the file cannot be read: nothing in it can be played. Also when fewer bytes came than wanted,
    /// because somebody has cut the file meanwhile.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<Found>, WireError> {
        let Some(wanted) = self.wanted() else {
            return Ok(None);
        };
        // What somebody cut off meanwhile is no surprise the next time.
        if bytes.len() < wanted.bytes {
            let at = usize::try_from(wanted.offset).unwrap_or(usize::MAX);
            return Err(WireError::truncated(
                "MP4 file",
                at,
                wanted.bytes,
                bytes.len(),
            ));
        }
        match std::mem::replace(&mut self.step, Step::Header) {
            Step::Header => self.header(bytes)?,
            Step::Moov { end, .. } => {
                let movie = Box::new(Movie::parse(bytes)?);
                self.at = end;
                self.movie = Some(movie.clone());
                return Ok(Some(Found::Movie(movie)));
            }
            Step::Uuid { end, .. } => {
                self.at = end;
                self.wall_us = self.wall_us.or(wall_clock(bytes));
            }
            Step::Moof { .. } => {
                self.step = Step::Mdat {
                    moof: bytes.to_vec(),
                };
            }
            Step::Mdat { moof } => return Ok(self.fragment(moof, bytes)),
            Step::Free { end } => self.free(end, bytes),
            Step::Search => self.search(bytes),
        }
        Ok(None)
    }

    fn header(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let parsed = parse_header(bytes, self.at);
        let begins = matches!(&parsed, Some((kind, ..)) if kind == b"ftyp");
        if self.at == 0 && !begins {
            return Err(WireError::invalid("MP4 file type", 4, 0));
        }
        let Some((kind, payload, end)) = parsed else {
            self.lose();
            return Ok(());
        };
        let length = end - self.at;
        let fits = |limit: usize| length <= limit as u64;
        self.step = match &kind {
            b"moov" if self.movie.is_none() && fits(MAX_MOOV_BYTES) => Step::Moov { payload, end },
            b"uuid" if fits(MAX_METADATA_BYTES) => Step::Uuid { payload, end },
            b"moof" if self.movie.is_some() && fits(MAX_MOOF_BYTES) => Step::Moof { end },
            b"free" if end < self.limit => Step::Free { end },
            b"ftyp" | b"free" | b"mdat"
                if (self.limit..self.limit + MAX_MDAT_BYTES).contains(&end) =>
            {
                self.stall(Step::Header)
            }
            _ if end <= self.limit => {
                self.at = end;
                Step::Header
            }
            _ => {
                self.lose();
                Step::Search
            }
        };
        Ok(())
    }

    /// The recorder names a `moof` when its fragment is whole: before that it is a `free` box, and its `mdat` the
    /// last box of the file.
    fn free(&mut self, end: u64, bytes: &[u8]) {
        let next = parse_header(bytes, end);
        if next.is_some_and(|(kind, _, end)| &kind == b"mdat" && end >= self.limit) {
            self.step = self.stall(Step::Header);
        } else {
            self.at = end;
        }
    }

    /// A `moof` and the header behind it.
    fn fragment(&mut self, moof: Vec<u8>, bytes: &[u8]) -> Option<Found> {
        let after = self.at + moof.len() as u64;
        let parsed = parse_header(bytes, after)
            .filter(|(kind, _, end)| kind == b"mdat" && end - after <= MAX_MDAT_BYTES);
        let Some((_, _, end)) = parsed else {
            self.lose();
            return None;
        };
        if end > self.limit {
            self.step = self.stall(Step::Mdat { moof });
            return None;
        }
        let place = FragmentAt {
            offset: self.at,
            moof_bytes: moof.len() as u32,
            mdat_bytes: (end - after) as u32,
        };
        let parsed = Fragment::parse(&moof, self.movie.as_deref()?, end - self.at);
        self.at = end;
        if parsed.is_err() {
            self.damaged += 1;
        }
        parsed.ok().map(|fragment| Found::Fragment(place, fragment))
    }

    /// Half a box at the end: nothing is wanted until the file has grown.
    const fn stall(&mut self, step: Step) -> Step {
        self.limit = 0;
        step
    }

    /// Nothing here makes sense: the next fragment is looked for.
    fn lose(&mut self) {
        self.damaged += 1;
        self.at += 1;
        self.step = Step::Search;
    }

    fn search(&mut self, bytes: &[u8]) {
        let found = bytes.windows(MARK_BYTES).position(|window| {
            window.get(4..8) == Some(b"moof") && window.get(12..16) == Some(b"mfhd")
        });
        match found {
            Some(position) => {
                self.at += position as u64;
                self.step = Step::Header;
            }
            None => {
                self.at += (bytes.len() - (MARK_BYTES - 1)) as u64;
                self.step = Step::Search;
            }
        }
    }
}

/// Kind, begin of the payload and end of the box whose first bytes these are.
fn parse_header(bytes: &[u8], at: u64) -> Option<([u8; 4], u64, u64)> {
    let (&[a, b, c, d, k0, k1, k2, k3], rest) = bytes.split_first_chunk::<8>()?;
    let (size, header) = match u32::from_be_bytes([a, b, c, d]) {
        1 => (u64::from_be_bytes(*rest.first_chunk::<8>()?), 16),
        size => (u64::from(size), 8),
    };
    let kind = [k0, k1, k2, k3];
    let is_name = kind.iter().all(|byte| (0x20..0x7F).contains(byte));
    let end = at.checked_add(size)?;
    (size >= header && is_name && end < 1 << 62).then_some((kind, at + header, end))
}

/// The recorder's time in its metadata box: 8 bytes behind the extended type.
fn wall_clock(payload: &[u8]) -> Option<i64> {
    let own = payload.strip_prefix(&METADATA_UUID)?;
    own.first_chunk::<8>()
        .map(|bytes| i64::from_be_bytes(*bytes))
}
