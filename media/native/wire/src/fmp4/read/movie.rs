//! The `moov`: tracks, their clocks and what they carry.

use super::codecs;
use super::fields::{BoxIn, Children};
use crate::error::WireError;
use crate::media::VideoConfig;

/// What the head of a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movie {
    /// The pictures.
    pub video: VideoTrack,
    /// The sound, when there is some that can be read.
    pub audio: Option<AudioTrack>,
}

/// The track of pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoTrack {
    /// Number of the track in fragments.
    pub id: u32,
    /// Ticks per second, never 0.
    pub timescale: u32,
    /// Parameter sets and what they say.
    pub config: VideoConfig,
    pub(super) defaults: Defaults,
}

/// The track of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioTrack {
    /// Number of the track in fragments.
    pub id: u32,
    /// Ticks per second, never 0.
    pub timescale: u32,
    /// Samples per second.
    pub sample_rate: u32,
    /// Channels, at least 1.
    pub channels: u8,
    /// How it is coded in the file.
    pub form: SoundForm,
    pub(super) defaults: Defaults,
}

/// Coded sound in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SoundForm {
    /// FLAC: G.711 without loss ([`crate::flac::decode_frame`], [`crate::g711::encode`]).
    Flac,
    /// AAC with its AudioSpecificConfig.
    Aac(Vec<u8>),
}

/// What `trex` says for samples that do not say it themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Defaults {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

/// What one `trak` says.
struct Track {
    id: u32,
    timescale: u32,
    kind: TrackKind,
}

enum TrackKind {
    Video(VideoConfig),
    Sound(codecs::SoundEntry),
    Other,
}

impl Movie {
    /// Reads the payload of a `moov` box.
    ///
    /// A track of sound that cannot be read is left out: the pictures are worth more.
    ///
    /// # Errors
    ///
    /// No track of pictures can be read.
    pub fn parse(payload: &[u8]) -> Result<Movie, WireError> {
        let (mut video, mut audio) = (None, None);
        let mut defaults: Vec<(u32, Defaults)> = Vec::new();
        let mut failed = None;
        for found in Children::new(payload, 0) {
            let found = found?;
            match &found.kind {
                b"trak" => match parse_track(&found) {
                    Ok(track) => match track.kind {
                        TrackKind::Video(config) => {
                            video = video.or(Some((track.id, track.timescale, config)));
                        }
                        TrackKind::Sound(entry) => {
                            audio = audio.or(Some((track.id, track.timescale, entry)));
                        }
                        TrackKind::Other => {}
                    },
                    Err(error) => failed = failed.or(Some(error)),
                },
                b"mvex" => defaults = parse_extends(&found)?,
                _ => {}
            }
        }
        let defaults_of = |id: u32| {
            let known = defaults.iter().find(|(track, _)| *track == id);
            known.map_or_else(Defaults::default, |&(_, known)| known)
        };
        let Some((id, timescale, config)) = video else {
            return Err(
                failed.unwrap_or_else(|| WireError::truncated("track of pictures", 0, 1, 0))
            );
        };
        Ok(Movie {
            video: VideoTrack {
                id,
                timescale,
                config,
                defaults: defaults_of(id),
            },
            audio: audio.map(|(id, timescale, entry)| AudioTrack {
                id,
                timescale,
                sample_rate: entry.sample_rate,
                channels: entry.channels,
                form: entry.form,
                defaults: defaults_of(id),
            }),
        })
    }
}

fn parse_track(trak: &BoxIn<'_>) -> Result<Track, WireError> {
    let missing = |what| WireError::truncated(what, trak.at, 1, 0);
    let tkhd = trak.child(b"tkhd")?.ok_or(missing("tkhd"))?;
    let mdia = trak.child(b"mdia")?.ok_or(missing("mdia"))?;
    let mdhd = mdia.child(b"mdhd")?.ok_or(missing("mdhd"))?;
    let hdlr = mdia.child(b"hdlr")?.ok_or(missing("hdlr"))?;
    // Version 1 has times of 64 bits before the number of the track and before the timescale.
    let after_times = |full: &BoxIn<'_>| {
        Ok(if full.version_and_flags()?.0 == 1 {
            20
        } else {
            12
        })
    };
    let id = tkhd.u32(after_times(&tkhd)?)?;
    let timescale = mdhd.u32(after_times(&mdhd)?)?;
    if timescale == 0 {
        return Err(WireError::invalid("timescale", mdhd.at, 0));
    }
    let kind = match &hdlr.u32(8)?.to_be_bytes() {
        b"vide" => TrackKind::Video(codecs::video_entry(&sample_table(&mdia)?)?),
        b"soun" => TrackKind::Sound(codecs::sound_entry(&sample_table(&mdia)?)?),
        _ => TrackKind::Other,
    };
    Ok(Track {
        id,
        timescale,
        kind,
    })
}

fn sample_table<'a>(mdia: &BoxIn<'a>) -> Result<BoxIn<'a>, WireError> {
    let missing = |what| WireError::truncated(what, mdia.at, 1, 0);
    let minf = mdia.child(b"minf")?.ok_or(missing("minf"))?;
    let stbl = minf.child(b"stbl")?.ok_or(missing("stbl"))?;
    stbl.child(b"stsd")?.ok_or(missing("stsd"))
}

fn parse_extends(mvex: &BoxIn<'_>) -> Result<Vec<(u32, Defaults)>, WireError> {
    let mut found = Vec::new();
    for inner in mvex.children(0) {
        let inner = inner?;
        if inner.kind == *b"trex" {
            let defaults = Defaults {
                duration: inner.u32(12)?,
                size: inner.u32(16)?,
                flags: inner.u32(20)?,
            };
            found.push((inner.u32(4)?, defaults));
        }
    }
    Ok(found)
}
