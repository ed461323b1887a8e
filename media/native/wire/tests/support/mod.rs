//! Builders of coded video, program streams and RTP packets for the tests.
//!
//! Written apart from the code under test, so that the two can disagree.

#![allow(dead_code, missing_docs)]

pub mod boxes;
pub mod nals;
pub mod ps;
pub mod rtp;
pub mod ts;

use nals::TestPicture;
use rtp::Sender;
use tongshi_wire::ingest::{Ingest, IngestConfig};
use tongshi_wire::{AccessUnit, AudioFrame, MediaEvent, VideoConfig};

/// Microseconds between packets of a test stream when nothing else is said.
pub const PACKET_US: u64 = 500;

/// Runs packets through a new reception, evenly spaced, flushed at the end.
pub fn ingest(packets: &[Vec<u8>]) -> Vec<MediaEvent> {
    ingest_with(IngestConfig::default(), packets)
}

pub fn ingest_with(config: IngestConfig, packets: &[Vec<u8>]) -> Vec<MediaEvent> {
    run(&mut Ingest::new(config), packets)
}

pub fn run(ingest: &mut Ingest, packets: &[Vec<u8>]) -> Vec<MediaEvent> {
    let mut events = Vec::new();
    let mut now_us = 1_000_000;
    for packet in packets {
        now_us += PACKET_US;
        ingest.receive(packet, now_us, &mut events);
    }
    ingest.flush(&mut events);
    events
}

pub fn units(events: &[MediaEvent]) -> Vec<&AccessUnit> {
    let units = events.iter().filter_map(|event| match event {
        MediaEvent::Video(unit) => Some(unit),
        _ => None,
    });
    units.collect()
}

pub fn configs(events: &[MediaEvent]) -> Vec<&VideoConfig> {
    let configs = events.iter().filter_map(|event| match event {
        MediaEvent::VideoConfig(config) => Some(config),
        _ => None,
    });
    configs.collect()
}

pub fn audio(events: &[MediaEvent]) -> Vec<&AudioFrame> {
    let frames = events.iter().filter_map(|event| match event {
        MediaEvent::Audio(frame) => Some(frame),
        _ => None,
    });
    frames.collect()
}

/// NAL units of an access unit.
pub fn nals_of(unit: &AccessUnit) -> Vec<Vec<u8>> {
    let mut rest = &unit.nals[..];
    let mut nals = Vec::new();
    while let Some((length, body)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        nals.push(body[..length].to_vec());
        rest = &body[length..];
    }
    assert!(rest.is_empty(), "lengths fill the access unit");
    nals
}

/// Payload bytes of a packet.
pub const MTU: usize = 1_400;

/// Sends each picture as the bytes that `pack` makes of it.
pub fn send(pictures: &[TestPicture], pack: impl Fn(&TestPicture) -> Vec<u8>) -> Vec<Vec<u8>> {
    let mut sender = Sender::new(MTU);
    for picture in pictures {
        sender.send(picture.pts, &pack(picture));
    }
    sender.packets
}

pub fn assert_pictures(events: &[MediaEvent], pictures: &[TestPicture]) {
    let found = units(events);
    assert_eq!(found.len(), pictures.len(), "access units");
    for (unit, picture) in found.iter().zip(pictures) {
        assert_eq!(nals_of(unit), picture.expected);
        assert_eq!(unit.keyframe, picture.keyframe);
        assert!(!unit.corrupt);
    }
}

pub fn assert_timed(events: &[MediaEvent], pictures: &[TestPicture]) {
    for (unit, picture) in units(events).iter().zip(pictures) {
        assert_eq!(unit.pts_90k, picture.pts as i64);
        assert_eq!(unit.dts_90k, picture.pts as i64);
    }
}
