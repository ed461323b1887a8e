//! What a stream is made of once it has left the wire: its description, and pictures with their sound.

use std::sync::{Arc, OnceLock};

use tongshi_wire::g711::Law;
use tongshi_wire::{AccessUnit, AudioConfig, VideoConfig, WireError};
use tongshi_wire::{flac, fmp4};

use crate::facts::{AudioInfo, MediaInfo};
use crate::outputs::flv::{self, FlvHeads};
use crate::outputs::form::Form;
use crate::outputs::rtmp::messages as rtmp;
use crate::outputs::rtsp::numbered::UnitPackets;
use crate::recordings::{Backlog, Ticket};

/// Ticks of the video clock for each second.
pub const VIDEO_CLOCK: i64 = 90_000;

/// The description of a stream, in force until the next one. Shared by all readers.
#[derive(Debug)]
pub struct StreamConfig {
    /// Parameter sets and picture size; none for sound alone. One of the two is always there.
    pub video: Option<VideoConfig>,
    /// The sound track, if there is one.
    pub audio: Option<AudioConfig>,
    /// The same for people and programs.
    pub info: MediaInfo,
    /// fMP4 initialisation segment for viewers.
    pub init: Vec<u8>,
    /// The text message that goes before it on a WebSocket.
    pub description: String,
    /// Decoding time of its first picture on the stream's time line, from 0, 90 kHz.
    pub since: i64,
    flv: OnceLock<FlvHeads>,
    rtmp: OnceLock<Vec<u8>>,
}

impl StreamConfig {
    /// Builds all forms of the description; an error says that the parameter sets cannot be read, or that
    /// there is no track at all.
    pub fn new(
        video: impl Into<Option<VideoConfig>>,
        audio: Option<AudioConfig>,
    ) -> Result<StreamConfig, WireError> {
        let video = video.into();
        let init = fmp4::init_segment_tracks(video.as_ref(), audio.as_ref(), None, false)?.bytes;
        let mime = format!(
            "{}/mp4; codecs=\"{}\"",
            if video.is_some() { "video" } else { "audio" },
            fmp4::mime_codecs(video.as_ref(), audio.as_ref())
        );
        let info = MediaInfo {
            codec: video.as_ref().map_or("", |video| video.codec.name()),
            width: video.as_ref().map_or(0, |video| video.width),
            height: video.as_ref().map_or(0, |video| video.height),
            audio: audio.as_ref().map(|audio| AudioInfo {
                codec: audio.codec.name(),
                sample_rate: audio.sample_rate,
                channels: u32::from(audio.channels),
            }),
            mime,
        };
        let description = describe(&info);
        Ok(StreamConfig {
            video,
            audio,
            info,
            init,
            description,
            since: 0,
            flv: OnceLock::new(),
            rtmp: OnceLock::new(),
        })
    }

    /// The same, in force from this time on.
    #[must_use]
    pub fn since(mut self, time: i64) -> StreamConfig {
        self.since = time;
        self
    }

    /// What an FLV stream begins with: file header, metadata and sequence headers.
    pub fn flv_header(&self) -> &[u8] {
        &self.flv_heads().start
    }

    /// What stands between the tags of two descriptions: metadata and sequence headers.
    pub fn flv_change(&self) -> &[u8] {
        &self.flv_heads().change
    }

    /// The messages that describe the stream to a player of RTMP.
    pub fn rtmp_messages(&self) -> &[u8] {
        self.rtmp.get_or_init(|| rtmp::description(self))
    }

    fn flv_heads(&self) -> &FlvHeads {
        self.flv.get_or_init(|| FlvHeads::new(self))
    }
}

/// No field holds a character that JSON would want escaped, except the quotes of the MIME type.
fn describe(info: &MediaInfo) -> String {
    let audio = info.audio.as_ref().map_or_else(
        || "null".to_owned(),
        |audio| {
            format!(
                r#"{{"codec":"{}","sample_rate":{},"channels":{}}}"#,
                audio.codec, audio.sample_rate, audio.channels
            )
        },
    );
    let video = if info.codec.is_empty() {
        "null".to_owned()
    } else {
        format!(
            r#"{{"codec":"{}","width":{},"height":{}}}"#,
            info.codec, info.width, info.height
        )
    };
    format!(
        r#"{{"type":"stream","mime":"{}","video":{video},"audio":{audio}}}"#,
        info.mime.replace('"', "\\\""),
    )
}

/// One coded piece of sound, in the form of the camera and in that of fMP4.
#[derive(Debug)]
pub struct AudioSample {
    /// As the camera sent it: bytes of G.711, or an AAC access unit.
    original: Vec<u8>,
    /// How G.711 is coded; none for AAC, which is the same in both forms.
    law: Option<Law>,
    /// Time of its first sample in samples, on the stream's time line.
    pub time: i64,
    /// Samples in it.
    pub duration: u32,
    flac: OnceLock<Vec<u8>>,
}

impl AudioSample {
    /// Takes one piece of at most [`MAX_BLOCK_SAMPLES`](flac::MAX_BLOCK_SAMPLES) samples.
    pub fn new(original: Vec<u8>, law: Option<Law>, time: i64, duration: u32) -> AudioSample {
        AudioSample {
            original,
            law,
            time,
            duration,
            flac: OnceLock::new(),
        }
    }

    /// As the camera sent it: bytes of G.711, or an AAC access unit.
    pub fn original(&self) -> &[u8] {
        &self.original
    }

    /// What goes into fMP4: an AAC access unit, or a FLAC frame, made by whoever needs it first. FLAC costs
    /// more than all else that is done for a stream, and who relays or shows FLV has no use for it.
    pub fn coded(&self) -> &[u8] {
        let Some(law) = self.law else {
            return &self.original;
        };
        self.flac.get_or_init(|| {
            let mut frame = Vec::with_capacity(self.original.len() * 2 + 16);
            let first_sample = u64::try_from(self.time).unwrap_or(0);
            // The only error is a size that `new` rules out; an empty frame is passed over by players.
            let _ = flac::encode_g711(law, &self.original, first_sample, &mut frame);
            frame
        })
    }
}

/// One picture with the sound since the one before it; or sound alone, where no pictures come.
#[derive(Debug)]
pub struct Unit {
    /// Position in the session, from 1.
    pub sequence: u64,
    /// What it is described by.
    pub config: Arc<StreamConfig>,
    /// The picture, if there is one. Its times are those of the camera, unwrapped.
    pub picture: Option<AccessUnit>,
    /// The camera's time of the picture, or of the first sound where there is none; unwrapped, 90 kHz.
    pub pts_90k: i64,
    /// Decoding time on the stream's time line, from 0, 90 kHz.
    pub time: i64,
    /// Until the next unit, 90 kHz: what the pictures before it say.
    pub duration: u32,
    /// Decoding time on the line of fMP4 viewers, see [`Pace`](crate::pace::Pace).
    shown: i64,
    /// The sound.
    pub audio: Vec<AudioSample>,
    /// Wall clock when the picture was complete, µs since 1970.
    pub wall_us: i64,
    /// Tells a playback of recordings when nobody needs the unit any more.
    ticket: Option<Ticket>,
    forms: OnceLock<Box<Forms>>,
}

/// The forms for viewers, each made by whoever needs it first. Most units are never watched: what nobody needs takes
/// no room in them.
#[derive(Debug, Default)]
struct Forms {
    fragment: OnceLock<Form>,
    rtp_packets: OnceLock<UnitPackets>,
    flv_tags: OnceLock<Form>,
    rtmp: OnceLock<Vec<u8>>,
}

impl Unit {
    /// Joins the parts.
    pub fn new(
        sequence: u64,
        config: Arc<StreamConfig>,
        picture: AccessUnit,
        timing: (i64, u32),
        audio: Vec<AudioSample>,
        wall_us: i64,
    ) -> Unit {
        let pts_90k = picture.pts_90k;
        Unit {
            picture: Some(picture),
            ..Unit::of_sound(sequence, config, pts_90k, timing, audio, wall_us)
        }
    }

    /// Sound without a picture. `pts_90k` is the camera's time of its first sample.
    pub fn of_sound(
        sequence: u64,
        config: Arc<StreamConfig>,
        pts_90k: i64,
        timing: (i64, u32),
        audio: Vec<AudioSample>,
        wall_us: i64,
    ) -> Unit {
        let (time, duration) = timing;
        Unit {
            sequence,
            config,
            picture: None,
            pts_90k,
            time,
            duration,
            shown: time,
            audio,
            wall_us,
            ticket: None,
            forms: OnceLock::new(),
        }
    }

    /// Counted in `backlog` as long as anybody holds it.
    pub(crate) fn counted(mut self, backlog: &Arc<Backlog>) -> Unit {
        self.ticket = Some(Ticket::new(backlog, self.size_bytes()));
        self
    }

    /// The same, shown to viewers of fMP4 at another time.
    pub fn shown_at(self, shown: i64) -> Unit {
        Unit { shown, ..self }
    }

    /// Decoding can start here: a key frame that is whole, or any unit of a stream of sound alone.
    pub fn is_key(&self) -> bool {
        match &self.picture {
            Some(picture) => picture.keyframe && !picture.corrupt,
            None => self.config.video.is_none(),
        }
    }

    /// Bytes of picture and sound.
    pub fn size_bytes(&self) -> usize {
        self.picture
            .as_ref()
            .map_or(0, |picture| picture.nals.len())
            + self
                .audio
                .iter()
                .map(|sample| 2 * sample.original.len())
                .sum::<usize>()
    }

    /// The unit as an fMP4 fragment, in pieces: built by whoever needs it first, shared by all who come later.
    pub fn fragment(&self) -> [&[u8]; 3] {
        let form = self.forms().fragment.get_or_init(|| {
            let audio: Vec<fmp4::Sample<'_>> = self
                .audio
                .iter()
                .filter_map(|sample| audio_sample(sample, 0))
                .collect();
            let sound: usize = audio.iter().map(|sample| sample.data.len()).sum();
            let video = self.video_sample(self.time - self.shown);
            let mut bytes = Vec::with_capacity(256 + 16 * audio.len() + sound);
            if video.is_some() || !audio.is_empty() {
                let sequence = self.sequence as u32;
                fmp4::write_fragment_head(sequence, video.as_slice(), &audio, &mut bytes);
            }
            let split = bytes.len();
            for sample in &audio {
                bytes.extend_from_slice(sample.data);
            }
            Form::new(bytes, split, true)
        });
        form.parts(self)
    }

    /// The unit as RTP packets of the RTSP desk, which numbers the units of a session in their order.
    pub(crate) fn rtp_packets(&self, pack: impl FnOnce() -> UnitPackets) -> &UnitPackets {
        self.forms().rtp_packets.get_or_init(pack)
    }

    /// The packets, if the desk has numbered them.
    pub(crate) fn numbered(&self) -> Option<&UnitPackets> {
        self.forms.get()?.rtp_packets.get()
    }

    /// The unit as FLV tags, in pieces, shared like [`Unit::fragment`].
    pub fn flv_tags(&self) -> [&[u8]; 3] {
        let form = self.forms().flv_tags.get_or_init(|| flv::tags(self));
        form.parts(self)
    }

    /// The unit as RTMP messages, shared like [`Unit::fragment`].
    pub fn rtmp_messages(&self) -> &[u8] {
        self.forms().rtmp.get_or_init(|| rtmp::unit(self))
    }

    fn forms(&self) -> &Forms {
        self.forms.get_or_init(Box::default)
    }

    /// The picture as a sample of a file whose time line begins at `origin`.
    pub fn video_sample(&self, origin: i64) -> Option<fmp4::Sample<'_>> {
        let picture = self.picture.as_ref()?;
        let shift = picture.pts_90k - picture.dts_90k;
        Some(fmp4::Sample {
            data: &picture.nals,
            dts: u64::try_from(self.time - origin).unwrap_or(0),
            duration: self.duration,
            cts: i32::try_from(shift).unwrap_or(0),
            key: self.is_key(),
        })
    }
}

/// The sound as a sample of a file whose time line begins at `origin` (in samples); none before it.
pub fn audio_sample(sample: &AudioSample, origin: i64) -> Option<fmp4::Sample<'_>> {
    Some(fmp4::Sample {
        data: sample.coded(),
        dts: u64::try_from(sample.time - origin).ok()?,
        duration: sample.duration,
        cts: 0,
        key: true,
    })
}
