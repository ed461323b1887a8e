//! Many datagrams with one call: UDP_SEGMENT (udp(7)), else sendmmsg(2).

use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{AsRawFd, RawFd};

use super::socket::SOL_UDP;

/// `UDP_SEGMENT` of linux/udp.h.
const UDP_SEGMENT: i32 = 103;
/// Datagrams of one call: `UDP_MAX_SEGMENTS` of kernels before 6.9.
pub const MAX_DATAGRAMS: usize = 64;
/// Bytes of one call: an IP packet less its headers.
pub const MAX_RUN_BYTES: usize = 65_000;
/// Room for one control message with a 16-bit number.
const CONTROL_WORDS: usize = 4;

/// Sends `parts`, joined and cut into datagrams of `segment_bytes` (the last may be shorter), with one call.
///
/// The socket is connected. Either all is sent or nothing.
pub fn send_segments(
    socket: &impl AsRawFd,
    parts: &[IoSlice<'_>],
    segment_bytes: u16,
) -> io::Result<()> {
    let mut control = [0u64; CONTROL_WORDS];
    // SAFETY: all-zero bytes are a valid msghdr (integers and null pointers).
    let mut message = unsafe { mem::zeroed::<libc::msghdr>() };
    // An IoSlice has the layout of an iovec, by its documentation; sendmsg does not write to it.
    message.msg_iov = parts.as_ptr().cast_mut().cast();
    message.msg_iovlen = parts.len() as _;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: CMSG_SPACE only computes.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<u16>() as u32) } as _;
    // SAFETY: the control area is aligned for a header and has room for it and the number, so the first header
    // and its data lie inside it.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = SOL_UDP;
        (*header).cmsg_type = UDP_SEGMENT;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as _;
        libc::CMSG_DATA(header)
            .cast::<u16>()
            .write_unaligned(segment_bytes);
    }
    send(socket.as_raw_fd(), &message)
}

/// Sends `parts` joined as one datagram.
pub fn send_one(socket: &impl AsRawFd, parts: &[IoSlice<'_>]) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid msghdr (integers and null pointers).
    let mut message = unsafe { mem::zeroed::<libc::msghdr>() };
    message.msg_iov = parts.as_ptr().cast_mut().cast();
    message.msg_iovlen = parts.len() as _;
    send(socket.as_raw_fd(), &message)
}

fn send(fd: RawFd, message: &libc::msghdr) -> io::Result<()> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `message` points to vectors and control bytes that the callers keep alive across the call.
    if unsafe { libc::sendmsg(fd, message, flags) } < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Sends datagrams of two parts each (header and payload); how many were sent. An error means none.
pub fn send_each(socket: &impl AsRawFd, pairs: &[[IoSlice<'_>; 2]]) -> io::Result<usize> {
    // SAFETY: all-zero bytes are a valid mmsghdr (integers and null pointers).
    let mut headers = [unsafe { mem::zeroed::<libc::mmsghdr>() }; MAX_DATAGRAMS];
    let count = pairs.len().min(MAX_DATAGRAMS);
    for (header, pair) in headers.iter_mut().zip(pairs) {
        header.msg_hdr.msg_iov = pair.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_iovlen = 2;
    }
    // SAFETY: the first `count` headers point to pairs of vectors that live across the call.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count as u32,
            (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
        )
    };
    if sent < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(sent as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    fn pair() -> (UdpSocket, UdpSocket) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        (sender, receiver)
    }

    #[test]
    fn headers_and_payloads_become_datagrams_with_one_call() {
        let (sender, receiver) = pair();
        let parts = [&[1u8; 12][..], &[2; 100], &[3; 12], &[4; 40]].map(IoSlice::new);
        match send_segments(&sender, &parts, 112) {
            Ok(()) => {}
            Err(error) => return println!("this kernel has no UDP_SEGMENT: {error}"),
        }
        let mut buffer = [0; 200];
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 112);
        assert_eq!((buffer[11], buffer[12]), (1, 2));
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 52);
    }

    #[test]
    fn without_segmentation_they_go_one_by_one() {
        let (sender, receiver) = pair();
        let pairs = [
            [IoSlice::new(&[1; 12]), IoSlice::new(&[2; 100])],
            [IoSlice::new(&[3; 12]), IoSlice::new(&[4; 40])],
        ];
        assert_eq!(send_each(&sender, &pairs).unwrap(), 2);
        send_one(&sender, &[IoSlice::new(&[5; 7])]).unwrap();
        let mut buffer = [0; 200];
        let sizes = [(); 3].map(|()| receiver.recv(&mut buffer).unwrap());
        assert_eq!(sizes, [112, 52, 7]);
    }
}
