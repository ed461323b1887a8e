//! The sockets of one reception: a datagram port with its RTCP port, or a listener with one connection.

pub(crate) mod report;

use std::io::{ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use tongshi_wire::framing::{FramingStats, TcpFramer};

use crate::error::PlaneError;
use crate::facts::FactKind;
use crate::intake::report::Reporter;
use crate::receiver::Receiver;
use crate::shared::directory::Way;
use crate::shared::doorman::Arrival;
use crate::shared::intake::{Member, Share, SharedIntake, SharedPorts};
use crate::shared::sources::Place;
use crate::sys::epoll::{Interest, Poller};
use crate::sys::receive::{BATCH, ReceiveBatch};
use crate::sys::{bind, socket};

/// One read of a TCP connection.
pub(crate) const READ_BYTES: usize = 256 << 10;
/// Reads, or batches of datagrams, before another session has its turn.
const TURNS: usize = 8;
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
    reporter: Reporter,
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    framer: TcpFramer,
    counted: FramingStats,
    /// Among the connections of its host at the shared listener.
    _place: Option<Place>,
}

/// Where connections come from.
enum Entrance {
    /// A port of the session's own.
    Own(TcpListener),
    /// The shared listener, whose thread hands them on.
    Shared(u16, Member),
}

pub(crate) struct TcpIntake {
    entrance: Entrance,
    connection: Option<Connection>,
}

pub(crate) enum Intake {
    Udp(UdpIntake),
    Tcp(TcpIntake),
    /// Frames are given; there is no socket.
    Fed,
    /// The shared datagram port, which the worker reads.
    Shared(SharedIntake),
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
                        reporter: Reporter::new(u32::from(port)),
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
        let listener = bind::tcp(address).map_err(fail)?;
        // Connections inherit the buffer; without one the kernel grows it by itself.
        Ok((
            Intake::Tcp(TcpIntake {
                entrance: Entrance::Own(listener),
                connection: None,
            }),
            receive_buffer_bytes,
        ))
    }

    /// A place at a shared port.
    pub(crate) fn shared(ports: &Arc<SharedPorts>, way: Way, port: u16, key: u64) -> Intake {
        match way {
            Way::Udp => Intake::Shared(SharedIntake::new(Arc::clone(ports), key, port)),
            Way::Tcp => Intake::Tcp(TcpIntake {
                entrance: Entrance::Shared(port, Member::new(Arc::clone(ports), key)),
                connection: None,
            }),
        }
    }

    /// The worker has taken the session.
    pub(crate) fn move_in(&mut self, share: &Share) {
        if let Intake::Shared(shared) = self {
            shared.move_in(share);
        }
    }

    pub(crate) fn tick(&mut self, receiver: &mut Receiver, now_us: u64) {
        match self {
            Intake::Udp(udp) => udp.tick(receiver, now_us),
            Intake::Shared(shared) => shared.tick(receiver, now_us),
            Intake::Tcp(tcp) => tcp.tick(receiver, now_us),
            Intake::Fed => {}
        }
    }

    pub(crate) fn port(&self) -> u16 {
        let address = match self {
            Intake::Udp(udp) => udp.rtp.local_addr(),
            Intake::Shared(shared) => return shared.port(),
            Intake::Tcp(tcp) => match &tcp.entrance {
                Entrance::Own(listener) => listener.local_addr(),
                Entrance::Shared(port, _) => return *port,
            },
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
            Intake::Shared(_) => Vec::new(),
            Intake::Tcp(tcp) => {
                let mut doors = Vec::new();
                if let Entrance::Own(listener) = &tcp.entrance {
                    doors.push((Door::Listener, listener.as_raw_fd()));
                }
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
                    self.reporter
                        .receive_rtcp(received.source, received.data, receiver, now_us);
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

    pub(crate) fn tick(&mut self, receiver: &mut Receiver, now_us: u64) {
        self.reporter.send(&self.rtcp, receiver, now_us);
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
            let Entrance::Own(listener) = &self.entrance else {
                return;
            };
            let Ok((stream, peer)) = listener.accept() else {
                return;
            };
            self.take(
                poller,
                token,
                Arrival::fresh(stream, peer),
                receiver,
                now_us,
            );
        }
    }

    fn tick(&mut self, receiver: &Receiver, now_us: u64) {
        if let Entrance::Shared(_, member) = &mut self.entrance {
            member.attend(receiver, now_us);
        }
    }

    /// Takes a connection that the device or we have opened, with what was read of it before.
    pub(crate) fn take(
        &mut self,
        poller: &Poller,
        token: u64,
        arrival: Arrival,
        receiver: &mut Receiver,
        now_us: u64,
    ) {
        let (stream, peer) = (arrival.stream, arrival.peer);
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
        if let Some(ssrc) = arrival.put_up_with {
            receiver.source_lock.put_up_with(ssrc);
        }
        let mut framer = TcpFramer::new();
        if let Some(ssrc) = arrival.put_up_with.or(receiver.source_lock.expected()) {
            framer.expect_ssrc(ssrc);
        }
        receiver.stats.connections += 1;
        receiver.stats.connected = true;
        receiver.report(FactKind::ConnectionOpened { source: peer });
        let mut open = Connection {
            stream,
            peer,
            framer,
            counted: FramingStats::default(),
            _place: arrival.place,
        };
        open.take(&arrival.head, receiver, now_us);
        self.connection = Some(open);
    }

    fn drop_connection(&mut self, poller: &Poller, receiver: &mut Receiver, reason: &str) {
        if let Some(former) = self.connection.take() {
            poller.remove(former.stream.as_raw_fd());
            receiver.source_lock.release_source();
            receiver.stats.connected = false;
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
                    open.take(&buffer[..count], receiver, now_us);
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

impl Connection {
    #[inline]
    fn take(&mut self, bytes: &[u8], receiver: &mut Receiver, now_us: u64) {
        let peer = self.peer;
        receiver.capture_bytes(peer, bytes);
        self.framer
            .feed(bytes, &mut |packet| receiver.receive(peer, packet, now_us));
        let now = *self.framer.stats();
        receiver.count_framing(&self.counted, &now);
        self.counted = now;
    }
}

fn bind_pair(host: IpAddr, port: u16) -> Result<(UdpSocket, UdpSocket), PlaneError> {
    let bind = |port: u16| {
        let address = SocketAddr::new(host, port);
        let fail = |error| PlaneError::system(format!("UDP {address}"), error);
        bind::udp(address, false).map_err(fail)
    };
    let rtp = bind(port)?;
    let bound = rtp.local_addr().map_or(port, |address| address.port());
    let above = bound
        .checked_add(1)
        .ok_or_else(|| PlaneError::BadArgument(format!("no port above {bound} for RTCP")))?;
    Ok((rtp, bind(above)?))
}
