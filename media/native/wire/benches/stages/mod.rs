//! The work whose cost is watched: by the clock in `benches/cost.rs`, by instructions in `examples/instructions.rs`.
//!
//! Each stage handles the same four seconds of a camera: 4 Mbit/s, 25 pictures a second, a key frame each 2 s,
//! G.711A in pieces of 40 ms.

#[path = "../../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use support::nals::{h264_pictures, idr};
use support::ps::{self, Muxer, pes};
use support::rtp::{Sender, framed};
use tongshi_wire::flac;
use tongshi_wire::flv;
use tongshi_wire::fmp4::{Sample, write_fragment};
use tongshi_wire::framing::TcpFramer;
use tongshi_wire::g711::Law;
use tongshi_wire::ingest::{Ingest, IngestConfig};
use tongshi_wire::nal::find_start_code;
use tongshi_wire::ps::{PsMuxer, PsPicture};
use tongshi_wire::rtp_pack::{Numbering, Packets, Picture};
use tongshi_wire::rtp_send::{RtpNumbering, UDP_PAYLOAD_BYTES};
use tongshi_wire::{AccessUnit, AudioCodec, MediaEvent, VideoConfig};

/// Seconds of the prepared stream.
pub const STRETCH_S: usize = 4;
const PICTURES: usize = 25 * STRETCH_S;
const SOUND_BYTES: usize = 320;

/// What the stages work on.
pub struct Input {
    packets: Vec<Vec<u8>>,
    swapped: Vec<Vec<u8>>,
    framed: Vec<u8>,
    units: Vec<AccessUnit>,
    config: VideoConfig,
    noise: Vec<u8>,
    sound: Vec<u8>,
}

/// What a stage's cost is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    Packet,
    Picture,
}

/// One piece of work.
#[derive(Clone, Copy)]
pub struct Stage {
    pub name: &'static str,
    pub per: Per,
    pub run: fn(&Input),
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn stage(name: &'static str, per: Per, run: fn(&Input)) -> Stage {
    Stage { name, per, run }
}

/// All of it.
pub const STAGES: [Stage; 12] = [
    stage("ingest-udp", Per::Packet, |input| {
        receive(&input.packets, false)
    }),
    stage("ingest-tcp", Per::Packet, |input| {
        receive(&input.packets, true)
    }),
    stage("ingest-swapped", Per::Packet, |input| {
        receive(&input.swapped, false)
    }),
    stage("framing", Per::Packet, unframe),
    stage("start-codes", Per::Picture, |input| {
        black_box(find_start_code(&input.noise, 0));
    }),
    stage("fmp4", Per::Picture, fragments),
    stage("flac", Per::Picture, flac_frames),
    stage("flv", Per::Picture, flv_tags),
    stage("ps", Per::Picture, packs),
    stage("ps-rtp", Per::Packet, packs_in_packets),
    stage("rtp", Per::Picture, rtp_packets),
    stage("g711", Per::Picture, samples),
];

impl Input {
    pub fn new() -> Self {
        let muxer = Muxer {
            audio_type: Some(ps::G711A),
            ..Muxer::default()
        };
        let mut sender = Sender::new(1_388);
        let sound: Vec<u8> = (0..SOUND_BYTES as u32)
            .map(|n| (n * 7 % 251) as u8)
            .collect();
        for picture in h264_pictures(PICTURES, 50, 160_000, 16_800) {
            let audio = pes(0xC0, Some(picture.pts), None, &sound);
            sender.send(picture.pts, &[muxer.pack(&picture), audio].concat());
        }
        let packets = sender.packets;
        let mut swapped = packets.clone();
        for pair in swapped[2..].chunks_exact_mut(2) {
            pair.swap(0, 1);
        }
        let (mut units, mut config) = (Vec::new(), None);
        for event in support::ingest(&packets) {
            match event {
                MediaEvent::Video(unit) => units.push(unit),
                MediaEvent::VideoConfig(found) => config = Some(found),
                _ => {}
            }
        }
        let bytes = packets.iter().map(Vec::len).sum();
        Self {
            framed: packets.iter().flat_map(|packet| framed(packet)).collect(),
            swapped,
            units,
            config: config.expect("the stream has parameter sets"),
            noise: idr(bytes, 1),
            sound,
            packets,
        }
    }

    pub fn count(&self, per: Per) -> usize {
        match per {
            Per::Packet => self.packets.len(),
            Per::Picture => self.units.len(),
        }
    }
}

fn receive(packets: &[Vec<u8>], ordered: bool) {
    let mut ingest = Ingest::new(IngestConfig {
        ordered,
        ..IngestConfig::default()
    });
    let mut events = Vec::new();
    let mut now_us = 0;
    for packet in packets {
        now_us += 2_600;
        ingest.receive(packet, now_us, &mut events);
        events.drain(..).for_each(|event| drop(black_box(event)));
    }
}

fn unframe(input: &Input) {
    let mut framer = TcpFramer::new();
    let mut total = 0;
    for piece in input.framed.chunks(16 << 10) {
        framer.feed(piece, &mut |packet| total += packet.len());
    }
    black_box(total);
}

fn fragments(input: &Input) {
    let mut out = Vec::new();
    for (number, unit) in input.units.iter().enumerate() {
        let sample = Sample {
            data: &unit.nals,
            dts: unit.dts_90k as u64,
            duration: 3_600,
            cts: 0,
            key: unit.keyframe,
        };
        out.clear();
        write_fragment(number as u32, &[sample], &[], &mut out);
        black_box(&out);
    }
}

fn flac_frames(input: &Input) {
    let mut out = Vec::new();
    for number in 0..input.units.len() {
        out.clear();
        let first = (number * SOUND_BYTES) as u64;
        let done = flac::encode_g711(Law::A, &input.sound, first, &mut out);
        black_box((&out, done.is_ok()));
    }
}

fn flv_tags(input: &Input) {
    let mut out = Vec::new();
    for unit in &input.units {
        out.clear();
        let head = flv::video_head(unit.codec, unit.keyframe, unit.dts_90k, unit.pts_90k);
        flv::write_tag(
            flv::TagKind::Video,
            0,
            &[head.bytes(), &unit.nals],
            &mut out,
        );
        let head = flv::audio_head(AudioCodec::G711A);
        flv::write_tag(
            flv::TagKind::Audio,
            0,
            &[head.bytes(), &input.sound],
            &mut out,
        );
        black_box(&out);
    }
}

fn pack(muxer: &PsMuxer, unit: &AccessUnit, sound: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let picture = PsPicture {
        nals: &unit.nals,
        pts_90k: unit.pts_90k,
        dts_90k: unit.dts_90k,
        keyframe: unit.keyframe,
    };
    muxer.write_picture(&picture, out);
    muxer.write_audio(sound, unit.pts_90k, out);
}

fn packs(input: &Input) {
    let muxer = PsMuxer::new(Some(&input.config), None, 0);
    let mut out = Vec::new();
    for unit in &input.units {
        pack(&muxer, unit, &input.sound, &mut out);
        black_box(&out);
    }
}

fn packs_in_packets(input: &Input) {
    let muxer = PsMuxer::new(Some(&input.config), None, 0);
    let mut numbering = RtpNumbering::new(1, 96, 0);
    let mut out = Vec::new();
    for unit in &input.units {
        pack(&muxer, unit, &input.sound, &mut out);
        for packet in numbering.packets(&out, unit.pts_90k as u32, UDP_PAYLOAD_BYTES) {
            black_box(packet);
        }
    }
}

fn rtp_packets(input: &Input) {
    let mut numbering = Numbering {
        channel: 0,
        payload_type: 96,
        ssrc: 1,
        sequence: 0,
    };
    for unit in &input.units {
        let picture = Picture {
            codec: unit.codec,
            nals: &unit.nals,
            timestamp: unit.pts_90k as u32,
            sets: unit.keyframe.then_some(&input.config),
        };
        black_box(Packets::of_picture(&picture, &mut numbering));
    }
}

fn samples(input: &Input) {
    let mut pcm = Vec::new();
    for _ in &input.units {
        pcm.clear();
        tongshi_wire::g711::decode(Law::A, &input.sound, &mut pcm);
        black_box(&pcm);
    }
}
