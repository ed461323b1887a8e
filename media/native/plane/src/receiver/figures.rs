//! What others are shown of a reception: statistics, and silence.

use tongshi_wire::framing::FramingStats;

use super::Receiver;
use crate::facts::FactKind;
use crate::session::Transport;
use crate::sync::lock;

impl Receiver {
    pub(super) fn watch_silence(&mut self, now_us: u64) {
        if self.shared.transport == Transport::Recorded {
            // A playback that stands still is not silent.
            return;
        }
        let since = self.stats.packet_at_us.unwrap_or(self.stats.opened_at_us);
        let silence_us = now_us.saturating_sub(since);
        let silent = silence_us >= self.silence_us;
        if silent != self.silent {
            self.silent = silent;
            self.report(if silent {
                FactKind::SilenceBegan { silence_us }
            } else {
                FactKind::SilenceEnded
            });
        }
    }

    pub(crate) fn count_framing(&mut self, earlier: &FramingStats, now: &FramingStats) {
        use tongshi_wire::framing::FramingKind;
        self.stats.framing = match now.kind {
            FramingKind::Undecided => "",
            FramingKind::Rfc4571 => "rfc4571",
            FramingKind::Interleaved => "interleaved",
        };
        self.stats.framing_resyncs += now.resyncs - earlier.resyncs;
        self.stats.framing_skipped_bytes += now.skipped_bytes - earlier.skipped_bytes;
    }

    pub(super) fn publish_stats(&mut self, now_us: u64) {
        let ingest = self.reading.stats();
        self.rates
            .tick(self.stats.bytes, ingest.access_units, now_us);
        let stats = &mut self.stats;
        stats.expected = self.reception.expected();
        stats.lost = ingest.lost;
        stats.reordered = ingest.reordered;
        stats.duplicates = ingest.duplicates;
        stats.late = ingest.late;
        stats.resets = ingest.resets;
        stats.jitter_us = self.reception.jitter_us();
        stats.packs = ingest.packs;
        stats.access_units = ingest.access_units;
        stats.keyframes = ingest.keyframes;
        stats.dropped_damaged = ingest.dropped_damaged;
        stats.dropped_before_keyframe = ingest.dropped_before_keyframe;
        stats.audio_frames = ingest.audio_frames;
        stats.passed_damaged = ingest.passed_damaged;
        stats.format = ingest.format;
        stats.sound_packets = self.companion.packets;
        stats.fps = self.rates.fps;
        stats.bitrate_bps = self.rates.bitrate_bps as u64;
        stats.gop_pictures = self.rates.gop_pictures;
        stats.gop_us = self.rates.gop_us;
        stats.rtp_timestamp = ingest.rtp_timestamp;
        stats.keyframe_at_us = self.rates.keyframe_at_us();
        lock(&self.shared.stats).clone_from(stats);
    }
}
