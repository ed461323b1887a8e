//! Audio payloads to audio frames.

use crate::aac::{self, AdtsSplitter, SAMPLES_PER_FRAME};
use crate::media::{AudioCodec, AudioConfig, AudioFrame, MediaEvent, Unsupported};
use crate::rtp_aac::{self, AacFormat};
use crate::timeline::{Stamp, TICKS_PER_SECOND, Timeline};

/// Most bytes of one piece of audio: the longest PES packet.
const MAX_AUDIO_BYTES: usize = 65_536;
/// Samples per second of G.711.
const G711_RATE: i64 = 8_000;
/// Audio of undeclared type is G.711 when its size is a multiple of 10 ms (rule 10).
const G711_STEP_BYTES: usize = 80;
/// The longest piece that this holds for: half a second.
const G711_GUESS_BYTES: usize = 4_000;
/// Bytes without an ADTS frame after which the guess that it is AAC is taken back.
const MAX_SKIPPED_ADTS: u64 = 16_384;

/// The audio of one reception.
#[derive(Debug, Default)]
pub(crate) struct AudioTrack {
    /// PSM stream_type, or the codec that the payload type stands for.
    declared: Option<u8>,
    /// ADTS was found in the data, whatever was declared (Q88).
    is_adts: bool,
    skipped_before: u64,
    splitter: AdtsSplitter,
    data: Vec<u8>,
    stamp: Stamp,
    config: Option<AudioConfig>,
    refused: Option<Unsupported>,
    frames: u64,
}

impl AudioTrack {
    /// The PSM lists the audio with this stream_type.
    pub(crate) const fn declare(&mut self, stream_type: u8) {
        self.declared = Some(stream_type);
    }

    /// Whether this stream_type is audio that the standard or practice knows.
    pub(crate) const fn is_audio_type(stream_type: u8) -> bool {
        matches!(
            stream_type,
            0x03 | 0x04 | 0x0F | 0x11 | 0x90..=0x93 | 0x99 | 0x9B
        )
    }

    /// Whether any has come that can be carried.
    pub(crate) const fn has_config(&self) -> bool {
        self.config.is_some()
    }

    /// Whether audio of this stream_type is carried.
    pub(crate) const fn is_carried_type(stream_type: u8) -> bool {
        matches!(stream_type, 0x0F | 0x90 | 0x91)
    }

    /// Audio frames handed out.
    pub(crate) const fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes of memory kept for audio.
    pub(crate) fn held_bytes(&self) -> usize {
        self.data.capacity() + self.splitter.pending_bytes()
    }

    /// A PES packet begins.
    pub(crate) fn begin(&mut self, stamp: Stamp) {
        self.data.clear();
        self.stamp = stamp;
    }

    /// More of its payload; what is over the limit is dropped.
    pub(crate) fn append(&mut self, data: &[u8]) {
        let room = MAX_AUDIO_BYTES - self.data.len();
        self.data.extend_from_slice(&data[..data.len().min(room)]);
    }

    /// The PES packet is over; the last `excess` bytes were no payload.
    pub(crate) fn end(
        &mut self,
        excess: usize,
        timeline: &mut Timeline,
        out: &mut Vec<MediaEvent>,
    ) {
        let data = std::mem::take(&mut self.data);
        let payload = &data[..data.len().saturating_sub(excess)];
        if !payload.is_empty() {
            self.receive(payload, timeline, out);
        }
        self.data = data;
        self.data.clear();
    }

    /// Packets were lost: what is held has no end.
    pub(crate) fn lost(&mut self) {
        self.data.clear();
        self.splitter.reset();
    }

    /// A payload of G.711 that came in RTP without PS.
    pub(crate) fn receive_g711(
        &mut self,
        codec: AudioCodec,
        payload: &[u8],
        stamp: Stamp,
        timeline: &mut Timeline,
        out: &mut Vec<MediaEvent>,
    ) {
        self.stamp = stamp;
        self.put_g711(codec, payload, G711_RATE as u32, timeline, out);
    }

    /// A payload of AAC that came in RTP without PS (RFC 3640, or bare ADTS).
    pub(crate) fn receive_rtp_aac(
        &mut self,
        payload: &[u8],
        format: &AacFormat,
        stamp: Stamp,
        timeline: &mut Timeline,
        out: &mut Vec<MediaEvent>,
    ) {
        self.stamp = stamp;
        if aac::is_whole_adts(payload) {
            self.put_adts(payload, timeline, out);
            return;
        }
        let mut units: Vec<Vec<u8>> = Vec::new();
        // A broken rest is dropped; whole units before it are good.
        let _ = rtp_aac::for_each_unit_in(format, payload, |unit| units.push(unit.to_vec()));
        if units.is_empty() {
            return;
        }
        let asc = format.config();
        let Ok((_, sample_rate, channels)) = aac::parse_audio_specific_config(asc) else {
            self.refuse(Unsupported::AacConfig, out);
            return;
        };
        self.configure(AudioCodec::Aac, sample_rate, channels, asc, out);
        let step = frame_ticks(sample_rate);
        let clock_rate = match format.clock_rate {
            0 => sample_rate,
            rate => rate,
        };
        let start = timeline.audio(&stamp, step * units.len() as i64, clock_rate);
        self.put_aac(units, start, step, out);
    }

    /// A piece that came whole, with its form: samples per second, channels, AudioSpecificConfig.
    pub(crate) fn receive_fed(
        &mut self,
        codec: AudioCodec,
        data: &[u8],
        (sample_rate, channels, asc): (u32, u8, &[u8]),
        stamp: Stamp,
        timeline: &mut Timeline,
        out: &mut Vec<MediaEvent>,
    ) {
        if data.is_empty() || data.len() > MAX_AUDIO_BYTES {
            return;
        }
        self.stamp = stamp;
        match codec {
            AudioCodec::Aac if asc.is_empty() => self.put_adts(data, timeline, out),
            AudioCodec::Aac => self.put_raw_aac(data, asc, timeline, out),
            AudioCodec::G711A | AudioCodec::G711U
                if i64::from(sample_rate) == G711_RATE && channels == 1 =>
            {
                self.put_g711(codec, data, 90_000, timeline, out);
            }
            AudioCodec::G711A | AudioCodec::G711U => {
                self.refuse(Unsupported::G711Form(sample_rate, channels), out);
            }
        }
    }

    fn put_raw_aac(
        &mut self,
        data: &[u8],
        asc: &[u8],
        timeline: &mut Timeline,
        out: &mut Vec<MediaEvent>,
    ) {
        let Ok((_, sample_rate, channels)) = aac::parse_audio_specific_config(asc) else {
            self.refuse(Unsupported::AacConfig, out);
            return;
        };
        self.configure(AudioCodec::Aac, sample_rate, channels, asc, out);
        let step = frame_ticks(sample_rate);
        let start = timeline.audio(&self.stamp, step, 90_000);
        self.put_aac(vec![data.to_vec()], start, step, out);
    }

    fn receive(&mut self, payload: &[u8], timeline: &mut Timeline, out: &mut Vec<MediaEvent>) {
        self.is_adts |= aac::is_whole_adts(payload);
        if self.is_adts || self.declared == Some(0x0F) {
            self.put_adts(payload, timeline, out);
            return;
        }
        match self.declared {
            Some(0x90) => self.put_g711(AudioCodec::G711A, payload, 90_000, timeline, out),
            Some(0x91) => self.put_g711(AudioCodec::G711U, payload, 90_000, timeline, out),
            Some(other) => self.refuse(Unsupported::AudioType(other), out),
            None if looks_like_g711(payload) => {
                self.put_g711(AudioCodec::G711A, payload, 90_000, timeline, out);
            }
            None => self.refuse(Unsupported::UnknownAudio, out),
        }
    }

    fn put_g711(
        &mut self,
        codec: AudioCodec,
        payload: &[u8],
        rtp_rate: u32,
        timeline: &mut Timeline,
        out: &mut Vec<MediaEvent>,
    ) {
        if payload.is_empty() {
            return;
        }
        self.configure(codec, G711_RATE as u32, 1, &[], out);
        let duration = payload.len() as i64 * TICKS_PER_SECOND / G711_RATE;
        self.frames += 1;
        out.push(MediaEvent::Audio(AudioFrame {
            codec,
            data: payload.to_vec(),
            pts_90k: timeline.audio(&self.stamp, duration, rtp_rate),
        }));
    }

    fn put_adts(&mut self, payload: &[u8], timeline: &mut Timeline, out: &mut Vec<MediaEvent>) {
        let continued = self.splitter.pending_bytes() > 0;
        let mut header = None;
        let mut units: Vec<Vec<u8>> = Vec::new();
        self.splitter.receive(payload, |found, data| {
            header = Some(*found);
            units.push(data.to_vec());
        });
        let Some(header) = header else {
            self.doubt_adts();
            return;
        };
        self.skipped_before = self.splitter.skipped_bytes();
        let asc = header.audio_specific_config();
        self.configure(
            AudioCodec::Aac,
            header.sample_rate,
            header.channels,
            &asc,
            out,
        );
        let step = frame_ticks(header.sample_rate);
        if continued {
            // The PTS is that of the first frame that begins in the packet (ISO/IEC 13818-1
            // 2.4.3.7); this one began in the packet before.
            let first = units.remove(0);
            let follows = Stamp {
                pts: None,
                ..self.stamp
            };
            let start = timeline.audio(&follows, step, 90_000);
            self.put_aac(vec![first], start, step, out);
        }
        if !units.is_empty() {
            let start = timeline.audio(&self.stamp, step * units.len() as i64, 90_000);
            self.put_aac(units, start, step, out);
        }
    }

    fn put_aac(&mut self, units: Vec<Vec<u8>>, start: i64, step: i64, out: &mut Vec<MediaEvent>) {
        let mut pts_90k = start;
        for data in units {
            self.frames += 1;
            out.push(MediaEvent::Audio(AudioFrame {
                codec: AudioCodec::Aac,
                data,
                pts_90k,
            }));
            pts_90k += step;
        }
    }

    /// Takes the guess back when no frame has come for long.
    fn doubt_adts(&mut self) {
        if self.splitter.skipped_bytes() - self.skipped_before > MAX_SKIPPED_ADTS {
            self.is_adts = false;
            self.skipped_before = self.splitter.skipped_bytes();
            self.splitter.reset();
        }
    }

    fn configure(
        &mut self,
        codec: AudioCodec,
        sample_rate: u32,
        channels: u8,
        asc: &[u8],
        out: &mut Vec<MediaEvent>,
    ) {
        let same = self.config.as_ref().is_some_and(|known| {
            known.codec == codec
                && known.sample_rate == sample_rate
                && known.channels == channels
                && known.asc == asc
        });
        if same {
            return;
        }
        let config = AudioConfig {
            codec,
            sample_rate,
            channels,
            asc: asc.to_vec(),
        };
        self.config = Some(config.clone());
        out.push(MediaEvent::AudioConfig(config));
    }

    fn refuse(&mut self, what: Unsupported, out: &mut Vec<MediaEvent>) {
        if self.refused != Some(what) {
            self.refused = Some(what);
            out.push(MediaEvent::Unsupported { what });
        }
    }
}

/// Ticks of 90 kHz of one AAC frame.
fn frame_ticks(sample_rate: u32) -> i64 {
    i64::from(SAMPLES_PER_FRAME) * TICKS_PER_SECOND / i64::from(sample_rate.max(1))
}

fn looks_like_g711(payload: &[u8]) -> bool {
    payload.len() % G711_STEP_BYTES == 0 && payload.len() <= G711_GUESS_BYTES
}
