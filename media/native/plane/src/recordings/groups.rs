//! Backwards by whole groups of pictures: the groups in reverse order, the pictures of each forwards, none left out.
//!
//! Source: GB/T 28181-2022, reverse playback (protocol notes 6.8).

use crate::recordings::chunk::{Chunk, Place};
use crate::recordings::file::{Loaded, Pick, Picture, ReadError};
use crate::recordings::reader::Reader;

/// The last group that begins in a fragment.
const LAST: usize = usize::MAX;

impl Reader {
    /// One group, or a fragment's part of it.
    pub(super) fn groups(
        &mut self,
        segment: usize,
        wanted: Option<i64>,
        chunk: &mut Chunk,
        buffer: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        let Some(open) = &mut self.open else {
            return Err(ReadError::NoPictures);
        };
        let file = &mut open.file;
        let (of, group) = match (self.place, wanted) {
            (_, Some(time)) => (file.key_at(time), LAST),
            (Place::Group { of, group }, _) => (Some(of), group),
            (Place::Tail { of, group, from }, _) => {
                let loaded = file.load(from, Pick::All { sound: false }, buffer)?;
                return self.tail(segment, (of, group, from), loaded, chunk);
            }
            _ => (file.key_before(file.len()), LAST),
        };
        let Some(of) = of else {
            self.leave(segment);
            return Ok(());
        };
        let mut loaded = file.load(of, Pick::All { sound: false }, buffer)?;
        let limit = wanted.unwrap_or(i64::MAX);
        let keys: Vec<usize> = loaded
            .pictures
            .iter()
            .enumerate()
            .filter(|(_, picture)| picture.key && picture.time <= limit)
            .map(|(index, _)| index)
            .collect();
        let group = group.min(keys.len().saturating_sub(1));
        let Some(&begin) = keys.get(group) else {
            // Its key frame is damaged: the group before it.
            self.step_back(segment, of, 0);
            return Ok(());
        };
        loaded.pictures.drain(..begin);
        let length = next_key(loaded.pictures.iter().skip(1)).map(|length| length + 1);
        loaded.pictures.truncate(length.unwrap_or(usize::MAX));
        self.take(segment, loaded, chunk);
        self.group_us = chunk
            .shots
            .first()
            .map_or(self.group_us, |shot| shot.wall_us);
        if length.is_some() {
            self.end_group(segment, of, group, chunk);
        } else {
            self.place = Place::Tail {
                of,
                group,
                from: of + 1,
            };
        }
        Ok(())
    }

    /// The rest of a group in the fragment `from`, up to the next key frame.
    fn tail(
        &mut self,
        segment: usize,
        (of, group, from): (usize, usize, usize),
        mut loaded: Loaded,
        chunk: &mut Chunk,
    ) -> Result<(), ReadError> {
        let key = next_key(loaded.pictures.iter());
        let is_over = key.is_some()
            || self
                .open
                .as_ref()
                .is_none_or(|open| from >= open.file.len());
        if let Some(key) = key {
            loaded.pictures.truncate(key);
        }
        self.take(segment, loaded, chunk);
        if is_over {
            self.end_group(segment, of, group, chunk);
        } else {
            self.place = Place::Tail {
                of,
                group,
                from: from + 1,
            };
        }
        Ok(())
    }

    fn end_group(&mut self, segment: usize, of: usize, group: usize, chunk: &mut Chunk) {
        if self.group_holds_begin() {
            chunk.end = Some("begin of range");
            return;
        }
        self.step_back(segment, of, group);
    }

    fn step_back(&mut self, segment: usize, of: usize, group: usize) {
        if let Some(group) = group.checked_sub(1) {
            self.place = Place::Group { of, group };
            return;
        }
        let before = self.open.as_ref().and_then(|open| open.file.key_before(of));
        match before {
            Some(of) => self.place = Place::Group { of, group: LAST },
            None => self.leave(segment),
        }
    }
}

fn next_key<'a>(mut pictures: impl Iterator<Item = &'a Picture>) -> Option<usize> {
    pictures.position(|picture| picture.key)
}
