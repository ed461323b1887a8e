//! What each sender is handed: frames of the source as they came, or units that it packs itself.

use std::sync::Arc;

use tongshi_wire::ingest::Ingest;
use tongshi_wire::tape::{PayloadTape, PictureMark, PictureMarks, Taped, TapedFrame};

use super::Relay;
use crate::senders::history::{Crossing, shift_of};
use crate::senders::piece::{Item, Piece, Sound, Unpacked};
use crate::senders::sender::Form;
use crate::unit::Unit;

/// Frames whose buffers are watched for reuse.
const MAX_USED: usize = 16;

impl Relay {
    /// Takes what the source sent, as it came and as units.
    pub(super) fn take_tape(&mut self, ingest: &mut Ingest, wall_us: i64) {
        let (tape, marks) = ingest.tape();
        if !tape.is_running() {
            tape.start();
            if let Some(mark) = marks.newest() {
                self.shift_90k = shift_of(mark).unwrap_or(0);
            }
        }
        while let Some(item) = tape.take() {
            match item {
                Taped::Frame(frame) => self.take_frame(frame, wall_us),
                Taped::Gap(packet) => self.take_gap(packet),
            }
        }
        self.hand_out_units(Some((tape, marks)));
        self.trim(marks);
        self.recycle(tape);
    }

    fn take_frame(&mut self, frame: TapedFrame, wall_us: i64) {
        let TapedFrame {
            bytes,
            packet,
            timestamp,
            begins_pack,
            sounds,
        } = frame;
        let piece = Arc::new(Piece {
            bytes,
            timestamp,
            wall_us,
            passed: true,
        });
        let last_unit = self.last_unit;
        let mut is_kept = false;
        for sender in self.senders.iter_mut().flatten() {
            match sender.form {
                Form::Passed => {
                    if !sender.push(Item::Piece(Arc::clone(&piece))) {
                        sender.form = Form::Waiting {
                            unit: last_unit,
                            packet,
                        };
                    }
                }
                Form::Units => is_kept |= sender.request.pass_through,
                Form::Nothing | Form::Waiting { .. } => is_kept |= sender.request.pass_through,
            }
        }
        if is_kept {
            let piece = Arc::clone(&piece);
            self.history.keep(packet, sounds, begins_pack, piece);
        }
        if self.used.len() >= MAX_USED {
            self.used.pop_front();
        }
        self.used.push_back(piece);
    }

    /// Something is missing: who was given the source's frames goes on at a key frame.
    fn take_gap(&mut self, packet: u64) {
        self.history.forget();
        let waiting = Form::Waiting {
            unit: self.last_unit,
            packet,
        };
        for sender in self.senders.iter_mut().flatten() {
            if sender.form == Form::Passed {
                sender.form = waiting;
            }
        }
    }

    pub(super) fn hand_out_units(&mut self, taped: Option<(&mut PayloadTape, &PictureMarks)>) {
        let marks = taped.as_ref().map(|(_, marks)| *marks);
        let is_mixed = taped.as_ref().is_some_and(|(tape, _)| tape.is_mixed());
        let open = taped.and_then(|(tape, _)| tape.open());
        let units = std::mem::take(&mut self.units);
        for unit in &units {
            let dts_90k = unit.picture.as_ref().map(|picture| picture.dts_90k);
            let own = dts_90k.and_then(|dts_90k| marks?.of(dts_90k));
            let next = dts_90k.and_then(|dts_90k| marks?.after(dts_90k));
            if let Some(shift_90k) = own.and_then(shift_of) {
                self.shift_90k = shift_90k;
            }
            let crossing = if is_mixed {
                None
            } else {
                self.history.crossing(own, next, open)
            };
            self.hand_out(unit, own, crossing);
            self.history.handed_out(own);
            self.last_unit = unit.sequence;
        }
        self.units = units;
        self.units.clear();
    }

    fn hand_out(&mut self, unit: &Arc<Unit>, own: Option<PictureMark>, crossing: Option<Crossing>) {
        let shift_90k = self.shift_90k;
        for sender in self.senders.iter_mut().flatten() {
            // It was sent the unit before.
            let follows = sender.form == Form::Units;
            if let Form::Waiting {
                unit: after,
                packet,
            } = sender.form
            {
                // Pictures that came in no program stream have no number.
                let numbered = own.filter(|mark| mark.packet > 0);
                let is_behind =
                    unit.sequence > after && numbered.is_none_or(|mark| mark.packet > packet);
                if unit.is_key() && is_behind {
                    sender.form = Form::Units;
                }
            }
            if sender.form != Form::Units {
                continue;
            }
            let sound = sender.sound(unit.config.audio.as_ref());
            let passes = sender.request.pass_through && sound == Sound::Whole;
            let crossing = crossing.filter(|crossing| match crossing {
                Crossing::Instead(_) | Crossing::Behind(_, Sound::Behind) => passes && follows,
                Crossing::Behind(..) => passes,
            });
            let (place, sound) = match crossing {
                Some(Crossing::Instead(place)) => (Some(place), None),
                Some(Crossing::Behind(place, sound)) => (Some(place), Some(sound)),
                None => (None, Some(sound)),
            };
            let mut is_whole = true;
            if let Some(sound) = sound {
                is_whole = sender.push(Item::Unpacked(Unpacked {
                    unit: Arc::clone(unit),
                    shift_90k,
                    sound,
                }));
            }
            if let (Some(place), true) = (place, is_whole) {
                sender.form = Form::Passed;
                for piece in self.history.from(place) {
                    is_whole &= sender.push(Item::Piece(Arc::clone(piece)));
                }
            }
            if !is_whole {
                let newest = self.history.newest();
                let own = own.map(|mark| mark.packet);
                sender.form = Form::Waiting {
                    unit: unit.sequence,
                    packet: newest.or(own).unwrap_or(0),
                };
            }
        }
    }

    /// Keeps frames only for those who may go over to them.
    fn trim(&mut self, marks: &PictureMarks) {
        let needed = self
            .senders
            .iter()
            .flatten()
            .any(|sender| sender.request.pass_through && !matches!(sender.form, Form::Passed));
        if needed {
            self.history.trim(marks);
        } else {
            self.history.forget();
        }
    }

    fn recycle(&mut self, tape: &mut PayloadTape) {
        while let Some(front) = self.used.pop_front() {
            match Arc::try_unwrap(front) {
                Ok(piece) => tape.recycle(piece.bytes),
                Err(front) => {
                    self.used.push_front(front);
                    return;
                }
            }
        }
    }
}
