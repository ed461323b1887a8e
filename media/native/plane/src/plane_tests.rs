//! The plane as a whole, over loopback sockets.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use super::*;
use crate::facts::FactKind;

const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn open(change: impl FnOnce(&mut PlaneConfig)) -> Plane {
    let mut config = PlaneConfig {
        url_key: b"key".to_vec(),
        audio_wait_us: 0,
        ..PlaneConfig::default()
    };
    change(&mut config);
    Plane::open(config).unwrap()
}

pub(super) fn request(session_id: &str, transport: Transport) -> SessionRequest {
    SessionRequest {
        session_id: session_id.into(),
        transport,
        host: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        ssrc: None,
        strict_ssrc: false,
        shared: false,
    }
}

pub(super) fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(Instant::now() < deadline, "nothing within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(super) fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 7]);
    packet.extend_from_slice(&[0xFF; 100]);
    packet
}

#[test]
fn a_panic_ends_its_session_and_no_other() {
    let plane = open(|_| {});
    for id in ["a", "b"] {
        plane.open_session(&request(id, Transport::Udp)).unwrap();
    }
    let victim = plane.session("a").unwrap();
    plane.mailboxes[victim.worker].send(Command::Panic(victim.key));
    let failed = until(|| plane.drain_facts().0.pop());
    assert_eq!(failed.session_id, "a");
    assert!(matches!(failed.kind, FactKind::SessionFailed { message } if message.contains("test")));
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = plane.snapshot("b").unwrap().port;
    sender.send_to(&rtp(1), ("127.0.0.1", port)).unwrap();
    until(|| (plane.snapshot("b").unwrap().stats.packets == 1).then_some(()));
    plane.close_session("a", "over").unwrap();
}

#[test]
fn rtcp_on_the_rtp_port_is_counted_and_passed_over() {
    let plane = open(|_| {});
    let port = plane.open_session(&request("a", Transport::Udp)).unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for packet in [
        rtp(1),
        vec![0x80, 200, 0, 6, 0, 0, 0, 7, 0, 0, 0, 0],
        rtp(2),
    ] {
        sender.send_to(&packet, ("127.0.0.1", port)).unwrap();
    }
    let stats =
        until(|| Some(plane.snapshot("a").unwrap().stats).filter(|stats| stats.packets == 2));
    assert_eq!((stats.rtcp, stats.malformed, stats.lost), (1, 0, 0));
    assert_eq!(stats.rtcp_refused, 0);
}

#[test]
fn ids_are_unique_and_plain() {
    let plane = open(|_| {});
    plane.open_session(&request("a", Transport::Udp)).unwrap();
    let twice = plane.open_session(&request("a", Transport::TcpPassive));
    assert!(matches!(twice, Err(PlaneError::DuplicateSession(_))));
    for bad in ["", "../x", "a b", &"a".repeat(65)] {
        let refused = plane.open_session(&request(bad, Transport::Udp));
        assert!(matches!(refused, Err(PlaneError::BadArgument(_))), "{bad}");
    }
    assert!(matches!(
        plane.close_session("b", ""),
        Err(PlaneError::UnknownSession(_))
    ));
}

#[test]
fn a_taken_port_is_told_from_other_refusals() {
    let plane = open(|_| {});
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut wanted = request("a", Transport::Udp);
    wanted.port = taken.local_addr().unwrap().port();
    let refused = plane.open_session(&wanted).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.errno()),
        ("address_in_use", libc::EADDRINUSE)
    );
    wanted.host = Ipv4Addr::new(192, 0, 2, 1).into();
    let refused = plane.open_session(&wanted).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.errno()),
        ("system", libc::EADDRNOTAVAIL)
    );
}

#[test]
fn closing_is_complete_and_may_be_repeated() {
    let plane = open(|config| config.threads = 3);
    for index in 0..10 {
        plane
            .open_session(&request(&index.to_string(), Transport::Udp))
            .unwrap();
    }
    plane.close();
    plane.close();
    assert!(plane.snapshots().is_empty());
    assert!(matches!(
        plane.open_session(&request("a", Transport::Udp)),
        Err(PlaneError::Closed)
    ));
}

pub(super) fn framed(sequence: u16) -> Vec<u8> {
    let packet = rtp(sequence);
    let mut framed = (packet.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(&packet);
    framed
}

/// GB-C102: the device listens, this side connects.
#[test]
fn packets_come_over_a_connection_that_we_opened() {
    let plane = open(|_| {});
    let device = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = device.local_addr().unwrap();
    plane
        .open_session(&request("a", Transport::TcpPassive))
        .unwrap();
    plane.connect("a", address, PATIENCE).unwrap();
    let (mut stream, _) = device.accept().unwrap();
    for sequence in 0..3 {
        stream.write_all(&framed(sequence)).unwrap();
    }
    until(|| (plane.snapshot("a").unwrap().stats.packets == 3).then_some(()));
    assert_eq!(plane.snapshot("a").unwrap().stats.source, Some(address));
}

#[test]
fn a_device_that_does_not_listen_and_a_session_over_udp_are_refused_connections() {
    let plane = open(|_| {});
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    plane
        .open_session(&request("a", Transport::TcpPassive))
        .unwrap();
    let refused = plane.connect("a", gone, PATIENCE).unwrap_err();
    assert!(matches!(refused, PlaneError::System { .. }), "{refused:?}");
    plane.open_session(&request("b", Transport::Udp)).unwrap();
    assert!(matches!(
        plane.connect("b", gone, PATIENCE),
        Err(PlaneError::BadArgument(_))
    ));
    assert!(plane.connect("c", gone, PATIENCE).is_err());
}
