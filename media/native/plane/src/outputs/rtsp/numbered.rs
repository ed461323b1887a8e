//! The RTP form of a stream: numbered once, the same for all readers.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use tongshi_wire::rtp_pack::{Numbering, Packets, Picture, VIDEO_PAYLOAD_TYPE, audio_payload_type};

use crate::timing::rescale;
use crate::unit::{StreamConfig, Unit, VIDEO_CLOCK};

/// Track of the pictures, also in URLs.
pub(crate) const VIDEO: usize = 0;
/// Track of the sound.
pub(crate) const AUDIO: usize = 1;
/// Tracks that a stream can have.
pub(crate) const TRACKS: usize = 2;

/// The packets of one unit, by track.
#[derive(Debug, Default)]
pub(crate) struct UnitPackets([Packets; TRACKS]);

impl UnitPackets {
    pub(crate) fn track(&self, track: usize) -> &Packets {
        &self.0[track.min(AUDIO)]
    }
}

/// An instant of the stream: on its time line (90 kHz), and on the wall clock (µs since 1970).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant {
    pub(crate) time: i64,
    pub(crate) wall_us: i64,
}

/// The numbers of one stream. They are random at the start, so that a player does not take one stream for another.
#[derive(Debug)]
pub(crate) struct StreamNumbers {
    tracks: [Numbering; TRACKS],
    offsets: [u32; TRACKS],
    /// Newest unit that was numbered.
    last: u64,
    /// What sender reports say: the media clock from the first unit on. The wall clock's own leaps stay out.
    start: Option<Instant>,
    newest: i64,
}

fn random(key: u64, track: usize, secret: &RandomState) -> u64 {
    secret.hash_one((key, track, "numbers"))
}

/// The synchronisation sources of a stream's tracks, the same while the desk runs.
pub(crate) fn ssrcs(key: u64, secret: &RandomState) -> [u32; TRACKS] {
    [VIDEO, AUDIO].map(|track| random(key, track, secret) as u32)
}

impl StreamNumbers {
    pub(crate) fn new(key: u64, secret: &RandomState) -> StreamNumbers {
        let numbering = |track: usize| {
            let random = random(key, track, secret);
            Numbering {
                channel: 2 * track as u8,
                payload_type: VIDEO_PAYLOAD_TYPE,
                ssrc: random as u32,
                sequence: (random >> 32) as u16,
            }
        };
        let offset = |track: usize| secret.hash_one((key, track, "times")) as u32;
        StreamNumbers {
            tracks: [numbering(VIDEO), numbering(AUDIO)],
            offsets: [offset(VIDEO), offset(AUDIO)],
            last: 0,
            start: None,
            newest: 0,
        }
    }

    /// The packets of the next unit; one that was numbered before keeps its numbers.
    pub(crate) fn number<'u>(&mut self, unit: &'u Unit) -> &'u UnitPackets {
        let packets = unit.rtp_packets(|| self.pack(unit));
        if unit.sequence > self.last {
            self.last = unit.sequence;
            self.newest = unit.time;
            self.start.get_or_insert(Instant {
                time: unit.time,
                wall_us: unit.wall_us,
            });
            for (numbering, packets) in self.tracks.iter_mut().zip(&packets.0) {
                numbering.sequence = packets.next_sequence();
            }
        }
        packets
    }

    fn pack(&self, unit: &Unit) -> UnitPackets {
        let [mut video, mut audio] = self.tracks;
        let pictures = match &unit.picture {
            Some(picture) => {
                let shift = picture.pts_90k - picture.dts_90k;
                let picture = Picture {
                    codec: picture.codec,
                    nals: &picture.nals,
                    timestamp: self.timestamp(VIDEO, unit.time + shift),
                    sets: unit.config.video.as_ref().filter(|_| picture.keyframe),
                };
                Packets::of_picture(&picture, &mut video)
            }
            None => Packets::none(&video),
        };
        let sound = match &unit.config.audio {
            Some(config) => {
                audio.payload_type = audio_payload_type(config.codec);
                let pieces = unit
                    .audio
                    .iter()
                    .map(|sample| (self.timestamp(AUDIO, sample.time), sample.original()));
                Packets::of_sound(config.codec, pieces, &mut audio)
            }
            None => Packets::none(&audio),
        };
        UnitPackets([pictures, sound])
    }

    /// RTP time of a position on the track's own time line.
    fn timestamp(&self, track: usize, time: i64) -> u32 {
        (time as u32).wrapping_add(self.offsets[track.min(AUDIO)])
    }

    /// RTP time of a piece of sound.
    pub(crate) fn timestamp_of_sample(&self, time: i64) -> u32 {
        self.timestamp(AUDIO, time)
    }

    /// RTP time of the track at `time` of the stream.
    pub(crate) fn timestamp_at(&self, track: usize, time: i64, config: &StreamConfig) -> u32 {
        let rate = match (track, &config.audio) {
            (AUDIO, Some(audio)) => i64::from(audio.sample_rate),
            _ => VIDEO_CLOCK,
        };
        self.timestamp(track, rescale(time, rate, VIDEO_CLOCK))
    }

    /// Whether there has been a unit.
    pub(crate) fn has_begun(&self) -> bool {
        self.start.is_some()
    }

    /// The newest unit's time, and what the wall clock showed by the media clock.
    pub(crate) fn now(&self) -> Instant {
        let start = self.start.unwrap_or(Instant {
            time: self.newest,
            wall_us: 0,
        });
        Instant {
            time: self.newest,
            wall_us: start.wall_us + (self.newest - start.time) * 100 / 9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::coded_unit as unit;

    #[test]
    fn numbers_go_on_from_unit_to_unit_and_are_given_once() {
        let secret = RandomState::new();
        let mut numbers = StreamNumbers::new(7, &secret);
        let units = [unit(1, true, 4_000), unit(2, false, 10), unit(3, false, 10)];
        let mut next = None;
        for unit in &units {
            let packets = numbers.number(unit).track(VIDEO);
            assert!(next.is_none_or(|next| next == packets.first_sequence()));
            next = Some(packets.next_sequence());
        }
        // Another reader is given the same units, while a live one is on its way.
        let first = numbers.number(&units[0]).track(VIDEO).first_sequence();
        assert_eq!(
            StreamNumbers::new(7, &secret)
                .number(&units[0])
                .track(VIDEO)
                .first_sequence(),
            first
        );
        let four = unit(4, false, 10);
        assert_eq!(
            Some(numbers.number(&four).track(VIDEO).first_sequence()),
            next
        );
    }

    #[test]
    fn a_new_desk_entry_goes_on_where_the_cached_units_end() {
        let secret = RandomState::new();
        let units = [unit(1, true, 10), unit(2, false, 10)];
        let mut former = StreamNumbers::new(7, &secret);
        let end = units
            .iter()
            .map(|unit| former.number(unit).track(VIDEO).next_sequence())
            .last();
        let mut later = StreamNumbers::new(7, &secret);
        for unit in &units {
            later.number(unit);
        }
        let three = unit(3, false, 10);
        assert_eq!(
            Some(later.number(&three).track(VIDEO).first_sequence()),
            end
        );
    }

    #[test]
    fn reports_follow_the_media_clock() {
        let mut numbers = StreamNumbers::new(7, &RandomState::new());
        let (first, later) = (unit(1, true, 10), unit(26, true, 10));
        numbers.number(&first);
        let start = numbers.now();
        numbers.number(&later);
        let now = numbers.now();
        assert_eq!(
            (now.time - start.time, now.wall_us - start.wall_us),
            (90_000, 1_000_000)
        );
        let apart = numbers
            .timestamp_at(VIDEO, now.time, &later.config)
            .wrapping_sub(numbers.timestamp_at(VIDEO, start.time, &later.config));
        assert_eq!(apart, 90_000);
    }
}
