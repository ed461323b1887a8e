//! Builders of coded video, program streams and RTP packets for the tests.
//!
//! Written apart from the code under test, so that the two can disagree.

#![allow(dead_code, missing_docs)]

pub mod boxes;
pub mod nals;
pub mod ps;
pub mod rtp;

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
    let unit = |event| match event {
        &MediaEvent::Video(ref unit) => Some(unit),
        _ => None,
    };
    events.iter().filter_map(unit).collect()
}

pub fn configs(events: &[MediaEvent]) -> Vec<&VideoConfig> {
    let config = |event| match event {
        &MediaEvent::VideoConfig(ref config) => Some(config),
        _ => None,
    };
    events.iter().filter_map(config).collect()
}

pub fn audio(events: &[MediaEvent]) -> Vec<&AudioFrame> {
    let frame = |event| match event {
        &MediaEvent::Audio(ref frame) => Some(frame),
        _ => None,
    };
    events.iter().filter_map(frame).collect()
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
