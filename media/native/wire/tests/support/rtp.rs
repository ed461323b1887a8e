//! RTP packets.

/// SSRC of test streams, from `y=0200000001`.
pub const SSRC: u32 = 200_000_001;

pub fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
    typed(96, sequence, timestamp, marker, payload)
}

pub fn typed(kind: u8, sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, kind | u8::from(marker) << 7];
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&timestamp.to_be_bytes());
    bytes.extend_from_slice(&SSRC.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Sends frames one after the other.
#[derive(Debug, Clone)]
pub struct Sender {
    pub sequence: u16,
    pub mtu: usize,
    pub packets: Vec<Vec<u8>>,
}

impl Sender {
    pub fn new(mtu: usize) -> Self {
        Self {
            sequence: 1,
            mtu,
            packets: Vec::new(),
        }
    }

    /// Cuts one frame into packets of one timestamp, marker on the last.
    pub fn send(&mut self, timestamp: u64, frame: &[u8]) {
        let count = frame.len().div_ceil(self.mtu);
        for (index, piece) in frame.chunks(self.mtu).enumerate() {
            let marker = index + 1 == count;
            self.packets
                .push(packet(self.sequence, timestamp as u32, marker, piece));
            self.sequence = self.sequence.wrapping_add(1);
        }
    }
}

/// Puts a packet into an RFC 4571 frame.
pub fn framed(packet: &[u8]) -> Vec<u8> {
    let mut bytes = (packet.len() as u16).to_be_bytes().to_vec();
    bytes.extend_from_slice(packet);
    bytes
}

/// Puts a packet into a `$` frame.
pub fn interleaved(packet: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b'$', 0];
    bytes.extend(framed(packet));
    bytes
}
