//! recvmmsg(2) into buffers that are made once, with UDP GRO runs taken apart by the caller.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};

use super::address;
use super::socket::{SOL_UDP, UDP_GRO};

/// Datagrams (or GRO runs) taken by one call.
pub const BATCH: usize = 32;
/// Largest GRO run: the largest IP packet.
const BUFFER_BYTES: usize = 65_536;
/// Distance between buffers. Not a power of two, or their first lines would share the cache's sets.
const STRIDE: usize = BUFFER_BYTES + 1_600;
/// Room for the control messages of one datagram: the GRO segment size and some to spare.
const CONTROL_WORDS: usize = 8;

/// One received buffer: a datagram, or a run of datagrams of equal size (the last may be shorter).
pub struct Received<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// The bytes.
    pub data: &'a [u8],
    /// Size of each datagram in `data`.
    pub segment_bytes: usize,
}

/// The buffers of one worker thread, shared by all its sockets.
pub struct ReceiveBatch {
    buffers: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<[u64; CONTROL_WORDS]>,
    _vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    count: usize,
}

impl Default for ReceiveBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl ReceiveBatch {
    /// Allocates the buffers; pages that are never touched cost nothing.
    pub fn new() -> ReceiveBatch {
        let mut buffers = vec![0u8; STRIDE * BATCH];
        // SAFETY: all-zero bytes are a valid sockaddr_storage (plain integers).
        let mut names = vec![unsafe { mem::zeroed::<libc::sockaddr_storage>() }; BATCH];
        let mut controls = vec![[0u64; CONTROL_WORDS]; BATCH];
        let mut vectors: Vec<libc::iovec> = buffers
            .chunks_exact_mut(STRIDE)
            .map(|chunk| libc::iovec {
                iov_base: chunk.as_mut_ptr().cast(),
                iov_len: BUFFER_BYTES,
            })
            .collect();
        let headers = (0..BATCH)
            .map(|index| {
                // SAFETY: all-zero bytes are a valid mmsghdr (integers and null pointers).
                let mut header = unsafe { mem::zeroed::<libc::mmsghdr>() };
                header.msg_hdr.msg_name = (&raw mut names[index]).cast();
                header.msg_hdr.msg_iov = &raw mut vectors[index];
                header.msg_hdr.msg_iovlen = 1;
                header.msg_hdr.msg_control = controls[index].as_mut_ptr().cast();
                header
            })
            .collect();
        // The vectors are never resized, so the pointers between them stay good when this struct moves.
        ReceiveBatch {
            buffers,
            names,
            controls,
            _vectors: vectors,
            headers,
            count: 0,
        }
    }

    /// Takes what the socket holds, up to [`BATCH`] buffers; 0 when there is nothing.
    pub fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        self.receive_raw(socket.as_raw_fd())
    }

    fn receive_raw(&mut self, fd: RawFd) -> io::Result<usize> {
        self.count = 0;
        for header in &mut self.headers {
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_hdr.msg_controllen = size_of::<[u64; CONTROL_WORDS]>() as _;
            header.msg_hdr.msg_flags = 0;
        }
        // SAFETY: each header points to a name, a control area and a buffer of the stated sizes that this
        // object owns and nobody else touches during the call; a null timeout is allowed.
        let count = unsafe {
            libc::recvmmsg(
                fd,
                self.headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
                // An ICMP error for a report we sent earlier: the socket itself is well.
                io::ErrorKind::ConnectionRefused => Ok(0),
                _ => Err(error),
            };
        }
        self.count = count as usize;
        Ok(self.count)
    }

    /// One buffer of the last [`receive`](Self::receive); `None` beyond its count or for a foreign address family.
    pub fn get(&self, index: usize) -> Option<Received<'_>> {
        if index >= self.count {
            return None;
        }
        let header = &self.headers[index];
        let length = (header.msg_len as usize).min(BUFFER_BYTES);
        let start = index * STRIDE;
        let data = &self.buffers[start..start + length];
        let source = address::plain(socket_address(&self.names[index])?);
        let segment_bytes = self.segment_size(header).unwrap_or(length).max(1);
        Some(Received {
            source,
            data,
            segment_bytes,
        })
    }

    fn segment_size(&self, header: &libc::mmsghdr) -> Option<usize> {
        debug_assert_eq!(self.controls.len(), BATCH);
        let message = &header.msg_hdr;
        if message.msg_controllen == 0 {
            return None;
        }
        // SAFETY: msg_control and msg_controllen describe a control area of ours that the kernel filled; the
        // CMSG macros stay inside it, and UDP_GRO carries one C int.
        unsafe {
            let mut control = libc::CMSG_FIRSTHDR(message);
            while !control.is_null() {
                if (*control).cmsg_level == SOL_UDP && (*control).cmsg_type == UDP_GRO {
                    let size = libc::CMSG_DATA(control).cast::<i32>().read_unaligned();
                    return usize::try_from(size).ok().filter(|&size| size > 0);
                }
                control = libc::CMSG_NXTHDR(message, control);
            }
        }
        None
    }
}

fn socket_address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the kernel wrote a sockaddr_in, which is smaller than the storage.
            let v4 = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::V4(SocketAddrV4::new(
                ip,
                u16::from_be(v4.sin_port),
            )))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that the kernel wrote a sockaddr_in6, which is smaller than the storage.
            let v6 = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::V6(SocketAddrV6::new(
                ip,
                u16::from_be(v6.sin6_port),
                0,
                v6.sin6_scope_id,
            )))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket;
    use std::net::UdpSocket;

    #[test]
    fn datagrams_keep_their_bounds_and_source() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket::enable_udp_gro(&receiver);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for size in [1usize, 12, 1_400, 60_000] {
            sender
                .send_to(&vec![7u8; size], receiver.local_addr().unwrap())
                .unwrap();
        }
        let mut batch = ReceiveBatch::new();
        assert_eq!(batch.receive(&receiver).unwrap(), 4);
        let sizes: Vec<usize> = (0..4)
            .map(|index| batch.get(index).unwrap().data.len())
            .collect();
        assert_eq!(sizes, [1, 12, 1_400, 60_000]);
        assert_eq!(batch.get(0).unwrap().source, sender.local_addr().unwrap());
        assert!(batch.get(4).is_none());
        assert_eq!(batch.receive(&receiver).unwrap(), 0);
    }

    #[test]
    fn a_run_of_equal_datagrams_says_its_segment_size() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        if !socket::enable_udp_gro(&receiver) {
            println!("this kernel has no UDP_GRO");
            return;
        }
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let segment: i32 = 500;
        // SAFETY: UDP_SEGMENT (103) takes one C int that lives across the call.
        let set = unsafe {
            libc::setsockopt(
                sender.as_raw_fd(),
                SOL_UDP,
                103,
                (&raw const segment).cast(),
                4,
            )
        };
        if set < 0 {
            println!("this kernel has no UDP_SEGMENT");
            return;
        }
        sender
            .send_to(&[1u8; 1_250], receiver.local_addr().unwrap())
            .unwrap();
        let mut batch = ReceiveBatch::new();
        let mut sizes = Vec::new();
        for index in 0..batch.receive(&receiver).unwrap() {
            let received = batch.get(index).unwrap();
            sizes.extend(
                received
                    .data
                    .chunks(received.segment_bytes)
                    .map(<[u8]>::len),
            );
        }
        assert_eq!(sizes, [500, 500, 250]);
    }
}
