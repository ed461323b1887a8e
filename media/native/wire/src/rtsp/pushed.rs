//! What a publisher sends after RECORD: RTP of each track in, frames on one time line out.
//!
//! Each track has a clock of its own. Sender reports put them beside each other; until both tracks have one, their
//! times of arrival do.
//!
//! Source: RFC 2326 section 10.11; RFC 3550 section 6.4.1.

mod align;

use super::sdp::{AnnouncedTrack, Encoding};
use crate::fed::Fed;
use crate::ingest::{Ingest, IngestConfig, Label, PayloadHint};
use crate::media::{
    AccessUnit, AudioCodec, AudioConfig, AudioFrame, MediaEvent, Unsupported, VideoCodec,
    VideoConfig,
};
use crate::rtp;
use crate::rtp_aac::AacFormat;
use crate::stats::IngestStats;
use align::Alignment;

/// Bits of the fields of AAC-hbr.
const HBR_BITS: [u8; 3] = [13, 3, 3];
/// Payload type of the packets that parameter sets of a description are put in.
const SETS_PAYLOAD_TYPE: u8 = 96;

/// What an announced track becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Video(VideoCodec),
    Sound(AudioCodec),
    /// Its packets are passed over.
    Ignored,
}

#[derive(Debug)]
struct Track {
    kind: Kind,
    payload_type: u8,
    ingest: Ingest,
    /// Parameter sets of the description, until the first packet.
    sets: Vec<Vec<u8>>,
    video: Option<VideoConfig>,
    audio: Option<AudioConfig>,
    ssrc: Option<u32>,
}

/// All tracks of one publisher.
///
/// Give each packet to [`Pushed::receive`]; call [`Pushed::handle_timer`] when [`Pushed::next_timer`] is due; call
/// [`Pushed::flush`] once at the end.
#[derive(Debug)]
pub struct Pushed {
    tracks: Vec<Track>,
    alignment: Alignment,
    events: Vec<MediaEvent>,
}

impl Pushed {
    /// A reception of these tracks. `ordered`: over TCP.
    #[must_use]
    pub fn new(announced: &[AnnouncedTrack], config: IngestConfig) -> Self {
        let tracks: Vec<Track> = announced
            .iter()
            .map(|track| track_of(track, config))
            .collect();
        Self {
            alignment: Alignment::new(announced.iter().map(|track| track.clock_rate)),
            tracks,
            events: Vec::new(),
        }
    }

    /// Whether anything of these tracks can be carried.
    #[must_use]
    pub fn is_carried(&self) -> bool {
        self.tracks.iter().any(|track| track.kind != Kind::Ignored)
    }

    /// Takes one RTP packet of a track; appends the frames that it completes. False = it is none, or of no track.
    pub fn receive(
        &mut self,
        track: usize,
        packet: &[u8],
        now_us: u64,
        out: &mut Vec<Fed>,
    ) -> bool {
        let Some(reader) = self.tracks.get_mut(track) else {
            return false;
        };
        let Ok(parsed) = rtp::parse(packet) else {
            return false;
        };
        if rtp::is_rtcp(packet) {
            return false;
        }
        if reader.kind == Kind::Ignored {
            // Said once.
            if reader.ssrc.replace(parsed.ssrc).is_none() {
                let what = Unsupported::PayloadType(reader.payload_type);
                out.push(Fed::Unsupported { what });
            }
            return true;
        }
        reader.ssrc = Some(parsed.ssrc);
        self.alignment.packet(track, parsed.timestamp, now_us);
        if reader.payload_type != parsed.payload_type {
            // Comfort noise, or a second format that was not announced.
            return true;
        }
        let mut events = std::mem::take(&mut self.events);
        for (index, set) in std::mem::take(&mut reader.sets).iter().enumerate().rev() {
            let before = parsed.sequence.wrapping_sub(index as u16 + 1);
            let packet = packet_of(set, before, &parsed);
            reader.ingest.receive(&packet, now_us, &mut events);
        }
        reader.ingest.receive(packet, now_us, &mut events);
        self.events = events;
        self.hand_out(track, out);
        true
    }

    /// Takes a compound RTCP packet of a track.
    pub fn receive_control(&mut self, track: usize, packet: &[u8]) {
        let ssrc = self.tracks.get(track).and_then(|track| track.ssrc);
        self.alignment.report(track, packet, ssrc);
    }

    /// The SSRC that a track's packets have, once there was one.
    #[must_use]
    pub fn ssrc(&self, track: usize) -> Option<u32> {
        self.tracks.get(track)?.ssrc
    }

    /// Gives up packets that are missing for too long.
    pub fn handle_timer(&mut self, now_us: u64, out: &mut Vec<Fed>) {
        for track in 0..self.tracks.len() {
            let ingest = &mut self.tracks[track].ingest;
            if ingest.next_timer().is_some_and(|at| at <= now_us) {
                ingest.handle_timer(now_us, &mut self.events);
                self.hand_out(track, out);
            }
        }
    }

    /// When [`Pushed::handle_timer`] wants to be called; none when nothing waits.
    #[must_use]
    pub fn next_timer(&self) -> Option<u64> {
        self.tracks
            .iter()
            .filter_map(|track| track.ingest.next_timer())
            .min()
    }

    /// Hands out what is whole at the end.
    pub fn flush(&mut self, out: &mut Vec<Fed>) {
        for track in 0..self.tracks.len() {
            self.tracks[track].ingest.flush(&mut self.events);
            self.hand_out(track, out);
        }
    }

    /// Counters of one track.
    #[must_use]
    pub fn stats(&self, track: usize) -> Option<IngestStats> {
        self.tracks.get(track).map(|track| track.ingest.stats())
    }

    fn hand_out(&mut self, track: usize, out: &mut Vec<Fed>) {
        let shift = self.alignment.shift(track);
        let Some(reader) = self.tracks.get_mut(track) else {
            return;
        };
        for event in self.events.drain(..) {
            match event {
                MediaEvent::VideoConfig(config) => reader.video = Some(config),
                MediaEvent::AudioConfig(config) => reader.audio = Some(config),
                MediaEvent::Video(picture) => out.push(reader.fed_picture(&picture, shift)),
                MediaEvent::Audio(frame) => out.extend(reader.fed_sound(frame, shift)),
                MediaEvent::Unsupported { what } => out.push(Fed::Unsupported { what }),
                MediaEvent::Damaged { .. } => {}
            }
        }
    }
}

impl Track {
    fn fed_picture(&self, picture: &AccessUnit, shift: i64) -> Fed {
        let sets = self.video.as_ref().filter(|_| picture.keyframe);
        let mut annexb = sets.map(VideoConfig::to_annexb).unwrap_or_default();
        crate::nal::append_annexb(&picture.nals, &mut annexb);
        Fed::Video {
            codec: picture.codec,
            annexb,
            pts_90k: picture.pts_90k.wrapping_add(shift),
            dts_90k: picture.dts_90k.wrapping_add(shift),
        }
    }

    fn fed_sound(&self, frame: AudioFrame, shift: i64) -> Option<Fed> {
        let config = self.audio.as_ref()?;
        Some(Fed::Audio {
            codec: frame.codec,
            data: frame.data,
            pts_90k: frame.pts_90k.wrapping_add(shift),
            asc: config.asc.clone(),
            sample_rate: config.sample_rate,
            channels: config.channels,
        })
    }
}

fn track_of(announced: &AnnouncedTrack, config: IngestConfig) -> Track {
    let (kind, label) = kind_of(announced);
    let hint = match kind {
        Kind::Video(VideoCodec::H264) => PayloadHint::H264,
        Kind::Video(VideoCodec::H265) => PayloadHint::H265,
        Kind::Sound(_) | Kind::Ignored => PayloadHint::Probe,
    };
    let mut ingest = Ingest::new(IngestConfig { hint, ..config });
    ingest.name(announced.payload_type, label.clone());
    if matches!(kind, Kind::Video(_)) {
        ingest.name(SETS_PAYLOAD_TYPE, label);
    }
    Track {
        kind,
        payload_type: announced.payload_type,
        ingest,
        sets: announced.sets.clone(),
        video: None,
        audio: None,
        ssrc: None,
    }
}

fn kind_of(announced: &AnnouncedTrack) -> (Kind, Label) {
    let video = |codec| (Kind::Video(codec), Label::Video(codec));
    let g711 = |codec| (Kind::Sound(codec), Label::G711(codec));
    let plain = announced.clock_rate == 8_000 && announced.channels == 1;
    match &announced.encoding {
        Encoding::H264 => video(VideoCodec::H264),
        Encoding::H265 => video(VideoCodec::H265),
        Encoding::Pcma if plain => g711(AudioCodec::G711A),
        Encoding::Pcmu if plain => g711(AudioCodec::G711U),
        Encoding::Aac(config) => match AacFormat::new(config, HBR_BITS, announced.clock_rate) {
            Ok(format) => (Kind::Sound(AudioCodec::Aac), Label::Aac(format)),
            Err(_) => (Kind::Ignored, Label::Unknown),
        },
        Encoding::Pcma | Encoding::Pcmu | Encoding::Other(_) => (Kind::Ignored, Label::Unknown),
    }
}

/// One parameter set as a packet of its own, right before the first of the stream.
fn packet_of(set: &[u8], sequence: u16, first: &rtp::RtpPacket<'_>) -> Vec<u8> {
    let mut packet = vec![0x80, SETS_PAYLOAD_TYPE];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&first.timestamp.to_be_bytes());
    packet.extend_from_slice(&first.ssrc.to_be_bytes());
    packet.extend_from_slice(set);
    packet
}
