use super::*;

const SECOND: u64 = 1_000_000;
const WINDOW: u64 = SECOND / 2;
const REST: u64 = 10 * SECOND;

fn directory() -> Directory {
    Directory::new(WINDOW, REST, false)
}

fn claim(key: u64) -> Claim {
    Claim {
        key,
        worker: 0,
        way: Way::Udp,
    }
}

fn at(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

fn is_taken(result: Result<(), PlaneError>, rests: bool) -> bool {
    matches!(result, Err(PlaneError::SsrcTaken { rests: found, .. }) if found == rests)
}

#[test]
fn two_sessions_never_have_one_ssrc() {
    let directory = directory();
    directory.open(7, claim(1), SECOND).unwrap();
    assert!(is_taken(directory.open(7, claim(2), SECOND), false));
    directory.open(8, claim(2), SECOND).unwrap();
    assert!(is_taken(directory.add(2, 7, SECOND), false));
    directory.add(1, 7, SECOND).unwrap();
    let found = directory.find(7, at(1, 1), Way::Udp, 1, SECOND);
    assert_eq!(found, Answer::Known(claim(1)));
}

#[test]
fn an_answer_that_corrects_the_ssrc_adds_a_key_and_changes_the_generation() {
    let directory = directory();
    directory.open(7, claim(1), SECOND).unwrap();
    let before = directory.generation();
    directory.add(1, 9, SECOND).unwrap();
    assert_ne!(directory.generation(), before);
    for ssrc in [7, 9] {
        let found = directory.find(ssrc, at(1, 1), Way::Udp, 1, SECOND);
        assert_eq!(found, Answer::Known(claim(1)));
    }
    let refused = (10..30).filter(|&ssrc| directory.add(1, ssrc, SECOND).is_err());
    assert_eq!(refused.count(), 20 - (CLAIMS_EACH - 2));
}

/// Field lesson 7: the SSRC of an ended session rests, and longer while its sender goes on.
#[test]
fn an_ssrc_rests_after_its_session_and_as_long_as_it_is_heard() {
    let directory = directory();
    directory.open(7, claim(1), SECOND).unwrap();
    directory.close(1, 2 * SECOND);
    assert!(is_taken(directory.open(7, claim(2), 3 * SECOND), true));
    let found = directory.find(7, at(1, 1), Way::Udp, 1, 11 * SECOND);
    assert_eq!(found, Answer::Nobody { is_new: true });
    assert!(is_taken(directory.open(7, claim(2), 20 * SECOND), true));
    directory.open(7, claim(2), 21 * SECOND).unwrap();
}

#[test]
fn an_unknown_ssrc_from_the_address_of_a_waiting_device_is_put_up_with_after_the_window() {
    let directory = directory();
    directory.open(7, claim(1), SECOND).unwrap();
    directory.expect_peer(1, at(1, 0).ip(), None);
    let source = at(1, 5_000);
    assert_eq!(
        directory.find(0, source, Way::Udp, 1, 2 * SECOND),
        Answer::Nobody { is_new: true }
    );
    assert_eq!(
        directory.find(0, source, Way::Udp, 1, 2 * SECOND + WINDOW - 1),
        Answer::Nobody { is_new: false }
    );
    assert_eq!(directory.foreign(1), 2);
    assert_eq!(
        directory.find(0, source, Way::Udp, 1, 2 * SECOND + WINDOW),
        Answer::PutUpWith(claim(1))
    );
    // Another device that sends zero is another matter.
    assert_eq!(
        directory.find(0, at(2, 5_000), Way::Udp, 1, 3 * SECOND),
        Answer::Nobody { is_new: true }
    );
    directory.close(1, 4 * SECOND);
    assert!(matches!(
        directory.find(0, source, Way::Udp, 1, 4 * SECOND),
        Answer::Nobody { .. }
    ));
}

#[test]
fn neither_a_strict_directory_nor_a_session_that_has_its_media_puts_up_with_another() {
    let strict = Directory::new(WINDOW, REST, true);
    let settled = directory();
    for directory in [&strict, &settled] {
        directory.open(7, claim(1), SECOND).unwrap();
        directory.expect_peer(1, at(1, 0).ip(), None);
    }
    settled.media_from(1, Some(at(1, 4_000)));
    for directory in [strict, settled] {
        for step in 0..10 {
            let now_us = 2 * SECOND + step * WINDOW;
            let found = directory.find(3, at(1, 5_000), Way::Udp, 1, now_us);
            assert!(matches!(found, Answer::Nobody { .. }));
        }
    }
}

/// Field lesson 7: the device itself still sends the stream of an invite that has ended.
#[test]
fn a_resting_ssrc_is_never_put_up_with() {
    let directory = directory();
    directory.open(7, claim(1), SECOND).unwrap();
    directory.close(1, SECOND);
    directory.open(8, claim(2), 2 * SECOND).unwrap();
    directory.expect_peer(2, at(1, 0).ip(), None);
    for step in 0..100 {
        let now_us = 2 * SECOND + step * WINDOW;
        let found = directory.find(7, at(1, 5_000), Way::Udp, 1, now_us);
        assert!(matches!(found, Answer::Nobody { .. }));
    }
}

#[test]
fn a_datagram_is_no_connection() {
    let directory = directory();
    directory.open(7, claim(1), SECOND).unwrap();
    let found = directory.find(7, at(1, 1), Way::Tcp, 1, SECOND);
    assert_eq!(found, Answer::Nobody { is_new: true });
}
