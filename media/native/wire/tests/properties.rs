//! What holds for any cut and any bytes.

mod support;

use proptest::prelude::*;
use support::nals::{annexb, h264_pictures, h265_pictures};
use support::ps::{self, Muxer, pes};
use support::rtp::{packet, typed};
use support::{PACKET_US, ingest, run};
use tongshi_wire::ingest::{Ingest, IngestConfig, MAX_ACCESS_UNIT_BYTES};
use tongshi_wire::{MediaEvent, aac, fmp4, nal, rtp_aac};

/// A stream with audio and every kind of unit.
fn stream(h265: bool) -> Vec<u8> {
    let pictures = if h265 {
        h265_pictures(6, 3, 700, 200)
    } else {
        h264_pictures(6, 3, 700, 200)
    };
    let muxer = Muxer {
        map: Some(if h265 { ps::H265 } else { ps::H264 }),
        audio_type: Some(ps::G711A),
    };
    let mut bytes = Vec::new();
    for picture in &pictures {
        bytes.extend(muxer.pack(picture));
        bytes.extend(pes(0xBD, None, None, &[9; 33]));
        bytes.extend(pes(0xC0, Some(picture.pts), None, &[0xD5; 160]));
    }
    bytes
}

/// The stream in packets of these sizes, all with one RTP timestamp.
fn cut(bytes: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        packets.push(packet(packets.len() as u16, 900_000, false, piece));
        rest = after;
    }
    packets
}

fn media(events: Vec<MediaEvent>) -> Vec<MediaEvent> {
    let is_media = |event: &MediaEvent| !matches!(event, MediaEvent::Damaged { .. });
    events.into_iter().filter(is_media).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_cut_of_a_program_stream_gives_the_same_events(
        sizes in prop::collection::vec(1usize..300, 1..50),
        h265 in any::<bool>(),
    ) {
        let bytes = stream(h265);
        let whole = ingest(&cut(&bytes, &[60_000]));
        prop_assert_eq!(ingest(&cut(&bytes, &sizes)), whole);
    }

    #[test]
    fn a_cut_at_a_nal_unit_is_no_elementary_stream(h265 in any::<bool>()) {
        let bytes = stream(h265);
        let whole = ingest(&cut(&bytes, &[60_000]));
        prop_assert_eq!(ingest(&cut(&bytes, &[1, 69, 4])), whole);
    }

    #[test]
    fn any_cut_of_a_stream_without_lengths_gives_the_same_events(
        sizes in prop::collection::vec(1usize..300, 1..50),
    ) {
        let mut bytes = Vec::new();
        for picture in h264_pictures(5, 3, 600, 150) {
            bytes.extend(ps::pack_header(picture.pts));
            bytes.extend(ps::pes_unbounded(0xE0, Some(picture.pts), &picture.annexb));
        }
        let whole = ingest(&cut(&bytes, &[60_000]));
        prop_assert_eq!(ingest(&cut(&bytes, &sizes)), whole);
    }

    #[test]
    fn reordering_on_the_way_changes_nothing(
        swaps in prop::collection::vec((1usize..80, 1usize..30), 0..30),
    ) {
        let packets = cut(&stream(false), &[47]);
        let mut mixed = packets.clone();
        for (at, distance) in swaps {
            let at = at.min(mixed.len() - 1);
            let other = (at + distance).min(mixed.len() - 1);
            // Blocks of 60 keep their packets, so that no packet leaves the window.
            if (at - 1) / 60 == (other - 1) / 60 {
                mixed.swap(at, other);
            }
        }
        prop_assert_eq!(media(ingest(&mixed)), media(ingest(&packets)));
    }

    #[test]
    fn any_bytes_end_in_events_and_memory_is_bounded(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..60),
        kind in prop::sample::select(vec![0u8, 8, 96, 97, 98, 99, 100, 102]),
        start in prop::sample::select(vec![&[][..], &[0, 0, 1, 0xBA, 0x44], &[0, 0, 1, 0xE0],
            &[0, 0, 1, 0xBC], &[0, 0, 0, 1, 0x67], &[0x7C, 0x85], &[0x62, 1, 0x93]]),
        pass_corrupt in any::<bool>(),
    ) {
        let config = IngestConfig { pass_corrupt, ..IngestConfig::default() };
        let mut ingest = Ingest::new(config);
        let mut events = Vec::new();
        for (index, payload) in payloads.iter().enumerate() {
            let joined = [start, payload].concat();
            let sequence = (index + index / 7) as u16;
            let bytes = typed(kind, sequence, index as u32 / 3, false, &joined);
            ingest.receive(&bytes, index as u64 * 60_000, &mut events);
        }
        ingest.flush(&mut events);
        prop_assert!(ingest.held_bytes() < 4 * MAX_ACCESS_UNIT_BYTES);
    }

    #[test]
    fn flipped_bytes_in_a_good_stream_never_harm(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        h265 in any::<bool>(),
        pass_corrupt in any::<bool>(),
    ) {
        let mut bytes = stream(h265);
        for (index, value) in flips {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let config = IngestConfig { pass_corrupt, ..IngestConfig::default() };
        let events = run(&mut Ingest::new(config), &cut(&bytes, &[311]));
        let mut last = i64::MIN;
        for event in &events {
            if let MediaEvent::Video(unit) = event {
                prop_assert!(unit.dts_90k > last);
                last = unit.dts_90k;
                let mut annexb = Vec::new();
                nal::append_annexb(&unit.nals, &mut annexb);
                prop_assert_eq!(annexb.len(), unit.nals.len());
            }
            if let MediaEvent::VideoConfig(config) = event {
                prop_assert!(fmp4::init_segment(config, None, None, true).is_ok());
            }
        }
    }

    #[test]
    fn any_bytes_end_in_parameter_sets_or_errors(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        for head in [&[0x67u8][..], &[0x42, 1], &[0x40, 1], &[0x44, 1], &[0x68], &[]] {
            let set = [head, &bytes].concat();
            let _ = nal::h264::parse_sps(&set);
            let _ = nal::h264::parse_pps_id(&set);
            let _ = nal::h265::parse_sps(&set);
            let _ = nal::h265::parse_pps_id(&set);
            let _ = nal::h265::parse_vps_id(&set);
            let _ = nal::avcc_record(std::slice::from_ref(&set), &[]);
            let _ = nal::hvcc_record(&[], std::slice::from_ref(&set), &[]);
        }
        let _ = aac::parse_adts(&bytes);
        let _ = aac::parse_audio_specific_config(&bytes);
        let _ = rtp_aac::for_each_unit(&bytes, |_| ());
        let mut splitter = aac::AdtsSplitter::default();
        splitter.receive(&bytes, |_, _| ());
        prop_assert!(splitter.pending_bytes() <= 8_192);
        let _ = tongshi_wire::ps::parse_program_map(&bytes);
        let _ = tongshi_wire::rtp::parse(&bytes);
    }

    #[test]
    fn nal_units_survive_the_way_to_lengths_and_back(
        sizes in prop::collection::vec(2usize..300, 1..8),
    ) {
        let nals: Vec<Vec<u8>> = sizes.iter().enumerate()
            .map(|(seed, &size)| support::nals::idr(size, seed as u32)).collect();
        let all: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
        let stream = annexb(&all);
        let found: Vec<&[u8]> = nal::AnnexB::new(&stream).collect();
        prop_assert_eq!(found, all);
    }
}

#[test]
fn time_of_arrival_alone_never_makes_a_packet_wait_twice() {
    let mut ingest = Ingest::new(IngestConfig::default());
    let mut events = Vec::new();
    ingest.receive(&packet(1, 0, false, &[1]), 0, &mut events);
    ingest.receive(&packet(3, 0, false, &[1]), PACKET_US, &mut events);
    let due = ingest.next_timer().expect("a packet waits");
    assert_eq!(due, 200_000 + PACKET_US);
    ingest.handle_timer(due, &mut events);
    assert_eq!(ingest.next_timer(), None);
    assert_eq!(ingest.stats().lost, 1);
}

#[test]
fn parameter_sets_that_come_later_do_not_change_how_pictures_were_cut() {
    // Found by the fuzz target program_stream: an SPS behind the slices, seen early only when the
    // packet is large.
    let stream = [
        0x00, 0x00, 0x01, 0xE2, 0x06, 0xA3, 0x31, 0xFF, 0xFF, 0xFF, 0xFF, 0x10, 0x60, 0xE6, 0xFF,
        0x00, 0x00, 0x00, 0x01, 0x67, 0x64, 0x00, 0x00, 0x01, 0x68, 0xF8, 0x00, 0x00, 0x01, 0x41,
        0x00, 0x00, 0x01, 0x45, 0xF6, 0x00, 0x00, 0x01, 0x67, 0x68, 0xFF, 0xFF, 0xFF, 0xFF,
    ];
    let bytes = [&ps::pack_header(0)[..], &stream].concat();
    for size in [1, 2, 5, 17] {
        assert_eq!(
            ingest(&cut(&bytes, &[14, size])),
            ingest(&cut(&bytes, &[14, 90]))
        );
    }
}
