//! Key frames alone: backwards, and at paces for which all pictures are too many bits.

use crate::recordings::chunk::{Chunk, Place};
use crate::recordings::file::{Loaded, Pick, ReadError};
use crate::recordings::reader::Reader;

impl Reader {
    /// The key frames of one fragment. Both ways each stands for the time until the next one of the recording.
    pub(super) fn keys(
        &mut self,
        segment: usize,
        wanted: Option<i64>,
        chunk: &mut Chunk,
        buffer: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        let backward = self.mode.is_backward();
        let Some(open) = &mut self.open else {
            return Err(ReadError::NoPictures);
        };
        let file = &mut open.file;
        let index = match (self.place, wanted) {
            (_, Some(time)) => file.key_at(time),
            (Place::At(index), _) if backward => Some(index),
            (Place::At(index), _) => file.key_from(index),
            _ if backward => file.key_before(file.len()),
            _ => file.key_from(0),
        };
        let Some(index) = index else {
            self.leave(segment);
            return Ok(());
        };
        let mut loaded = file.load(index, Pick::Keys, buffer)?;
        let later = file.key_from(index + 1);
        let next = if backward {
            file.key_before(index)
        } else {
            later
        };
        let until = later.and_then(|later| file.first_key(later));
        stand_until_next(&mut loaded, until.unwrap_or_else(|| file.end()));
        trim_keys(&mut loaded, wanted, backward);
        let goes_on = self.take(segment, loaded, chunk);
        match next {
            Some(next) => self.place = Place::At(next),
            None => self.leave_unless_growing(segment, index)?,
        }
        let begin = chunk
            .shots
            .iter()
            .position(|shot| shot.wall_us <= self.begin_us);
        if let (Some(begin), true) = (begin, backward) {
            chunk.shots.truncate(begin + 1);
            chunk.end = Some("begin of range");
        } else if !goes_on {
            chunk.end = Some("end of range");
        }
        Ok(())
    }

    fn leave_unless_growing(&mut self, segment: usize, index: usize) -> Result<(), ReadError> {
        let grown = match &mut self.open {
            Some(open) if !self.mode.is_backward() => open.file.look_again()?,
            _ => false,
        };
        if grown {
            self.place = Place::At(index + 1);
        } else {
            self.leave(segment);
        }
        Ok(())
    }
}

/// Gives key frames the time until the next one, the last until `end`.
fn stand_until_next(loaded: &mut Loaded, end: i64) {
    let mut until = end;
    for picture in loaded.pictures.iter_mut().rev() {
        let ticks = until.saturating_sub(picture.time);
        until = picture.time;
        picture.duration = u32::try_from(ticks).unwrap_or(1).max(1);
        picture.cts = 0;
    }
}

/// Leaves out the key frames before the one at or before `wanted`; backwards those behind it, and turns them round.
fn trim_keys(loaded: &mut Loaded, wanted: Option<i64>, backward: bool) {
    let at = |time: i64| {
        let found = loaded
            .pictures
            .iter()
            .rposition(|picture| picture.time <= time);
        found.unwrap_or(0)
    };
    let key = wanted.map(at);
    match key {
        Some(key) if backward => loaded.pictures.truncate(key + 1),
        Some(key) => drop(loaded.pictures.drain(..key)),
        None => {}
    }
    if backward {
        loaded.pictures.reverse();
    }
}
