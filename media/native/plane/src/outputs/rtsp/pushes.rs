//! What is answered to publishers: ANNOUNCE, their SETUP, RECORD.
//!
//! Source: RFC 2326 sections 10.3 and 10.11.

use tongshi_wire::ingest::IngestConfig;
use tongshi_wire::rtsp::{Pushed, Request, Response, sdp, transport, uri};

use super::access::Refusal;
use super::connection::{Connection, Role, Waiting, WaitsFor};
use super::desk::Desk;
use super::publisher::Publisher;
use super::requests::{Answer, refused};
use super::setup;
use crate::feed::Fate;
use crate::outputs::inbox;
use crate::outputs::publishing::Wish;

/// How long the owner of the plane may think about a push.
const ANSWER_WAIT_US: u64 = 10_000_000;

impl Desk {
    /// Asks whether this may be pushed. The answer of the owner is the answer to the request.
    pub(super) fn announce(&mut self, index: usize, request: &Request, now_us: u64) -> Answer {
        let kind = request.headers.get("Content-Type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/sdp") {
            return refused(415);
        }
        let tracks = sdp::parse(&request.body);
        if !Pushed::new(&tracks, IngestConfig::default()).is_carried() {
            return refused(415);
        }
        let target = uri::parse(&request.uri).ok_or(Refusal::Status(400))?;
        let path = match target.track {
            // Here it is no track, but a name that looks like one.
            Some(track) => format!("{}/track{track}", target.path),
            None => target.path,
        };
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else {
            return refused(503);
        };
        if !matches!(connection.role, Role::Fresh) {
            return refused(455);
        }
        let token = self.publishing.ask(&Wish {
            desk: inbox::Desk::Rtsp,
            path: &path,
            query: &target.query,
            source: connection.peer,
        });
        connection.waiting = Some(Waiting {
            request: request.clone(),
            until_us: now_us + ANSWER_WAIT_US,
            what: WaitsFor::Leave(token, tracks),
        });
        // Not sent: the connection waits.
        refused(503)
    }

    /// The owner of the plane has answered.
    pub(super) fn deliver_answer(
        &mut self,
        token: u64,
        answer: &Result<String, String>,
        now_us: u64,
    ) {
        let waits = |open: &Option<Connection>| {
            let waiting = open.as_ref().and_then(|open| open.waiting.as_ref());
            matches!(waiting, Some(Waiting { what: WaitsFor::Leave(asked, _), .. }) if *asked == token)
        };
        let Some(index) = self.connections.iter().position(waits) else {
            return;
        };
        let name = self.random_name(index);
        let Some(connection) = self.connection(index) else {
            return;
        };
        let Some(Waiting {
            request,
            what: WaitsFor::Leave(_, tracks),
            ..
        }) = connection.waiting.take()
        else {
            return;
        };
        let outcome = match answer {
            Ok(session_id) => {
                let publisher = Publisher::new(name, (token, session_id.clone()), tracks);
                connection.role = Role::Publisher(Box::new(publisher));
                Ok(Response::new(200))
            }
            Err(reason) => Ok(forbidden(reason)),
        };
        self.reply(index, &request, outcome, now_us);
    }

    /// SETUP of a publisher.
    pub(super) fn set_up_publisher(&mut self, index: usize, request: &Request) -> Answer {
        let server_port = self.udp.as_ref().map(|ports| ports.port);
        let by_address = &self.by_address;
        let connection = self.connections.get_mut(index).and_then(Option::as_mut);
        let Some(Connection {
            role: Role::Publisher(publisher),
            peer,
            ..
        }) = connection
        else {
            return refused(455);
        };
        if publisher.is_recording() {
            return refused(455);
        }
        let track = publisher
            .track_of(&request.uri)
            .ok_or(Refusal::Status(404))?;
        let offers = transport::parse(request.headers.get("Transport").unwrap_or_default());
        let others: Vec<_> = publisher
            .ways()
            .filter(|&(other, _)| other != track)
            .map(|(_, way)| way)
            .collect();
        let chosen = offers.iter().find_map(|offer| {
            let way = setup::way_of(&others, track, offer, *peer, server_port)?;
            // Two senders cannot be told apart when they send from one port.
            let is_free = way
                .addresses()
                .all(|address| by_address.get(&address).is_none_or(|owner| *owner == index));
            is_free.then_some(way)
        });
        let way = chosen.ok_or(Refusal::Status(461))?;
        publisher.set_up(track, way);
        let mut response = Response::new(200);
        let transport = format!("{};mode=record", setup::describe(way, server_port));
        response.headers.add("Transport", transport);
        self.watch_addresses(index);
        Ok(response)
    }

    pub(super) fn record(&mut self, index: usize, now_us: u64) -> Answer {
        let connection = self.connections.get_mut(index).and_then(Option::as_mut);
        let Some(Connection {
            role: Role::Publisher(publisher),
            peer,
            ..
        }) = connection
        else {
            return refused(455);
        };
        if publisher.is_recording() {
            return Ok(Response::new(200));
        }
        if publisher.ways().next().is_none() {
            return refused(455);
        }
        let origin = (publisher.token, *peer);
        let begun = self
            .publishing
            .begin(inbox::Desk::Rtsp, origin, &publisher.session_id);
        match begun {
            Ok(port) => {
                publisher.record(port, &self.config, now_us);
                Ok(Response::new(200))
            }
            Err(reason) => Ok(forbidden(reason)),
        }
    }

    /// Hands what a publisher has sent to its session.
    pub(super) fn hand_on(&mut self, index: usize, now_us: u64) {
        let Some(Role::Publisher(publisher)) = self.connection(index).map(|open| &mut open.role)
        else {
            return;
        };
        let reason = match publisher.hand_on(now_us) {
            Fate::Taken => return,
            Fate::Replaced => "replaced by another publisher",
            Fate::Ended => "session closed",
        };
        self.end(index, reason, now_us);
    }

    /// The publisher of a connection sends no more. Nothing happens when there is none.
    pub(super) fn leave_session(&mut self, index: usize, reason: &'static str, now_us: u64) {
        let connection = self.connections.get_mut(index).and_then(Option::as_mut);
        let Some(Connection {
            role: Role::Publisher(publisher),
            peer,
            ..
        }) = connection
        else {
            return;
        };
        if let Some(port) = publisher.finish(now_us) {
            self.publishing.end(inbox::Desk::Rtsp, *peer, port, reason);
        }
    }

    /// Timers and reports of a publisher.
    pub(super) fn look_after_publisher(&mut self, index: usize, now_us: u64) {
        let Some(Role::Publisher(publisher)) = self.connection(index).map(|open| &mut open.role)
        else {
            return;
        };
        publisher.handle_timer(now_us);
        let reports = publisher.reports(now_us);
        self.send_control(index, reports);
        self.hand_on(index, now_us);
    }
}

/// 403 with the owner's words.
fn forbidden(reason: &str) -> Response {
    let mut response = Response::new(403);
    let is_plain = |c: &char| c.is_ascii_graphic() || *c == ' ';
    let words: String = reason.chars().filter(is_plain).take(120).collect();
    if !words.trim().is_empty() {
        response.reason = format!("Forbidden ({})", words.trim());
    }
    response
}
