//! Packets out of payloads, and what each PID is.

use super::packet::parse_packet;
use super::psi::{Section, parse_program_association, parse_program_map};
use super::stream::{Order, Stream};
use super::{MAX_STREAMS, PACKET_BYTES, SYNC, TsEntry, TsSink, find_packets};

/// PID of the program association table.
const ASSOCIATION: u16 = 0;
/// PID of packets that fill the stream.
const NULL: u16 = 0x1FFF;
/// Packets that show where packets begin, after the place was lost.
const SURE_PACKETS: usize = 2;

/// What a demultiplexer counts. All counters only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TsStats {
    /// Packets with a sync byte.
    pub packets: u64,
    /// Times that the place where packets begin was lost.
    pub resyncs: u64,
    /// Packets whose counter said that others are missing before them.
    pub gaps: u64,
    /// Packets that are damaged, scrambled, or whose head makes no sense.
    pub unusable: u64,
    /// Program map tables that differed from the one before.
    pub maps: u64,
}

/// Splits a transport stream into PES payloads. Input may be cut anywhere.
#[derive(Debug, Clone, Default)]
pub struct TsDemuxer {
    /// The beginning of a packet that goes on in the next input.
    carry: Vec<u8>,
    association: Section,
    map: Section,
    map_pid: Option<u16>,
    /// PIDs that the map lists; empty before the first map.
    listed: Vec<TsEntry>,
    streams: Vec<Stream>,
    stats: TsStats,
}

impl TsDemuxer {
    /// A demultiplexer that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the payload of the next RTP packet in order.
    pub fn push(&mut self, payload: &[u8], sink: &mut impl TsSink) {
        let mut rest = payload;
        if !self.carry.is_empty() {
            let missing = PACKET_BYTES - self.carry.len();
            let goes_on = rest.get(missing).is_none_or(|&byte| byte == SYNC);
            // A payload that begins with packets leaves half a one before it behind.
            if goes_on || find_packets(rest, SURE_PACKETS) != Some(0) {
                rest = self.complete(missing, rest, sink);
                if !self.carry.is_empty() {
                    return;
                }
            } else {
                self.stats.resyncs += 1;
            }
            self.carry.clear();
        }
        self.run(rest, sink);
    }

    /// Adds to the packet that was begun, and reads it when it is whole; returns what is left.
    fn complete<'a>(&mut self, missing: usize, data: &'a [u8], sink: &mut impl TsSink) -> &'a [u8] {
        let (taken, rest) = data.split_at(missing.min(data.len()));
        self.carry.extend_from_slice(taken);
        if self.carry.len() == PACKET_BYTES {
            let mut carried = std::mem::take(&mut self.carry);
            self.packet(&carried, sink);
            carried.clear();
            self.carry = carried;
        }
        rest
    }

    /// Packets were lost: what follows does not join what came before.
    pub fn lost(&mut self, sink: &mut impl TsSink) {
        self.carry.clear();
        self.association.lost();
        self.map.lost();
        for stream in &mut self.streams {
            stream.lost(sink);
        }
    }

    /// The stream is over.
    pub fn flush(&mut self, sink: &mut impl TsSink) {
        for stream in &mut self.streams {
            stream.end(sink);
        }
    }

    /// Bytes of memory kept in buffers.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let heads: usize = self.streams.iter().map(Stream::held_bytes).sum();
        heads
            + self.streams.capacity() * size_of::<Stream>()
            + self.carry.capacity()
            + self.association.held_bytes()
            + self.map.held_bytes()
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> &TsStats {
        &self.stats
    }

    fn run(&mut self, data: &[u8], sink: &mut impl TsSink) {
        let mut rest = data;
        while let Some(&first) = rest.first() {
            if first != SYNC {
                self.stats.resyncs += 1;
                let Some(at) = find_packets(rest, SURE_PACKETS) else {
                    return;
                };
                rest = &rest[at..];
            }
            let Some((packet, after)) = rest.split_at_checked(PACKET_BYTES) else {
                self.carry.extend_from_slice(rest);
                return;
            };
            self.packet(packet, sink);
            rest = after;
        }
    }

    fn packet(&mut self, bytes: &[u8], sink: &mut impl TsSink) {
        let Ok(packet) = parse_packet(bytes) else {
            self.stats.unusable += 1;
            return;
        };
        self.stats.packets += 1;
        if packet.is_damaged || packet.is_scrambled {
            self.stats.unusable += 1;
            return;
        }
        if packet.payload.is_empty() || packet.pid == NULL {
            return;
        }
        if packet.pid == ASSOCIATION {
            let section = self.association.receive(packet.begins_unit, packet.payload);
            if let Some(pid) = section.and_then(parse_program_association) {
                self.map_pid = Some(pid);
            }
            return;
        }
        if self.is_map(packet.pid, packet.begins_unit, packet.payload) {
            self.read_map(packet.begins_unit, packet.payload, sink);
            return;
        }
        let Some(stream) = self.stream(packet.pid, packet.begins_unit) else {
            return;
        };
        let gap = stream.receive(&packet, sink) == Order::Gap;
        self.stats.gaps += u64::from(gap);
    }

    /// A map is known by the association table, or by its looks while that has not come.
    fn is_map(&mut self, pid: u16, begins_unit: bool, payload: &[u8]) -> bool {
        if self.map_pid.is_none()
            && begins_unit
            && let &[0, 0x02, high, _, ..] = payload
            && high >> 4 == 0x0B
        {
            self.map_pid = Some(pid);
        }
        self.map_pid == Some(pid)
    }

    fn read_map(&mut self, begins_unit: bool, payload: &[u8], sink: &mut impl TsSink) {
        let section = self.map.receive(begins_unit, payload);
        let Some(entries) = section.and_then(parse_program_map) else {
            return;
        };
        if entries.is_empty() {
            return;
        }
        self.stats.maps += 1;
        self.streams.retain_mut(|stream| {
            let stays = entries.iter().any(|entry| entry.pid == stream.pid);
            if !stays {
                stream.end(sink);
            }
            stays
        });
        sink.program_map(&entries);
        self.listed = entries;
    }

    /// The stream of a PID. Before the first map any PID that begins a unit is tried.
    fn stream(&mut self, pid: u16, begins_unit: bool) -> Option<&mut Stream> {
        if let Some(index) = self.streams.iter().position(|stream| stream.pid == pid) {
            return self.streams.get_mut(index);
        }
        let is_listed = self.listed.iter().any(|entry| entry.pid == pid);
        if !begins_unit
            || self.streams.len() >= MAX_STREAMS
            || !(is_listed || self.listed.is_empty())
        {
            return None;
        }
        self.streams.push(Stream::new(pid));
        self.streams.last_mut()
    }
}
