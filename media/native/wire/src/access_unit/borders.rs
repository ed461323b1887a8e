//! Where a new picture begins: what the container allows, and what the NAL units say.

use super::Assembler;
use super::fields::SLICE_BYTES;
use super::marks::{Coding, code_start, is_first_slice, is_opening, read_coding};
use crate::nal::NalKind;
use crate::nal::h264::SliceForm;
use crate::timeline::Stamp;

impl Assembler {
    /// A picture inside a unit that has given its stamps to the one before.
    pub(super) const fn unstamped(&self) -> Stamp {
        Stamp {
            pts: None,
            dts: None,
            ..self.picture.stamp
        }
    }

    /// Whether a new picture begins at or before the NAL unit at `start`, which is number
    /// `inspected`: the number of its first NAL unit, its offset, and its stamp.
    pub(super) fn new_picture(
        &mut self,
        start: usize,
        kind: Option<NalKind>,
        slice: Option<(SliceForm, usize)>,
    ) -> Option<(usize, usize, Stamp)> {
        if !self.has_slice {
            return None;
        }
        let first_slice = is_first_slice(kind);
        let opening = first_slice || is_opening(kind);
        let code = code_start(&self.picture.bytes, start);
        let begins_frame = slice.and_then(|(form, end)| {
            let slice = &self.picture.bytes[start..end];
            self.fields.begins_frame(form, slice)
        });
        if begins_frame == Some(false) {
            // The second field of the frame, whatever the container says.
            self.border = None;
            self.opened_at = None;
            return None;
        }
        if let Some(border) = self.border.filter(|border| start > border.offset) {
            let between = &self.picture.bytes[border.offset..start.saturating_sub(1)];
            let at_border = between.iter().all(|&byte| byte == 0);
            let vague = matches!(
                kind,
                Some(NalKind::Void | NalKind::Other | NalKind::Invalid)
            );
            if at_border
                && opening
                && !first_slice
                && self.coding_before(border.offset).form().is_some()
            {
                // The slice behind will tell whether it is a second field.
                let at = (self.inspected, code.min(border.offset));
                self.opened_at.get_or_insert(at);
                self.later = Some(border.stamp);
                self.border = None;
                return None;
            }
            if at_border && (opening || border.by_pts && vague) {
                return Some((self.inspected, code.min(border.offset), border.stamp));
            }
            // The unit goes on with the picture before it. Its PTS is then that of the picture
            // that begins inside it (ISO/IEC 13818-1 2.4.3.7), if one does.
            self.border = None;
            self.later = border.by_pts.then_some(border.stamp);
        }
        if !opening {
            self.opened_at = None;
            return None;
        }
        let (nal, offset) = *self.opened_at.get_or_insert((self.inspected, code));
        let sure = first_slice
            && (self.elementary
                || self.later.is_some()
                || begins_frame == Some(true)
                || self.has_whole_frames(code));
        sure.then(|| (nal, offset, self.later.unwrap_or(self.unstamped())))
    }

    /// Whether a first slice always begins a new picture, by what lies before `end`.
    pub(super) fn has_whole_frames(&self, end: usize) -> bool {
        self.coding_before(end) == Coding::Frames
    }

    pub(super) fn coding_before(&self, end: usize) -> Coding {
        match self.picture.evidence {
            None => self.coding,
            evidence => read_coding(evidence, &self.picture.bytes[..end]),
        }
    }

    /// Of a first slice that may be that of a field: how it is read, and where its known bytes end.
    pub(super) fn field_slice(
        &self,
        start: usize,
        limit: usize,
        kind: Option<NalKind>,
    ) -> Option<(SliceForm, usize)> {
        if !is_first_slice(kind) {
            return None;
        }
        let form = self.coding_before(start).form()?;
        Some((form, limit.min(start + SLICE_BYTES).max(start)))
    }
}
