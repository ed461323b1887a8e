//! A panic in each thread of the plane: what it was for ends with a reason, it is told, and the thread goes on.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use tongshi_wire::rtmp::{ClientSession, PushTarget};

use super::tests::{framed, open, request, rtp, until};
use super::*;
use crate::facts::FactKind;
use crate::recordings::{Control, RecordingsRequest, SegmentRef, Stamps};
use crate::senders::{SenderEnd, SenderRequest, SenderTransport};
use crate::shared::doorman::PANICS;

/// Facts of a plane until one of them is what is looked for.
fn told<T>(plane: &Plane, mut wanted: impl FnMut(Fact) -> Option<T>) -> T {
    until(|| plane.drain_facts().0.into_iter().find_map(&mut wanted))
}

fn told_of(plane: &Plane, name: &str) {
    let (thread, message) = told(plane, |fact| match fact.kind {
        FactKind::ThreadPanicked { thread, message } => Some((thread, message)),
        _ => None,
    });
    assert_eq!(
        (thread.as_str(), message.contains("by a test")),
        (name, true)
    );
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).unwrap();
    stream
}

/// What is answered, up to `length` bytes or the end.
fn answer(address: SocketAddr, said: &[u8], length: usize) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(said).unwrap();
    let mut heard = Vec::new();
    // A connection that is reset is closed as well.
    let _ = stream.take(length as u64).read_to_end(&mut heard);
    heard
}

fn directory(name: &str) -> PathBuf {
    let name = format!("tongshi-panic-{name}-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn a_receiving_thread_goes_on() {
    let plane = open(|config| config.threads = 1);
    let port = plane.open_session(&request("a", Transport::Udp)).unwrap();
    plane.mailboxes[0].send(Command::Panic(0));
    told_of(&plane, "media-in-0");
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(&rtp(1), ("127.0.0.1", port)).unwrap();
    until(|| (plane.snapshot("a").unwrap().stats.packets == 1).then_some(()));
}

#[test]
fn the_senders_of_a_session_end_with_it_and_say_why() {
    let plane = open(|_| {});
    plane.open_session(&request("a", Transport::Udp)).unwrap();
    let sender = SenderRequest {
        sender_id: "up".into(),
        transport: SenderTransport::Udp,
        local: (Ipv4Addr::LOCALHOST, 0).into(),
        peer: Some((Ipv4Addr::LOCALHOST, 9).into()),
        rtcp_port: None,
        ssrc: 1,
        first_sequence: 0,
        payload_type: 96,
        audio: Vec::new(),
        pass_through: true,
        from_cache: true,
    };
    plane.attach_sender("a", sender).unwrap();
    let victim = plane.session("a").unwrap();
    plane.mailboxes[victim.worker].send(Command::Panic(victim.key));
    let (reason, detail) = told(&plane, |fact| match fact.kind {
        FactKind::SenderClosed { reason, detail, .. } => Some((reason, detail)),
        _ => None,
    });
    assert_eq!(reason, SenderEnd::InternalError.name());
    assert_eq!(detail, "internal error");
}

#[test]
fn the_desk_of_http_closes_that_connection_and_answers_the_next() {
    let plane = open(|_| {});
    let bad = answer(
        plane.address(),
        b"GET /panic HTTP/1.1\r\nHost: h\r\n\r\n",
        100,
    );
    assert_eq!(bad, b"");
    told_of(&plane, "media-out");
    let good = answer(
        plane.address(),
        b"OPTIONS / HTTP/1.0\r\nHost: h\r\n\r\n",
        12,
    );
    assert_eq!(good, b"HTTP/1.1 204");
}

#[test]
fn the_desk_of_rtsp_closes_that_connection_and_answers_the_next() {
    let plane = open(|config| config.rtsp.port = free_port());
    let address = plane.rtsp_address().unwrap();
    let said = |method: &str| format!("{method} rtsp://h/live/a RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    assert_eq!(answer(address, said("PANIC").as_bytes(), 100), b"");
    told_of(&plane, "media-rtsp");
    let good = answer(address, said("OPTIONS").as_bytes(), 12);
    assert_eq!(good, b"RTSP/1.0 200");
}

#[test]
fn the_desk_of_rtmp_closes_that_connection_and_answers_the_next() {
    let port = free_port();
    let plane = open(|config| config.rtmp_port = port);
    let target = PushTarget::parse(&format!("rtmp://127.0.0.1:{port}/panic/panic")).unwrap();
    let mut stream = connect((Ipv4Addr::LOCALHOST, port).into());
    let mut client = ClientSession::new(target, 1);
    let mut buffer = [0; 4_096];
    loop {
        stream.write_all(&client.take_output()).unwrap();
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => client.receive(&buffer[..count], &mut Vec::new()).unwrap(),
            _ => break,
        }
    }
    told_of(&plane, "media-rtmp");
    let mut hello = vec![0; 1_537];
    hello[0] = 3;
    let good = answer((Ipv4Addr::LOCALHOST, port).into(), &hello, 1);
    assert_eq!(good, [3]);
}

#[test]
fn the_shared_listener_turns_that_connection_away_and_hears_the_next() {
    let port = free_port();
    let plane = open(|config| config.shared_tcp_port = port);
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let of = |ssrc: u32| {
        let mut bytes = framed(1);
        bytes[10..14].copy_from_slice(&ssrc.to_be_bytes());
        bytes
    };
    assert_eq!(answer(address, &of(PANICS), 1), b"");
    told_of(&plane, "media-in-tcp");
    let mut stream = connect(address);
    stream.write_all(&of(7)).unwrap();
    let ssrc = told(&plane, |fact| match fact.kind {
        FactKind::UnknownSsrc { ssrc, .. } => Some(ssrc),
        _ => None,
    });
    assert_eq!(ssrc, 7);
}

#[test]
fn the_disk_thread_ends_that_recorder_and_writes_the_others() {
    let plane = open(|_| {});
    plane.open_session(&request("a", Transport::Udp)).unwrap();
    let directory = directory("disk");
    let attach = |recorder_id: &str| {
        let recorder = RecorderConfig {
            recorder_id: recorder_id.into(),
            run: recorder_id.into(),
            directory: directory.clone(),
            segment_us: 1_000_000,
            fragment_us: 1_000_000,
            metadata: Vec::new(),
            first_number: 1,
        };
        let key = plane.next_key.load(Ordering::Relaxed);
        plane.attach_recorder("a", recorder).unwrap();
        // Once the worker has answered, the disk knows the recorder.
        let session = plane.session("a").unwrap();
        until(|| (lock(&session.stream).recorders > 0).then_some(()));
        key
    };
    let victim = attach("first");
    attach("second");
    plane.disk.push(Job::Panic(0));
    told_of(&plane, "media-disk");
    // The order to attach goes by way of the worker: it may come after.
    let failed = until(|| {
        plane.disk.push(Job::Panic(victim));
        plane
            .drain_facts()
            .0
            .into_iter()
            .find_map(|fact| match fact.kind {
                FactKind::RecorderFailed {
                    recorder_id,
                    message,
                    ..
                } => Some((recorder_id, message)),
                _ => None,
            })
    });
    assert_eq!(
        (failed.0.as_str(), failed.1.contains("by a test")),
        ("first", true)
    );
    plane.detach_recorder("a", "second").unwrap();
    let detached = told(&plane, |fact| match fact.kind {
        FactKind::RecorderDetached { recorder_id } => Some(recorder_id),
        _ => None,
    });
    assert_eq!(detached, "second");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn the_pacer_ends_that_playback_and_plays_the_others() {
    let plane = open(|_| {});
    let playback = |session_id: &str| RecordingsRequest {
        session_id: session_id.into(),
        segments: vec![SegmentRef {
            path: "/nonexistent.mp4".into(),
            start_us: 0,
            end_us: 1_000_000,
            law: None,
        }],
        begin_us: 0,
        end_us: 1_000_000,
        scale: 1.0,
        download: false,
        stamps: Stamps::Rescaled,
        whole_groups: false,
        paused: true,
        exact: false,
    };
    plane.open_recordings(playback("a")).unwrap();
    plane
        .control_recordings("a", Control::Scale(crate::recordings::PANICS))
        .unwrap();
    let failed = told(&plane, |fact| match fact.kind {
        FactKind::SessionFailed { message } => Some((fact.session_id, message)),
        _ => None,
    });
    assert_eq!(
        (failed.0.as_str(), failed.1.contains("by a test")),
        ("a", true)
    );
    plane.open_recordings(playback("b")).unwrap();
    let skipped = told(&plane, |fact| match fact.kind {
        FactKind::RecordingSkipped { .. } => Some(fact.session_id),
        _ => None,
    });
    assert_eq!(skipped, "b");
}
