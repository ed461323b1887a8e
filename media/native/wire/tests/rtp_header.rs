//! RTP headers (protocol notes 7.1).

mod support;

use support::rtp;
use tongshi_wire::rtp::{is_rtcp, parse, peek_ssrc};

#[test]
fn the_example_of_7_1_is_read_field_by_field() {
    let bytes = [
        0x80, 0x60, 0x00, 0x01, 0x00, 0x0D, 0xBB, 0xA0, 0x0B, 0xEB, 0xC2, 0x01,
    ];
    let packet = parse(&bytes).unwrap();
    assert_eq!((packet.payload_type, packet.marker), (96, false));
    assert_eq!((packet.sequence, packet.timestamp), (1, 900_000));
    assert_eq!(packet.ssrc, 200_000_001);
    assert!(packet.payload.is_empty());
    assert_eq!(peek_ssrc(&bytes), Some(200_000_001));
    assert!(parse(&[0xE0; 12]).is_err());
}

#[test]
fn csrc_list_extension_and_padding_are_passed_over() {
    let mut bytes = rtp::packet(7, 9, true, &[]);
    bytes[0] = 0x80 | 0x20 | 0x10 | 2;
    bytes.extend([0; 8]);
    bytes.extend([0xBE, 0xDE, 0, 1, 1, 2, 3, 4]);
    bytes.extend([0xAA, 0xBB, 0, 0, 3]);
    let packet = parse(&bytes).unwrap();
    assert!(packet.marker);
    assert_eq!(packet.payload, [0xAA, 0xBB]);
}

#[test]
fn a_padding_count_beyond_the_payload_is_ignored() {
    let mut bytes = rtp::packet(7, 9, false, &[1, 2, 9]);
    bytes[0] |= 0x20;
    assert_eq!(parse(&bytes).unwrap().payload, [1, 2, 9]);
}

#[test]
fn errors_name_the_byte() {
    let error = parse(&[0x80; 11]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "RTP header at byte 11: 12 bytes needed, 11 held"
    );
    let mut bytes = rtp::packet(7, 9, false, &[]);
    bytes[0] = 0x4F;
    assert_eq!(parse(&bytes).unwrap_err().offset, 0);
    bytes[0] = 0x8F;
    assert_eq!(parse(&bytes).unwrap_err().offset, 12);
    bytes[0] = 0x90;
    bytes.extend([0, 0, 0, 9]);
    assert!(parse(&bytes).is_err());
}

#[test]
fn rtcp_is_told_from_rtp() {
    assert!(is_rtcp(&[0x80, 200, 0, 1, 0, 0, 0, 1]));
    assert!(!is_rtcp(&rtp::packet(1, 1, true, &[])));
    assert!(!is_rtcp(&[0x80, 200]));
}
