//! Why a stream that ran stands still. No clock, no sockets.

/// Time between two reports of reasons that change while the stream stands.
const RECONSIDER_US: u64 = 1_000_000;

/// Why no pictures come (or no sound, where the stream is sound alone).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    /// Nothing arrives.
    NoPackets,
    /// The TCP connection has ended, and no other one came.
    ConnectionLost,
    /// Packets arrive, but from another address or with another SSRC, and are refused.
    SourceChanged,
    /// Packets arrive that carry what is not carried on.
    NotCarried,
    /// Pictures arrive, but no key frame to start with after a loss, or at all.
    NoKeyframe,
    /// Only sound arrives.
    OnlySound,
    /// Packets arrive whose time stands still, and no picture ends.
    TimestampsFrozen,
    /// Packets arrive, but no pictures are in them.
    NoPictures,
}

impl Stall {
    /// The name in facts and statistics.
    pub fn name(self) -> &'static str {
        match self {
            Stall::NoPackets => "no_packets",
            Stall::ConnectionLost => "connection_lost",
            Stall::SourceChanged => "source_changed",
            Stall::NotCarried => "not_carried",
            Stall::NoKeyframe => "no_keyframe",
            Stall::OnlySound => "only_sound",
            Stall::TimestampsFrozen => "timestamps_frozen",
            Stall::NoPictures => "no_pictures",
        }
    }
}

/// What the reception has counted by now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) packets: u64,
    pub(crate) packet_at_us: Option<u64>,
    /// Packets refused for their source or SSRC.
    pub(crate) foreign: u64,
    pub(crate) audio_frames: u64,
    /// Pictures that came and wait for a key frame.
    pub(crate) dropped: u64,
    pub(crate) rtp_timestamp: u32,
    pub(crate) over_tcp: bool,
    pub(crate) connected: bool,
    /// Something was found that is not carried, and nothing else.
    pub(crate) unsupported: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Stalled { reason: Stall, lasted_us: u64 },
    Resumed { lasted_us: u64 },
}

/// Watches one stream from its first packet on.
#[derive(Debug)]
pub(crate) struct Watchdog {
    stall_us: u64,
    progress_at_us: Option<u64>,
    /// What was counted when the stream last moved.
    mark: Seen,
    moved: bool,
    stalled: Option<Stall>,
    reported_at_us: u64,
}

impl Watchdog {
    pub(crate) fn new(stall_us: u64) -> Watchdog {
        Watchdog {
            stall_us,
            progress_at_us: None,
            mark: Seen::default(),
            moved: false,
            stalled: None,
            reported_at_us: 0,
        }
    }

    /// Something went out to readers.
    #[inline]
    pub(crate) fn progress(&mut self) {
        self.moved = true;
    }

    /// Why the stream stands, if it does.
    pub(crate) fn stalled(&self) -> Option<Stall> {
        self.stalled
    }

    /// Looks at the counters, several times a second.
    pub(crate) fn look(&mut self, seen: Seen, now_us: u64) -> Option<Change> {
        if std::mem::take(&mut self.moved) {
            let before = self.progress_at_us.replace(now_us);
            self.mark = seen;
            let resumed = self.stalled.take().is_some();
            return resumed.then(|| Change::Resumed {
                lasted_us: now_us.saturating_sub(before.unwrap_or(now_us)),
            });
        }
        if self.progress_at_us.is_none() {
            // Nothing has come yet: whoever opened the session waits with a deadline of its own.
            if seen.packets > 0 {
                self.progress_at_us = Some(now_us);
                self.mark = Seen {
                    packets: seen.packets,
                    ..Seen::default()
                };
            }
            return None;
        }
        let lasted_us = now_us.saturating_sub(self.progress_at_us.unwrap_or(now_us));
        if lasted_us < self.stall_us {
            return None;
        }
        let reason = self.reason(&seen, now_us);
        let is_new = self.stalled != Some(reason);
        let may_speak = self.stalled.is_none() || now_us >= self.reported_at_us + RECONSIDER_US;
        if !is_new || !may_speak {
            return None;
        }
        self.stalled = Some(reason);
        self.reported_at_us = now_us;
        Some(Change::Stalled { reason, lasted_us })
    }

    fn reason(&self, seen: &Seen, now_us: u64) -> Stall {
        let silent_us = now_us.saturating_sub(seen.packet_at_us.unwrap_or(0));
        if seen.packets == self.mark.packets || silent_us >= self.stall_us {
            return match () {
                () if seen.over_tcp && !seen.connected => Stall::ConnectionLost,
                () if seen.foreign > self.mark.foreign => Stall::SourceChanged,
                () => Stall::NoPackets,
            };
        }
        match () {
            () if seen.unsupported => Stall::NotCarried,
            () if seen.dropped > self.mark.dropped => Stall::NoKeyframe,
            () if seen.audio_frames > self.mark.audio_frames => Stall::OnlySound,
            () if seen.rtp_timestamp == self.mark.rtp_timestamp => Stall::TimestampsFrozen,
            () => Stall::NoPictures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    /// A stream that ran for a second and then shows `after`; the reason found.
    fn reason_of(after: impl Fn(&mut Seen, u64)) -> Option<Stall> {
        let mut watchdog = Watchdog::new(5 * SECOND);
        let mut seen = Seen {
            packets: 100,
            packet_at_us: Some(SECOND),
            rtp_timestamp: 7,
            ..Seen::default()
        };
        watchdog.progress();
        assert_eq!(watchdog.look(seen, SECOND), None);
        for tick in 1..70 {
            let now_us = SECOND + tick * SECOND / 10;
            after(&mut seen, now_us);
            if let Some(Change::Stalled { reason, lasted_us }) = watchdog.look(seen, now_us) {
                assert_eq!(lasted_us, 5 * SECOND);
                return Some(reason);
            }
        }
        None
    }

    fn packets(seen: &mut Seen, now_us: u64) {
        seen.packets += 1;
        seen.packet_at_us = Some(now_us);
        seen.rtp_timestamp += 1;
    }

    #[test]
    fn each_reason_is_told_by_what_still_comes() {
        assert_eq!(reason_of(|_, _| ()), Some(Stall::NoPackets));
        assert_eq!(
            reason_of(|seen, _| seen.foreign += 1),
            Some(Stall::SourceChanged)
        );
        assert_eq!(
            reason_of(|seen, _| seen.over_tcp = true),
            Some(Stall::ConnectionLost)
        );
        assert_eq!(reason_of(packets), Some(Stall::NoPictures));
        let with = |change: fn(&mut Seen)| {
            reason_of(move |seen, now_us| {
                packets(seen, now_us);
                change(seen);
            })
        };
        assert_eq!(with(|seen| seen.dropped += 1), Some(Stall::NoKeyframe));
        assert_eq!(with(|seen| seen.audio_frames += 1), Some(Stall::OnlySound));
        assert_eq!(
            with(|seen| seen.rtp_timestamp = 7),
            Some(Stall::TimestampsFrozen)
        );
        assert_eq!(
            with(|seen| seen.unsupported = true),
            Some(Stall::NotCarried)
        );
    }

    #[test]
    fn a_stream_that_never_moved_is_watched_from_its_first_packet_on() {
        let mut watchdog = Watchdog::new(5 * SECOND);
        assert_eq!(watchdog.look(Seen::default(), 60 * SECOND), None);
        let mut seen = Seen::default();
        packets(&mut seen, 60 * SECOND);
        assert_eq!(watchdog.look(seen, 60 * SECOND), None);
        packets(&mut seen, 64 * SECOND);
        seen.dropped = 9;
        let stalled = watchdog.look(seen, 65 * SECOND);
        let lasted_us = 5 * SECOND;
        assert_eq!(
            stalled,
            Some(Change::Stalled {
                reason: Stall::NoKeyframe,
                lasted_us
            })
        );
    }

    #[test]
    fn a_reason_is_told_once_another_one_after_a_second_and_the_end_with_its_length() {
        let mut watchdog = Watchdog::new(5 * SECOND);
        let mut seen = Seen {
            packets: 1,
            packet_at_us: Some(0),
            ..Seen::default()
        };
        watchdog.progress();
        watchdog.look(seen, 0);
        assert!(watchdog.look(seen, 5 * SECOND).is_some());
        assert_eq!(watchdog.look(seen, 7 * SECOND), None);
        seen.foreign = 3;
        let lasted_us = 8 * SECOND;
        let changed = Change::Stalled {
            reason: Stall::SourceChanged,
            lasted_us,
        };
        assert_eq!(watchdog.look(seen, 8 * SECOND), Some(changed));
        assert_eq!(watchdog.stalled(), Some(Stall::SourceChanged));
        watchdog.progress();
        let resumed = Change::Resumed {
            lasted_us: 9 * SECOND,
        };
        assert_eq!(watchdog.look(seen, 9 * SECOND), Some(resumed));
        assert_eq!(watchdog.stalled(), None);
    }
}
