//! Puts the packets of one source in order again.
//!
//! Packets in order pass straight through, without a copy. A packet that comes too early is
//! copied and waits for the ones before it, at most for a window of packets or of time. What is
//! further away than the window waits for a second packet near it: then the source began anew,
//! or many packets were lost.
//!
//! Source: RFC 3550 appendix A.1 (probation); protocol notes 7.1 (Q103).

use crate::rtp::RtpPacket;

/// Forward jumps up to this are a loss burst; larger ones are a restart (RFC 3550 A.1,
/// MAX_DROPOUT).
pub const MAX_DROPOUT: u16 = 3_000;

/// Most packets in a window.
pub const MAX_WINDOW: usize = 1_024;

/// What comes out, in order.
#[derive(Debug)]
pub enum Delivery<'a> {
    /// The next packet, and when it arrived in microseconds.
    Packet(RtpPacket<'a>, u64),
    /// So many packets before the next one never came.
    Gap(u32),
    /// The source began anew: the next packet has nothing to do with the one before.
    Restart,
}

/// What a reorder window counts. All counters only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReorderStats {
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came after a later one and were put in order.
    pub reordered: u64,
    /// Packets that came again.
    pub duplicates: u64,
    /// Packets that came after they were given up.
    pub late: u64,
    /// Restarts of the source.
    pub resets: u64,
}

/// A packet that waits, copied.
#[derive(Debug, Clone, Default)]
struct Held {
    sequence: u16,
    arrival_us: u64,
    marker: bool,
    payload_type: u8,
    timestamp: u32,
    ssrc: u32,
    payload: Vec<u8>,
    used: bool,
}

impl Held {
    fn store(&mut self, packet: &RtpPacket<'_>, arrival_us: u64) {
        self.sequence = packet.sequence;
        self.arrival_us = arrival_us;
        self.marker = packet.marker;
        self.payload_type = packet.payload_type;
        self.timestamp = packet.timestamp;
        self.ssrc = packet.ssrc;
        self.payload.clear();
        self.payload.extend_from_slice(packet.payload);
        self.used = true;
    }

    fn packet(&self) -> RtpPacket<'_> {
        RtpPacket {
            marker: self.marker,
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload: &self.payload,
        }
    }
}

/// The reorder window of one source.
#[derive(Debug, Clone)]
pub struct Reorder {
    window: u16,
    wait_us: u64,
    /// Over TCP nothing is held: a number that is missing is lost.
    ordered: bool,
    /// Sequence number of the packet to deliver next; none before the first packet.
    next: Option<u16>,
    newest_timestamp: u32,
    /// Ring of waiting packets, at sequence number modulo its length.
    slots: Vec<Held>,
    waiting: usize,
    /// Highest sequence number that waits.
    highest: u16,
    /// A packet far from `next` that waits for a second one near it.
    probation: Held,
    /// Sequence numbers below this, back to one window, were delivered or given up: one bit
    /// each, bit 0 is `next - 1`, set when delivered.
    history: u128,
    stats: ReorderStats,
}

/// Sequence numbers that `history` remembers.
const HISTORY: u16 = 128;

impl Reorder {
    /// A window of `packets` (1 to [`MAX_WINDOW`]) and `wait_us` microseconds. With `ordered`
    /// (TCP) nothing is held back.
    #[must_use]
    pub fn new(packets: usize, wait_us: u64, ordered: bool) -> Self {
        let window = packets.clamp(1, MAX_WINDOW);
        Self {
            window: window as u16,
            wait_us,
            ordered,
            next: None,
            newest_timestamp: 0,
            slots: Vec::new(),
            waiting: 0,
            highest: 0,
            probation: Held::default(),
            history: 0,
            stats: ReorderStats::default(),
        }
    }

    /// Takes one packet that arrived at `now_us`; calls `deliver` with what is now in order.
    pub fn receive(
        &mut self,
        packet: RtpPacket<'_>,
        now_us: u64,
        mut deliver: impl FnMut(Delivery<'_>),
    ) {
        if self.next.is_none_or(|next| next == packet.sequence) {
            self.stats.late += u64::from(std::mem::take(&mut self.probation.used));
            self.stats.reordered += u64::from(self.waiting > 0);
            self.pass(packet, now_us, &mut deliver);
            self.release_ready(&mut deliver);
        } else {
            self.place(packet, now_us, &mut deliver);
            self.release_due(now_us, &mut deliver);
        }
    }

    /// Gives up what has been missing for too long.
    pub fn handle_timer(&mut self, now_us: u64, mut deliver: impl FnMut(Delivery<'_>)) {
        self.release_due(now_us, &mut deliver);
    }

    /// Delivers all that waits: the stream has ended.
    pub fn flush(&mut self, mut deliver: impl FnMut(Delivery<'_>)) {
        self.give_up_all(&mut deliver);
    }

    /// When [`Reorder::handle_timer`] wants to be called, in microseconds.
    #[must_use]
    pub fn next_timer(&self) -> Option<u64> {
        if self.waiting == 0 {
            return None;
        }
        let held = self.slots.iter().filter(|slot| slot.used);
        let oldest = held.map(|slot| slot.arrival_us).min()?;
        Some(oldest + self.wait_us)
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> &ReorderStats {
        &self.stats
    }

    /// Bytes of memory kept for packets that wait.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let slots: usize = self.slots.iter().map(|slot| slot.payload.capacity()).sum();
        slots + self.probation.payload.capacity()
    }

    /// Packets that wait.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    fn pass(
        &mut self,
        packet: RtpPacket<'_>,
        arrival_us: u64,
        deliver: &mut dyn FnMut(Delivery<'_>),
    ) {
        self.next = Some(packet.sequence.wrapping_add(1));
        self.history = self.history << 1 | 1;
        self.newest_timestamp = packet.timestamp;
        deliver(Delivery::Packet(packet, arrival_us));
    }

    /// Finds the place of a packet that is not the next one.
    fn place(&mut self, packet: RtpPacket<'_>, now_us: u64, deliver: &mut dyn FnMut(Delivery<'_>)) {
        let next = self.next.unwrap_or(packet.sequence);
        let ahead = packet.sequence.wrapping_sub(next);
        let behind = next.wrapping_sub(packet.sequence);
        if self.ordered {
            self.receive_ordered(packet, now_us, ahead, deliver);
        } else if ahead < self.window {
            self.pass_or_hold(packet, now_us, deliver);
        } else if self.waiting > 0 && ahead < 2 * self.window {
            // The window is full: what is missing at its start is given up.
            self.skip_to_waiting(deliver);
            self.release_ready(deliver);
            self.place(packet, now_us, deliver);
        } else if behind <= self.window && !self.is_newer(&packet) {
            self.count_behind(behind);
        } else {
            self.examine(packet, now_us, deliver);
        }
    }

    /// TCP keeps order, so a jump is what the sender left out.
    fn receive_ordered(
        &mut self,
        packet: RtpPacket<'_>,
        now_us: u64,
        ahead: u16,
        deliver: &mut dyn FnMut(Delivery<'_>),
    ) {
        // Senders that do not count at all repeat one number.
        if ahead != u16::MAX {
            self.jump(ahead, deliver);
        }
        self.pass(packet, now_us, deliver);
    }

    fn jump(&mut self, ahead: u16, deliver: &mut dyn FnMut(Delivery<'_>)) {
        if ahead < MAX_DROPOUT {
            self.stats.lost += u64::from(ahead);
            deliver(Delivery::Gap(u32::from(ahead)));
        } else {
            self.stats.resets += 1;
            deliver(Delivery::Restart);
        }
        self.history = 0;
    }

    fn hold(&mut self, packet: RtpPacket<'_>, now_us: u64) {
        if self.slots.is_empty() {
            let length = usize::from(self.window).next_power_of_two();
            self.slots.resize_with(length, Held::default);
        }
        let index = self.slot_of(packet.sequence);
        let slot = &mut self.slots[index];
        if slot.used {
            self.stats.duplicates += 1;
            return;
        }
        slot.store(&packet, now_us);
        if self.waiting > 0 && (packet.sequence.wrapping_sub(self.highest) as i16) < 0 {
            self.stats.reordered += 1;
        } else {
            self.highest = packet.sequence;
        }
        self.waiting += 1;
    }

    fn slot_of(&self, sequence: u16) -> usize {
        usize::from(sequence) & (self.slots.len() - 1)
    }

    fn count_behind(&mut self, behind: u16) {
        let seen = behind <= HISTORY && self.history >> (behind - 1) & 1 == 1;
        if seen {
            self.stats.duplicates += 1;
        } else {
            self.stats.late += 1;
        }
    }

    /// A repeated or late packet has an old timestamp; one that begins anew has a new one.
    const fn is_newer(&self, packet: &RtpPacket<'_>) -> bool {
        let ahead = packet.timestamp.wrapping_sub(self.newest_timestamp) as i32;
        ahead > 0
    }

    /// A packet out of reach: believed when a second one comes near it.
    fn examine(
        &mut self,
        packet: RtpPacket<'_>,
        now_us: u64,
        deliver: &mut dyn FnMut(Delivery<'_>),
    ) {
        let distance = packet.sequence.wrapping_sub(self.probation.sequence) as i16;
        let near = distance.unsigned_abs() <= self.window;
        if !self.probation.used || !near {
            self.stats.late += u64::from(self.probation.used);
            self.probation.store(&packet, now_us);
            return;
        }
        if distance == 0 {
            self.stats.duplicates += 1;
            return;
        }
        self.give_up_all(deliver);
        let mut first = std::mem::take(&mut self.probation);
        let next = self.next.unwrap_or(first.sequence);
        let lower = if distance > 0 {
            first.sequence
        } else {
            packet.sequence
        };
        self.jump(lower.wrapping_sub(next), deliver);
        if distance < 0 {
            self.stats.reordered += 1;
            self.pass(packet, now_us, deliver);
            self.pass_or_hold(first.packet(), first.arrival_us, deliver);
        } else {
            self.pass(first.packet(), first.arrival_us, deliver);
            self.pass_or_hold(packet, now_us, deliver);
        }
        first.used = false;
        self.probation = first;
    }

    fn pass_or_hold(
        &mut self,
        packet: RtpPacket<'_>,
        arrival_us: u64,
        deliver: &mut dyn FnMut(Delivery<'_>),
    ) {
        if self.next == Some(packet.sequence) {
            self.pass(packet, arrival_us, deliver);
        } else {
            self.hold(packet, arrival_us);
        }
    }

    /// Delivers waiting packets as long as the next one is there.
    fn release_ready(&mut self, deliver: &mut dyn FnMut(Delivery<'_>)) {
        while self.waiting > 0 {
            let Some(next) = self.next else { return };
            let index = self.slot_of(next);
            if !self.slots[index].used {
                return;
            }
            self.waiting -= 1;
            let mut held = std::mem::take(&mut self.slots[index]);
            held.used = false;
            self.pass(held.packet(), held.arrival_us, deliver);
            self.slots[index] = held;
        }
    }

    fn give_up_all(&mut self, deliver: &mut dyn FnMut(Delivery<'_>)) {
        while self.waiting > 0 {
            self.skip_to_waiting(deliver);
            self.release_ready(deliver);
        }
    }

    fn release_due(&mut self, now_us: u64, deliver: &mut dyn FnMut(Delivery<'_>)) {
        while self.next_timer().is_some_and(|due| due <= now_us) {
            self.skip_to_waiting(deliver);
            self.release_ready(deliver);
        }
    }

    /// Gives up the packets before the first waiting one.
    fn skip_to_waiting(&mut self, deliver: &mut dyn FnMut(Delivery<'_>)) {
        let Some(next) = self.next else { return };
        let missing = (0..self.slots.len() as u16)
            .take_while(|&step| !self.slots[self.slot_of(next.wrapping_add(step))].used)
            .count() as u16;
        self.stats.lost += u64::from(missing);
        self.next = Some(next.wrapping_add(missing));
        self.history = self
            .history
            .checked_shl(u32::from(missing))
            .unwrap_or_default();
        deliver(Delivery::Gap(u32::from(missing)));
    }
}
