//! Packets as a capture that Wireshark reads: raw IP, with the UDP or TCP head that the kernel took off.
//!
//! Source: draft-ietf-opsawg-pcap (format, LINKTYPE_RAW 101); RFC 791, 8200, 768, 9293 (heads).

use std::net::{IpAddr, SocketAddr};

/// Microseconds since 1970, as this machine writes numbers of 4 bytes.
const MAGIC: u32 = 0xA1B2_C3D4;
/// LINKTYPE_RAW: each packet begins with an IPv4 or IPv6 head.
const RAW_IP: u32 = 101;
/// Longest packet.
const SNAP_BYTES: u32 = 262_144;
/// Bytes of a connection in one packet of the capture.
pub(super) const SEGMENT_BYTES: usize = 32_768;
const UDP: u8 = 17;
const TCP: u8 = 6;
/// PSH and ACK.
const TCP_FLAGS: u16 = 0x5018;

/// The head of the file.
pub(super) fn file_head() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(24);
    bytes.extend(MAGIC.to_le_bytes());
    bytes.extend(2u16.to_le_bytes());
    bytes.extend(4u16.to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend(SNAP_BYTES.to_le_bytes());
    bytes.extend(RAW_IP.to_le_bytes());
    bytes
}

/// One datagram.
pub(super) fn datagram(at_us: i64, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::with_capacity(8);
    head.extend(from.port().to_be_bytes());
    head.extend(to.port().to_be_bytes());
    head.extend((8 + payload.len() as u16).to_be_bytes());
    head.extend([0, 0]);
    packet(at_us, (from.ip(), to.ip()), (UDP, 6), head, payload)
}

/// A piece of a connection; `sequence` counts its bytes.
pub(super) fn segment(
    at_us: i64,
    from: SocketAddr,
    to: SocketAddr,
    sequence: u32,
    payload: &[u8],
) -> Vec<u8> {
    let mut head = Vec::with_capacity(20);
    head.extend(from.port().to_be_bytes());
    head.extend(to.port().to_be_bytes());
    head.extend(sequence.to_be_bytes());
    head.extend(1u32.to_be_bytes());
    head.extend(TCP_FLAGS.to_be_bytes());
    head.extend([0xFF, 0xFF, 0, 0, 0, 0]);
    packet(at_us, (from.ip(), to.ip()), (TCP, 16), head, payload)
}

/// `checksum_at`: where the head holds it.
fn packet(
    at_us: i64,
    (from, to): (IpAddr, IpAddr),
    (protocol, checksum_at): (u8, usize),
    mut head: Vec<u8>,
    payload: &[u8],
) -> Vec<u8> {
    let length = head.len() + payload.len();
    let (ip, pseudo) = ip_head(from, to, protocol, length);
    let sum = checksum(&[&pseudo, &head, payload]);
    // RFC 768: a sum of zero is written as all ones.
    let sum = if sum == 0 && protocol == UDP {
        0xFFFF
    } else {
        sum
    };
    if let Some(place) = head.get_mut(checksum_at..checksum_at + 2) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    let total = (ip.len() + length) as u32;
    let mut bytes = Vec::with_capacity(16 + total as usize);
    bytes.extend((at_us.div_euclid(1_000_000) as u32).to_le_bytes());
    bytes.extend((at_us.rem_euclid(1_000_000) as u32).to_le_bytes());
    bytes.extend(total.to_le_bytes());
    bytes.extend(total.to_le_bytes());
    bytes.extend(ip);
    bytes.extend(head);
    bytes.extend(payload);
    bytes
}

/// The IP head, and the bytes that stand for it in the sum of UDP and TCP.
fn ip_head(from: IpAddr, to: IpAddr, protocol: u8, length: usize) -> (Vec<u8>, Vec<u8>) {
    let (from, to) = match (from.to_canonical(), to.to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            return ip4_head(from.octets(), to.octets(), protocol, length);
        }
        (from, to) => (mapped(from), mapped(to)),
    };
    let mut head = vec![0x60, 0, 0, 0];
    head.extend((length as u16).to_be_bytes());
    head.extend([protocol, 64]);
    head.extend(from);
    head.extend(to);
    let mut pseudo = [from, to].concat();
    pseudo.extend((length as u32).to_be_bytes());
    pseudo.extend([0, 0, 0, protocol]);
    (head, pseudo)
}

fn ip4_head(from: [u8; 4], to: [u8; 4], protocol: u8, length: usize) -> (Vec<u8>, Vec<u8>) {
    let mut head = vec![0x45, 0];
    head.extend((20 + length as u16).to_be_bytes());
    head.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    head.extend(from);
    head.extend(to);
    let sum = checksum(&[&head]);
    head[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut pseudo = [from, to].concat();
    pseudo.extend([0, protocol]);
    pseudo.extend((length as u16).to_be_bytes());
    (head, pseudo)
}

fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// RFC 1071. Parts before the last have an even number of bytes.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u64::from(u16::from_be_bytes([pair[0], low]));
        }
    }
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum over everything, its own field included, is all ones, so its complement is zero.
    fn is_sound(bytes: &[u8], ip_bytes: usize, pseudo: &[u8]) {
        assert_eq!(checksum(&[pseudo, &bytes[16 + ip_bytes..]]), 0);
    }

    #[test]
    fn heads_of_both_families_have_true_sums_and_lengths() {
        let from: SocketAddr = "192.0.2.1:40000".parse().unwrap();
        let to: SocketAddr = "192.0.2.2:30000".parse().unwrap();
        for payload in [&b"abc"[..], b"", &[7; 1_400]] {
            let bytes = datagram(1_500_000, from, to, payload);
            assert_eq!(bytes.len(), 16 + 28 + payload.len());
            assert_eq!(checksum(&[&bytes[16..36]]), 0);
            let length = (8 + payload.len() as u16).to_be_bytes();
            let pseudo = [&bytes[28..36], &[0, UDP], &length].concat();
            is_sound(&bytes, 20, &pseudo);
        }
        let from: SocketAddr = "[2001:db8::1]:40000".parse().unwrap();
        let to: SocketAddr = "[2001:db8::2]:30000".parse().unwrap();
        let bytes = segment(0, from, to, 9, b"RTP");
        assert_eq!(bytes[16] >> 4, 6);
        let pseudo = [&bytes[24..56], &23u32.to_be_bytes(), &[0, 0, 0, TCP]].concat();
        is_sound(&bytes, 40, &pseudo);
    }
}
