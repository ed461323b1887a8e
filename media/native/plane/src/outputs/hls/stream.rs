//! One stream as HLS: its window, its readers, and the requests that wait for what comes next.

use std::collections::HashMap;
use std::sync::Arc;

use super::playlist;
use super::request::{Reach, Wanted};
use super::window::{Limits, Window};
use crate::outputs::admission::{GONE, TOO_FAR};
use crate::outputs::format::{Body, Format};
use crate::outputs::gauge::Gauge;
use crate::outputs::http::Problem;
use crate::outputs::signed_url::Pass;
use crate::session::SessionShared;
use crate::unit::{StreamConfig, Unit};

const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
const MEDIA_TYPE: &str = "video/mp4";
/// Media under a name never changes; but it is one viewer's.
const MEDIA_CACHING: &str = "private, max-age=60";
const PLAYLIST_CACHING: &str = "no-store";

/// Who fetches, known by the pass.
pub(crate) struct Reader {
    pub(crate) pass: Pass,
    pub(crate) asked_at_us: u64,
    pub(crate) gauge: Arc<Gauge>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) media_type: &'static str,
    pub(crate) caching: &'static str,
    pub(crate) bodies: Vec<Body>,
}

impl Answer {
    fn media(bodies: Vec<Body>) -> Outcome {
        Outcome::Ready(Answer {
            media_type: MEDIA_TYPE,
            caching: MEDIA_CACHING,
            bodies,
        })
    }
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Ready(Answer),
    /// It is answered when more of the stream has come.
    Wait,
    Refused(Problem),
}

/// One stream.
pub(crate) struct HlsStream {
    pub(crate) session: Arc<SessionShared>,
    window: Window,
    pub(crate) readers: HashMap<String, Reader>,
    /// Connections that wait.
    pub(crate) waiting: Vec<u64>,
    is_ended: bool,
}

impl HlsStream {
    pub(crate) fn new(
        session: Arc<SessionShared>,
        limits: Limits,
        (gop_90k, picture_90k): (i64, i64),
    ) -> HlsStream {
        HlsStream {
            session,
            window: Window::new(limits, gop_90k, picture_90k),
            readers: HashMap::new(),
            waiting: Vec::new(),
            is_ended: false,
        }
    }

    pub(crate) fn describe(&mut self, config: &Arc<StreamConfig>) {
        self.window.describe(config);
    }

    pub(crate) fn push(&mut self, unit: &Arc<Unit>) {
        self.window.push(unit);
    }

    pub(crate) fn end(&mut self) {
        self.window.end();
        self.is_ended = true;
    }

    /// Longest wait of a request: three target durations (section 6.2.5.2).
    pub(crate) fn patience_us(&self) -> u64 {
        self.window.target_s.unsigned_abs() * 3_000_000
    }

    /// Answers what the window holds. `pass`: the query for the addresses in a playlist.
    pub(crate) fn answer(&self, wanted: Wanted, pass: &str) -> Outcome {
        match wanted {
            Wanted::Playlist(reach) => self.playlist(reach, pass),
            Wanted::Init(number) => self.init(number),
            Wanted::Segment(number) => self.segment(number),
            Wanted::Part(number) => self.part(number),
        }
    }

    fn playlist(&self, reach: Option<Reach>, pass: &str) -> Outcome {
        let is_there = match reach {
            _ if self.is_ended => true,
            // A player that knows whole segments alone cannot begin with less.
            None => !self.window.whole.is_empty(),
            Some(reach) if reach.segment > self.window.newest() + 1 => {
                return Outcome::Refused(TOO_FAR);
            }
            Some(reach) => self.holds(reach),
        };
        if !is_there {
            return Outcome::Wait;
        }
        let text = playlist::write(&self.window, pass, self.is_ended);
        Outcome::Ready(Answer {
            media_type: PLAYLIST_TYPE,
            caching: PLAYLIST_CACHING,
            bodies: vec![Body::Owned(text.into_bytes().into())],
        })
    }

    fn holds(&self, reach: Reach) -> bool {
        let is_whole = self
            .window
            .whole
            .back()
            .is_some_and(|last| last.sequence >= reach.segment);
        let has_part = |part: u64| {
            let open = self.window.open.as_ref();
            open.is_some_and(|open| {
                open.sequence == reach.segment && part < open.parts.len() as u64
            })
        };
        is_whole || reach.part.is_some_and(has_part)
    }

    fn init(&self, number: u64) -> Outcome {
        let found = self
            .window
            .segments()
            .find(|segment| segment.init == number);
        match found {
            Some(segment) => {
                Answer::media(vec![Body::Start(Format::Fmp4, Arc::clone(&segment.config))])
            }
            None => Outcome::Refused(GONE),
        }
    }

    fn segment(&self, number: u64) -> Outcome {
        let mut whole = self.window.whole.iter();
        match whole.find(|segment| segment.sequence == number) {
            Some(segment) => Answer::media(bodies(&segment.units)),
            None if number == self.window.newest() && !self.is_ended => Outcome::Wait,
            None => Outcome::Refused(GONE),
        }
    }

    fn part(&self, number: u64) -> Outcome {
        let found = self.window.segments().find_map(|segment| {
            let part = segment.parts.iter().find(|part| part.number == number)?;
            segment.units.get(part.from..part.to)
        });
        match found {
            Some(units) => Answer::media(bodies(units)),
            None if number == self.window.next_part && !self.is_ended => Outcome::Wait,
            None => Outcome::Refused(GONE),
        }
    }
}

fn bodies(units: &[Arc<Unit>]) -> Vec<Body> {
    units
        .iter()
        .map(|unit| Body::Unit(Format::Fmp4, Arc::clone(unit)))
        .collect()
}
