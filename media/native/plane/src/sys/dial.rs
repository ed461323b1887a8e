//! Connections from a port of our own choice, opened without waiting.

use std::io;
use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::socket::set;

/// A socket that holds a local port until [`Dialing::connect`].
#[derive(Debug)]
pub struct Dialing {
    fd: OwnedFd,
}

impl Dialing {
    /// Binds `local`. Another connection of ours from this port to elsewhere does not hinder it.
    pub fn bind(local: SocketAddr) -> io::Result<Dialing> {
        let family = if local.is_ipv6() {
            libc::AF_INET6
        } else {
            libc::AF_INET
        };
        let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: socket takes no pointer; a negative result is turned into an error below.
        let raw = unsafe { libc::socket(family, kind, 0) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `raw` is a fresh descriptor that nothing else owns.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        set(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
        let (name, length) = socket_name(local);
        // SAFETY: the pointer and the length describe `name`, which lives across the call.
        let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const name).cast(), length) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Dialing { fd })
    }

    /// The port that is held.
    pub fn port(&self) -> u16 {
        // A bound socket without a connection can be asked as a stream: it is the same descriptor.
        self.fd
            .try_clone()
            .map(TcpStream::from)
            .and_then(|stream| stream.local_addr())
            .map_or(0, |address| address.port())
    }

    /// Begins to connect. The stream is writable when it is connected or refused; `take_error` says which.
    pub fn connect(self, peer: SocketAddr) -> io::Result<TcpStream> {
        let (name, length) = socket_name(peer);
        // SAFETY: the pointer and the length describe `name`, which lives across the call.
        let result = unsafe { libc::connect(self.raw(), (&raw const name).cast(), length) };
        if result < 0 {
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::EINPROGRESS) {
                return Err(error);
            }
        }
        Ok(TcpStream::from(self.fd))
    }

    fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// The address in the form of the kernel, and how long that is.
fn socket_name(address: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all-zero bytes are a valid sockaddr_storage (plain integers).
    let mut storage = unsafe { mem::zeroed::<libc::sockaddr_storage>() };
    let length = match address {
        SocketAddr::V4(v4) => {
            // SAFETY: sockaddr_in is smaller than the storage, which is aligned for every address.
            let name = unsafe { &mut *(&raw mut storage).cast::<libc::sockaddr_in>() };
            name.sin_family = libc::AF_INET as libc::sa_family_t;
            name.sin_port = v4.port().to_be();
            name.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            // SAFETY: sockaddr_in6 is smaller than the storage, which is aligned for every address.
            let name = unsafe { &mut *(&raw mut storage).cast::<libc::sockaddr_in6>() };
            name.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            name.sin6_port = v6.port().to_be();
            name.sin6_addr.s6_addr = v6.ip().octets();
            name.sin6_scope_id = v6.scope_id();
            size_of::<libc::sockaddr_in6>()
        }
    };
    (storage, length as libc::socklen_t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_connection_comes_from_the_port_that_was_held() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(host) else {
                println!("{host} is no address of this machine");
                continue;
            };
            let held = Dialing::bind(host.parse().unwrap()).unwrap();
            let port = held.port();
            assert_ne!(port, 0);
            let _stream = held.connect(listener.local_addr().unwrap()).unwrap();
            let (_, peer) = listener.accept().unwrap();
            assert_eq!(peer.port(), port);
        }
    }
}
