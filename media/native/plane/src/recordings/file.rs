//! One recorded file: where its fragments are, and their pictures. All of it may wait for the disk.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tongshi_wire::flac;
use tongshi_wire::fmp4::read::{Found, Fragment, FragmentAt, Movie, SampleAt, Scanner, SoundForm};
use tongshi_wire::g711::{self, Law};
use tongshi_wire::{AudioCodec, AudioConfig, VideoConfig, WireError};

use crate::timing::{bounded, rescale};
use crate::unit::VIDEO_CLOCK;

/// Most fragments of one file: an hour of fragments of 80 ms. Bounds the memory of a reader.
const MAX_FRAGMENTS: usize = 45_000;

/// Why a file cannot be played, or not from here on.
#[derive(Debug)]
pub(super) enum ReadError {
    Disk(io::Error),
    Bytes(WireError),
    NoPictures,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Disk(error) => write!(f, "{error}"),
            ReadError::Bytes(error) => write!(f, "{error}"),
            ReadError::NoPictures => f.write_str("no whole picture in it"),
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        ReadError::Disk(error)
    }
}

impl From<WireError> for ReadError {
    fn from(error: WireError) -> Self {
        ReadError::Bytes(error)
    }
}

/// One picture as it lies in a file; times in ticks of 90 kHz from the begin of the file.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) nals: Vec<u8>,
    pub(super) time: i64,
    pub(super) duration: u32,
    pub(super) cts: i32,
    pub(super) key: bool,
}

/// A piece of sound as the camera sent it: G.711 of a law, or an AAC access unit.
#[derive(Debug)]
pub(super) struct Sound {
    pub(super) data: Vec<u8>,
    pub(super) law: Option<Law>,
    pub(super) time: i64,
    pub(super) samples: u32,
}

/// What one reading gave.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) pictures: Vec<Picture>,
    pub(super) sounds: Vec<Sound>,
    /// Pictures and pieces of sound whose bytes make no sense, and pictures that need such a one.
    pub(super) damaged: u64,
    /// What follows needs a picture that is missing, up to a key frame.
    pub(super) is_broken: bool,
}

/// Which samples of a fragment are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    All { sound: bool },
    Keys,
}

/// A fragment in the table of a file.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: FragmentAt,
    begin: i64,
    end: i64,
    first_key: Option<i64>,
}

/// An open file with the table of its fragments.
pub(super) struct RecordedFile {
    file: File,
    scanner: Scanner,
    movie: Movie,
    entries: Vec<Entry>,
    law: Option<Law>,
}

impl RecordedFile {
    /// Opens a file and finds its fragments. No picture is read.
    pub(super) fn open(path: &Path, law: Option<Law>) -> Result<RecordedFile, ReadError> {
        let file = File::open(path)?;
        let mut scanner = Scanner::new(file.metadata()?.len());
        let mut entries = Vec::new();
        scan(&file, &mut scanner, &mut entries)?;
        let movie = scanner.movie().cloned().ok_or(ReadError::NoPictures)?;
        if entries.iter().all(|entry| entry.first_key.is_none()) {
            return Err(ReadError::NoPictures);
        }
        Ok(RecordedFile {
            file,
            scanner,
            movie,
            entries,
            law,
        })
    }

    /// Finds what was written since; true when there is more.
    pub(super) fn look_again(&mut self) -> Result<bool, ReadError> {
        let before = self.entries.len();
        self.scanner.grow(self.file.metadata()?.len());
        scan(&self.file, &mut self.scanner, &mut self.entries)?;
        Ok(self.entries.len() > before)
    }

    pub(super) fn video(&self) -> &VideoConfig {
        &self.movie.video.config
    }

    /// The sound as the camera sent it.
    pub(super) fn audio(&self) -> Option<AudioConfig> {
        let track = self.movie.audio.as_ref()?;
        let (codec, asc) = match &track.form {
            SoundForm::Aac(asc) => (AudioCodec::Aac, asc.clone()),
            SoundForm::Flac if self.law == Some(Law::Mu) => (AudioCodec::G711U, Vec::new()),
            SoundForm::Flac => (AudioCodec::G711A, Vec::new()),
        };
        Some(AudioConfig {
            codec,
            sample_rate: track.sample_rate,
            channels: track.channels,
            asc,
        })
    }

    /// Fragments in it.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Begin of the pictures, usually 0.
    pub(super) fn begin(&self) -> i64 {
        self.entries.first().map_or(0, |entry| entry.begin)
    }

    pub(super) fn end(&self) -> i64 {
        self.entries.last().map_or(0, |entry| entry.end)
    }

    /// Bits for each second of it.
    pub(super) fn bps(&self) -> u64 {
        let bytes: u64 = self
            .entries
            .iter()
            .map(|entry| u64::from(entry.at.mdat_bytes))
            .sum();
        let ticks = u64::try_from(self.end() - self.begin()).unwrap_or(0).max(1);
        bytes.saturating_mul(8 * VIDEO_CLOCK as u64) / ticks
    }

    /// Places in it where something was not as it should be.
    pub(super) fn damaged(&self) -> u32 {
        self.scanner.damaged()
    }

    /// The first key frame of a fragment.
    pub(super) fn first_key(&self, index: usize) -> Option<i64> {
        self.entries.get(index)?.first_key
    }

    /// The next fragment with a key frame, `from` included.
    pub(super) fn key_from(&self, from: usize) -> Option<usize> {
        (from..self.entries.len()).find(|&index| self.first_key(index).is_some())
    }

    /// The last fragment with a key frame before `index`.
    pub(super) fn key_before(&self, index: usize) -> Option<usize> {
        (0..index.min(self.entries.len()))
            .rev()
            .find(|&index| self.first_key(index).is_some())
    }

    /// The last fragment with a key frame at or before `time`, else the first with one.
    pub(super) fn key_at(&self, time: i64) -> Option<usize> {
        let after = self.entries.partition_point(|entry| entry.begin <= time);
        (0..after)
            .rev()
            .find(|&index| self.first_key(index).is_some_and(|key| key <= time))
            .or_else(|| self.key_from(0))
    }

    /// Reads the samples of one fragment. Pictures whose bytes make no sense are left out and counted.
    pub(super) fn load(
        &mut self,
        index: usize,
        pick: Pick,
        buffer: &mut Vec<u8>,
    ) -> Result<Loaded, ReadError> {
        let Some(&Entry { at, .. }) = self.entries.get(index) else {
            return Ok(Loaded::default());
        };
        let moof = at.moof_bytes as usize;
        let whole = moof + at.mdat_bytes as usize;
        let first = if pick == Pick::Keys { moof } else { whole };
        buffer.resize(first, 0);
        self.file.read_exact_at(buffer, at.offset)?;
        let head = buffer.get(..moof).unwrap_or_default();
        let fragment = Fragment::parse(head, &self.movie, whole as u64)?;
        let mut loaded = Loaded::default();
        match pick {
            Pick::Keys => {
                for sample in fragment.video.iter().filter(|sample| sample.key) {
                    let mut nals = vec![0; sample.size as usize];
                    self.file
                        .read_exact_at(&mut nals, at.offset + sample.offset)?;
                    self.take_picture(sample, nals, &mut loaded);
                }
                // The key frames are all that is wanted: none of them needs another.
                loaded.is_broken = false;
            }
            Pick::All { sound } => {
                for sample in &fragment.video {
                    let nals = bytes_of(buffer, sample).to_vec();
                    self.take_picture(sample, nals, &mut loaded);
                }
                for sample in fragment.audio.iter().filter(|_| sound) {
                    self.take_sound(sample, bytes_of(buffer, sample), &mut loaded);
                }
            }
        }
        Ok(loaded)
    }

    fn take_picture(&self, sample: &SampleAt, nals: Vec<u8>, loaded: &mut Loaded) {
        loaded.is_broken = !is_whole(&nals) || (loaded.is_broken && !sample.key);
        if loaded.is_broken {
            loaded.damaged += 1;
            return;
        }
        let scale = self.movie.video.timescale;
        loaded.pictures.push(Picture {
            nals,
            time: to_90k(sample.dts, scale),
            duration: to_90k(u64::from(sample.duration), scale).clamp(1, i64::from(u32::MAX))
                as u32,
            cts: i32::try_from(rescale(
                i64::from(sample.cts),
                VIDEO_CLOCK,
                i64::from(scale),
            ))
            .unwrap_or(0),
            key: sample.key,
        });
    }

    fn take_sound(&mut self, sample: &SampleAt, bytes: &[u8], loaded: &mut Loaded) {
        let Some(track) = &self.movie.audio else {
            return;
        };
        let (mut data, mut law) = (bytes.to_vec(), None);
        if track.form == SoundForm::Flac {
            let mut pcm = Vec::new();
            if flac::decode_frame(bytes, &mut pcm).is_err() {
                loaded.damaged += 1;
                return;
            }
            self.law = self.law.or_else(|| g711::law_of(&pcm));
            let known = self.law.unwrap_or(Law::A);
            data.clear();
            g711::encode(known, &pcm, &mut data);
            law = Some(known);
        }
        loaded.sounds.push(Sound {
            data,
            law,
            time: to_90k(sample.dts, track.timescale),
            samples: sample.duration,
        });
    }
}

/// Lets the scanner read until it wants nothing more.
fn scan(file: &File, scanner: &mut Scanner, entries: &mut Vec<Entry>) -> Result<(), ReadError> {
    let mut buffer = Vec::new();
    while let Some(wanted) = scanner.wanted() {
        if entries.len() >= MAX_FRAGMENTS {
            return Ok(());
        }
        buffer.resize(wanted.bytes, 0);
        file.read_exact_at(&mut buffer, wanted.offset)?;
        let found = scanner.receive(&buffer)?;
        if let (Some(Found::Fragment(at, fragment)), Some(movie)) = (found, scanner.movie()) {
            entries.extend(entry_of(at, &fragment, movie.video.timescale));
        }
    }
    Ok(())
}

fn entry_of(at: FragmentAt, fragment: &Fragment, timescale: u32) -> Option<Entry> {
    let (first, last) = (fragment.video.first()?, fragment.video.last()?);
    let key = fragment.first_key().and_then(|key| fragment.video.get(key));
    Some(Entry {
        at,
        begin: to_90k(first.dts, timescale),
        end: to_90k(last.dts + u64::from(last.duration), timescale),
        first_key: key.map(|key| to_90k(key.dts, timescale)),
    })
}

fn bytes_of<'a>(buffer: &'a [u8], sample: &SampleAt) -> &'a [u8] {
    let start = usize::try_from(sample.offset).unwrap_or(usize::MAX);
    let end = start.saturating_add(sample.size as usize);
    buffer.get(start..end).unwrap_or_default()
}

/// Whether these are NAL units after their lengths, and nothing else.
fn is_whole(nals: &[u8]) -> bool {
    let mut rest = nals;
    while let Some((length, body)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        match body.get(length..) {
            Some(after) if length > 0 => rest = after,
            _ => return false,
        }
    }
    rest.is_empty() && !nals.is_empty()
}

fn to_90k(ticks: u64, timescale: u32) -> i64 {
    let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
    bounded(rescale(ticks, VIDEO_CLOCK, i64::from(timescale)))
}
