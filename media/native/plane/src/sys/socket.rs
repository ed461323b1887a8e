//! Socket options that the standard library does not offer.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// `SOL_UDP` and `UDP_GRO` of linux/udp.h.
pub(super) const SOL_UDP: i32 = 17;
pub(super) const UDP_GRO: i32 = 104;

pub(super) fn set(fd: RawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the option is one C int that lives across the call.
    let result = unsafe {
        libc::setsockopt(
            fd,
            level,
            name,
            (&raw const value).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

pub(super) fn get(fd: RawFd, level: i32, name: i32) -> io::Result<i32> {
    let mut value = 0i32;
    let mut length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes into `value`; both live across the call.
    let result = unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &mut length) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(value)
    }
}

/// Asks for a receive buffer and returns the bytes of payload the kernel granted.
///
/// With the right (CAP_NET_ADMIN) the system's limit is passed over. Linux doubles the number
/// for its own bookkeeping, see socket(7), and the doubled number is what it reports.
pub fn set_receive_buffer(socket: &impl AsRawFd, bytes: usize) -> usize {
    let fd = socket.as_raw_fd();
    let wanted = i32::try_from(bytes).unwrap_or(i32::MAX / 2);
    if set(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, wanted).is_err() {
        let _ = set(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, wanted);
    }
    get(fd, libc::SOL_SOCKET, libc::SO_RCVBUF).map_or(0, |doubled| doubled as usize / 2)
}

/// Lets the kernel hand over runs of equal datagrams in one buffer (udp(7)); false where it cannot.
pub fn enable_udp_gro(socket: &impl AsRawFd) -> bool {
    set(socket.as_raw_fd(), SOL_UDP, UDP_GRO, 1).is_ok()
}

/// Keeps at most `bytes` unsent in the kernel, so that the rest waits where it can be dropped.
pub fn set_unsent_limit(socket: &impl AsRawFd, bytes: usize) {
    let wanted = i32::try_from(bytes).unwrap_or(i32::MAX);
    let _ = set(
        socket.as_raw_fd(),
        libc::IPPROTO_TCP,
        libc::TCP_NOTSENT_LOWAT,
        wanted,
    );
}

/// Asks for a send buffer (tests use a small one to stand for a slow network).
pub fn set_send_buffer(socket: &impl AsRawFd, bytes: usize) {
    let wanted = i32::try_from(bytes).unwrap_or(i32::MAX / 2);
    let _ = set(
        socket.as_raw_fd(),
        libc::SOL_SOCKET,
        libc::SO_SNDBUF,
        wanted,
    );
}
