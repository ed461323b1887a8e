//! One form for each address, whichever family its socket has.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// IPv4 as IPv4: what a socket of both families reports as `::ffff:192.0.2.1` is the same host as `192.0.2.1`.
pub fn plain(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

/// The form in which a socket bound to `local` can send to `peer`.
pub fn seen_from(local: SocketAddr, peer: SocketAddr) -> SocketAddr {
    match (local, peer) {
        (SocketAddr::V6(_), SocketAddr::V4(v4)) => {
            let mapped: Ipv6Addr = v4.ip().to_ipv6_mapped();
            SocketAddr::new(IpAddr::V6(mapped), v4.port())
        }
        _ => peer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_become_plain_and_back() {
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:5000".parse().unwrap();
        let v4: SocketAddr = "192.0.2.1:5000".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::1]:5000".parse().unwrap();
        assert_eq!(plain(mapped), v4);
        assert_eq!((plain(v4), plain(v6)), (v4, v6));
        assert_eq!(seen_from(v6, v4), mapped);
        assert_eq!((seen_from(v4, v4), seen_from(v6, v6)), (v4, v6));
    }
}
