//! What is answered to each request.
//!
//! Source: RFC 2326 sections 10 and 12.

use std::sync::Arc;

use tongshi_wire::rtsp::sdp::{self, Description};
use tongshi_wire::rtsp::uri::{self, Target};
use tongshi_wire::rtsp::{Request, Response};

use super::access::{self, Refusal};
use super::connection::{Connection, Role, Waiting, WaitsFor};
use super::desk::Desk;
use super::reader::Reader;
use super::setup;
use super::streams::Start;
use crate::clock;
use crate::session::SessionShared;
use crate::sync::lock;
use crate::unit::StreamConfig;

const METHODS: &str = "OPTIONS, DESCRIBE, ANNOUNCE, SETUP, PLAY, PAUSE, RECORD, TEARDOWN, GET_PARAMETER, \
                       SET_PARAMETER";
/// How long a DESCRIBE waits for a stream to begin.
const DESCRIBE_WAIT_US: u64 = 10_000_000;

/// An answer, or the status of a refusal.
pub(super) type Answer = Result<Response, Refusal>;

pub(super) const fn refused<T>(status: u16) -> Result<T, Refusal> {
    Err(Refusal::Status(status))
}

impl Desk {
    /// Answers one request.
    pub(super) fn answer(&mut self, index: usize, request: Request, now_us: u64) {
        let answer = match request.version.as_str() {
            "RTSP/1.0" => self.dispatch(index, &request, now_us),
            _ => refused(505),
        };
        let is_waiting = self
            .connection(index)
            .is_some_and(|connection| connection.waiting.is_some());
        if !is_waiting {
            self.reply(index, &request, answer, now_us);
            self.start(index, now_us);
        }
    }

    fn dispatch(&mut self, index: usize, request: &Request, now_us: u64) -> Answer {
        if request.cseq().is_none() {
            return refused(400);
        }
        if let Some(options) = request.headers.get("Require") {
            let mut response = Response::new(551);
            response.headers.add("Unsupported", options);
            return Ok(response);
        }
        self.check_session(index, request)?;
        #[cfg(test)]
        assert!(request.method != "PANIC", "asked for by a test");
        match request.method.as_str() {
            "OPTIONS" => {
                let mut response = Response::new(200);
                response.headers.add("Public", METHODS);
                Ok(response)
            }
            "DESCRIBE" => self.describe(index, request, now_us),
            "SETUP" => self.set_up(index, request),
            "PLAY" => self.play(index, request, now_us),
            "PAUSE" => self.pause(index),
            "ANNOUNCE" => self.announce(index, request, now_us),
            "RECORD" => self.record(index, now_us),
            "TEARDOWN" => self.tear_down(index, now_us),
            // Keepalives; there is no parameter to be told.
            "GET_PARAMETER" | "SET_PARAMETER" => Ok(Response::new(200)),
            _ => {
                let mut response = Response::new(501);
                response.headers.add("Public", METHODS);
                Ok(response)
            }
        }
    }

    /// RFC 2326 section 12.37: a session that is named has to be ours.
    fn check_session(&mut self, index: usize, request: &Request) -> Result<(), Refusal> {
        let Some(named) = request.headers.get("Session") else {
            return Ok(());
        };
        let named = named.split(';').next().unwrap_or_default().trim();
        let known = self
            .connection(index)
            .is_some_and(|connection| connection.session_name() == Some(named));
        if known { Ok(()) } else { refused(454) }
    }

    /// Sends the answer with what every answer has.
    pub(super) fn reply(&mut self, index: usize, request: &Request, answer: Answer, now_us: u64) {
        let timeout_s = self.config.rtsp.timeout_us / 1_000_000;
        let Some(connection) = self.connection(index) else {
            return;
        };
        let mut response = match answer {
            Ok(response) => response,
            Err(Refusal::Status(status)) => Response::new(status),
            Err(Refusal::Challenge) => access::challenge(&connection.nonce),
        };
        if let Some(cseq) = request.cseq() {
            response.headers.add("CSeq", cseq);
        }
        response.headers.add("Server", "Tongshi");
        if let (200, Some(name)) = (response.status, connection.session_name()) {
            let session = format!("{name};timeout={timeout_s}");
            response.headers.add("Session", session);
        }
        if matches!(response.status, 505) {
            connection.end("not RTSP 1.0", now_us);
        }
        connection.outbox.push_message(response.serialize());
        self.dirty.insert(index);
    }

    /// Whether this connection may watch what the URI names, and the session behind it.
    fn admit(
        &mut self,
        index: usize,
        request: &Request,
    ) -> Result<(Target, Arc<SessionShared>), Refusal> {
        let target = uri::parse(&request.uri).ok_or(Refusal::Status(400))?;
        let now_unix_s = clock::wall_us() / 1_000_000;
        let (config, key) = (self.config.rtsp.clone(), self.config.url_key.clone());
        let Some(connection) = self.connection(index) else {
            return refused(503);
        };
        let known = connection.admitted.as_ref();
        if known.is_none_or(|(path, _)| *path != target.path) {
            let nonce = connection.nonce.clone();
            let pass = access::check(&config, &key, request, &target, &nonce, now_unix_s)?;
            connection.admitted = Some((target.path.clone(), pass));
        }
        let pass = connection.admitted.as_ref().map(|(_, pass)| pass.clone());
        let session = access::session_id(&target.path).and_then(|id| self.session(id));
        let (Some(session), Some(pass)) = (session, pass) else {
            return refused(404);
        };
        let stream = lock(&session.stream);
        if stream.ended {
            return refused(404);
        }
        if stream.refuses(&pass) || pass.is_over(now_unix_s) {
            return refused(403);
        }
        drop(stream);
        Ok((target, session))
    }

    fn describe(&mut self, index: usize, request: &Request, now_us: u64) -> Answer {
        let (_, session) = self.admit(index, request)?;
        let config = lock(&session.stream).config.clone();
        if let Some(config) = config {
            return Ok(description(request, &session, &config));
        }
        if let Some(connection) = self.connection(index) {
            connection.waiting = Some(Waiting {
                request: request.clone(),
                until_us: now_us + DESCRIBE_WAIT_US,
                what: WaitsFor::Stream(session),
            });
        }
        // Not sent: the connection waits.
        refused(503)
    }

    /// Answers a request that has waited: its stream has begun or ended, or it has waited long enough.
    pub(super) fn look_after_waiting(&mut self, index: usize, now_us: u64) {
        let Some(waiting) = self.connection(index).and_then(|open| open.waiting.take()) else {
            return;
        };
        let is_over = now_us >= waiting.until_us;
        let answer = match &waiting.what {
            WaitsFor::Stream(session) => {
                let stream = lock(&session.stream);
                match &stream.config {
                    Some(config) => Some(Ok(description(&waiting.request, session, config))),
                    None if stream.ended => Some(refused(404)),
                    None => is_over.then(|| refused(503)),
                }
            }
            WaitsFor::Leave(token, _) => is_over.then(|| {
                self.publishing.forget(*token);
                refused(503)
            }),
        };
        match answer {
            Some(answer) => self.reply(index, &waiting.request, answer, now_us),
            None => {
                if let Some(connection) = self.connection(index) {
                    connection.waiting = Some(waiting);
                }
            }
        }
    }

    fn set_up(&mut self, index: usize, request: &Request) -> Answer {
        let role = self.connection(index).map(|connection| &connection.role);
        if let Some(Role::Publisher(_)) = role {
            return self.set_up_publisher(index, request);
        }
        let (target, session) = self.admit(index, request)?;
        let name = self.random_name(index);
        let server_port = self.udp.as_ref().map(|ports| ports.port);
        let (max_bytes, secret) = (self.config.viewer_queue_bytes, self.secret.clone());
        let ssrcs = super::numbered::ssrcs(session.key, &secret);
        let Some(connection) = self.connection(index) else {
            return refused(503);
        };
        if let Role::Fresh = connection.role {
            let config = lock(&session.stream).config.clone();
            let (Some(config), Some((_, pass))) = (config, connection.admitted.clone()) else {
                return refused(455);
            };
            let reader = Reader::new(Arc::clone(&session), pass, name, config, max_bytes);
            connection.role = Role::Reader(Box::new(reader));
        }
        let peer = connection.peer;
        let Some(reader) = connection.reader() else {
            return refused(455);
        };
        let answer = setup::set_up_track(
            reader,
            &session,
            &target,
            request,
            (peer, server_port),
            ssrcs,
        );
        if answer.is_err() && reader.way().is_none() {
            connection.role = Role::Fresh;
        }
        if answer.is_ok() {
            self.watch_addresses(index);
        }
        answer
    }

    fn play(&mut self, index: usize, request: &Request, now_us: u64) -> Answer {
        let max_viewers = self.config.max_viewers;
        let crowded = self.viewers >= max_viewers;
        let Some(reader) = self.connection(index).and_then(Connection::reader) else {
            return refused(454);
        };
        let playing = reader.is_playing();
        if reader.way().is_none() {
            return refused(455);
        }
        if !playing && crowded {
            return refused(453);
        }
        let starts = if playing {
            Vec::new()
        } else {
            self.join(index, now_us)?
        };
        let mut response = Response::new(200);
        response.headers.add("Range", "npt=now-");
        if !starts.is_empty() {
            response
                .headers
                .add("RTP-Info", rtp_info(&request.uri, &starts));
        }
        Ok(response)
    }

    fn pause(&mut self, index: usize) -> Answer {
        let is_playing = self
            .connection(index)
            .and_then(Connection::reader)
            .is_some_and(|reader| reader.is_playing());
        if !is_playing {
            return refused(455);
        }
        self.leave(index, "paused");
        Ok(Response::new(200))
    }

    fn tear_down(&mut self, index: usize, now_us: u64) -> Answer {
        let named = self.connection(index).and_then(|open| open.session_name());
        if named.is_none() {
            return refused(454);
        }
        let reason = self.gone(index);
        self.leave(index, reason);
        self.leave_session(index, reason, now_us);
        self.forget_addresses(index);
        if let Some(connection) = self.connection(index) {
            connection.role = Role::Fresh;
            connection.heard_at_us = now_us;
        }
        Ok(Response::new(200))
    }
}

/// RFC 2326 section 12.33. Players compare the URLs with those that they have made themselves.
fn rtp_info(uri: &str, starts: &[Start]) -> String {
    let base = uri.trim_end_matches('/');
    let base = match base.rsplit_once('/') {
        Some((before, last)) if last.starts_with("track") => before,
        _ => base,
    };
    let parts: Vec<String> = starts
        .iter()
        .map(|(track, sequence, timestamp)| {
            format!("url={base}/track{track};seq={sequence};rtptime={timestamp}")
        })
        .collect();
    parts.join(",")
}

fn description(request: &Request, session: &SessionShared, config: &StreamConfig) -> Response {
    let mut response = Response::new(200);
    let base = format!("{}/", request.uri.trim_end_matches('/'));
    response.headers.add("Content-Base", base);
    response.headers.add("Content-Type", "application/sdp");
    response.body = sdp::describe(&Description {
        id: session.key,
        video: config.video.as_ref(),
        audio: config.audio.as_ref(),
    })
    .into_bytes();
    response
}
