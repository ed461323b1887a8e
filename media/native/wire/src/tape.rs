//! The ordered payloads of a program stream, frame by frame, to be passed on as they are.
//!
//! A frame is what lies between two payloads that begin with a pack header (or with a PES packet
//! under another RTP timestamp). It is handed out when it is whole; one that lacks a packet is
//! dropped, so that what is passed on can always be read. Where the sender's marker bits have
//! proved true, they end a frame at once; else the next frame does.
//!
//! Source: protocol notes 7.1, 7.4 and 7.6; Q92, Q101.

use crate::access_unit::MAX_ACCESS_UNIT_BYTES;
use crate::ps;
use std::collections::VecDeque;

/// Frames in a row whose marker was true before markers are believed.
const CREDIBLE: u8 = 8;
/// Pictures whose beginnings are remembered.
const MAX_MARKS: usize = 64;
/// Buffers kept for reuse, and the largest of them.
const MAX_SPARE: usize = 4;
const MAX_SPARE_BYTES: usize = 1 << 20;
/// Frames that wait to be taken.
const MAX_WAITING: usize = 1_024;

/// Where a picture began in the payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureMark {
    /// Its decoding time, as in [`crate::AccessUnit`]: the name of the picture.
    pub dts_90k: i64,
    /// Its presentation time.
    pub pts_90k: i64,
    /// PTS that the sender wrote, 33 bits.
    pub source_pts: Option<u64>,
    /// Number of the payload in which it began.
    pub packet: u64,
    /// Pieces of sound that were given out before it was.
    pub sounds: u64,
}

/// The beginnings of the newest pictures, oldest first.
#[derive(Debug, Clone, Default)]
pub struct PictureMarks(VecDeque<PictureMark>);

impl PictureMarks {
    pub(crate) fn push(&mut self, mark: PictureMark) {
        if self.0.len() >= MAX_MARKS {
            self.0.pop_front();
        }
        self.0.push_back(mark);
    }

    /// The mark of the picture that is decoded at `dts_90k`.
    #[must_use]
    pub fn of(&self, dts_90k: i64) -> Option<PictureMark> {
        self.0
            .iter()
            .rev()
            .copied()
            .find(|mark| mark.dts_90k == dts_90k)
    }

    /// The mark of the picture after the one that is decoded at `dts_90k`.
    #[must_use]
    pub fn after(&self, dts_90k: i64) -> Option<PictureMark> {
        self.0.iter().copied().find(|mark| mark.dts_90k > dts_90k)
    }

    /// The newest picture.
    #[must_use]
    pub fn newest(&self) -> Option<PictureMark> {
        self.0.back().copied()
    }
}

/// One frame of a program stream as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapedFrame {
    /// Its payloads, joined.
    pub bytes: Vec<u8>,
    /// Number of its first payload.
    pub packet: u64,
    /// What its packets should be stamped with: the low 32 bits of its PTS; where it has none, the
    /// sender's RTP timestamp, moved to the same clock.
    pub timestamp: u32,
    /// It begins with a pack header.
    pub begins_pack: bool,
    /// Pieces of sound that were given out before its first payload was read.
    pub sounds: u64,
}

/// What a tape holds, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taped {
    /// A whole frame.
    Frame(TapedFrame),
    /// Something is missing behind the payload with this number.
    Gap(u64),
}

/// The frame that is being collected.
#[derive(Debug, Default)]
struct OpenFrame {
    bytes: Vec<u8>,
    packet: u64,
    source_timestamp: u32,
    begins_pack: bool,
    sounds: u64,
    /// The newest packet had the marker.
    marked: bool,
}

/// Collects frames while somebody passes them on.
#[derive(Debug, Default)]
pub struct PayloadTape {
    running: bool,
    /// Number of the newest payload.
    packet: u64,
    open: Option<OpenFrame>,
    /// RTP timestamp of the sender and ours of the frame before.
    last: Option<(u32, u32)>,
    /// Ours less the sender's, as the newest frame with a PTS showed it.
    offset: u32,
    true_markers: u8,
    /// Payloads came that are no program stream: passing on would leave them out.
    mixed: bool,
    taped: VecDeque<Taped>,
    spare: Vec<Vec<u8>>,
}

impl PayloadTape {
    /// Begins to collect, from the next frame on.
    pub fn start(&mut self) {
        self.running = true;
    }

    /// Stops to collect and forgets what is there.
    pub fn stop(&mut self) {
        self.running = false;
        self.open = None;
        self.last = None;
        self.taped.clear();
        self.spare.clear();
    }

    /// Whether frames are collected.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.running
    }

    /// Whether all there is is a program stream.
    #[must_use]
    pub const fn is_mixed(&self) -> bool {
        self.mixed
    }

    /// Number of the newest payload.
    #[must_use]
    pub const fn packet(&self) -> u64 {
        self.packet
    }

    /// The frame that is being collected: number of its first payload, and pieces of sound given out before that;
    /// none when it does not begin with a pack header.
    #[must_use]
    pub fn open(&self) -> Option<(u64, u64)> {
        let open = self.open.as_ref()?;
        open.begins_pack.then_some((open.packet, open.sounds))
    }

    /// Whether nothing waits to be taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taped.is_empty()
    }

    /// The next frame or gap.
    pub fn take(&mut self) -> Option<Taped> {
        self.taped.pop_front()
    }

    /// Takes back the buffer of a frame that nobody needs any more.
    pub fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < MAX_SPARE && buffer.capacity() <= MAX_SPARE_BYTES {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// Bytes of memory kept.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let taped = self.taped.iter().map(|item| match item {
            Taped::Frame(frame) => frame.bytes.capacity(),
            Taped::Gap(_) => 0,
        });
        let open = self.open.as_ref().map_or(0, |open| open.bytes.capacity());
        let spare: usize = self.spare.iter().map(Vec::capacity).sum();
        taped.sum::<usize>() + open + spare
    }

    /// Numbers the next payload of the program stream, and collects it. `sounds`: pieces of sound given out so far.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        payload: &[u8],
        timestamp: u32,
        marker: bool,
        sounds: u64,
    ) -> u64 {
        self.packet += 1;
        if self.running {
            self.collect(payload, timestamp, marker, sounds);
        }
        self.packet
    }

    /// A payload came that is no program stream.
    pub(crate) const fn receive_other(&mut self) {
        self.mixed = true;
    }

    /// Something is missing before the next payload.
    pub(crate) fn lost(&mut self) {
        if !self.running {
            return;
        }
        if let Some(open) = self.open.take() {
            self.recycle(open.bytes);
        }
        self.last = None;
        self.put(Taped::Gap(self.packet));
    }

    /// The stream is over: what is collected is whole.
    pub(crate) fn finish(&mut self) {
        self.close();
    }

    fn collect(&mut self, payload: &[u8], timestamp: u32, marker: bool, sounds: u64) {
        let begins_pack = payload.starts_with(&[0, 0, 1, 0xBA]);
        let anew = self
            .open
            .as_ref()
            .map(|open| begins_pack || timestamp != open.source_timestamp && begins_unit(payload));
        if anew == Some(true) {
            self.judge_marker();
            self.close();
        }
        if self.open.is_none() {
            // A frame ended by its marker may go on all the same: its bytes follow, nothing is lost.
            let follows = matches!(self.last, Some((source, _)) if source == timestamp);
            if !(begins_pack || begins_unit(payload) || follows) {
                return;
            }
            self.open = Some(OpenFrame {
                bytes: self.spare.pop().unwrap_or_default(),
                packet: self.packet,
                source_timestamp: timestamp,
                begins_pack,
                sounds,
                marked: false,
            });
        }
        let Some(open) = &mut self.open else { return };
        if open.marked {
            // It was marked as the last one and was not.
            self.true_markers = 0;
        }
        open.marked = marker;
        open.bytes.extend_from_slice(payload);
        if open.bytes.len() > MAX_ACCESS_UNIT_BYTES {
            self.lost();
        } else if marker && self.true_markers >= CREDIBLE {
            self.close();
        }
    }

    fn judge_marker(&mut self) {
        let marked = self.open.as_ref().is_some_and(|open| open.marked);
        self.true_markers = if marked {
            (self.true_markers + 1).min(CREDIBLE)
        } else {
            0
        };
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let source = open.source_timestamp;
        let timestamp = match (frame_pts(&open.bytes), self.last) {
            (Some(pts), _) => {
                let timestamp = pts as u32;
                self.offset = timestamp.wrapping_sub(source);
                timestamp
            }
            (None, Some((same, timestamp))) if same == source => timestamp,
            (None, _) => source.wrapping_add(self.offset),
        };
        self.last = Some((source, timestamp));
        self.put(Taped::Frame(TapedFrame {
            bytes: open.bytes,
            packet: open.packet,
            timestamp,
            begins_pack: open.begins_pack,
            sounds: open.sounds,
        }));
    }

    fn put(&mut self, item: Taped) {
        if self.taped.len() >= MAX_WAITING {
            self.taped.clear();
            self.taped.push_back(Taped::Gap(self.packet));
        }
        self.taped.push_back(item);
    }
}

/// Whether a payload begins with a PES packet, a system header or a map.
fn begins_unit(payload: &[u8]) -> bool {
    matches!(payload, [0, 0, 1, 0xBB..=0xBD | 0xC0..=0xEF, ..])
}

/// The PTS of a frame: that of its video, else of what has one.
fn frame_pts(frame: &[u8]) -> Option<u64> {
    /// Units that are looked at.
    const MAX_UNITS: usize = 16;
    let mut rest = frame;
    let mut other = None;
    for _ in 0..MAX_UNITS {
        let &[0, 0, 1, code, ref head @ ..] = rest else {
            break;
        };
        let next = match code {
            0xBA => match head.first()? >> 6 {
                1 => 10 + usize::from(head.get(9)? & 7),
                _ => 8,
            },
            _ => {
                let length = usize::from(u16::from_be_bytes(*head.first_chunk::<2>()?));
                if let Some(pts) = ps::stamp_of_pes(code, head) {
                    if (0xE0..=0xEF).contains(&code) {
                        return Some(pts);
                    }
                    other = other.or(Some(pts));
                }
                2 + length
            }
        };
        match head.get(next..) {
            Some(behind) => rest = behind,
            None => break,
        }
    }
    other
}

#[cfg(test)]
mod tests;
