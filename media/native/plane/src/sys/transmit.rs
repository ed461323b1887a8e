//! sendmmsg(2) from many pieces of memory, with UDP GSO for runs of equal datagrams.

use std::io::{self, IoSlice};
use std::mem;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use super::socket::SOL_UDP;

/// Datagrams taken by one call.
pub const BATCH: usize = 64;
/// `UDP_SEGMENT` of linux/udp.h.
const UDP_SEGMENT: i32 = 103;
/// Largest run in bytes: an IP packet less its headers.
pub const MAX_RUN_BYTES: usize = 65_000;
/// Room for the control message with the segment size.
const CONTROL_WORDS: usize = 4;

/// Sends datagrams, each of two pieces, to one address (none: the socket is connected); the number that the system
/// took. An error means none.
///
/// `runs`: equal datagrams (the last may be shorter) go as one run, which the network card or the kernel cuts.
/// It is cleared when the path refuses that.
pub fn send(
    socket: &impl AsRawFd,
    to: Option<SocketAddr>,
    datagrams: &[[IoSlice<'_>; 2]],
    runs: &mut bool,
) -> io::Result<usize> {
    let datagrams = &datagrams[..datagrams.len().min(BATCH)];
    if datagrams.is_empty() {
        return Ok(0);
    }
    if *runs {
        match send_messages(socket, to, datagrams, run_length) {
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(
                        libc::EINVAL
                            | libc::EIO
                            | libc::EMSGSIZE
                            | libc::ENOPROTOOPT
                            | libc::EOPNOTSUPP
                    )
                ) =>
            {
                *runs = false;
            }
            other => return other,
        }
    }
    send_messages(socket, to, datagrams, |_| 1)
}

fn size_bytes(datagram: &[IoSlice<'_>; 2]) -> usize {
    datagram[0].len() + datagram[1].len()
}

/// How many datagrams from the start can be one run.
fn run_length(datagrams: &[[IoSlice<'_>; 2]]) -> usize {
    let Some(first) = datagrams.first().map(size_bytes) else {
        return 0;
    };
    let mut total = 0;
    for (index, datagram) in datagrams.iter().enumerate() {
        let size = size_bytes(datagram);
        total += size;
        if size > first || (index > 0 && total > MAX_RUN_BYTES) {
            return index;
        }
        if size < first {
            return index + 1;
        }
    }
    datagrams.len()
}

fn send_messages(
    socket: &impl AsRawFd,
    to: Option<SocketAddr>,
    datagrams: &[[IoSlice<'_>; 2]],
    length_of: impl Fn(&[[IoSlice<'_>; 2]]) -> usize,
) -> io::Result<usize> {
    let mut name = to.map(socket_name);
    let mut controls = [[0u64; CONTROL_WORDS]; BATCH];
    // SAFETY: all-zero bytes are a valid mmsghdr (integers and null pointers).
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
    let mut lengths = [0usize; BATCH];
    let (mut count, mut rest) = (0, datagrams);
    while !rest.is_empty() {
        let length = length_of(rest).clamp(1, rest.len());
        let message = &mut headers[count].msg_hdr;
        if let Some((name, length)) = &mut name {
            message.msg_name = (&raw mut *name).cast();
            message.msg_namelen = *length;
        }
        // IoSlice has the layout of iovec, and the pieces of a run lie one after another.
        message.msg_iov = rest.as_ptr().cast_mut().cast();
        message.msg_iovlen = (2 * length) as _;
        if length > 1 {
            set_segment_size(message, &mut controls[count], size_bytes(&rest[0]) as u16);
        }
        lengths[count] = length;
        rest = &rest[length..];
        count += 1;
    }
    // SAFETY: the first `count` headers point to the name, to control areas and to slices of the caller, all of
    // which live across the call; the kernel only reads what the slices point to.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count as u32,
            (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
        )
    };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(lengths[..sent as usize].iter().sum())
}

fn set_segment_size(message: &mut libc::msghdr, control: &mut [u64; CONTROL_WORDS], size: u16) {
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: CMSG_SPACE only computes a size.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<u16>() as u32) } as _;
    // SAFETY: the control area is aligned, zeroed and larger than the one control message written here.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(message);
        (*header).cmsg_level = SOL_UDP;
        (*header).cmsg_type = UDP_SEGMENT;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as _;
        libc::CMSG_DATA(header).cast::<u16>().write_unaligned(size);
    }
}

fn socket_name(address: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all-zero bytes are a valid sockaddr_storage (plain integers).
    let mut name = unsafe { mem::zeroed::<libc::sockaddr_storage>() };
    match address {
        SocketAddr::V4(v4) => {
            // SAFETY: a sockaddr_in is smaller than the storage and needs no stricter alignment.
            let raw = unsafe { &mut *(&raw mut name).cast::<libc::sockaddr_in>() };
            raw.sin_family = libc::AF_INET as libc::sa_family_t;
            raw.sin_port = v4.port().to_be();
            raw.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
            (name, size_of::<libc::sockaddr_in>() as libc::socklen_t)
        }
        SocketAddr::V6(v6) => {
            // SAFETY: a sockaddr_in6 is smaller than the storage and needs no stricter alignment.
            let raw = unsafe { &mut *(&raw mut name).cast::<libc::sockaddr_in6>() };
            raw.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            raw.sin6_port = v6.port().to_be();
            raw.sin6_addr.s6_addr = v6.ip().octets();
            raw.sin6_scope_id = v6.scope_id();
            (name, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn pieces_arrive_as_the_datagrams_that_they_were() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let (Ok(sender), Ok(receiver)) = (UdpSocket::bind(host), UdpSocket::bind(host)) else {
                println!("no {host} here");
                continue;
            };
            let bodies: Vec<Vec<u8>> = [900, 900, 900, 300, 900, 1_200, 0, 5]
                .iter()
                .enumerate()
                .map(|(index, &size)| vec![index as u8; size])
                .collect();
            let datagrams: Vec<[IoSlice<'_>; 2]> = bodies
                .iter()
                .map(|body| [IoSlice::new(b"head"), IoSlice::new(body)])
                .collect();
            let address = receiver.local_addr().unwrap();
            let connected = UdpSocket::bind(host).unwrap();
            connected.connect(address).unwrap();
            let ways = [(&sender, Some(address)), (&connected, None)];
            for ((sender, to), mut runs) in
                ways.into_iter().flat_map(|way| [(way, true), (way, false)])
            {
                assert_eq!(
                    send(sender, to, &datagrams, &mut runs).unwrap(),
                    bodies.len()
                );
                let mut buffer = [0u8; 2_000];
                for body in &bodies {
                    let length = receiver.recv(&mut buffer).unwrap();
                    assert_eq!(buffer[..length], [b"head", &body[..]].concat());
                }
            }
        }
    }

    #[test]
    fn a_run_ends_with_the_first_shorter_datagram_and_before_a_longer_one() {
        let bytes = [0u8; 2_000];
        let of = |sizes: &[usize]| {
            let datagrams: Vec<[IoSlice<'_>; 2]> = sizes
                .iter()
                .map(|&size| [IoSlice::new(&bytes[..size]), IoSlice::new(&[])])
                .collect();
            run_length(&datagrams)
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[5]), 1);
        assert_eq!(of(&[5, 5, 3, 3]), 3);
        assert_eq!(of(&[3, 5]), 1);
        assert_eq!(of(&[1_400; 60]), 46);
    }
}
