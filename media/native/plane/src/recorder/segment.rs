//! One recorded file: fragmented MP4 that is valid after each write.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tongshi_wire::fmp4;

use crate::facts::SegmentState;
use crate::timing::rescale;
use crate::unit::{AudioSample, StreamConfig, Unit, VIDEO_CLOCK, audio_sample};

/// Where the name of a box stands in it (ISO/IEC 14496-12 section 4.2).
const BOX_NAME: usize = 4;

/// A file that is being written. Units are held back and written as one fragment by one call, so what a
/// killed process leaves ends with a whole fragment, or with a part of one that readers ignore.
pub(crate) struct Segment {
    file: File,
    state: SegmentState,
    config: Arc<StreamConfig>,
    path: PathBuf,
    mehd_offset: Option<usize>,
    sequence: u32,
    origin: i64,
    duration: i64,
    held: Vec<Arc<Unit>>,
}

impl Segment {
    /// Makes the file and writes its head. `first` is a key frame.
    pub(crate) fn create(
        directory: &Path,
        segment_id: String,
        metadata: &[u8],
        first: &Unit,
    ) -> io::Result<Segment> {
        let path = directory.join(format!("{segment_id}.mp4"));
        let mut body = first.wall_us.to_be_bytes().to_vec();
        body.extend_from_slice(metadata);
        let config = Arc::clone(&first.config);
        let (video, audio) = (config.video.as_ref(), config.audio.as_ref());
        let init = fmp4::init_segment_tracks(video, audio, Some(&body), true)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        let mut segment = Segment {
            file,
            state: SegmentState {
                segment_id,
                size_bytes: 0,
                duration_s: 0.0,
                start_wall_us: first.wall_us,
                end_wall_us: first.wall_us,
                first_pts_90k: first.pts_90k,
                last_pts_90k: first.pts_90k,
                info: config.info.clone(),
            },
            config,
            path,
            mehd_offset: init.mehd_offset,
            sequence: 0,
            origin: first.time,
            duration: 0,
            held: Vec::new(),
        };
        let size_bytes = &mut segment.state.size_bytes;
        if let Err(error) = write_whole(
            &mut segment.file,
            size_bytes,
            &mut [IoSlice::new(&init.bytes)],
        ) {
            let _ = std::fs::remove_file(&segment.path);
            return Err(error);
        }
        Ok(segment)
    }

    pub(crate) fn state(&self) -> &SegmentState {
        &self.state
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn config(&self) -> &Arc<StreamConfig> {
        &self.config
    }

    /// Time line covered by what was written and what is held, 90 kHz.
    pub(crate) fn covered(&self, until: i64) -> i64 {
        self.duration + self.held_ticks(until)
    }

    /// Time line of the units that are not written yet, up to `until`, 90 kHz.
    pub(crate) fn held_ticks(&self, until: i64) -> i64 {
        self.held.first().map_or(0, |first| until - first.time)
    }

    pub(crate) fn hold(&mut self, unit: Arc<Unit>) {
        self.held.push(unit);
    }

    /// Writes what is held as one fragment; true when there was something. `until`: when the next unit begins, if
    /// it goes on from here; else the last one stands as long as it was said to.
    pub(crate) fn write_fragment(&mut self, until: Option<i64>) -> io::Result<bool> {
        let (Some(first), Some(last)) = (self.held.first(), self.held.last()) else {
            return Ok(false);
        };
        let rate = self
            .config
            .audio
            .as_ref()
            .map_or(1, |audio| i64::from(audio.sample_rate));
        let until = until.unwrap_or(last.time + i64::from(last.duration));
        let mut video: Vec<fmp4::Sample<'_>> = self
            .held
            .iter()
            .filter_map(|unit| unit.video_sample(self.origin))
            .collect();
        let end = u64::try_from(until - self.origin).unwrap_or(0);
        last_until_the_next(&mut video, Some(end));
        let sounds: Vec<&AudioSample> = self.held.iter().flat_map(|unit| &unit.audio).collect();
        let mut audio: Vec<fmp4::Sample<'_>> = sounds
            .iter()
            .filter_map(|sound| audio_sample(sound, rescale(self.origin, rate, VIDEO_CLOCK)))
            .collect();
        last_until_the_next(&mut audio, None);
        self.sequence += 1;
        let mut head = Vec::with_capacity(256 + 16 * (video.len() + audio.len()));
        fmp4::write_fragment_head(self.sequence, &video, &audio, &mut head);
        let data = video.iter().chain(&audio).map(|sample| sample.data);
        let written = write_named(&mut self.file, &mut self.state.size_bytes, &mut head, data);
        let ticks = until - first.time;
        let last_pts_90k = self.held.iter().map(|unit| unit.pts_90k).max();
        let end_wall_us = last.wall_us + rescale(until - last.time, 1_000_000, VIDEO_CLOCK);
        self.held.clear();
        written?;
        self.duration += ticks;
        self.state.duration_s = self.duration as f64 / VIDEO_CLOCK as f64;
        self.state.last_pts_90k = last_pts_90k.unwrap_or(self.state.last_pts_90k);
        self.state.end_wall_us = end_wall_us;
        Ok(true)
    }

    /// Writes the rest and the true duration, and waits until the disk has it.
    /// `next`: time and wall clock of the unit that goes on from here.
    pub(crate) fn close(mut self, next: Option<(i64, i64)>) -> (SegmentState, io::Result<()>) {
        let written = self.write_fragment(next.map(|(time, _)| time)).map(|_| ());
        if let Some((_, end_wall_us)) = next {
            self.state.end_wall_us = end_wall_us;
        }
        let patched = match self.mehd_offset {
            Some(offset) => self
                .file
                .write_all_at(&(self.duration.max(0) as u64).to_be_bytes(), offset as u64),
            None => Ok(()),
        };
        let synced = self.file.sync_all();
        (self.state, written.and(patched).and(synced))
    }
}

/// A fragment is written as a `free` box and gets its name when it is whole: a process that is killed inside
/// the write leaves a box that every reader passes over, and never half a `moof`. Pictures and sound are written
/// from where they are.
fn write_named<'a>(
    file: &mut File,
    size_bytes: &mut u64,
    head: &'a mut [u8],
    data: impl Iterator<Item = &'a [u8]>,
) -> io::Result<()> {
    let name_at = *size_bytes + BOX_NAME as u64;
    let Some(name) = head.get_mut(BOX_NAME..BOX_NAME + 4) else {
        return Ok(());
    };
    name.copy_from_slice(b"free");
    let mut parts = vec![IoSlice::new(head)];
    parts.extend(data.map(IoSlice::new));
    write_whole(file, size_bytes, &mut parts)?;
    file.write_all_at(b"moof", name_at)
}

/// All of the bytes, or nothing that a reader would see.
fn write_whole(file: &mut File, size_bytes: &mut u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    let total: usize = parts.iter().map(|part| part.len()).sum();
    if let Err(error) = write_parts(file, parts) {
        // Best effort: a part of a fragment at the end is ignored by readers as well.
        let _ = file.set_len(*size_bytes);
        return Err(error);
    }
    *size_bytes += total as u64;
    Ok(())
}

fn write_parts(file: &mut File, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.write_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut parts, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Each sample lasts until the next, so that a fragment has no holes; the last one until `end`, if that is known.
fn last_until_the_next(samples: &mut [fmp4::Sample<'_>], end: Option<u64>) {
    let mut next = end;
    for sample in samples.iter_mut().rev() {
        if let Some(next) = next {
            let apart = next.saturating_sub(sample.dts);
            sample.duration = u32::try_from(apart).unwrap_or(sample.duration);
        }
        next = Some(sample.dts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::unit;

    fn directory(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("tongshi-segment-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn a_file_grows_by_whole_fragments_and_gets_its_duration_at_the_end() {
        let directory = directory("grow");
        let first = unit(26, true, 100);
        let mut segment = Segment::create(&directory, "ab-000001".into(), b"{}", &first).unwrap();
        let path = segment.path().to_owned();
        let head = segment.state().size_bytes;
        segment.hold(first);
        (27..=50).for_each(|sequence| segment.hold(unit(sequence, false, 100)));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), head);
        assert!(segment.write_fragment(None).unwrap());
        assert_eq!(
            std::fs::metadata(&path).unwrap().len(),
            segment.state().size_bytes
        );
        let (state, outcome) = segment.close(None);
        outcome.unwrap();
        assert!((state.duration_s - 1.0).abs() < 1e-9);
        assert_eq!(state.end_wall_us - state.start_wall_us, 1_000_000);
        assert_eq!(
            (state.first_pts_90k, state.last_pts_90k),
            (990_000, 990_000 + 24 * 3_600)
        );
        let bytes = std::fs::read(&path).unwrap();
        let mehd = bytes
            .windows(4)
            .position(|window| window == b"mehd")
            .unwrap();
        assert_eq!(bytes[mehd + 8..mehd + 16], 90_000u64.to_be_bytes());
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_full_disk_is_an_error_with_its_number() {
        let first = unit(1, true, 100);
        let error = Segment::create(Path::new("/nonexistent"), "x".into(), b"", &first)
            .err()
            .unwrap();
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    }
}
