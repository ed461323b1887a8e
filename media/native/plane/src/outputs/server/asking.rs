//! Requests: read, judged, and answered or refused.

use std::sync::Arc;

use super::{Server, fetching};
use crate::clock;
use crate::outputs::admission::{self, Target};
use crate::outputs::connection::{FAREWELL_US, Phase, hear_frames};
use crate::outputs::format::{Body, Carrier};
use crate::outputs::http::{self, MAX_HEAD_BYTES, Problem, Request};
use crate::outputs::queue::Queue;
use crate::session::SessionShared;

impl Server {
    pub(super) fn hear(&mut self, id: u64, bytes: &[u8], now_us: u64) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        match &mut connection.phase {
            Phase::Viewing(viewing) => {
                let viewer = &mut viewing.viewer;
                if viewer.way.carrier == Carrier::WebSocket && !viewer.is_ending {
                    connection.heard.extend_from_slice(bytes);
                    hear_frames(viewer, &mut connection.heard);
                    self.mark(id);
                }
            }
            Phase::Leaving
            | Phase::Answering {
                keep_alive: false, ..
            } => {}
            Phase::Answering { .. } | Phase::Waiting(_)
                if connection.heard.len() + bytes.len() > MAX_HEAD_BYTES =>
            {
                self.close(id, "too many requests at once");
            }
            Phase::Answering { .. } | Phase::Waiting(_) => {
                connection.heard.extend_from_slice(bytes);
            }
            Phase::Asking => {
                if connection.heard.is_empty() && connection.is_proven {
                    connection.deadline_us = now_us + self.config.request_deadline_us;
                }
                connection.heard.extend_from_slice(bytes);
                self.ask(id, now_us);
            }
        }
    }

    /// Reads the next request, if it is whole.
    pub(super) fn ask(&mut self, id: u64, now_us: u64) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let outcome = match http::parse_request(&connection.heard) {
            Ok(None) => return,
            Ok(Some((request, taken))) => {
                connection.heard.drain(..taken);
                self.admit(id, &request, now_us)
            }
            Err(problem) => Err(problem),
        };
        if let Err(problem) = outcome {
            self.refuse(id, problem, now_us);
        }
    }

    fn admit(&mut self, id: u64, request: &Request, now_us: u64) -> Result<(), Problem> {
        if request.method == "OPTIONS" {
            let head = [http::PREFLIGHT, http::connection_line(request.keep_alive)];
            self.answer(
                id,
                head.concat().into_bytes(),
                Vec::new(),
                request.keep_alive,
                now_us,
            );
            return Ok(());
        }
        #[cfg(test)]
        assert!(request.path != "/panic", "asked for by a test");
        let now_s = clock::wall_us() / 1_000_000;
        let readers = &self.audiences;
        let ticket = admission::check(&self.config.url_key, request, now_s, |_| {
            fetching::is_known(readers, request)
        })?;
        let session = self
            .session(ticket.session_id)
            .ok_or(admission::NOT_FOUND)?;
        match ticket.target {
            Target::Live(way) if request.method == "HEAD" => {
                let head = admission::live_head(way, request);
                self.answer(id, head, Vec::new(), false, now_us);
                Ok(())
            }
            Target::Live(way) => {
                let head = admission::live_head(way, request);
                self.watch(id, session, ticket.pass, way, head, now_us)
            }
            Target::Hls(file) => self.fetch(id, session, ticket.pass, file, request, now_us),
        }
    }

    pub(super) fn session(&self, session_id: &str) -> Option<Arc<SessionShared>> {
        let sessions = self
            .sessions
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        sessions.get(session_id).cloned()
    }

    pub(super) fn refuse(&mut self, id: u64, problem: Problem, now_us: u64) {
        self.answer(
            id,
            http::problem_response(problem),
            Vec::new(),
            false,
            now_us,
        );
    }

    pub(super) fn answer(
        &mut self,
        id: u64,
        head: Vec<u8>,
        bodies: Vec<Body>,
        keep_alive: bool,
        now_us: u64,
    ) {
        let stuck_us = self.config.viewer_stuck_us;
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let mut queue = Queue::default();
        queue.say(head);
        for body in bodies {
            queue.push_bare(body);
        }
        connection.deadline_us = now_us + if keep_alive { stuck_us } else { FAREWELL_US };
        connection.phase = Phase::Answering { queue, keep_alive };
        self.mark(id);
    }
}
