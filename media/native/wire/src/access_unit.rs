//! Collects the coded bytes of one picture, and finds where the next one begins.
//!
//! Payload is appended once, as an Annex B stream, and searched for start codes as it comes; the
//! positions of the NAL units are kept. What the container says about borders (PTS, pack header,
//! RTP timestamp) only makes a border possible; that a picture really begins there is read from
//! the first NAL unit behind it. So marker bits are not needed (C122), and packs without a
//! picture (Q85), SPS, PPS and slices in PES packets of their own (Q86), pictures over several
//! packs and timestamps that change with each packet all give the same pictures.

mod borders;
mod buffers;
mod fields;
mod marks;

use self::fields::{Fields, SLICE_BYTES};
use self::marks::{Coding, read_coding};
use crate::media::VideoCodec;
use crate::nal::{self, CLASSIFY_BYTES, NalKind, find_start_code};
use crate::ps::{FIRST_SYSTEM_CODE, Stop};
use crate::timeline::Stamp;
use std::collections::VecDeque;

/// Most bytes of one access unit. A key frame of 4K video at the highest rates is below 2 MiB.
pub const MAX_ACCESS_UNIT_BYTES: usize = 4 << 20;
/// Most NAL units of one access unit.
const MAX_NALS: usize = 8_192;
/// NAL units before the first slice that are searched for an SPS.
const MAX_LEADING_NALS: usize = 16;
/// Bytes of an input behind which no start code can end that began before it.
const SEAM_BYTES: usize = 2;

/// The collected bytes of one picture.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    /// Annex B stream; anything before the first NAL unit is not part of it.
    pub(crate) bytes: Vec<u8>,
    /// Where each NAL unit begins in `bytes`, behind its start code.
    pub(crate) nals: Vec<u32>,
    /// When it was sent.
    pub(crate) stamp: Stamp,
    /// The codec that a parameter set in it proves.
    pub(crate) evidence: Option<VideoCodec>,
    /// Something of it was lost.
    pub(crate) damaged: bool,
    /// It outgrew [`MAX_ACCESS_UNIT_BYTES`]; the bytes are not all there.
    pub(crate) too_large: bool,
}

/// A place where the container allows a new picture to begin.
#[derive(Debug, Clone, Copy)]
struct Border {
    offset: usize,
    stamp: Stamp,
    /// The PTS says so, not only a pack header or the RTP timestamp.
    by_pts: bool,
}

/// Collects pictures one after the other.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    picture: Picture,
    /// Bytes already searched for start codes.
    scanned: usize,
    /// NAL units already looked at.
    inspected: usize,
    /// A slice was among them.
    has_slice: bool,
    border: Option<Border>,
    /// Stamp of a picture that begins inside the current unit of the container.
    later: Option<Stamp>,
    /// NAL unit and offset behind the last slice where a new picture begins, if a first slice
    /// follows.
    opened_at: Option<(usize, usize)>,
    /// Packs seen since the picture began.
    packs: u32,
    declared: Option<VideoCodec>,
    proven: Option<VideoCodec>,
    /// What the parameter sets of the pictures before say of fields.
    coding: Coding,
    /// The coded pictures of the current frame, where there may be fields.
    fields: Fields,
    /// Every NAL unit may begin a picture: there is no container.
    elementary: bool,
    finished: VecDeque<Picture>,
    spare: Vec<Vec<u8>>,
    spare_nals: Vec<Vec<u32>>,
    /// Of the newest pictures but one and but two; the smaller of them is typical, so that a key frame is not.
    newest_bytes: [usize; 2],
    /// Of the newest picture that was much larger than those.
    large_bytes: usize,
}

impl Assembler {
    /// The codec by which NAL units are read until a parameter set proves one.
    pub(crate) const fn declare(&mut self, codec: VideoCodec) {
        self.declared = Some(codec);
    }

    /// Whether there is no container, so that borders come from the NAL units alone.
    pub(crate) const fn set_elementary(&mut self, elementary: bool) {
        self.elementary = elementary;
    }

    /// A pack header was seen.
    pub(crate) const fn pack(&mut self) {
        self.packs = self.packs.saturating_add(1);
    }

    /// A unit of the container begins here: a PES packet, or the packets of an RTP timestamp.
    pub(crate) fn begin(&mut self, stamp: Stamp) {
        self.inspect(Some(CLASSIFY_BYTES));
        self.later = None;
        let current = &mut self.picture.stamp;
        if !self.has_slice {
            // Parameter sets alone, or nothing yet: what comes now is the picture.
            let pts = stamp.pts.or(current.pts);
            let dts = stamp.pts.map_or(current.dts, |_| stamp.dts);
            // What is there already is part of it.
            let began = !self.picture.bytes.is_empty();
            let packet = if began { current.packet } else { stamp.packet };
            *current = Stamp {
                pts,
                dts,
                packet,
                ..stamp
            };
            self.border = None;
            self.packs = 0;
            return;
        }
        let by_pts = stamp.pts.is_some() && stamp.pts != current.pts;
        if by_pts || self.packs > 0 || stamp.rtp != current.rtp {
            let offset = self.picture.bytes.len();
            let undecided = self.border.is_some() && self.inspected == self.picture.nals.len();
            if undecided && stamp.pts.is_none() {
                return;
            }
            self.border = Some(Border {
                offset,
                stamp,
                by_pts,
            });
        }
    }

    /// Appends coded bytes; returns where a system start code was found in them.
    pub(crate) fn append(&mut self, data: &[u8]) -> Option<Stop> {
        // The input is searched where it lies: it was read just now, while what it is copied to seldom is in a cache.
        let has_code = find_start_code(data, 0).is_some();
        self.make_room(data.len());
        let before = self.picture.bytes.len();
        self.picture.bytes.extend_from_slice(data);
        let stop = self.scan(before, has_code);
        self.inspect(Some(SLICE_BYTES));
        if self.picture.bytes.len() > MAX_ACCESS_UNIT_BYTES || self.picture.nals.len() > MAX_NALS {
            self.overflow();
        }
        stop
    }

    /// Appends a start code and the first bytes of a NAL unit that came without one.
    pub(crate) fn begin_nal(&mut self, parts: [&[u8]; 2]) {
        self.make_room(4 + parts[0].len() + parts[1].len());
        let bytes = &mut self.picture.bytes;
        bytes.extend_from_slice(&[0, 0, 0, 1]);
        self.picture.nals.push(bytes.len() as u32);
        self.continue_nal(parts[0]);
        self.continue_nal(parts[1]);
    }

    /// Appends more bytes of a NAL unit that is known to hold no start code.
    pub(crate) fn continue_nal(&mut self, data: &[u8]) {
        self.make_room(data.len());
        self.picture.bytes.extend_from_slice(data);
        self.scanned = self.picture.bytes.len();
        self.inspect(Some(SLICE_BYTES));
        if self.picture.bytes.len() > MAX_ACCESS_UNIT_BYTES || self.picture.nals.len() > MAX_NALS {
            self.overflow();
        }
    }

    /// The oldest picture that the newest bytes have completed, if any.
    pub(crate) fn take_finished(&mut self) -> Option<Picture> {
        self.finished.pop_front()
    }

    /// Ends the current picture: the stream is over, or begins anew.
    pub(crate) fn finish(&mut self) {
        self.inspect(None);
        if !self.picture.nals.is_empty() {
            let end = self.picture.bytes.len();
            self.split(end, self.picture.nals.len(), self.unstamped());
        }
    }

    /// Whether a part of a picture is there.
    pub(crate) const fn has_slice(&self) -> bool {
        self.has_slice
    }

    /// Packets were lost: the current picture is dropped, or goes on damaged.
    ///
    /// Returns whether a picture was dropped.
    pub(crate) fn lost(&mut self, keep: bool) -> bool {
        if keep {
            self.picture.damaged = true;
            return false;
        }
        let dropped = self.has_slice;
        self.clear();
        dropped
    }

    /// Forgets everything but the buffers: another stream begins.
    pub(crate) fn clear(&mut self) {
        self.picture.bytes.clear();
        self.picture.nals.clear();
        self.picture.evidence = None;
        self.picture.damaged = false;
        self.picture.too_large = false;
        self.picture.stamp.pts = None;
        self.picture.stamp.dts = None;
        self.reset_marks();
    }

    fn reset_marks(&mut self) {
        self.scanned = 0;
        self.inspected = 0;
        self.has_slice = false;
        self.border = None;
        self.opened_at = None;
        self.later = None;
        self.packs = 0;
        self.fields = Fields::default();
    }

    /// Searches what is new; `before` is where the newest input begins. Without a code in that only those are
    /// searched for that began before it.
    fn scan(&mut self, before: usize, has_code: bool) -> Option<Stop> {
        let bytes = &mut self.picture.bytes;
        let limit = match bytes[..before].last() {
            _ if has_code => bytes.len(),
            // Within a start code.
            Some(0 | 1) => bytes.len().min(before + SEAM_BYTES),
            _ => 0,
        };
        while let Some(code) = find_start_code(&bytes[..limit], self.scanned) {
            let Some(&byte) = bytes.get(code + 3) else {
                // Wait for the byte behind it.
                self.scanned = code;
                return None;
            };
            self.scanned = code + 3;
            if byte >= FIRST_SYSTEM_CODE {
                bytes.truncate(code);
                self.scanned = code;
                return Some(Stop {
                    code: byte,
                    resume: code + 4 - before,
                });
            }
            self.picture.nals.push(code as u32 + 3);
        }
        self.scanned = self.scanned.max(bytes.len().saturating_sub(2));
        None
    }

    /// Looks at NAL units whose first bytes are there, and splits where a picture begins. A slice that may be
    /// one of a field waits for `wanted` bytes; nothing waits at the end.
    fn inspect(&mut self, wanted: Option<usize>) {
        while let Some(&start) = self.picture.nals.get(self.inspected) {
            let start = start as usize;
            let bytes = &self.picture.bytes;
            let limit = match self.picture.nals.get(self.inspected + 1) {
                Some(&next) => next as usize - 3,
                None if wanted.is_none() => bytes.len(),
                // What is not yet scanned may turn out to belong to a start code.
                None if self.scanned < start + CLASSIFY_BYTES => return,
                None => self.scanned,
            };
            let is_open = self.inspected + 1 == self.picture.nals.len();
            let end = limit.min(start + CLASSIFY_BYTES).max(start);
            let head = &bytes[start..end];
            let evidence = nal::codec_evidence(head);
            let codec = evidence
                .or(self.picture.evidence)
                .or(self.proven)
                .or(self.declared);
            let kind = codec.map(|codec| nal::classify(codec, head));
            let slice = self.field_slice(start, limit, kind);
            if slice.is_some() && is_open && wanted.is_some_and(|wanted| limit < start + wanted) {
                return;
            }
            if let Some((nal, offset, stamp)) = self.new_picture(start, kind, slice) {
                self.split(offset, nal, stamp);
                continue;
            }
            if let Some((form, end)) = slice {
                self.fields.take(form, &self.picture.bytes[start..end]);
            }
            if evidence.is_some() {
                self.picture.evidence = evidence;
            }
            // Of an unknown codec anything may be a slice: the container's borders then decide.
            self.has_slice |= matches!(kind, None | Some(NalKind::Slice { .. }));
            self.inspected += 1;
        }
    }

    /// Hands out everything before `offset` as a picture; the rest, from NAL unit number `nal`
    /// on, begins the next one.
    fn split(&mut self, offset: usize, nal: usize, stamp: Stamp) {
        let mut nals = self.spare_nals.pop().unwrap_or_default();
        let moved = self.picture.nals[nal..].iter();
        nals.extend(moved.map(|&start| start - offset as u32));
        let next = Picture {
            nals,
            stamp,
            ..Picture::default()
        };
        let scanned = self.scanned.saturating_sub(offset);
        let mut done = std::mem::replace(&mut self.picture, next);
        let rest = &done.bytes[offset..];
        self.make_room(rest.len());
        self.picture.bytes.extend_from_slice(rest);
        done.bytes.truncate(offset);
        done.nals.truncate(nal);
        if done.evidence.is_some() {
            self.proven = done.evidence;
            self.coding = read_coding(done.evidence, &done.bytes);
        }
        self.learn_size(done.bytes.len());
        self.reset_marks();
        self.scanned = scanned;
        self.finished.push_back(done);
    }

    /// Drops the bytes of a picture that is too large, and remembers that.
    fn overflow(&mut self) {
        // A start code may have begun in the last two bytes.
        let dropped = self.picture.bytes.len().saturating_sub(2);
        self.picture.bytes.drain(..dropped);
        self.picture.nals.clear();
        self.scanned = 0;
        self.inspected = 0;
        self.border = None;
        self.opened_at = None;
        self.has_slice = true;
        self.picture.too_large = true;
    }
}
