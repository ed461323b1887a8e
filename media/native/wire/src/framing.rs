//! RTP packets out of a TCP byte stream.
//!
//! Three framings are told apart once, on the first bytes of a connection: RFC 4571, the `$`
//! interleaved framing of RTSP (Q96), and either of them behind a stray CR or a private header
//! of 256 bytes (Q97). Some cameras overrun their own socket buffer and cut packets (Q98): when
//! a header cannot be true, the framer searches for the next one that carries the SSRC it knows.
//!
//! Frames that lie whole in the input are handed out from there, without a copy. Only a frame
//! that is cut by the end of the input is kept, so at most [`MAX_HELD_BYTES`] are held.
//!
//! Source: GB/T 28181-2016 annex C, RFC 4571 section 2, RFC 2326 section 10.12.

mod header;

use header::{Fit, probe};

/// Most bytes kept between two calls: two frames and the private header.
pub const MAX_HELD_BYTES: usize = 2 * (4 + 65_535) + PRIVATE_HEADER_BYTES;

/// Bytes of the private header that EHOME devices send first (Q97).
pub const PRIVATE_HEADER_BYTES: usize = 256;

/// Bytes searched for the known SSRC before the framer takes any SSRC again.
const FORGET_SSRC_AFTER_BYTES: u64 = 1 << 20;

/// How packets are set off from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FramingKind {
    /// Not enough bytes yet.
    #[default]
    Undecided,
    /// 16-bit length (RFC 4571).
    Rfc4571,
    /// `$`, channel, 16-bit length (RFC 2326 section 10.12).
    Interleaved,
}

impl FramingKind {
    /// Bytes before the RTP header.
    const fn prefix(self) -> usize {
        match self {
            Self::Interleaved => 4,
            Self::Undecided | Self::Rfc4571 => 2,
        }
    }
}

/// What a framer counts. All counters only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FramingStats {
    /// The framing found.
    pub kind: FramingKind,
    /// Frames handed out.
    pub frames: u64,
    /// Times that the next header was not where it should have been.
    pub resyncs: u64,
    /// Bytes dropped at the start (stray CR, private header) and while searching.
    pub skipped_bytes: u64,
}

/// Splits one TCP connection into RTP and RTCP packets.
#[derive(Debug, Clone, Default)]
pub struct TcpFramer {
    held: Vec<u8>,
    stats: FramingStats,
    /// SSRC that two frames agreed on, or that the owner named.
    ssrc: Option<u32>,
    candidate: Option<u32>,
    searching: bool,
    searched: u64,
}

/// What one look at contiguous bytes says.
enum Step {
    /// A packet lies at `start..end`; go on at `end`.
    Packet { start: usize, end: usize },
    /// These bytes are no packet.
    Skip(usize),
    /// Look again when so many bytes are there.
    Need(usize),
}

impl TcpFramer {
    /// A framer for a connection that has just been accepted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the SSRC that packets of this connection carry, so that a cut stream is found
    /// again from the first packet on.
    pub const fn expect_ssrc(&mut self, ssrc: u32) {
        self.ssrc = Some(ssrc);
    }

    /// Takes bytes as they came from the socket and calls `sink` with each whole packet,
    /// without its framing.
    pub fn feed(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8])) {
        let mut data = data;
        while !self.held.is_empty() && !data.is_empty() {
            data = self.complete_held(data, sink);
        }
        if self.held.is_empty() {
            let consumed = self.run(data, sink).0;
            self.held.extend_from_slice(&data[consumed..]);
        }
    }

    /// Counters since the connection began.
    #[must_use]
    pub const fn stats(&self) -> &FramingStats {
        &self.stats
    }

    /// Bytes held for the rest of a frame.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// Adds as few bytes as needed to what is held; returns the data that was not needed.
    fn complete_held<'a>(&mut self, data: &'a [u8], sink: &mut dyn FnMut(&[u8])) -> &'a [u8] {
        let mut held = std::mem::take(&mut self.held);
        let (consumed, need) = self.run(&held, sink);
        held.drain(..consumed);
        let missing = need.saturating_sub(held.len()).min(data.len());
        held.extend_from_slice(&data[..missing]);
        let (consumed, _) = self.run(&held, sink);
        held.drain(..consumed);
        self.held = held;
        &data[missing..]
    }

    /// Hands out what can be handed out; returns the bytes consumed, and how many bytes from
    /// there on are needed to go on.
    fn run(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) -> (usize, usize) {
        let mut position = 0;
        loop {
            let rest = &bytes[position..];
            match self.step(rest) {
                Step::Packet { start, end } => {
                    self.stats.frames += 1;
                    sink(&rest[start..end]);
                    position += end;
                }
                Step::Skip(count) => {
                    self.stats.skipped_bytes += count as u64;
                    position += count;
                }
                Step::Need(count) => return (position, count),
            }
        }
    }

    fn step(&mut self, bytes: &[u8]) -> Step {
        if self.stats.kind == FramingKind::Undecided {
            return self.decide(bytes);
        }
        if self.searching {
            return self.search(bytes);
        }
        let kind = self.stats.kind;
        match header::read(kind, bytes) {
            Fit::Need(count) => Step::Need(count),
            Fit::Yes(frame) if self.is_known(&frame) => {
                if bytes.len() < frame.end {
                    return Step::Need(frame.end);
                }
                self.learn(frame.ssrc);
                Step::Packet {
                    start: kind.prefix(),
                    end: frame.end,
                }
            }
            Fit::Yes(frame) => self.check_stranger(bytes, frame),
            Fit::No => self.start_search(),
        }
    }

    fn start_search(&mut self) -> Step {
        self.stats.resyncs += 1;
        self.searching = true;
        self.searched = 0;
        self.candidate = None;
        Step::Skip(1)
    }

    fn is_known(&self, frame: &header::Frame) -> bool {
        match (frame.ssrc, self.ssrc.or(self.candidate)) {
            (None, _) | (_, None) => true,
            (Some(found), Some(known)) => found == known,
        }
    }

    fn learn(&mut self, ssrc: Option<u32>) {
        if self.ssrc.is_none() && ssrc.is_some() {
            if self.candidate == ssrc {
                self.ssrc = ssrc;
            }
            self.candidate = ssrc;
        }
    }

    /// A good header with another SSRC: true when the next frame carries the same one.
    fn check_stranger(&mut self, bytes: &[u8], frame: header::Frame) -> Step {
        match header::read(self.stats.kind, bytes.get(frame.end..).unwrap_or(&[])) {
            Fit::Need(count) => Step::Need(frame.end + count),
            Fit::Yes(next) if next.ssrc.is_none() || next.ssrc == frame.ssrc => {
                self.ssrc = None;
                self.candidate = frame.ssrc;
                Step::Packet {
                    start: self.stats.kind.prefix(),
                    end: frame.end,
                }
            }
            Fit::Yes(next) if self.is_known(&next) => Step::Packet {
                start: self.stats.kind.prefix(),
                end: frame.end,
            },
            Fit::Yes(_) | Fit::No => self.start_search(),
        }
    }

    /// Looks for the next header with the known SSRC, or for two that agree with each other.
    fn search(&mut self, bytes: &[u8]) -> Step {
        let kind = self.stats.kind;
        for offset in 0..bytes.len() {
            let rest = &bytes[offset..];
            let found = match (header::read(kind, rest), self.ssrc) {
                (Fit::Need(count), _) => return self.searched(offset, count),
                (Fit::No, _) => false,
                (Fit::Yes(frame), Some(known)) => frame.ssrc == Some(known),
                (Fit::Yes(frame), None) if frame.ssrc.is_none() => false,
                (Fit::Yes(frame), None) => {
                    match header::read(kind, rest.get(frame.end..).unwrap_or(&[])) {
                        Fit::Need(count) => return self.searched(offset, frame.end + count),
                        Fit::Yes(next) => next.ssrc == frame.ssrc,
                        Fit::No => false,
                    }
                }
            };
            if found {
                self.searching = false;
                return self.searched(offset, 0);
            }
        }
        self.searched(bytes.len(), 1)
    }

    fn searched(&mut self, skipped: usize, need: usize) -> Step {
        self.searched += skipped as u64;
        if self.searched > FORGET_SSRC_AFTER_BYTES {
            self.ssrc = None;
        }
        match skipped {
            0 if self.searching => Step::Need(need),
            _ => Step::Skip(skipped),
        }
    }

    fn decide(&mut self, bytes: &[u8]) -> Step {
        match probe(bytes) {
            header::Probe::Need(count) => Step::Need(count),
            header::Probe::Found { kind, skip } => {
                self.stats.kind = kind;
                Step::Skip(skip)
            }
            header::Probe::Neither => {
                self.stats.kind = FramingKind::Rfc4571;
                self.start_search()
            }
        }
    }
}
