//! The reorder window (protocol notes 7.1, Q103).

mod support;

use proptest::prelude::*;
use support::rtp;
use tongshi_wire::reorder::{Delivery, Reorder};
use tongshi_wire::rtp::parse;

/// What came out: sequence numbers, `Gap` as its size plus a million, restart as 9,999,999.
const GAP: u32 = 1_000_000;
const RESTART: u32 = 9_999_999;

fn feed(reorder: &mut Reorder, numbers: &[(u16, u32)], now_us: &mut u64, step_us: u64) -> Vec<u32> {
    let mut out = Vec::new();
    for &(sequence, timestamp) in numbers {
        *now_us += step_us;
        let bytes = rtp::packet(sequence, timestamp, false, &sequence.to_be_bytes());
        reorder.receive(parse(&bytes).unwrap(), *now_us, |d| note(&mut out, &d));
    }
    out
}

fn note(out: &mut Vec<u32>, delivery: &Delivery<'_>) {
    out.push(match delivery {
        Delivery::Packet(packet, _) => {
            assert_eq!(packet.payload, packet.sequence.to_be_bytes());
            u32::from(packet.sequence)
        }
        Delivery::Gap(count) => GAP + count,
        Delivery::Restart => RESTART,
    });
}

/// Packets of one frame of 15 packets have one timestamp.
fn plain(numbers: impl IntoIterator<Item = u16>) -> Vec<(u16, u32)> {
    let stamp = |n: u16| (n, u32::from(n) / 15 * 3_600);
    numbers.into_iter().map(stamp).collect()
}

fn window() -> Reorder {
    Reorder::new(64, 200_000, false)
}

#[test]
fn packets_in_order_pass_through_a_wrap() {
    let numbers: Vec<(u16, u32)> = (65_530..=65_535).chain(0..6).map(|n| (n, 0)).collect();
    let mut reorder = window();
    let out = feed(&mut reorder, &numbers, &mut 0, 1_000);
    let expected: Vec<u32> = numbers.iter().map(|&(n, _)| u32::from(n)).collect();
    assert_eq!(out, expected);
    assert_eq!(*reorder.stats(), Default::default());
}

#[test]
fn a_late_packet_is_put_in_its_place_and_counted_once() {
    let mut reorder = window();
    let out = feed(&mut reorder, &plain([1, 2, 4, 5, 3, 6]), &mut 0, 1_000);
    assert_eq!(out, [1, 2, 3, 4, 5, 6]);
    assert_eq!((reorder.stats().reordered, reorder.stats().lost), (1, 0));
}

#[test]
fn duplicates_are_dropped_whether_delivered_or_waiting() {
    let mut reorder = window();
    let out = feed(
        &mut reorder,
        &plain([1, 2, 2, 1, 4, 4, 3, 4]),
        &mut 0,
        1_000,
    );
    assert_eq!(out, [1, 2, 3, 4]);
    assert_eq!((reorder.stats().duplicates, reorder.stats().late), (4, 0));
}

#[test]
fn a_missing_packet_is_given_up_after_200_ms() {
    let mut reorder = window();
    let mut now_us = 0;
    assert_eq!(
        feed(&mut reorder, &plain([1, 3, 4]), &mut now_us, 1_000),
        [1]
    );
    assert_eq!(reorder.next_timer(), Some(202_000));
    let mut out = Vec::new();
    reorder.handle_timer(201_999, |d| note(&mut out, &d));
    assert!(out.is_empty());
    reorder.handle_timer(202_000, |d| note(&mut out, &d));
    assert_eq!(out, [GAP + 1, 3, 4]);
    assert_eq!(reorder.next_timer(), None);
    assert_eq!(reorder.stats().lost, 1);
    assert_eq!(feed(&mut reorder, &plain([2, 5]), &mut now_us, 1_000), [5]);
    assert_eq!(reorder.stats().late, 1);
}

#[test]
fn a_missing_packet_is_given_up_when_the_window_is_full() {
    let mut reorder = window();
    let out = feed(
        &mut reorder,
        &plain([1].into_iter().chain(3..=65)),
        &mut 0,
        1,
    );
    assert_eq!(out, [1], "64 packets fit the window");
    let out = feed(&mut reorder, &plain([66]), &mut 100, 1);
    let mut expected = vec![GAP + 1];
    expected.extend(3..=66);
    assert_eq!(out, expected);
}

#[test]
fn a_burst_of_loss_is_counted_and_no_restart() {
    let mut reorder = window();
    let out = feed(&mut reorder, &plain([1, 2, 1_003, 1_004, 1_005]), &mut 0, 1);
    assert_eq!(out, [1, 2, GAP + 1_000, 1_003, 1_004, 1_005]);
    assert_eq!((reorder.stats().lost, reorder.stats().resets), (1_000, 0));
}

#[test]
fn a_jump_with_continuing_numbers_is_a_restart() {
    let mut reorder = window();
    let out = feed(
        &mut reorder,
        &plain([1, 2, 40_000, 40_001, 40_002]),
        &mut 0,
        1,
    );
    assert_eq!(out, [1, 2, RESTART, 40_000, 40_001, 40_002]);
    assert_eq!((reorder.stats().lost, reorder.stats().resets), (0, 1));
}

#[test]
fn numbers_that_begin_anew_within_the_window_are_told_by_their_timestamp() {
    let mut reorder = window();
    feed(&mut reorder, &plain(0..40), &mut 0, 1);
    let again: Vec<(u16, u32)> = (0..5).map(|n| (n, 20_000)).collect();
    let out = feed(&mut reorder, &again, &mut 0, 1);
    assert_eq!(out, [RESTART, 0, 1, 2, 3, 4]);
    assert_eq!(reorder.stats().duplicates, 0);
}

#[test]
fn one_stray_packet_is_no_restart() {
    let mut reorder = window();
    let out = feed(
        &mut reorder,
        &plain([1, 2, 30_000, 3, 4, 50_000, 5]),
        &mut 0,
        1,
    );
    assert_eq!(out, [1, 2, 3, 4, 5]);
    assert_eq!(reorder.stats().resets, 0);
}

#[test]
fn over_tcp_nothing_waits() {
    let mut reorder = Reorder::new(64, 200_000, true);
    let out = feed(&mut reorder, &plain([1, 2, 5, 6, 6, 6, 40_000]), &mut 0, 1);
    assert_eq!(out, [1, 2, GAP + 2, 5, 6, 6, 6, RESTART, 40_000]);
    assert_eq!(reorder.next_timer(), None);
}

proptest! {
    #[test]
    fn any_order_within_the_window_comes_out_in_order(
        count in 2usize..400,
        first in any::<u16>(),
        moves in prop::collection::vec((any::<prop::sample::Index>(), 1usize..60), 0..40),
        repeats in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut order: Vec<usize> = (0..count).collect();
        for (index, distance) in moves {
            // Each block of 60 keeps its packets; the first packet stays the first.
            let from = 1 + index.index(count - 1);
            let block_end = (1 + (from - 1) / 60 * 60 + 60).min(count);
            let to = (from + distance).min(block_end - 1);
            let packet = order.remove(from);
            order.insert(to, packet);
        }
        for index in repeats {
            let from = index.index(order.len());
            order.insert(from, order[from]);
        }
        let number = |i: usize| first.wrapping_add(i as u16);
        let numbers: Vec<(u16, u32)> =
            order.iter().map(|&i| (number(i), i as u32 / 15 * 3_600)).collect();
        let mut reorder = window();
        let out = feed(&mut reorder, &numbers, &mut 0, 100);
        let expected: Vec<u32> = (0..count).map(|i| u32::from(number(i))).collect();
        prop_assert_eq!(out, expected);
        prop_assert_eq!(reorder.stats().lost, 0);
    }

    #[test]
    fn any_numbers_keep_memory_bounded_and_deliver_nothing_twice_in_a_row(
        numbers in prop::collection::vec((any::<u16>(), any::<u32>()), 0..500),
        ordered in any::<bool>(),
    ) {
        let mut reorder = Reorder::new(64, 200_000, ordered);
        feed(&mut reorder, &numbers, &mut 0, 7_000);
        prop_assert!(reorder.waiting() <= 64);
        reorder.flush(|_| ());
        prop_assert_eq!(reorder.waiting(), 0);
    }
}
