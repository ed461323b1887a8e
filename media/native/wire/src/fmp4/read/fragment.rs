//! One `moof`: where the samples of a fragment are, and their times.

use super::fields::{BoxIn, Children};
use super::movie::{Defaults, Movie};
use super::{MAX_MDAT_BYTES, MAX_SAMPLES};
use crate::error::WireError;

// Flags of tfhd and trun, ISO/IEC 14496-12 8.8.7 and 8.8.8.
const TFHD_BASE_OFFSET: u32 = 0x01;
const TFHD_DESCRIPTION: u32 = 0x02;
const TFHD_DURATION: u32 = 0x08;
const TFHD_SIZE: u32 = 0x10;
const TFHD_FLAGS: u32 = 0x20;
const TRUN_DATA_OFFSET: u32 = 0x001;
const TRUN_FIRST_FLAGS: u32 = 0x004;
const TRUN_DURATION: u32 = 0x100;
const TRUN_SIZE: u32 = 0x200;
const TRUN_FLAGS: u32 = 0x400;
const TRUN_CTS: u32 = 0x800;
/// sample_is_non_sync_sample.
const NON_SYNC: u32 = 0x01_0000;

/// One sample: where its bytes are, and its times in ticks of its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleAt {
    /// From the first byte of the `moof`.
    pub offset: u64,
    /// Bytes of it.
    pub size: u32,
    /// Decoding time.
    pub dts: u64,
    /// Until the next sample of the track.
    pub duration: u32,
    /// Presentation time less decoding time.
    pub cts: i32,
    /// Decoding can start here.
    pub key: bool,
}

/// The samples of one fragment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fragment {
    /// Pictures, in decoding order.
    pub video: Vec<SampleAt>,
    /// Pieces of sound.
    pub audio: Vec<SampleAt>,
}

impl Fragment {
    /// Reads a whole `moof` box, header included. `mdat_end` is where the `mdat` behind it ends, from the first byte
    /// of the `moof`: samples outside of it are an error.
    ///
    /// # Errors
    ///
    /// A box or a field is cut, there are more than [`MAX_SAMPLES`] samples, or a sample lies outside.
    pub fn parse(moof: &[u8], movie: &Movie, mdat_end: u64) -> Result<Fragment, WireError> {
        let mut fragment = Fragment::default();
        let payload = moof.get(8..).unwrap_or_default();
        let first_byte = moof.len() as u64 + 8;
        for found in Children::new(payload, 8) {
            let found = found?;
            if found.kind != *b"traf" {
                continue;
            }
            let head = TrackHead::parse(&found, movie)?;
            let samples = match head.track {
                Some(Which::Video) => &mut fragment.video,
                Some(Which::Audio) => &mut fragment.audio,
                None => continue,
            };
            parse_runs(&found, &head, first_byte, samples)?;
        }
        let all = fragment.video.iter().chain(&fragment.audio);
        for sample in all {
            let end = sample.offset + u64::from(sample.size);
            if sample.offset < first_byte || end > mdat_end || end > MAX_MDAT_BYTES + first_byte {
                return Err(WireError::invalid("sample outside of its mdat", 0, end));
            }
        }
        Ok(fragment)
    }

    /// Position of the first key frame among the pictures.
    #[must_use]
    pub fn first_key(&self) -> Option<usize> {
        self.video.iter().position(|sample| sample.key)
    }
}

#[derive(Clone, Copy)]
enum Which {
    Video,
    Audio,
}

/// What stands before the runs of a track.
struct TrackHead {
    track: Option<Which>,
    defaults: Defaults,
    base_dts: u64,
}

impl TrackHead {
    fn parse(traf: &BoxIn<'_>, movie: &Movie) -> Result<TrackHead, WireError> {
        let Some(tfhd) = traf.child(b"tfhd")? else {
            return Err(WireError::truncated("tfhd", traf.at, 8, 0));
        };
        let (_, flags) = tfhd.version_and_flags()?;
        if flags & TFHD_BASE_OFFSET != 0 {
            return Err(WireError::invalid(
                "tfhd with a base offset",
                tfhd.at,
                u64::from(flags),
            ));
        }
        let id = tfhd.u32(4)?;
        let (track, mut defaults) = if id == movie.video.id {
            (Some(Which::Video), movie.video.defaults)
        } else {
            match &movie.audio {
                Some(audio) if audio.id == id => (Some(Which::Audio), audio.defaults),
                _ => (None, Defaults::default()),
            }
        };
        let mut at = 8 + if flags & TFHD_DESCRIPTION != 0 { 4 } else { 0 };
        for (flag, field) in [
            (TFHD_DURATION, &mut defaults.duration),
            (TFHD_SIZE, &mut defaults.size),
            (TFHD_FLAGS, &mut defaults.flags),
        ] {
            if flags & flag != 0 {
                *field = tfhd.u32(at)?;
                at += 4;
            }
        }
        let base_dts = match traf.child(b"tfdt")? {
            Some(tfdt) if tfdt.version_and_flags()?.0 == 1 => tfdt.u64(4)?,
            Some(tfdt) => u64::from(tfdt.u32(4)?),
            None => 0,
        };
        // Times beyond this are no times; below it sums cannot overflow.
        if base_dts > 1 << 60 {
            return Err(WireError::invalid("tfdt", traf.at, base_dts));
        }
        Ok(TrackHead {
            track,
            defaults,
            base_dts,
        })
    }
}

fn parse_runs(
    traf: &BoxIn<'_>,
    head: &TrackHead,
    first_byte: u64,
    samples: &mut Vec<SampleAt>,
) -> Result<(), WireError> {
    let (mut offset, mut dts) = (first_byte, head.base_dts);
    for found in traf.children(0) {
        let found = found?;
        if found.kind == *b"trun" {
            parse_run(&found, head.defaults, &mut offset, &mut dts, samples)?;
        }
    }
    Ok(())
}

fn parse_run(
    trun: &BoxIn<'_>,
    defaults: Defaults,
    offset: &mut u64,
    dts: &mut u64,
    samples: &mut Vec<SampleAt>,
) -> Result<(), WireError> {
    let (_, flags) = trun.version_and_flags()?;
    let count = trun.u32(4)? as usize;
    if samples.len() + count > MAX_SAMPLES {
        return Err(WireError::too_large("samples", trun.at, count, MAX_SAMPLES));
    }
    let mut at = 8;
    let mut field = |flag: u32| -> Result<Option<u32>, WireError> {
        if flags & flag == 0 {
            return Ok(None);
        }
        at += 4;
        trun.u32(at - 4).map(Some)
    };
    if let Some(value) = field(TRUN_DATA_OFFSET)? {
        // Signed; none of ours lies before its moof.
        *offset = u64::from(value);
    }
    let first_flags = field(TRUN_FIRST_FLAGS)?;
    for index in 0..count {
        let duration = field(TRUN_DURATION)?.unwrap_or(defaults.duration);
        let size = field(TRUN_SIZE)?.unwrap_or(defaults.size);
        let own = field(TRUN_FLAGS)?;
        let flags = match first_flags {
            Some(first) if index == 0 => first,
            _ => own.unwrap_or(defaults.flags),
        };
        let cts = field(TRUN_CTS)?.unwrap_or(0) as i32;
        samples.push(SampleAt {
            offset: *offset,
            size,
            dts: *dts,
            duration,
            cts,
            key: flags & NON_SYNC == 0,
        });
        *offset += u64::from(size);
        *dts += u64::from(duration);
    }
    Ok(())
}
