//! Datagrams: one pair of ports for all readers, and what waits for one of them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use tongshi_wire::pacer::Pacer;
use tongshi_wire::rtp_pack::FRAMING_BYTES;

use super::numbered::{TRACKS, VIDEO};
use crate::sys::{address, bind, socket, transmit};
use crate::unit::Unit;

/// Bytes that go to one reader at once: what an untuned receive buffer takes.
const BURST_BYTES: usize = 64 << 10;
/// And then in each millisecond: 64 Mbit/s.
const PEAK_BYTES_PER_MS: usize = 8 << 10;
/// Attempts to find a free pair of ports when the system chooses.
const PAIR_ATTEMPTS: usize = 50;
const SEND_BUFFER_BYTES: usize = 4 << 20;

/// RTP on the even port, RTCP on the one after it.
pub(crate) struct UdpPorts {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    local: SocketAddr,
    /// Number of the first.
    pub(crate) port: u16,
}

impl UdpPorts {
    /// `port` 0: any free pair.
    pub(crate) fn bind(
        host: IpAddr,
        port: u16,
        receive_buffer_bytes: usize,
    ) -> io::Result<UdpPorts> {
        let mut last = io::Error::from(ErrorKind::AddrInUse);
        for _ in 0..if port == 0 { PAIR_ATTEMPTS } else { 1 } {
            match UdpPorts::try_bind(host, port) {
                Ok(ports) => {
                    socket::set_receive_buffer(&ports.rtp, receive_buffer_bytes);
                    socket::enable_udp_gro(&ports.rtp);
                    return Ok(ports);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn try_bind(host: IpAddr, port: u16) -> io::Result<UdpPorts> {
        let rtp = bind::udp(SocketAddr::new(host, port), false)?;
        let local = rtp.local_addr()?;
        let port = local.port();
        if port % 2 != 0 || port == u16::MAX {
            return Err(ErrorKind::AddrInUse.into());
        }
        let rtcp = bind::udp(SocketAddr::new(host, port + 1), false)?;
        socket::set_send_buffer(&rtp, SEND_BUFFER_BYTES);
        Ok(UdpPorts {
            rtp,
            rtcp,
            local,
            port,
        })
    }

    /// Sends a report; one that the system refuses is lost, as on the network.
    pub(crate) fn send_control(&self, packet: &[u8], to: SocketAddr) {
        let _ = self
            .rtcp
            .send_to(packet, address::seen_from(self.local, to));
    }
}

/// Units that wait for one reader.
#[derive(Debug)]
pub(crate) struct Backlog {
    units: VecDeque<Arc<Unit>>,
    /// Where the first unit goes on: track and packet.
    track: usize,
    packet: usize,
    bytes: usize,
    pacer: Pacer,
    /// The path to the reader takes runs of datagrams.
    runs: bool,
}

impl Default for Backlog {
    fn default() -> Self {
        Backlog {
            units: VecDeque::new(),
            track: 0,
            packet: 0,
            bytes: 0,
            pacer: Pacer::new(BURST_BYTES, BURST_BYTES),
            runs: true,
        }
    }
}

fn size_bytes(unit: &Unit) -> usize {
    unit.numbered().map_or(0, |packets| {
        (0..TRACKS)
            .map(|track| packets.track(track).framed_bytes())
            .sum()
    })
}

impl Backlog {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push(&mut self, unit: &Arc<Unit>) {
        self.bytes += size_bytes(unit);
        self.units.push_back(Arc::clone(unit));
    }

    pub(crate) fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
        (self.track, self.packet) = (0, 0);
    }

    /// Forgets units that are not begun; how many.
    pub(crate) fn drop_waiting(&mut self) -> u64 {
        let begun = usize::from(self.track > 0 || self.packet > 0);
        let kept = begun.min(self.units.len());
        let dropped = self.units.len() - kept;
        self.units.truncate(kept);
        self.bytes = self.units.iter().map(|unit| size_bytes(unit)).sum();
        dropped as u64
    }

    /// When the next datagram may go.
    pub(crate) fn ready_at(&self) -> Option<u64> {
        (!self.units.is_empty()).then(|| self.pacer.ready_at(PEAK_BYTES_PER_MS))
    }

    /// Sends what may go now; the number of bytes. A full socket waits for the next call; a datagram that the
    /// system refuses is lost, as on the network.
    pub(crate) fn send(
        &mut self,
        ports: &UdpPorts,
        addresses: [Option<SocketAddr>; TRACKS],
        now_us: u64,
    ) -> usize {
        self.pacer
            .set_rate(1_000 * PEAK_BYTES_PER_MS as u64, now_us);
        let mut total = 0;
        while let Some(unit) = self.units.front().map(Arc::clone) {
            if self.track >= TRACKS {
                self.bytes = self.bytes.saturating_sub(size_bytes(&unit));
                self.units.pop_front();
                (self.track, self.packet) = (0, 0);
                continue;
            }
            let sent = match addresses[self.track] {
                Some(to) => self.send_track(&unit, ports, to, now_us),
                None => Some(0),
            };
            match sent {
                Some(0) => (self.track, self.packet) = (self.track + 1, 0),
                Some(bytes) => total += bytes,
                None => break,
            }
        }
        total
    }

    /// Sends the next packets of one track. `Some(0)`: there are none; `None`: not now.
    fn send_track(
        &mut self,
        unit: &Unit,
        ports: &UdpPorts,
        to: SocketAddr,
        now_us: u64,
    ) -> Option<usize> {
        let packets = unit.numbered()?.track(self.track);
        let picture = unit.picture.as_ref().filter(|_| self.track == VIDEO);
        let nals = picture.map_or(&[][..], |picture| &picture.nals);
        let allowance = self.pacer.allowance(now_us);
        let mut datagrams = [[IoSlice::new(&[]); 2]; transmit::BATCH];
        let (mut count, mut bytes) = (0, 0);
        for (slot, (head, body)) in datagrams
            .iter_mut()
            .zip(packets.iter(nals).skip(self.packet))
        {
            let head = head.get(FRAMING_BYTES..).unwrap_or_default();
            if bytes + head.len() + body.len() > allowance {
                break;
            }
            *slot = [IoSlice::new(head), IoSlice::new(body)];
            bytes += head.len() + body.len();
            count += 1;
        }
        if count == 0 {
            return (self.packet >= packets.len()).then_some(0);
        }
        let outcome = transmit::send(
            &ports.rtp,
            Some(address::seen_from(ports.local, to)),
            &datagrams[..count],
            &mut self.runs,
        );
        let sent = match outcome {
            Ok(0) => return None,
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(_) => count,
        };
        self.packet += sent;
        let bytes = datagrams[..sent]
            .iter()
            .flatten()
            .map(|slice| slice.len())
            .sum();
        self.pacer.spend(bytes);
        Some(bytes)
    }
}
