//! Collects the coded bytes of one picture, and finds where the next one begins.
//!
//! Payload is appended once, as an Annex B stream, and searched for start codes as it comes; the
//! positions of the NAL units are kept. What the container says about borders (PTS, pack header,
//! RTP timestamp) only makes a border possible; that a picture really begins there is read from
//! the first NAL unit behind it. So marker bits are not needed (C122), and packs without a
//! picture (Q85), SPS, PPS and slices in PES packets of their own (Q86), pictures over several
//! packs and timestamps that change with each packet all give the same pictures.

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
/// Buffers kept for reuse.
const MAX_SPARE: usize = 4;
/// A buffer larger than this is not kept.
const MAX_SPARE_BYTES: usize = 1 << 20;

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
    /// A first slice always begins a picture: there are no fields (H.264 frame_mbs_only_flag).
    whole_frames: bool,
    /// Every NAL unit may begin a picture: there is no container.
    elementary: bool,
    finished: VecDeque<Picture>,
    spare: Vec<Vec<u8>>,
    spare_nals: Vec<Vec<u32>>,
    typical_bytes: usize,
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
        self.inspect(false);
        self.later = None;
        let current = &mut self.picture.stamp;
        if !self.has_slice {
            // Parameter sets alone, or nothing yet: what comes now is the picture.
            let pts = stamp.pts.or(current.pts);
            let dts = stamp.pts.map_or(current.dts, |_| stamp.dts);
            *current = Stamp { pts, dts, ..stamp };
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
        let before = self.picture.bytes.len();
        self.picture.bytes.extend_from_slice(data);
        let stop = self.scan(before);
        self.inspect(false);
        if self.picture.bytes.len() > MAX_ACCESS_UNIT_BYTES || self.picture.nals.len() > MAX_NALS {
            self.overflow();
        }
        stop
    }

    /// Appends a start code and the first bytes of a NAL unit that came without one.
    pub(crate) fn begin_nal(&mut self, parts: [&[u8]; 2]) {
        let bytes = &mut self.picture.bytes;
        bytes.extend_from_slice(&[0, 0, 0, 1]);
        self.picture.nals.push(bytes.len() as u32);
        self.continue_nal(parts[0]);
        self.continue_nal(parts[1]);
    }

    /// Appends more bytes of a NAL unit that is known to hold no start code.
    pub(crate) fn continue_nal(&mut self, data: &[u8]) {
        self.picture.bytes.extend_from_slice(data);
        self.scanned = self.picture.bytes.len();
        self.inspect(false);
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
        self.inspect(true);
        if !self.picture.nals.is_empty() {
            let end = self.picture.bytes.len();
            self.split(end, self.picture.nals.len(), self.unstamped());
        }
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

    const fn reset_marks(&mut self) {
        self.scanned = 0;
        self.inspected = 0;
        self.has_slice = false;
        self.border = None;
        self.opened_at = None;
        self.later = None;
        self.packs = 0;
    }

    /// Searches what is new; `before` is where the newest input begins.
    fn scan(&mut self, before: usize) -> Option<Stop> {
        let bytes = &mut self.picture.bytes;
        while let Some(code) = find_start_code(bytes, self.scanned) {
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

    /// Looks at NAL units whose first bytes are there, and splits where a picture begins.
    fn inspect(&mut self, at_end: bool) {
        while let Some(&start) = self.picture.nals.get(self.inspected) {
            let start = start as usize;
            let bytes = &self.picture.bytes;
            let limit = match self.picture.nals.get(self.inspected + 1) {
                Some(&next) => next as usize - 3,
                None if at_end => bytes.len(),
                // What is not yet scanned may turn out to belong to a start code.
                None if self.scanned < start + CLASSIFY_BYTES => return,
                None => self.scanned,
            };
            let end = limit.min(start + CLASSIFY_BYTES).max(start);
            let head = &bytes[start..end];
            let evidence = nal::codec_evidence(head);
            let codec = evidence
                .or(self.picture.evidence)
                .or(self.proven)
                .or(self.declared);
            let kind = codec.map(|codec| nal::classify(codec, head));
            if let Some((nal, offset, stamp)) = self.new_picture(start, kind) {
                self.split(offset, nal, stamp);
                continue;
            }
            if evidence.is_some() {
                self.picture.evidence = evidence;
            }
            // Of an unknown codec anything may be a slice: the container's borders then decide.
            self.has_slice |= matches!(kind, None | Some(NalKind::Slice { .. }));
            self.inspected += 1;
        }
    }

    /// A picture inside a unit that has given its stamps to the one before.
    const fn unstamped(&self) -> Stamp {
        Stamp {
            pts: None,
            dts: None,
            ..self.picture.stamp
        }
    }

    /// Whether a new picture begins at or before the NAL unit at `start`, which is number
    /// `inspected`: the number of its first NAL unit, its offset, and its stamp.
    fn new_picture(
        &mut self,
        start: usize,
        kind: Option<NalKind>,
    ) -> Option<(usize, usize, Stamp)> {
        if !self.has_slice {
            return None;
        }
        let first_slice = matches!(kind, Some(NalKind::Slice { first: true, .. }));
        let opening = first_slice || is_opening(kind);
        let code = code_start(&self.picture.bytes, start);
        if let Some(border) = self.border.filter(|border| start > border.offset) {
            let between = &self.picture.bytes[border.offset..start.saturating_sub(1)];
            let at_border = between.iter().all(|&byte| byte == 0);
            let vague = matches!(
                kind,
                Some(NalKind::Void | NalKind::Other | NalKind::Invalid)
            );
            if at_border && (opening || border.by_pts && vague) {
                return Some((self.inspected, code.min(border.offset), border.stamp));
            }
            // The unit goes on with the picture before it. Its PTS is then that of the picture
            // that begins inside it (ISO/IEC 13818-1 2.4.3.7), if one does.
            self.border = None;
            self.later = border.by_pts.then_some(border.stamp);
        }
        if !opening {
            self.opened_at = None;
            return None;
        }
        let (nal, offset) = *self.opened_at.get_or_insert((self.inspected, code));
        let sure =
            first_slice && (self.elementary || self.later.is_some() || self.has_whole_frames(code));
        sure.then(|| (nal, offset, self.later.unwrap_or(self.unstamped())))
    }

    /// Whether a first slice always begins a new picture, by what lies before `end`.
    fn has_whole_frames(&self, end: usize) -> bool {
        match self.picture.evidence {
            None => self.whole_frames,
            evidence => says_whole_frames(evidence, &self.picture.bytes[..end]),
        }
    }

    /// Hands out everything before `offset` as a picture; the rest, from NAL unit number `nal`
    /// on, begins the next one.
    fn split(&mut self, offset: usize, nal: usize, stamp: Stamp) {
        let capacity = self.typical_bytes + self.typical_bytes / 4 + 2_048;
        let mut bytes = self
            .spare
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(capacity));
        let mut nals = self.spare_nals.pop().unwrap_or_default();
        bytes.extend_from_slice(&self.picture.bytes[offset..]);
        let moved = self.picture.nals[nal..].iter();
        nals.extend(moved.map(|&start| start - offset as u32));
        let next = Picture {
            bytes,
            nals,
            stamp,
            ..Picture::default()
        };
        let scanned = self.scanned.saturating_sub(offset);
        let mut done = std::mem::replace(&mut self.picture, next);
        done.bytes.truncate(offset);
        done.nals.truncate(nal);
        if done.evidence.is_some() {
            self.proven = done.evidence;
            self.whole_frames = says_whole_frames(done.evidence, &done.bytes);
        }
        self.typical_bytes = done.bytes.len().min(MAX_SPARE_BYTES);
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

/// Whether the SPS in a picture, whose codec is proven, says that there are no fields.
fn says_whole_frames(evidence: Option<VideoCodec>, bytes: &[u8]) -> bool {
    match evidence {
        None => false,
        Some(VideoCodec::H265) => true,
        Some(VideoCodec::H264) => nal::AnnexB::new(bytes)
            .take(MAX_LEADING_NALS)
            .filter(|unit| nal::classify(VideoCodec::H264, unit) == NalKind::Sps)
            .any(nal::h264::is_frames_only),
    }
}

/// Whether a NAL unit without slice data stands before the picture that it belongs to.
const fn is_opening(kind: Option<NalKind>) -> bool {
    matches!(
        kind,
        None | Some(NalKind::Delimiter | NalKind::Sps | NalKind::Pps | NalKind::Vps | NalKind::Sei)
    )
}

/// Where the start code of the NAL unit at `start` begins, a leading zero included.
fn code_start(bytes: &[u8], start: usize) -> usize {
    let code = start - 3;
    match code.checked_sub(1).map(|before| bytes[before]) {
        Some(0) => code - 1,
        _ => code,
    }
}
