//! A multiplexer for transport streams.

use super::nals::TestPicture;
use super::ps::{crc32, pes, pes_unbounded};

pub const PMT: u16 = 0x100;
pub const VIDEO: u16 = 0x101;
pub const AUDIO: u16 = 0x102;

/// Keeps the counters of the PIDs.
#[derive(Debug, Clone)]
pub struct TsMuxer {
    /// stream_type and PID.
    pub entries: Vec<(u8, u16)>,
    counters: [u8; 8],
}

impl TsMuxer {
    pub fn new(entries: &[(u8, u16)]) -> Self {
        Self {
            entries: entries.to_vec(),
            counters: [0; 8],
        }
    }

    /// The packets of one unit: a section with its pointer, or a PES packet.
    pub fn unit(&mut self, pid: u16, unit: &[u8]) -> Vec<u8> {
        let mut packets = Vec::new();
        let mut rest = unit;
        let mut begins = true;
        while begins || !rest.is_empty() {
            let taken = rest.len().min(184);
            packets.extend(self.packet(pid, begins, &rest[..taken]));
            rest = &rest[taken..];
            begins = false;
        }
        packets
    }

    fn packet(&mut self, pid: u16, begins: bool, payload: &[u8]) -> Vec<u8> {
        let counter = &mut self.counters[usize::from(pid % 8)];
        let stuffing = 184 - payload.len();
        let flag = if begins { 0x40 } else { 0 };
        let mut bytes = vec![0x47, flag | (pid >> 8) as u8, pid as u8];
        let control = if stuffing > 0 { 0x30 } else { 0x10 };
        bytes.push(control | *counter);
        *counter = (*counter + 1) & 0x0F;
        if stuffing > 0 {
            bytes.push(stuffing as u8 - 1);
            if stuffing > 1 {
                bytes.push(0);
                bytes.extend(std::iter::repeat_n(0xFF, stuffing - 2));
            }
        }
        bytes.extend_from_slice(payload);
        assert_eq!(bytes.len(), 188);
        bytes
    }

    /// Both tables.
    pub fn tables(&mut self) -> Vec<u8> {
        let association = section(0, &[0, 1, 0xE0 | (PMT >> 8) as u8, PMT as u8]);
        let mut body = vec![0xE0 | (VIDEO >> 8) as u8, VIDEO as u8, 0xF0, 0];
        for &(kind, pid) in &self.entries {
            body.extend([kind, 0xE0 | (pid >> 8) as u8, pid as u8, 0xF0, 0]);
        }
        let map = section(2, &body);
        let mut bytes = self.unit(0, &association);
        bytes.extend(self.unit(PMT, &map));
        bytes
    }

    /// One picture; tables before key frames.
    pub fn picture(&mut self, picture: &TestPicture) -> Vec<u8> {
        let mut bytes = if picture.keyframe {
            self.tables()
        } else {
            Vec::new()
        };
        let unit = pes_unbounded(0xE0, Some(picture.pts), &picture.annexb);
        bytes.extend(self.unit(VIDEO, &unit));
        bytes
    }

    pub fn sound(&mut self, pts: u64, data: &[u8]) -> Vec<u8> {
        self.unit(AUDIO, &pes(0xC0, Some(pts), None, data))
    }
}

/// A section with its pointer field before it.
pub fn section(table: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len() + 9;
    let mut bytes = vec![
        table,
        0xB0 | (length >> 8) as u8,
        length as u8,
        0,
        1,
        0xC1,
        0,
        0,
    ];
    bytes.extend_from_slice(body);
    let crc = crc32(&bytes);
    bytes.extend(crc.to_be_bytes());
    bytes.insert(0, 0);
    bytes
}
