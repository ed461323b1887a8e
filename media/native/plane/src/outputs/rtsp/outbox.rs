//! What waits for one TCP connection: answers, and packets of the stream. Only packets are ever left out.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

use super::numbered::AUDIO;
use crate::unit::Unit;

/// Pieces given to one write: two for each packet.
const VECTOR: usize = 128;

#[derive(Debug)]
enum Piece {
    /// An answer, or a report.
    Message(Vec<u8>),
    /// Packets on channels of the reader's own choice.
    Packets(Vec<u8>),
    /// Packets of one track as all readers get them.
    Shared(Arc<Unit>, usize),
}

impl Piece {
    fn size_bytes(&self) -> usize {
        match self {
            Piece::Message(bytes) | Piece::Packets(bytes) => bytes.len(),
            Piece::Shared(unit, track) => unit
                .numbered()
                .map_or(0, |packets| packets.track(*track).framed_bytes()),
        }
    }

    /// Calls `take` with the bytes in their order until it says that it has enough.
    fn for_each<'a>(&'a self, mut take: impl FnMut(&'a [u8]) -> bool) -> bool {
        let (unit, track) = match self {
            Piece::Message(bytes) | Piece::Packets(bytes) => return take(bytes),
            Piece::Shared(unit, track) => (unit, *track),
        };
        let Some(packets) = unit.numbered() else {
            return true;
        };
        let picture = unit.picture.as_ref().filter(|_| track != AUDIO);
        let nals = picture.map_or(&[][..], |picture| &picture.nals);
        packets
            .track(track)
            .iter(nals)
            .all(|(head, body)| take(head) && (body.is_empty() || take(body)))
    }
}

/// The queue of one connection.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Piece>,
    /// Bytes of the first piece that are written.
    written: usize,
    queued_bytes: usize,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    pub(crate) fn push_message(&mut self, bytes: Vec<u8>) {
        self.push(Piece::Message(bytes));
    }

    /// The packets of one track of a unit that is numbered.
    pub(crate) fn push_packets(&mut self, unit: &Arc<Unit>, track: usize, channel: u8) {
        let Some(packets) = unit.numbered().map(|packets| packets.track(track)) else {
            return;
        };
        if packets.is_empty() {
            return;
        }
        if usize::from(channel) == 2 * track {
            self.push(Piece::Shared(Arc::clone(unit), track));
            return;
        }
        let picture = unit.picture.as_ref().filter(|_| track != AUDIO);
        let nals = picture.map_or(&[][..], |picture| &picture.nals);
        self.push(Piece::Packets(packets.framed_for(channel, nals)));
    }

    fn push(&mut self, piece: Piece) {
        self.queued_bytes += piece.size_bytes();
        self.pieces.push_back(piece);
    }

    /// Forgets packets that are not begun.
    pub(crate) fn drop_packets(&mut self) {
        let begun = usize::from(self.written > 0);
        let mut index = 0;
        let queued_bytes = &mut self.queued_bytes;
        self.pieces.retain(|piece| {
            let stays = index < begun || matches!(piece, Piece::Message(_));
            if !stays {
                *queued_bytes -= piece.size_bytes();
            }
            index += 1;
            stays
        });
    }

    /// Writes what the socket takes; the number of bytes it took.
    pub(crate) fn write_to(&mut self, socket: &mut impl Write) -> io::Result<usize> {
        let mut total = 0;
        while !self.pieces.is_empty() {
            match self.write_some(socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    total += written;
                    self.consume(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }

    fn write_some(&self, socket: &mut impl Write) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); VECTOR];
        let (mut count, mut skip) = (0, self.written);
        for piece in &self.pieces {
            let goes_on = piece.for_each(|bytes| {
                if skip >= bytes.len() {
                    skip -= bytes.len();
                } else if let Some(slice) = slices.get_mut(count) {
                    *slice = IoSlice::new(&bytes[skip..]);
                    count += 1;
                    skip = 0;
                }
                count < VECTOR
            });
            if !goes_on {
                break;
            }
        }
        socket.write_vectored(&slices[..count])
    }

    fn consume(&mut self, mut written: usize) {
        self.queued_bytes -= written;
        while let Some(first) = self.pieces.front() {
            let left = first.size_bytes() - self.written;
            if written < left {
                self.written += written;
                return;
            }
            written -= left;
            self.written = 0;
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::RandomState;

    use super::super::numbered::{StreamNumbers, VIDEO};
    use super::*;
    use crate::testing::coded_unit;

    /// Takes so many bytes, then would block.
    struct Narrow(Vec<u8>, usize);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1 == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let taken = bytes.len().min(self.1);
            self.0.extend_from_slice(&bytes[..taken]);
            self.1 -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn numbered_units() -> Vec<Arc<Unit>> {
        let mut numbers = StreamNumbers::new(1, &RandomState::new());
        let units: Vec<Arc<Unit>> = (1..4).map(|n| coded_unit(n, n == 1, 5_000)).collect();
        for unit in &units {
            numbers.number(unit);
        }
        units
    }

    fn framed(units: &[Arc<Unit>], channel: u8) -> Vec<u8> {
        let pieces = units.iter().map(|unit| {
            let nals = &unit.picture.as_ref().unwrap().nals;
            unit.numbered()
                .unwrap()
                .track(VIDEO)
                .framed_for(channel, nals)
        });
        pieces.collect::<Vec<_>>().concat()
    }

    #[test]
    fn any_cut_of_the_writes_gives_the_same_bytes() {
        let units = numbered_units();
        for (channel, step) in [(0, 1), (0, 1_413), (4, 999), (0, usize::MAX)] {
            let mut outbox = Outbox::default();
            outbox.push_message(b"RTSP/1.0 200 OK\r\n\r\n".to_vec());
            for unit in &units {
                outbox.push_packets(unit, VIDEO, channel);
            }
            let queued = outbox.queued_bytes();
            let mut socket = Narrow(Vec::new(), 0);
            while !outbox.is_empty() {
                socket.1 = step;
                outbox.write_to(&mut socket).unwrap();
            }
            assert_eq!(socket.0.len(), queued);
            assert_eq!(socket.0[19..], framed(&units, channel));
            assert_eq!(outbox.queued_bytes(), 0);
        }
    }

    #[test]
    fn what_is_begun_and_what_is_no_packet_is_kept() {
        let units = numbered_units();
        let mut outbox = Outbox::default();
        for unit in &units {
            outbox.push_packets(unit, VIDEO, 0);
        }
        outbox.push_message(b"answer".to_vec());
        let mut socket = Narrow(Vec::new(), 10);
        outbox.write_to(&mut socket).unwrap();
        outbox.drop_packets();
        socket.1 = usize::MAX;
        outbox.write_to(&mut socket).unwrap();
        let mut expected = framed(&units[..1], 0);
        expected.extend_from_slice(b"answer");
        assert_eq!(socket.0, expected);
    }
}
