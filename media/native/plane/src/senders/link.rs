//! The sockets of one sender.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

use tongshi_wire::rtp::HEADER_BYTES;

use crate::error::PlaneError;
use crate::senders::{SenderRequest, SenderTransport};
use crate::sys::dial::Dialing;
use crate::sys::epoll::Interest;
use crate::sys::socket;
use crate::sys::transmit::{self, BATCH};

/// Attempts to find a free pair of ports when the system chooses.
const PAIR_ATTEMPTS: usize = 20;
/// Bytes that may lie unsent in the kernel: the rest waits where it can be dropped.
const UNSENT_BYTES: usize = 256 << 10;
/// Bytes of the length before a packet, RFC 4571.
const LENGTH_BYTES: usize = 2;

/// The headers of a run of packets.
pub(crate) type Headers = [[u8; HEADER_BYTES]];

/// Where the packets go, and how far that has come.
#[derive(Debug)]
pub(crate) enum Link {
    Udp(UdpLink),
    Listening(TcpListener),
    /// The port is held until the start.
    Held(Dialing),
    /// Between two attempts to connect.
    Resting,
    Connecting(TcpStream),
    Connected(TcpLink),
}

#[derive(Debug)]
pub(crate) struct UdpLink {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    /// The kernel cuts runs into datagrams.
    runs: bool,
}

#[derive(Debug)]
pub(crate) struct TcpLink {
    stream: TcpStream,
    /// The rest of a packet that went out in part.
    rest: Vec<u8>,
    /// The kernel takes no more; it says when that has changed.
    pub(crate) blocked: bool,
}

impl Link {
    /// Binds what the request asks for; the local port.
    pub(crate) fn bind(request: &SenderRequest) -> Result<(Link, u16), PlaneError> {
        match request.transport {
            SenderTransport::Udp => {
                let link = UdpLink::bind(request.local)?;
                let port = link.rtp.local_addr().map_or(0, |address| address.port());
                Ok((Link::Udp(link), port))
            }
            SenderTransport::TcpPassive => {
                let fail = |error| PlaneError::system(format!("TCP {}", request.local), error);
                let listener = TcpListener::bind(request.local).map_err(fail)?;
                listener.set_nonblocking(true).map_err(fail)?;
                let port = listener.local_addr().map_or(0, |address| address.port());
                Ok((Link::Listening(listener), port))
            }
            SenderTransport::TcpActive => {
                let held = Dialing::bind(request.local)
                    .map_err(|error| PlaneError::system(format!("TCP {}", request.local), error))?;
                let port = held.port();
                Ok((Link::Held(held), port))
            }
        }
    }

    /// What the descriptors are to be watched for.
    pub(crate) fn interest(&self) -> Interest {
        match self {
            Link::Connecting(_) => Interest::ReadWrite,
            Link::Connected(tcp) if tcp.blocked => Interest::ReadWrite,
            _ => Interest::Read,
        }
    }

    /// The descriptors to be watched, and whether each is the one for RTCP.
    pub(crate) fn descriptors(&self) -> Vec<(RawFd, bool)> {
        match self {
            Link::Udp(udp) => vec![(udp.rtp.as_raw_fd(), false), (udp.rtcp.as_raw_fd(), true)],
            Link::Listening(listener) => vec![(listener.as_raw_fd(), false)],
            Link::Connecting(stream) => vec![(stream.as_raw_fd(), false)],
            Link::Connected(tcp) => vec![(tcp.stream.as_raw_fd(), false)],
            Link::Held(_) | Link::Resting => Vec::new(),
        }
    }
}

impl UdpLink {
    fn bind(local: SocketAddr) -> Result<UdpLink, PlaneError> {
        let mut last = PlaneError::Closed;
        for _ in 0..if local.port() == 0 { PAIR_ATTEMPTS } else { 1 } {
            match UdpLink::bind_pair(local) {
                Ok(link) => return Ok(link),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn bind_pair(local: SocketAddr) -> Result<UdpLink, PlaneError> {
        let bind = |address: SocketAddr| {
            let fail = |error| PlaneError::system(format!("UDP {address}"), error);
            let socket = UdpSocket::bind(address).map_err(fail)?;
            socket.set_nonblocking(true).map_err(fail)?;
            Ok(socket)
        };
        let rtp = bind(local)?;
        let port = rtp.local_addr().map_or(local.port(), |bound| bound.port());
        let above = port
            .checked_add(1)
            .ok_or_else(|| PlaneError::BadArgument(format!("no port above {port} for RTCP")))?;
        let rtcp = bind(SocketAddr::new(local.ip(), above))?;
        Ok(UdpLink {
            rtp,
            rtcp,
            runs: true,
        })
    }

    /// Sends packets of `payload_bytes` each (the last may be shorter); how many went. An error means none.
    pub(crate) fn send(
        &mut self,
        headers: &Headers,
        payload: &[u8],
        payload_bytes: usize,
    ) -> io::Result<usize> {
        let mut datagrams = [[IoSlice::new(&[]); 2]; BATCH];
        let mut count = 0;
        let pairs = headers.iter().zip(payload.chunks(payload_bytes));
        for (datagram, (header, payload)) in datagrams.iter_mut().zip(pairs) {
            *datagram = [IoSlice::new(header), IoSlice::new(payload)];
            count += 1;
        }
        transmit::send(&self.rtp, None, &datagrams[..count], &mut self.runs)
    }
}

impl TcpLink {
    pub(crate) fn new(stream: TcpStream) -> io::Result<TcpLink> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        socket::set_unsent_limit(&stream, UNSENT_BYTES);
        Ok(TcpLink {
            stream,
            rest: Vec::new(),
            blocked: false,
        })
    }

    /// Sends the rest of a packet that went out in part; true when nothing is left of it.
    pub(crate) fn send_rest(&mut self) -> io::Result<bool> {
        while !self.rest.is_empty() {
            match self.stream.write(&self.rest) {
                Ok(count) => {
                    self.rest.drain(..count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        self.blocked = false;
        Ok(true)
    }

    /// Sends packets in the frames of RFC 4571; how many went, one in part included.
    pub(crate) fn send(
        &mut self,
        headers: &Headers,
        payload: &[u8],
        payload_bytes: usize,
    ) -> io::Result<usize> {
        const HEAD: usize = LENGTH_BYTES + HEADER_BYTES;
        let mut heads = [[0u8; HEAD]; BATCH];
        let pairs = headers.iter().zip(payload.chunks(payload_bytes));
        let mut count = 0;
        for (head, (header, payload)) in heads.iter_mut().zip(pairs) {
            let length = (header.len() + payload.len()) as u16;
            head[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
            head[LENGTH_BYTES..].copy_from_slice(header);
            count += 1;
        }
        let mut parts = [IoSlice::new(&[]); 2 * BATCH];
        let pairs = heads[..count].iter().zip(payload.chunks(payload_bytes));
        for (pair, (head, payload)) in parts.chunks_exact_mut(2).zip(pairs) {
            pair.copy_from_slice(&[IoSlice::new(head), IoSlice::new(payload)]);
        }
        let mut written = loop {
            match self.stream.write_vectored(&parts[..2 * count]) {
                Ok(written) => break written,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(0);
                }
                Err(error) => return Err(error),
            }
        };
        for (index, (head, payload)) in heads[..count]
            .iter()
            .zip(payload.chunks(payload_bytes))
            .enumerate()
        {
            let length = head.len() + payload.len();
            if written >= length {
                written -= length;
                continue;
            }
            self.blocked = true;
            if written == 0 {
                return Ok(index);
            }
            self.rest.extend(head.iter().chain(payload).skip(written));
            return Ok(index + 1);
        }
        Ok(count)
    }

    /// Reads and forgets what the receiver sends; an error, or its end, is the end of the connection.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 2_048];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    let text = "closed by the receiver";
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, text));
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
