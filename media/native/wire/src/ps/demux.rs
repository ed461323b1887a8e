//! The state machine.

use super::header::{PesHead, parse_program_map, read_pes};
use super::search::Search;
use super::{FIRST_SYSTEM_CODE, MAX_HEAD_BYTES, PsSink, Reading, Stop};
use crate::nal::find_start_code;

const END: u8 = 0xB9;
const PACK: u8 = 0xBA;
const SYSTEM_HEADER: u8 = 0xBB;
const PROGRAM_MAP: u8 = 0xBC;
const PRIVATE_1: u8 = 0xBD;

/// What a demultiplexer counts. All counters only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PsStats {
    /// Pack headers.
    pub packs: u64,
    /// Searches for a start code that was not where it should have been.
    pub resyncs: u64,
    /// PES packets whose length was not true.
    pub length_errors: u64,
}

#[derive(Debug, Clone)]
enum State {
    /// Nothing is known: any system start code will do.
    Searching(Search),
    /// A unit has ended, so a start code should follow.
    Between(Between),
    /// The head of a unit is being collected until so many bytes are there.
    Head { code: u8, need: usize },
    /// Payload of video; none = up to the next start code.
    Video(Option<usize>),
    /// Payload of audio; none = up to the next start code.
    Audio(Option<usize>, Search),
    /// Bytes that nobody wants.
    Skipping(usize),
}

/// How much of a start code has been seen.
#[derive(Debug, Clone, Copy)]
struct Between {
    /// The unit before was video: what follows without a start code still belongs to it.
    video: bool,
    /// Zeros seen, at most 3.
    zeros: u8,
    /// The 01 as well.
    one: bool,
}

impl Between {
    const fn after(video: bool) -> State {
        State::Between(Self {
            video,
            zeros: 0,
            one: false,
        })
    }
}

/// Splits a program stream into PES payloads. Input may be cut anywhere.
#[derive(Debug, Clone)]
pub struct PsDemuxer {
    state: State,
    head: Vec<u8>,
    stats: PsStats,
}

impl Default for PsDemuxer {
    fn default() -> Self {
        Self::new()
    }
}

impl PsDemuxer {
    /// A demultiplexer that has seen nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: State::Searching(Search::new()),
            head: Vec::new(),
            stats: PsStats {
                packs: 0,
                resyncs: 0,
                length_errors: 0,
            },
        }
    }

    /// Takes the payload of the next RTP packet in order.
    ///
    /// A pack header at the very start of a payload ends whatever was being skipped: lengths of
    /// private data are not always true.
    pub fn push(&mut self, payload: &[u8], sink: &mut impl PsSink) {
        if starts_with_pack(payload) {
            self.abandon(sink);
        }
        self.run(payload, sink);
    }

    /// Packets were lost: what follows does not join what came before.
    ///
    /// With `keep_video` video goes on at once, damaged, up to the next start code.
    pub fn lost(&mut self, keep_video: bool, sink: &mut impl PsSink) {
        let video = matches!(
            self.state,
            State::Video(_) | State::Between(Between { video: true, .. })
        );
        if matches!(self.state, State::Audio(..)) {
            sink.audio_end(0);
        }
        self.state = if keep_video && video {
            State::Video(None)
        } else {
            State::Searching(Search::new())
        };
    }

    /// Bytes of memory kept for the head of a unit.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.head.capacity()
    }

    /// Whether the newest unit is whole and the next one has not begun.
    #[must_use]
    pub const fn is_between_units(&self) -> bool {
        matches!(self.state, State::Between(_))
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> &PsStats {
        &self.stats
    }

    fn run(&mut self, data: &[u8], sink: &mut impl PsSink) {
        let mut rest = data;
        while !rest.is_empty() {
            let used = match self.state {
                State::Searching(_) => self.search(rest),
                State::Between(seen) => self.between(seen, rest, sink),
                State::Head { code, need } => self.collect(code, need, rest, sink),
                State::Video(remaining) => self.video(remaining, rest, sink),
                State::Audio(remaining, _) => self.audio(remaining, rest, sink),
                State::Skipping(remaining) => self.skip(remaining, rest.len()),
            };
            rest = &rest[used..];
        }
    }

    fn abandon(&mut self, sink: &mut impl PsSink) {
        match self.state {
            State::Audio(..) => sink.audio_end(0),
            State::Head { .. } | State::Skipping(_) => {}
            // Video finds the code by itself, with what came before it.
            State::Video(_) | State::Searching(_) | State::Between(_) => return,
        }
        self.stats.length_errors += 1;
        self.state = State::Searching(Search::new());
    }

    fn begin(&mut self, code: u8) {
        self.head.clear();
        let need = match code {
            END => {
                self.state = Between::after(false);
                return;
            }
            PACK => 1,
            PROGRAM_MAP | SYSTEM_HEADER => 2,
            _ => 3,
        };
        self.state = State::Head { code, need };
    }

    fn resync(&mut self) {
        self.stats.resyncs += 1;
        self.state = State::Searching(Search::new());
    }

    fn search(&mut self, data: &[u8]) -> usize {
        let State::Searching(search) = &mut self.state else {
            return 0;
        };
        match search.find(data) {
            Some((code, next)) => {
                self.begin(code);
                next
            }
            None => data.len(),
        }
    }

    fn between(&mut self, mut seen: Between, data: &[u8], sink: &mut impl PsSink) -> usize {
        if let (0, false, &[0, 0, 1, code, ..]) = (seen.zeros, seen.one, data) {
            if code >= FIRST_SYSTEM_CODE {
                self.begin(code);
                return 4;
            }
        }
        for (position, &byte) in data.iter().enumerate() {
            match (byte, seen.one) {
                (FIRST_SYSTEM_CODE.., true) => {
                    self.begin(byte);
                    return position + 1;
                }
                (0, false) => seen.zeros = (seen.zeros + 1).min(3),
                (1, false) if seen.zeros >= 2 => seen.one = true,
                _ => {
                    self.no_start_code(seen, sink);
                    return position;
                }
            }
        }
        self.state = State::Between(seen);
        data.len()
    }

    /// The unit before was longer than it said, or something unknown follows (rules 3 and 12).
    fn no_start_code(&mut self, seen: Between, sink: &mut impl PsSink) {
        if !seen.video {
            self.resync();
            return;
        }
        self.stats.length_errors += 1;
        self.state = State::Video(None);
        let prefix = [0, 0, 0, 1];
        let zeros = 3 - usize::from(seen.zeros);
        let end = if seen.one { 4 } else { 3 };
        // Never a system code: it would have been taken as one.
        sink.video(&prefix[zeros..end]);
    }

    fn collect(&mut self, code: u8, need: usize, data: &[u8], sink: &mut impl PsSink) -> usize {
        let used = need.saturating_sub(self.head.len()).min(data.len());
        self.head.extend_from_slice(&data[..used]);
        if self.head.len() < need {
            return used;
        }
        match code {
            PACK => self.read_pack(sink),
            SYSTEM_HEADER => self.read_skipped(2),
            PROGRAM_MAP => self.read_program_map(sink),
            PRIVATE_1 | 0xC0..=0xEF => self.read_pes(code, sink),
            _ => self.read_skipped(2),
        }
        used
    }

    fn need(&mut self, code: u8, need: usize) {
        if need > MAX_HEAD_BYTES {
            self.resync();
        } else {
            self.state = State::Head { code, need };
        }
    }

    fn read_pack(&mut self, sink: &mut impl PsSink) {
        /// Bytes after the start code (ISO/IEC 13818-1 2.5.3.3).
        const MPEG2: usize = 10;
        /// Bytes after the start code (ISO/IEC 11172-1 2.4.3.2).
        const MPEG1: usize = 8;
        let first = self.head[0];
        let length = match first {
            _ if first >> 6 == 1 => MPEG2,
            _ if first >> 4 == 2 => MPEG1,
            _ => return self.resync(),
        };
        if self.head.len() < length {
            return self.need(PACK, length);
        }
        let stuffing = match length {
            // Stuffing may hold anything, a frame counter for example (Q82).
            MPEG2 => usize::from(self.head[MPEG2 - 1] & 7),
            _ => 0,
        };
        self.stats.packs += 1;
        sink.pack();
        self.skip_next(stuffing);
    }

    /// Passes over a unit by its length; `have` bytes of its head were the length field.
    fn read_skipped(&mut self, have: usize) {
        let length = usize::from(u16::from_be_bytes([self.head[0], self.head[1]]));
        let taken = self.head.len() - have;
        if length < taken {
            return self.resync();
        }
        self.skip_next(length - taken);
    }

    fn skip_next(&mut self, count: usize) {
        self.state = match count {
            0 => Between::after(false),
            _ => State::Skipping(count),
        };
    }

    fn skip(&mut self, remaining: usize, available: usize) -> usize {
        let used = remaining.min(available);
        self.skip_next(remaining - used);
        used
    }

    fn read_program_map(&mut self, sink: &mut impl PsSink) {
        let need = 2 + usize::from(u16::from_be_bytes([self.head[0], self.head[1]]));
        if self.head.len() < need {
            return self.need(PROGRAM_MAP, need);
        }
        self.state = Between::after(false);
        let head = std::mem::take(&mut self.head);
        let end = find_pes(&head).unwrap_or(head.len());
        let entries = parse_program_map(&head[..end]);
        if !entries.is_empty() {
            sink.program_map(&entries);
        }
        if end < head.len() {
            // The length reached into the packets that follow (Q89).
            self.stats.length_errors += 1;
            self.run(&head[end..], sink);
        } else {
            self.head = head;
        }
    }

    fn read_pes(&mut self, code: u8, sink: &mut impl PsSink) {
        match read_pes(code, &self.head) {
            PesHead::Need(need) => self.need(code, need),
            PesHead::Bad => self.resync(),
            PesHead::Done(header, _) => {
                let remaining = header.payload_bytes;
                let length_field = u16::from_be_bytes([self.head[0], self.head[1]]);
                if remaining.is_none() && length_field != 0 {
                    self.stats.length_errors += 1;
                }
                let reading = sink.pes(&header);
                self.state = match (reading, remaining) {
                    (Reading::Video, Some(0)) => Between::after(true),
                    (Reading::Video, _) => State::Video(remaining),
                    (Reading::Audio, Some(0)) => {
                        sink.audio_end(0);
                        Between::after(false)
                    }
                    (Reading::Audio, _) => State::Audio(remaining, Search::new()),
                    (Reading::Skip, Some(0)) => Between::after(false),
                    (Reading::Skip, Some(count)) => State::Skipping(count),
                    (Reading::Skip, None) => State::Searching(Search::new()),
                };
            }
        }
    }

    fn video(&mut self, remaining: Option<usize>, data: &[u8], sink: &mut impl PsSink) -> usize {
        let piece = &data[..remaining.unwrap_or(data.len()).min(data.len())];
        if let Some(Stop { code, resume }) = sink.video(piece) {
            self.stats.length_errors += u64::from(remaining.is_some());
            self.begin(code);
            return resume;
        }
        self.state = match remaining.map(|remaining| remaining - piece.len()) {
            Some(0) => Between::after(true),
            left => State::Video(left),
        };
        piece.len()
    }

    fn audio(&mut self, remaining: Option<usize>, data: &[u8], sink: &mut impl PsSink) -> usize {
        if let Some(remaining) = remaining {
            let used = remaining.min(data.len());
            sink.audio(&data[..used]);
            self.state = State::Audio(Some(remaining - used), Search::new());
            if used == remaining {
                sink.audio_end(0);
                self.state = Between::after(false);
            }
            return used;
        }
        let State::Audio(_, search) = &mut self.state else {
            return 0;
        };
        match search.find(data) {
            None => {
                sink.audio(data);
                data.len()
            }
            Some((code, next)) => {
                sink.audio(&data[..next]);
                sink.audio_end(4);
                self.begin(code);
                next
            }
        }
    }
}

/// Whether a payload begins with a pack header of either kind.
fn starts_with_pack(payload: &[u8]) -> bool {
    matches!(payload, &[0, 0, 1, PACK, first, ..] if first >> 6 == 1 || first >> 4 == 2)
}

/// Where in a program stream map something begins that can only be the next pack or PES packet.
fn find_pes(head: &[u8]) -> Option<usize> {
    let mut from = 2;
    while let Some(at) = find_start_code(head, from) {
        match head.get(at + 3..) {
            Some(&[PACK, first, ..]) if first >> 6 == 1 => return Some(at),
            Some(&[0xC0..=0xEF, _, _, flags, stamps, ..])
                if flags >> 6 == 2 && stamps & 0x3F == 0 =>
            {
                return Some(at);
            }
            _ => from = at + 3,
        }
    }
    None
}
