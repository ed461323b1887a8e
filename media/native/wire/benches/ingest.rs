//! CPU cost of the wire part for one stream of 4 Mbit/s, and of its pieces.
//!
//! `cargo bench -p tongshi-wire` prints nanoseconds per packet and milliseconds per
//! stream-second, single thread, data in cache. Nothing is asserted: numbers belong with their
//! machine and commit.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};
use support::nals::{self, h264_pictures};
use support::ps::{self, Muxer, pes};
use support::rtp::{Sender, framed};
use tongshi_wire::MediaEvent;
use tongshi_wire::flac;
use tongshi_wire::fmp4::{Sample, write_fragment};
use tongshi_wire::framing::TcpFramer;
use tongshi_wire::g711::Law;
use tongshi_wire::ingest::{Ingest, IngestConfig};
use tongshi_wire::nal::find_start_code;

/// Seconds of one prepared stretch of stream.
const STRETCH_S: u64 = 4;
/// How long one figure is measured.
const MEASURE: Duration = Duration::from_millis(700);

/// 25 pictures per second, a key frame each 2 s, G.711A in 40 ms pieces, 4 Mbit/s in all.
fn stretch() -> Vec<Vec<u8>> {
    let muxer = Muxer {
        audio_type: Some(ps::G711A),
        ..Muxer::default()
    };
    let mut sender = Sender::new(1_388);
    for picture in h264_pictures(25 * STRETCH_S as usize, 50, 160_000, 16_800) {
        let audio = pes(0xC0, Some(picture.pts), None, &[0xD5; 320]);
        sender.send(picture.pts, &[muxer.pack(&picture), audio].concat());
    }
    sender.packets
}

/// CPU time of this thread where the kernel tells it (Linux), else the time of day: on a shared
/// machine the latter counts the neighbours too.
fn spent(since: Instant) -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let on_cpu = text.split(' ').next().and_then(|field| field.parse().ok());
    on_cpu.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

/// Runs `work` for a while; returns the mean time of one run.
fn measure(mut work: impl FnMut()) -> Duration {
    work();
    let start = Instant::now();
    let before = spent(start);
    let mut runs = 0;
    while start.elapsed() < MEASURE {
        work();
        runs += 1;
    }
    (spent(start) - before) / runs
}

fn report(name: &str, packets: usize, run: Duration) {
    let per_packet = run.as_nanos() as f64 / packets as f64;
    let per_second = run.as_secs_f64() * 1e3 / STRETCH_S as f64;
    println!("{name:<34} {per_packet:>8.0} ns/packet {per_second:>8.4} ms/stream-second");
}

/// One reception from start to end; gives pictures back when `recycle` is set.
fn receive(packets: &[Vec<u8>], ordered: bool, recycle: bool) {
    let mut ingest = Ingest::new(IngestConfig {
        ordered,
        ..IngestConfig::default()
    });
    let mut events = Vec::new();
    let mut now_us = 0;
    for packet in packets {
        now_us += 2_600;
        ingest.receive(packet, now_us, &mut events);
        for event in events.drain(..) {
            match event {
                MediaEvent::Video(unit) if recycle => ingest.recycle(unit.nals),
                other => drop(black_box(other)),
            }
        }
    }
}

fn main() {
    let packets = stretch();
    let bytes: usize = packets.iter().map(Vec::len).sum();
    println!(
        "{} packets, {:.2} Mbit/s, {STRETCH_S} s",
        packets.len(),
        bytes as f64 * 8.0 / STRETCH_S as f64 / 1e6
    );
    let count = packets.len();
    report(
        "ingest, in order",
        count,
        measure(|| receive(&packets, false, false)),
    );
    report(
        "ingest, in order, recycled",
        count,
        measure(|| receive(&packets, false, true)),
    );
    report(
        "ingest, TCP",
        count,
        measure(|| receive(&packets, true, false)),
    );
    let mut swapped = packets.clone();
    for pair in swapped.chunks_exact_mut(2) {
        pair.swap(0, 1);
    }
    swapped.swap(0, 1);
    report(
        "ingest, every pair swapped",
        count,
        measure(|| receive(&swapped, false, false)),
    );

    let stream: Vec<u8> = packets.iter().flat_map(|packet| framed(packet)).collect();
    report(
        "framing, reads of 16 KiB",
        count,
        measure(|| {
            let mut framer = TcpFramer::new();
            let mut total = 0;
            for piece in stream.chunks(16 << 10) {
                framer.feed(piece, &mut |packet| total += packet.len());
            }
            black_box(total);
        }),
    );

    let slice = nals::idr(bytes, 1);
    report(
        "search for start codes",
        count,
        measure(|| {
            black_box(find_start_code(black_box(&slice), 0));
        }),
    );

    let picture = nals::p_slice(16_800, 1);
    let mut out = Vec::new();
    report(
        "fMP4, one fragment per picture",
        count,
        measure(|| {
            for n in 0..25 * STRETCH_S {
                let sample = Sample {
                    data: &picture,
                    dts: 3_600 * n,
                    duration: 3_600,
                    cts: 0,
                    key: n % 50 == 0,
                };
                out.clear();
                write_fragment(n as u32, &[sample], &[], &mut out);
                black_box(&out);
            }
        }),
    );

    let sound: Vec<u8> = (0..320u32).map(|n| (n * 7 % 251) as u8).collect();
    report(
        "FLAC of G.711, 40 ms pieces",
        count,
        measure(|| {
            for _ in 0..25 * STRETCH_S {
                out.clear();
                let done = flac::encode_g711(Law::A, &sound, 0, &mut out);
                black_box(done.is_ok());
            }
        }),
    );
}
