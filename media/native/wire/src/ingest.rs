//! RTP packets of one source in, access units and audio frames out.
//!
//! Source: GB/T 28181-2016 annex C; protocol notes 7.1 to 7.5.

mod endings;
mod labels;
mod pipeline;
mod program;
mod reader;
mod sound;
mod tracks;
mod transport;

use crate::media::{MediaEvent, VideoCodec};
use crate::reorder::Reorder;
use crate::rtp::{self, RtpPacket};
use crate::stats::IngestStats;
use crate::tape::{PayloadTape, PictureMarks};
use pipeline::Pipeline;

pub use self::labels::Label;
pub use self::tracks::Tracks;
pub use crate::access_unit::MAX_ACCESS_UNIT_BYTES;
pub use crate::probe::PayloadHint;

/// How one reception is read. Take the rest from `..Default::default()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestConfig {
    /// Packets that the reorder window spans.
    pub reorder_packets: usize,
    /// Longest wait for a missing packet, in microseconds.
    pub reorder_us: u64,
    /// The transport keeps order (TCP): nothing is held back.
    pub ordered: bool,
    /// After a loss hand out damaged pictures, marked [`crate::AccessUnit::corrupt`], instead of
    /// dropping everything up to the next key frame.
    pub pass_corrupt: bool,
    /// What the SDP said about the payload, when it named an elementary stream.
    pub hint: PayloadHint,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            reorder_packets: 64,
            reorder_us: 200_000,
            ordered: false,
            pass_corrupt: false,
            hint: PayloadHint::Probe,
        }
    }
}

/// Everything between the packets of one SSRC and its pictures.
///
/// Give each packet to [`Ingest::receive`]; call [`Ingest::handle_timer`] when
/// [`Ingest::next_timer`] is due; call [`Ingest::flush`] once at the end. All times are
/// microseconds of one clock that never goes back.
#[derive(Debug)]
pub struct Ingest {
    reorder: Reorder,
    pipeline: Pipeline,
    stats: IngestStats,
}

impl Ingest {
    /// A reception that has seen nothing yet.
    #[must_use]
    pub fn new(config: IngestConfig) -> Self {
        Self {
            reorder: Reorder::new(config.reorder_packets, config.reorder_us, config.ordered),
            pipeline: Pipeline::new(&config),
            stats: IngestStats::default(),
        }
    }

    /// Takes one RTP packet that arrived at `now_us`; appends what it completes to `out`.
    ///
    /// The owner has checked the SSRC. RTCP and malformed packets are counted and dropped.
    pub fn receive(&mut self, packet: &[u8], now_us: u64, out: &mut Vec<MediaEvent>) {
        if rtp::is_rtcp(packet) {
            self.stats.rtcp += 1;
            return;
        }
        let Ok(parsed) = rtp::parse(packet) else {
            self.stats.malformed += 1;
            return;
        };
        self.stats.packets += 1;
        self.stats.bytes += packet.len() as u64;
        self.stats.payload_type = parsed.payload_type;
        self.stats.rtp_timestamp = parsed.timestamp;
        let pipeline = &mut self.pipeline;
        self.reorder.receive(parsed, now_us, |delivery| {
            pipeline.deliver(delivery, out);
        });
    }

    /// The sender was asked for another position or speed; see [`crate::timeline::Timeline::retime`].
    pub fn retime(&mut self, by_arrival: bool, now_us: u64) {
        self.pipeline.retime(by_arrival, now_us);
    }

    /// Gives up packets that are missing for too long.
    pub fn handle_timer(&mut self, now_us: u64, out: &mut Vec<MediaEvent>) {
        let pipeline = &mut self.pipeline;
        self.reorder.handle_timer(now_us, |delivery| {
            pipeline.deliver(delivery, out);
        });
    }

    /// When [`Ingest::handle_timer`] wants to be called, in microseconds; none when nothing waits.
    #[must_use]
    pub fn next_timer(&self) -> Option<u64> {
        self.reorder.next_timer()
    }

    /// Hands out what is whole at the end of the stream: the last picture has no successor that
    /// would close it.
    pub fn flush(&mut self, out: &mut Vec<MediaEvent>) {
        let pipeline = &mut self.pipeline;
        self.reorder
            .flush(|delivery| pipeline.deliver(delivery, out));
        self.pipeline.flush(out);
    }

    /// The payloads of the program stream for passing on, and where its pictures began.
    pub const fn tape(&mut self) -> (&mut PayloadTape, &PictureMarks) {
        self.pipeline.tape()
    }

    /// Whether the tape holds something to be taken.
    #[must_use]
    pub fn has_taped(&self) -> bool {
        self.pipeline.has_taped()
    }

    /// Takes back the buffer of an access unit that nobody needs any more, to be filled again.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.pipeline.recycle(buffer);
    }

    /// Bytes of memory kept in buffers. Bounded by the window of packets, and a few times
    /// [`MAX_ACCESS_UNIT_BYTES`].
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.reorder.held_bytes() + self.pipeline.held_bytes()
    }

    /// What is known of the tracks by now.
    #[must_use]
    pub fn tracks(&self) -> Tracks {
        self.pipeline.tracks()
    }

    /// The session description says what a payload type is. The bytes may still prove otherwise.
    pub fn name(&mut self, payload_type: u8, label: Label) {
        self.pipeline.name(payload_type, label);
    }

    /// Parameter sets that the session description gives; those of the stream take their place.
    pub fn offer_sets(&mut self, codec: VideoCodec, sets: &[Vec<u8>]) {
        self.pipeline.offer_sets(codec, sets);
    }

    /// Takes one packet of sound from a source of its own (another SSRC on the same port), in the order in
    /// which it was sent. Anything but sound is passed over.
    pub fn receive_sound(
        &mut self,
        packet: &RtpPacket<'_>,
        now_us: u64,
        out: &mut Vec<MediaEvent>,
    ) {
        self.pipeline.receive_sound(packet, now_us, out);
    }

    /// What the payloads were found to be; see [`IngestStats::format`].
    #[must_use]
    pub const fn format(&self) -> &'static str {
        self.pipeline.format()
    }

    /// What to do with damaged pictures from now on; see [`IngestConfig::pass_corrupt`].
    pub const fn pass_corrupt(&mut self, pass: bool) {
        self.pipeline.pass_corrupt(pass);
    }

    /// Counters and gauges now.
    #[must_use]
    pub const fn stats(&self) -> IngestStats {
        let reorder = self.reorder.stats();
        let mut stats = self.stats;
        stats.lost = reorder.lost;
        stats.reordered = reorder.reordered;
        stats.duplicates = reorder.duplicates;
        stats.late = reorder.late;
        stats.resets = reorder.resets;
        self.pipeline.count(&mut stats);
        stats
    }
}
