//! One elementary stream: its counter, and its PES packets.

use super::TsSink;
use super::packet::TsPacket;
use crate::ps::{MAX_HEAD_BYTES, PesHead, Reading, read_pes};

/// Packets in a row with a wrong counter after which the counter is not looked at any more: some
/// senders never count.
const MAX_WRONG: u8 = 4;
/// Longest payload of a packet.
const PAYLOAD: usize = 184;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for the next PES packet.
    Idle,
    /// The head is being collected until so many bytes behind the start code are there.
    Head(usize),
    /// Payload; of audio, so many bytes are left where a length says so.
    Body(Reading, Option<usize>),
}

/// What a counter says of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Next,
    Repeated,
    Gap,
}

/// One PID that carries PES packets.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) pid: u16,
    state: State,
    head: Vec<u8>,
    counter: Option<u8>,
    wrong: u8,
    /// The newest payload, to tell a repeated packet from a counter that stands still.
    newest: [u8; PAYLOAD],
    newest_bytes: usize,
}

impl Stream {
    pub(super) const fn new(pid: u16) -> Self {
        Self {
            pid,
            state: State::Idle,
            head: Vec::new(),
            counter: None,
            wrong: 0,
            newest: [0; PAYLOAD],
            newest_bytes: 0,
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.head.capacity()
    }

    /// Packets before the next one are missing, and the sink knows it.
    pub(super) fn lost(&mut self, sink: &mut impl TsSink) {
        if let State::Body(Reading::Audio, _) = self.state {
            sink.audio_end();
        }
        self.state = State::Idle;
        self.counter = None;
    }

    /// Takes one packet with payload.
    pub(super) fn receive(&mut self, packet: &TsPacket<'_>, sink: &mut impl TsSink) -> Order {
        let order = self.judge(packet);
        match order {
            Order::Repeated => return order,
            Order::Gap => {
                let reading = match self.state {
                    State::Body(reading, _) => reading,
                    State::Head(_) | State::Idle => Reading::Skip,
                };
                self.lost(sink);
                sink.lost(reading);
            }
            Order::Next => {}
        }
        self.counter = Some(packet.continuity);
        self.keep(packet.payload);
        if packet.begins_unit {
            self.end(sink);
            self.begin(packet.payload, sink);
        } else {
            self.go_on(packet.payload, sink);
        }
        order
    }

    /// The PES packet is over: another one begins, or the stream ends.
    pub(super) fn end(&mut self, sink: &mut impl TsSink) {
        if let State::Body(Reading::Audio, _) = self.state {
            sink.audio_end();
        }
        self.state = State::Idle;
    }

    fn judge(&mut self, packet: &TsPacket<'_>) -> Order {
        let Some(counter) = self.counter else {
            return Order::Next;
        };
        if packet.continuity == (counter + 1) & 0x0F {
            self.wrong = 0;
            return Order::Next;
        }
        if packet.is_discontinuous || self.wrong >= MAX_WRONG {
            return Order::Next;
        }
        if packet.continuity == counter
            && self.newest.get(..self.newest_bytes) == Some(packet.payload)
        {
            return Order::Repeated;
        }
        self.wrong += 1;
        Order::Gap
    }

    fn keep(&mut self, payload: &[u8]) {
        if let Some(place) = self.newest.get_mut(..payload.len()) {
            place.copy_from_slice(payload);
            self.newest_bytes = payload.len();
        }
    }

    fn begin(&mut self, payload: &[u8], sink: &mut impl TsSink) {
        self.head.clear();
        self.head.extend_from_slice(payload);
        self.read_head(sink);
    }

    fn go_on(&mut self, payload: &[u8], sink: &mut impl TsSink) {
        match self.state {
            State::Idle => {}
            State::Head(_) => {
                self.head.extend_from_slice(payload);
                self.read_head(sink);
            }
            State::Body(reading, left) => self.read_body(reading, left, payload, sink),
        }
    }

    /// Reads the head when enough of it is there, and what follows it.
    fn read_head(&mut self, sink: &mut impl TsSink) {
        self.state = State::Idle;
        let head = std::mem::take(&mut self.head);
        match head.as_slice() {
            [0, 0, 1, id @ (0xBD | 0xC0..=0xEF | 0xFD), after @ ..] => match read_pes(*id, after) {
                PesHead::Need(need) if need <= MAX_HEAD_BYTES => self.state = State::Head(need),
                PesHead::Need(_) | PesHead::Bad => {}
                PesHead::Done(header, end) => {
                    let reading = sink.pes(self.pid, &header);
                    let left = match reading {
                        // The length of video is not trusted: the next unit ends it.
                        Reading::Video | Reading::Skip => None,
                        Reading::Audio => header.payload_bytes,
                    };
                    self.state = State::Body(reading, left);
                    let payload = after.get(end..).unwrap_or_default();
                    self.read_body(reading, left, payload, sink);
                }
            },
            // A start code may come in pieces; anything else is no PES packet.
            [] | [0] | [0, 0] | [0, 0, 1] => self.state = State::Head(4),
            _ => {}
        }
        self.head = head;
    }

    fn read_body(
        &mut self,
        reading: Reading,
        left: Option<usize>,
        payload: &[u8],
        sink: &mut impl TsSink,
    ) {
        match reading {
            Reading::Skip => {}
            Reading::Video => sink.video(payload),
            Reading::Audio => {
                let taken = left.unwrap_or(payload.len()).min(payload.len());
                sink.audio(&payload[..taken]);
                let left = left.map(|left| left - taken);
                self.state = State::Body(reading, left);
                if left == Some(0) {
                    self.end(sink);
                }
            }
        }
    }
}
