//! A multiplexer for program streams that can do what cameras do wrong.

use super::nals::TestPicture;

pub const H264: u8 = 0x1B;
pub const H265: u8 = 0x24;
pub const G711A: u8 = 0x90;
pub const G711U: u8 = 0x91;
pub const AAC: u8 = 0x0F;

/// Largest PES payload of a sender.
pub const PES_LIMIT: usize = 65_400;

pub fn pack_header(scr: u64) -> Vec<u8> {
    pack_header_stuffed(scr, &[])
}

pub fn pack_header_stuffed(scr: u64, stuffing: &[u8]) -> Vec<u8> {
    let bits = 1u64 << 46
        | (scr >> 30 & 7) << 43
        | 1 << 42
        | (scr >> 15 & 0x7FFF) << 27
        | 1 << 26
        | (scr & 0x7FFF) << 11
        | 1 << 10
        | 1;
    let mut bytes = vec![0, 0, 1, 0xBA];
    bytes.extend_from_slice(&bits.to_be_bytes()[2..]);
    bytes.extend_from_slice(&[0x00, 0x7F, 0xFF, 0xF8 | stuffing.len() as u8]);
    bytes.extend_from_slice(stuffing);
    bytes
}

pub fn mpeg1_pack_header() -> Vec<u8> {
    vec![0, 0, 1, 0xBA, 0x21, 0, 0x37, 0x77, 0x41, 0x80, 0x13, 0x89]
}

pub fn system_header() -> Vec<u8> {
    let mut bytes = vec![0, 0, 1, 0xBB, 0, 0x0C, 0x80, 0x3F, 0xFF, 0x04, 0xE1, 0x7F];
    bytes.extend_from_slice(&[0xE0, 0xE1, 0x90, 0xC0, 0xC0, 0x20]);
    bytes
}

pub fn program_map(entries: &[(u8, u8)]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 1, 0xBC];
    bytes.extend_from_slice(&(10 + 4 * entries.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&[0xE0, 0xFF, 0, 0]);
    bytes.extend_from_slice(&(4 * entries.len() as u16).to_be_bytes());
    for &(kind, id) in entries {
        bytes.extend_from_slice(&[kind, id, 0, 0]);
    }
    let crc = crc32(&bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes
}

/// MPEG CRC: polynomial 04C11DB7, start FFFFFFFF, no reflection.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte) << 24;
        for _ in 0..8 {
            crc = crc << 1 ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 };
        }
    }
    crc
}

fn stamp(prefix: u8, value: u64) -> [u8; 5] {
    [
        prefix << 4 | (value >> 30 << 1) as u8 & 0x0E | 1,
        (value >> 22) as u8,
        (value >> 15 << 1) as u8 | 1,
        (value >> 7) as u8,
        (value << 1) as u8 | 1,
    ]
}

pub fn pes(id: u8, pts: Option<u64>, dts: Option<u64>, payload: &[u8]) -> Vec<u8> {
    let mut fields = Vec::new();
    let flags = match (pts, dts) {
        (Some(pts), Some(dts)) => {
            fields.extend_from_slice(&stamp(3, pts));
            fields.extend_from_slice(&stamp(1, dts));
            0xC0
        }
        (Some(pts), None) => {
            fields.extend_from_slice(&stamp(2, pts));
            0x80
        }
        _ => 0,
    };
    let length = 3 + fields.len() + payload.len();
    assert!(length <= 65_535, "PES packet of {length} bytes");
    let mut bytes = vec![0, 0, 1, id];
    bytes.extend_from_slice(&(length as u16).to_be_bytes());
    bytes.extend_from_slice(&[0x84, flags, fields.len() as u8]);
    bytes.extend_from_slice(&fields);
    bytes.extend_from_slice(payload);
    bytes
}

/// The same with length 0.
pub fn pes_unbounded(id: u8, pts: Option<u64>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = pes(id, pts, None, &[]);
    bytes[4] = 0;
    bytes[5] = 0;
    bytes.extend_from_slice(payload);
    bytes
}

/// Overwrites the length of a PES packet.
pub fn with_length(mut pes: Vec<u8>, length: u16) -> Vec<u8> {
    pes[4..6].copy_from_slice(&length.to_be_bytes());
    pes
}

/// How one camera writes its packs.
#[derive(Debug, Clone, Copy)]
pub struct Muxer {
    /// stream_type of the video in the map; none = no map at all.
    pub map: Option<u8>,
    pub audio_type: Option<u8>,
}

impl Default for Muxer {
    fn default() -> Self {
        Self {
            map: Some(H264),
            audio_type: None,
        }
    }
}

impl Muxer {
    /// The pack of one picture.
    pub fn pack(&self, picture: &TestPicture) -> Vec<u8> {
        let mut bytes = pack_header(picture.pts);
        if picture.keyframe {
            bytes.extend(self.key_headers());
        }
        for (index, piece) in picture.annexb.chunks(PES_LIMIT).enumerate() {
            let pts = (index == 0).then_some(picture.pts);
            bytes.extend(pes(0xE0, pts, None, piece));
        }
        bytes
    }

    pub fn key_headers(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(kind) = self.map {
            bytes.extend(system_header());
            let mut entries = vec![(kind, 0xE0)];
            entries.extend(self.audio_type.map(|kind| (kind, 0xC0)));
            bytes.extend(program_map(&entries));
        }
        bytes
    }
}
