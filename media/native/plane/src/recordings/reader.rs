//! Which pictures come next: over files and gaps, forwards and backwards. Runs in the pool and may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::recordings::SegmentRef;
use crate::recordings::chunk::{Chunk, Form, Mode, Place, Shot, Skip};
use crate::recordings::file::{Loaded, Pick, ReadError, RecordedFile};
use crate::timing::{bounded, rescale};
use crate::unit::VIDEO_CLOCK;

/// Files passed over, and fragments without anything to play, in one reading; more wait for the next one.
const ROUNDS: usize = 32;
/// A hole between two files that is told as a gap.
const GAP_US: i64 = 1_000_000;

pub(super) struct Open {
    segment: usize,
    pub(super) file: RecordedFile,
    form: Arc<Form>,
}

/// Reads one playback's files.
pub(crate) struct Reader {
    segments: Arc<[SegmentRef]>,
    pub(super) begin_us: i64,
    end_us: i64,
    pub(super) mode: Mode,
    pub(super) place: Place,
    /// Pictures before this instant are only needed to decode it.
    wanted_us: i64,
    segment: Option<usize>,
    pub(super) open: Option<Open>,
    need_key: bool,
    /// Wall clock where the last file ended.
    left_us: Option<i64>,
    /// Groups: wall clock of the key frame of the present one.
    pub(super) group_us: i64,
    /// The file that is being read, for whoever waits.
    reading: Arc<AtomicUsize>,
}

impl Reader {
    pub(super) fn new(
        segments: Arc<[SegmentRef]>,
        (begin_us, end_us): (i64, i64),
        mode: Mode,
        reading: Arc<AtomicUsize>,
    ) -> Reader {
        Reader {
            segments,
            begin_us,
            end_us,
            mode,
            place: Place::Wall(begin_us),
            wanted_us: begin_us,
            segment: None,
            open: None,
            need_key: true,
            left_us: None,
            group_us: i64::MAX,
            reading,
        }
    }

    /// The next reading is from another place, or in another way.
    pub(super) fn seek(&mut self, wall_us: i64, mode: Mode) {
        self.mode = mode;
        self.wanted_us = wall_us.clamp(self.begin_us, self.end_us);
        self.place = Place::Wall(self.wanted_us);
        self.segment = None;
        self.need_key = true;
        self.left_us = None;
    }

    /// Goes on behind a file that did not answer.
    pub(super) fn pass_over(&mut self, segment: usize) {
        self.place = Place::Edge;
        self.segment = self.after(segment);
        self.need_key = true;
    }

    /// The next pictures. Waits for the disk.
    pub(super) fn next_chunk(&mut self, buffer: &mut Vec<u8>) -> Chunk {
        let mut chunk = Chunk::default();
        for _ in 0..ROUNDS {
            let Some(segment) = self.segment.or_else(|| self.first_segment()) else {
                chunk.end = Some(self.end_reason());
                break;
            };
            self.segment = Some(segment);
            self.reading.store(segment, Ordering::Relaxed);
            if let Err(error) = self.read_from(segment, &mut chunk, buffer) {
                let skip = self
                    .segments
                    .get(segment)
                    .map(|segment| Skip::new(segment, error.to_string()));
                chunk.skipped.extend(skip);
                self.leave(segment);
            }
            if !chunk.shots.is_empty() || chunk.end.is_some() {
                break;
            }
        }
        chunk
    }

    fn end_reason(&self) -> &'static str {
        if self.mode.is_backward() {
            "begin of recordings"
        } else {
            "end of recordings"
        }
    }

    fn first_segment(&self) -> Option<usize> {
        let Place::Wall(wall_us) = self.place else {
            return None;
        };
        let found = if self.mode.is_backward() {
            self.segments
                .iter()
                .rposition(|segment| segment.start_us <= wall_us)
        } else {
            self.segments
                .iter()
                .position(|segment| segment.end_us > wall_us)
        };
        found.filter(|&segment| self.is_wanted(segment))
    }

    fn after(&self, segment: usize) -> Option<usize> {
        let next = if self.mode.is_backward() {
            segment.checked_sub(1)?
        } else {
            segment + 1
        };
        self.is_wanted(next).then_some(next)
    }

    fn is_wanted(&self, segment: usize) -> bool {
        self.segments
            .get(segment)
            .is_some_and(|segment| segment.start_us < self.end_us && segment.end_us > self.begin_us)
    }

    /// Goes to the next file.
    pub(super) fn leave(&mut self, segment: usize) {
        self.left_us = self.segments.get(segment).map(|segment| {
            if self.mode.is_backward() {
                segment.start_us
            } else {
                segment.end_us
            }
        });
        self.open = None;
        self.pass_over(segment);
    }

    fn read_from(
        &mut self,
        segment: usize,
        chunk: &mut Chunk,
        buffer: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        self.open_segment(segment)?;
        let wanted = self.wanted_time(segment);
        let (form, bps) = match &self.open {
            Some(open) => (Arc::clone(&open.form), open.file.bps()),
            None => return Err(ReadError::NoPictures),
        };
        // The reading may leave the file: what is known of it and of the way to it is kept.
        let left_us = self.left_us.take();
        match self.mode {
            Mode::Fast { max_bps } if bps > max_bps => self.keys(segment, wanted, chunk, buffer)?,
            Mode::Fast { .. } => self.forward(segment, wanted, false, chunk, buffer)?,
            Mode::Forward { sound } => self.forward(segment, wanted, sound, chunk, buffer)?,
            Mode::KeysBack => self.keys(segment, wanted, chunk, buffer)?,
            Mode::GroupsBack => self.groups(segment, wanted, chunk, buffer)?,
        }
        if chunk.shots.is_empty() {
            self.left_us = self.left_us.or(left_us);
        } else {
            chunk.form = Some(self.newest_form(segment).unwrap_or(form));
            chunk.gap = left_us.is_some_and(|left_us| self.is_gap(left_us, segment));
        }
        Ok(())
    }

    fn open_segment(&mut self, segment: usize) -> Result<(), ReadError> {
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.segment == segment)
        {
            return Ok(());
        }
        self.open = None;
        let Some(wanted) = self.segments.get(segment) else {
            return Err(ReadError::NoPictures);
        };
        let file = RecordedFile::open(&wanted.path, wanted.law)?;
        let form = Arc::new(form_of(&file));
        self.open = Some(Open {
            segment,
            file,
            form,
        });
        Ok(())
    }

    /// The place asked for as a time of the file.
    fn wanted_time(&self, segment: usize) -> Option<i64> {
        let Place::Wall(wall_us) = self.place else {
            return None;
        };
        let start_us = self.segments.get(segment)?.start_us;
        let begin = self.open.as_ref().map_or(0, |open| open.file.begin());
        let since_us = wall_us.saturating_sub(start_us).max(0);
        Some(begin + bounded(rescale(since_us, VIDEO_CLOCK, 1_000_000)))
    }

    /// What the file says: samples may have told meanwhile which law its sound is.
    fn newest_form(&mut self, segment: usize) -> Option<Arc<Form>> {
        let open = self.open.as_mut().filter(|open| open.segment == segment)?;
        let form = form_of(&open.file);
        if form != *open.form {
            open.form = Arc::new(form);
        }
        Some(Arc::clone(&open.form))
    }

    fn is_gap(&self, left_us: i64, segment: usize) -> bool {
        let Some(here) = self.segments.get(segment) else {
            return false;
        };
        let hole = if self.mode.is_backward() {
            left_us.saturating_sub(here.end_us)
        } else {
            here.start_us.saturating_sub(left_us)
        };
        hole > GAP_US
    }

    /// Puts pictures of a file into a chunk; false when the end of what was asked for is reached.
    pub(super) fn take(&mut self, segment: usize, loaded: Loaded, chunk: &mut Chunk) -> bool {
        let Some(start_us) = self.segments.get(segment).map(|segment| segment.start_us) else {
            return false;
        };
        let begin = self.open.as_ref().map_or(0, |open| open.file.begin());
        chunk.damaged += loaded.damaged;
        chunk.sounds.extend(loaded.sounds);
        for picture in loaded.pictures {
            if self.need_key && !picture.key {
                continue;
            }
            self.need_key = false;
            let since_us = rescale(picture.time - begin, 1_000_000, VIDEO_CLOCK);
            let wall_us = start_us.saturating_add(since_us);
            if !self.mode.is_backward() && wall_us >= self.end_us {
                return false;
            }
            chunk.shots.push(Shot {
                preroll: !self.mode.is_backward() && wall_us < self.wanted_us,
                picture,
                wall_us,
            });
        }
        self.need_key |= loaded.is_broken;
        true
    }

    fn forward(
        &mut self,
        segment: usize,
        wanted: Option<i64>,
        sound: bool,
        chunk: &mut Chunk,
        buffer: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        let Some(open) = &mut self.open else {
            return Err(ReadError::NoPictures);
        };
        let index = match (self.place, wanted) {
            (_, Some(time)) => open.file.key_at(time).unwrap_or(0),
            (Place::At(index), _) => index,
            _ => 0,
        };
        if index >= open.file.len() && !open.file.look_again()? {
            self.count_damage(chunk);
            self.leave(segment);
            return Ok(());
        }
        let mut loaded = open.file.load(index, Pick::All { sound }, buffer)?;
        if let Some(time) = wanted {
            trim_before_key(&mut loaded, time);
        }
        self.place = Place::At(index + 1);
        if !self.take(segment, loaded, chunk) {
            chunk.end = Some("end of range");
        }
        Ok(())
    }

    /// Groups: whether the present one holds the begin of what was asked for.
    pub(super) fn group_holds_begin(&self) -> bool {
        self.group_us <= self.begin_us
    }

    fn count_damage(&self, chunk: &mut Chunk) {
        if let Some(open) = &self.open {
            chunk.damaged += u64::from(open.file.damaged());
        }
    }
}

fn form_of(file: &RecordedFile) -> Form {
    Form {
        video: file.video().clone(),
        audio: file.audio(),
    }
}

/// Leaves out what lies before the last key frame at or before `time`.
fn trim_before_key(loaded: &mut Loaded, time: i64) {
    let key = loaded
        .pictures
        .iter()
        .rposition(|picture| picture.key && picture.time <= time)
        .or_else(|| loaded.pictures.iter().position(|picture| picture.key))
        .unwrap_or(0);
    let from = loaded.pictures.get(key).map_or(0, |picture| picture.time);
    loaded.pictures.drain(..key);
    loaded.sounds.retain(|sound| sound.time >= from);
}
