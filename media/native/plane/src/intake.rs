//! The sockets of one reception: a datagram port with its RTCP port, or a listener with one connection.

use std::io::{ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{SystemTime, UNIX_EPOCH};

use tongshi_wire::framing::{FramingStats, TcpFramer};

use crate::error::PlaneError;
use crate::facts::FactKind;
use crate::receiver::Receiver;
use crate::rtcp;
use crate::sys::epoll::{Interest, Poller};
use crate::sys::receive::{BATCH, ReceiveBatch};
use crate::sys::socket;

/// One read of a TCP connection.
pub(crate) const READ_BYTES: usize = 256 << 10;
/// Reads, or batches of datagrams, before another session has its turn.
const TURNS: usize = 8;
/// Time between receiver reports.
const REPORT_US: u64 = 5_000_000;
/// The first one comes earlier, so that the sender soon knows that it is heard.
const FIRST_REPORT_US: u64 = 1_000_000;
/// Attempts to find a free pair of ports when the system chooses.
const PAIR_ATTEMPTS: usize = 20;

/// Which descriptor of an intake is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Rtp,
    Rtcp,
    Listener,
    Connection,
}

impl Door {
    pub(crate) const ALL: [Door; 4] = [Door::Rtp, Door::Rtcp, Door::Listener, Door::Connection];
}

pub(crate) struct UdpIntake {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    own_ssrc: u32,
    /// Where sender reports come from.
    reporter: Option<SocketAddr>,
    report_at_us: u64,
    reported_packets: u64,
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    framer: TcpFramer,
    counted: FramingStats,
}

pub(crate) struct TcpIntake {
    listener: TcpListener,
    connection: Option<Connection>,
}

pub(crate) enum Intake {
    Udp(UdpIntake),
    Tcp(TcpIntake),
    /// Frames are given; there is no socket.
    Fed,
}

impl Intake {
    /// Binds `port` and, for RTCP, the one after it. 0 = the system chooses.
    pub(crate) fn udp(
        host: IpAddr,
        port: u16,
        receive_buffer_bytes: usize,
    ) -> Result<(Intake, usize), PlaneError> {
        let mut last = None;
        for _ in 0..if port == 0 { PAIR_ATTEMPTS } else { 1 } {
            match bind_pair(host, port) {
                Ok((rtp, rtcp)) => {
                    let granted = socket::set_receive_buffer(&rtp, receive_buffer_bytes);
                    socket::enable_udp_gro(&rtp);
                    let intake = UdpIntake {
                        rtp,
                        rtcp,
                        own_ssrc: random_ssrc(port),
                        reporter: None,
                        report_at_us: 0,
                        reported_packets: 0,
                    };
                    return Ok((Intake::Udp(intake), granted));
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or(PlaneError::Closed))
    }

    pub(crate) fn tcp(
        host: IpAddr,
        port: u16,
        receive_buffer_bytes: usize,
    ) -> Result<(Intake, usize), PlaneError> {
        let address = SocketAddr::new(host, port);
        let fail = |error| PlaneError::system(format!("TCP {address}"), error);
        let listener = TcpListener::bind(address).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        // Connections inherit the buffer; without one the kernel grows it by itself.
        Ok((
            Intake::Tcp(TcpIntake {
                listener,
                connection: None,
            }),
            receive_buffer_bytes,
        ))
    }

    pub(crate) fn port(&self) -> u16 {
        let address = match self {
            Intake::Udp(udp) => udp.rtp.local_addr(),
            Intake::Tcp(tcp) => tcp.listener.local_addr(),
            Intake::Fed => return 0,
        };
        address.map_or(0, |address| address.port())
    }

    fn doors(&self) -> Vec<(Door, RawFd)> {
        match self {
            Intake::Udp(udp) => vec![
                (Door::Rtp, udp.rtp.as_raw_fd()),
                (Door::Rtcp, udp.rtcp.as_raw_fd()),
            ],
            Intake::Tcp(tcp) => {
                let mut doors = vec![(Door::Listener, tcp.listener.as_raw_fd())];
                doors.extend(
                    tcp.connection
                        .iter()
                        .map(|open| (Door::Connection, open.stream.as_raw_fd())),
                );
                doors
            }
            Intake::Fed => Vec::new(),
        }
    }

    pub(crate) fn watch(
        &self,
        poller: &Poller,
        token: impl Fn(Door) -> u64,
    ) -> std::io::Result<()> {
        self.doors()
            .into_iter()
            .try_for_each(|(door, fd)| poller.add(fd, token(door), Interest::Read))
    }

    pub(crate) fn unwatch(&self, poller: &Poller) {
        for (_, fd) in self.doors() {
            poller.remove(fd);
        }
    }
}

impl UdpIntake {
    pub(crate) fn read(
        &mut self,
        door: Door,
        batch: &mut ReceiveBatch,
        receiver: &mut Receiver,
        now_us: u64,
    ) {
        let socket = if door == Door::Rtp {
            &self.rtp
        } else {
            &self.rtcp
        };
        for _ in 0..TURNS {
            let Ok(count) = batch.receive(socket) else {
                return;
            };
            for received in (0..count).filter_map(|index| batch.get(index)) {
                if door == Door::Rtcp {
                    if receiver.receive_rtcp(received.source, received.data, now_us) {
                        self.reporter = Some(received.source);
                    }
                    continue;
                }
                for packet in received.data.chunks(received.segment_bytes) {
                    receiver.receive(received.source, packet, now_us);
                }
            }
            if count < BATCH {
                return;
            }
        }
    }

    /// RFC 3550 section 6.2; some cameras stop without reports (Q100). Nothing is sent to a silent source.
    pub(crate) fn send_report(&mut self, receiver: &mut Receiver, now_us: u64) {
        if now_us < self.report_at_us || receiver.stats.packets == self.reported_packets {
            return;
        }
        let Some((source, ssrc)) = receiver.source_lock.locked() else {
            return;
        };
        if self.report_at_us != 0 {
            let report = rtcp::receiver_report(
                self.own_ssrc,
                ssrc,
                &mut receiver.reception,
                receiver.sender_report,
                now_us,
            );
            let after = SocketAddr::new(source.ip(), source.port().wrapping_add(1));
            let reporter = self
                .reporter
                .filter(|reporter| reporter.ip() == source.ip());
            let _ = self.rtcp.send_to(&report, reporter.unwrap_or(after));
        }
        self.reported_packets = receiver.stats.packets;
        let is_first = self.report_at_us == 0;
        self.report_at_us = now_us + if is_first { FIRST_REPORT_US } else { REPORT_US };
    }
}

impl TcpIntake {
    /// Takes a waiting connection. A second one from the same device replaces the first; one from elsewhere is
    /// refused while packets come.
    pub(crate) fn accept(
        &mut self,
        poller: &Poller,
        token: u64,
        receiver: &mut Receiver,
        now_us: u64,
    ) {
        for _ in 0..TURNS {
            let Ok(accepted) = self.listener.accept() else {
                return;
            };
            self.take(poller, token, accepted, receiver, now_us);
        }
    }

    /// Takes a connection that the device or we have opened.
    pub(crate) fn take(
        &mut self,
        poller: &Poller,
        token: u64,
        (stream, peer): (TcpStream, SocketAddr),
        receiver: &mut Receiver,
        now_us: u64,
    ) {
        let foreign = receiver
            .source_lock
            .locked()
            .is_some_and(|(source, _)| source.ip() != peer.ip());
        if foreign && receiver.source_lock.is_alive(now_us) {
            receiver.stats.stranger += 1;
            return;
        }
        if stream.set_nonblocking(true).is_err()
            || poller
                .add(stream.as_raw_fd(), token, Interest::Read)
                .is_err()
        {
            return;
        }
        self.drop_connection(poller, receiver, "replaced by a new connection");
        let mut framer = TcpFramer::new();
        if let Some(ssrc) = receiver.source_lock.expected() {
            framer.expect_ssrc(ssrc);
        }
        receiver.stats.connections += 1;
        receiver.report(FactKind::ConnectionOpened { source: peer });
        self.connection = Some(Connection {
            stream,
            peer,
            framer,
            counted: FramingStats::default(),
        });
    }

    fn drop_connection(&mut self, poller: &Poller, receiver: &mut Receiver, reason: &str) {
        if let Some(former) = self.connection.take() {
            poller.remove(former.stream.as_raw_fd());
            receiver.source_lock.release_source();
            receiver.report(FactKind::ConnectionClosed {
                source: former.peer,
                reason: reason.to_owned(),
            });
        }
    }

    pub(crate) fn read(
        &mut self,
        poller: &Poller,
        buffer: &mut [u8],
        receiver: &mut Receiver,
        now_us: u64,
    ) {
        let mut ended = None;
        for _ in 0..TURNS {
            let Some(open) = &mut self.connection else {
                return;
            };
            match open.stream.read(buffer) {
                Ok(0) => ended = Some("closed by the device".to_owned()),
                Ok(count) => {
                    let peer = open.peer;
                    open.framer.feed(&buffer[..count], &mut |packet| {
                        receiver.receive(peer, packet, now_us)
                    });
                    let now = *open.framer.stats();
                    receiver.count_framing(&open.counted, &now);
                    open.counted = now;
                    if count < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => ended = Some(error.to_string()),
            }
            if let Some(reason) = ended.take() {
                self.drop_connection(poller, receiver, &reason);
                return;
            }
        }
    }
}

fn bind_pair(host: IpAddr, port: u16) -> Result<(UdpSocket, UdpSocket), PlaneError> {
    let bind = |port: u16| {
        let address = SocketAddr::new(host, port);
        let fail = |error| PlaneError::system(format!("UDP {address}"), error);
        let socket = UdpSocket::bind(address).map_err(fail)?;
        socket.set_nonblocking(true).map_err(fail)?;
        Ok(socket)
    };
    let rtp = bind(port)?;
    let bound = rtp.local_addr().map_or(port, |address| address.port());
    let above = bound
        .checked_add(1)
        .ok_or_else(|| PlaneError::BadArgument(format!("no port above {bound} for RTCP")))?;
    Ok((rtp, bind(above)?))
}

/// Unlike enough for RFC 3550 section 8: it only names us in reports of this port.
fn random_ssrc(port: u16) -> u32 {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    nanos.wrapping_mul(0x9E37_79B1) ^ (u32::from(port) << 16) ^ std::process::id()
}
