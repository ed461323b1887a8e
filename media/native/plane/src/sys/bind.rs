//! Sockets with options that must be set before bind(2): shared between threads, or of both address families.

use std::io;
use std::mem;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::socket::{get, set};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1_024;
/// `SO_ATTACH_REUSEPORT_CBPF` of asm-generic/socket.h.
const ATTACH_REUSEPORT_CBPF: i32 = 51;

/// A datagram socket. `shared`: other sockets of ours may be bound to the same address. An IPv6 wildcard takes
/// IPv4 too, whatever the system's default is.
pub fn udp(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let fd = open(address, libc::SOCK_DGRAM)?;
    if shared {
        set(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    bind(fd.as_raw_fd(), address)?;
    Ok(UdpSocket::from(fd))
}

/// A listener that can be bound again at once after a restart, with the same rule for IPv6.
pub fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let fd = open(address, libc::SOCK_STREAM)?;
    set(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    bind(fd.as_raw_fd(), address)?;
    // SAFETY: listen takes no pointer; the kernel checks the descriptor.
    if unsafe { libc::listen(fd.as_raw_fd(), BACKLOG) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(TcpListener::from(fd))
}

fn open(address: SocketAddr, kind: i32) -> io::Result<OwnedFd> {
    let family = if address.is_ipv6() {
        libc::AF_INET6
    } else {
        libc::AF_INET
    };
    let kind = kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: socket takes no pointer; a negative result is turned into an error below.
    let raw = unsafe { libc::socket(family, kind, 0) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `raw` is a fresh descriptor that nothing else owns.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    if address.is_ipv6() {
        set(fd.as_raw_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 0)?;
    }
    Ok(fd)
}

fn bind(fd: RawFd, address: SocketAddr) -> io::Result<()> {
    let result = match address {
        SocketAddr::V4(v4) => {
            // SAFETY: all-zero bytes are a valid sockaddr_in (plain integers).
            let mut name = unsafe { mem::zeroed::<libc::sockaddr_in>() };
            name.sin_family = libc::AF_INET as libc::sa_family_t;
            name.sin_port = v4.port().to_be();
            name.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
            // SAFETY: the pointer and the length describe `name`, which lives across the call.
            unsafe {
                libc::bind(
                    fd,
                    (&raw const name).cast(),
                    size_of::<libc::sockaddr_in>() as libc::socklen_t,
                )
            }
        }
        SocketAddr::V6(v6) => {
            // SAFETY: all-zero bytes are a valid sockaddr_in6 (plain integers).
            let mut name = unsafe { mem::zeroed::<libc::sockaddr_in6>() };
            name.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            name.sin6_port = v6.port().to_be();
            name.sin6_addr.s6_addr = v6.ip().octets();
            name.sin6_scope_id = v6.scope_id();
            // SAFETY: the pointer and the length describe `name`, which lives across the call.
            unsafe {
                libc::bind(
                    fd,
                    (&raw const name).cast(),
                    size_of::<libc::sockaddr_in6>() as libc::socklen_t,
                )
            }
        }
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Asks the kernel to give each datagram of an address shared by `sockets` sockets to the one whose number, in the
/// order of binding, is the SSRC modulo `sockets`. False where it cannot: then it spreads them by the sender.
pub fn steer_by_ssrc(socket: &impl AsRawFd, sockets: usize) -> bool {
    let instruction = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
    // A load beyond the datagram ends the program with 0: the first socket counts what is too short.
    let mut program = [
        instruction(LOAD_BYTE, 0, 0, 1),
        instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 3, 200),
        instruction(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, 2, 0, 204),
        instruction(LOAD_WORD, 0, 0, 4), // RTCP: the SSRC of its sender
        instruction(libc::BPF_JMP | libc::BPF_JA, 0, 0, 1),
        instruction(LOAD_WORD, 0, 0, 8), // RTP
        instruction(
            libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K,
            0,
            0,
            sockets.max(1) as u32,
        ),
        instruction(libc::BPF_RET | libc::BPF_A, 0, 0, 0),
    ];
    let attached = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the option is one sock_fprog whose program lives across the call; the kernel copies and checks it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            ATTACH_REUSEPORT_CBPF,
            (&raw const attached).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    result == 0
}

/// What the kernel grants of socket buffers to this process, in bytes of payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferGrant {
    /// Of SO_RCVBUF.
    pub receive_bytes: usize,
    /// Of SO_SNDBUF.
    pub send_bytes: usize,
}

/// Asks a socket that is thrown away for buffers of `wanted` bytes.
pub fn probe_buffers(wanted: usize) -> io::Result<BufferGrant> {
    let probe = UdpSocket::bind("127.0.0.1:0")?;
    let fd = probe.as_raw_fd();
    let receive_bytes = super::socket::set_receive_buffer(&probe, wanted);
    super::socket::set_send_buffer(&probe, wanted);
    let doubled = get(fd, libc::SOL_SOCKET, libc::SO_SNDBUF)?;
    Ok(BufferGrant {
        receive_bytes,
        send_bytes: doubled as usize / 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::receive::ReceiveBatch;
    use std::time::Duration;

    fn rtp(ssrc: u32) -> Vec<u8> {
        let mut packet = vec![0x80, 96, 0, 1, 0, 0, 0, 0];
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(&[0; 20]);
        packet
    }

    fn sizes(socket: &UdpSocket) -> Vec<u32> {
        let mut batch = ReceiveBatch::new();
        let count = batch.receive(socket).unwrap();
        (0..count)
            .map(|index| {
                let data = batch.get(index).unwrap().data;
                data.get(8..12).map_or(0, |ssrc| {
                    u32::from_be_bytes([ssrc[0], ssrc[1], ssrc[2], ssrc[3]])
                })
            })
            .collect()
    }

    #[test]
    fn datagrams_go_to_the_socket_of_their_ssrc() {
        let first = udp("127.0.0.1:0".parse().unwrap(), true).unwrap();
        let address = first.local_addr().unwrap();
        let second = udp(address, true).unwrap();
        if !steer_by_ssrc(&first, 2) {
            println!("this kernel steers no datagrams by a program");
            return;
        }
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for ssrc in [2, 3, 4, 5, 7] {
            sender.send_to(&rtp(ssrc), address).unwrap();
        }
        sender
            .send_to(&[0x80, 200, 0, 1, 0, 0, 0, 9], address)
            .unwrap();
        sender.send_to(b"abc", address).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(sizes(&first), [2, 4, 0]);
        assert_eq!(sizes(&second), [3, 5, 7, 0]);
    }

    #[test]
    fn an_ipv6_wildcard_takes_ipv4_too() {
        let Ok(socket) = udp("[::]:0".parse().unwrap(), false) else {
            println!("this machine has no IPv6");
            return;
        };
        let port = socket.local_addr().unwrap().port();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(&rtp(1), ("127.0.0.1", port)).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let mut batch = ReceiveBatch::new();
        assert_eq!(batch.receive(&socket).unwrap(), 1);
        assert_eq!(batch.get(0).unwrap().source, sender.local_addr().unwrap());
    }

    #[test]
    fn the_grant_of_buffers_is_told() {
        let grant = probe_buffers(65_536).unwrap();
        assert!(grant.receive_bytes >= 65_536, "{grant:?}");
        assert!(grant.send_bytes > 0, "{grant:?}");
    }
}
