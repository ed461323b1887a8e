//! Datagrams that one worker read for a session of another. Two buffers change places, so that nothing is
//! allocated for a packet once they have grown.

use std::net::SocketAddr;
use std::sync::Mutex;

use crate::sync::lock;

/// What may wait for a worker; beyond it packets are dropped and counted, as a full socket drops them.
const CAPACITY_BYTES: usize = 8 << 20;

/// Packets in one piece of memory.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    bytes: Vec<u8>,
    packets: Vec<(SocketAddr, usize)>,
}

impl Parcel {
    /// The packets in the order in which they came.
    pub(crate) fn packets(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let mut rest = &self.bytes[..];
        self.packets.iter().map(move |&(source, length)| {
            let (packet, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            (source, packet)
        })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
    }
}

#[derive(Debug, Default)]
struct Waiting {
    parcel: Parcel,
    handed: u64,
    dropped: u64,
}

/// What waits for one worker.
#[derive(Debug, Default)]
pub(crate) struct HandOver(Mutex<Waiting>);

impl HandOver {
    pub(crate) fn push(&self, source: SocketAddr, packet: &[u8]) {
        let mut waiting = lock(&self.0);
        if waiting.parcel.bytes.len() + packet.len() > CAPACITY_BYTES {
            waiting.dropped += 1;
            return;
        }
        waiting.handed += 1;
        waiting.parcel.bytes.extend_from_slice(packet);
        waiting.parcel.packets.push((source, packet.len()));
    }

    /// Gives an empty parcel for the full one.
    pub(crate) fn take(&self, parcel: &mut Parcel) {
        parcel.clear();
        let mut waiting = lock(&self.0);
        std::mem::swap(&mut waiting.parcel, parcel);
    }

    /// Packets handed over and dropped so far.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let waiting = lock(&self.0);
        (waiting.handed, waiting.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_keep_their_order_bounds_and_source() {
        let handover = HandOver::default();
        let from = |port: u16| SocketAddr::from(([192, 0, 2, 1], port));
        handover.push(from(1), b"one");
        handover.push(from(2), b"");
        handover.push(from(3), b"three");
        let mut parcel = Parcel::default();
        handover.take(&mut parcel);
        let packets: Vec<(u16, &[u8])> = parcel
            .packets()
            .map(|(source, packet)| (source.port(), packet))
            .collect();
        assert_eq!(packets, [(1, &b"one"[..]), (2, b""), (3, b"three")]);
        handover.take(&mut parcel);
        assert_eq!(parcel.packets().count(), 0);
    }

    #[test]
    fn a_worker_that_does_not_take_costs_no_memory_beyond_the_bound() {
        let handover = HandOver::default();
        let packet = [0; 1 << 16];
        for _ in 0..1_000 {
            handover.push(SocketAddr::from(([192, 0, 2, 1], 1)), &packet);
        }
        assert_eq!(handover.counts(), (128, 872));
    }
}
