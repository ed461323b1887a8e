//! How peers get what they asked for: publishers a session, players a stream.

use std::sync::Arc;

use tongshi_wire::flv::FlvFrames;
use tongshi_wire::rtmp::{Asked, ServerEvent};

use super::connection::{Connection, Role, Talk, WAY};
use super::desk::RtmpDesk;
use crate::clock;
use crate::facts::FactKind;
use crate::feed::Fate;
use crate::outputs::gauge::Gauge;
use crate::outputs::inbox::Desk;
use crate::outputs::publishing::Wish;
use crate::outputs::signed_url::{self, Refusal};
use crate::session::SessionShared;
use crate::sync::lock;

impl RtmpDesk {
    /// Does what a peer wants.
    pub(super) fn obey(&mut self, index: usize, events: Vec<ServerEvent>, now_us: u64) {
        let mut fed = Vec::new();
        for event in events {
            match event {
                ServerEvent::Publish(asked) => self.ask(index, &asked, now_us),
                ServerEvent::Play(asked) => self.play(index, &asked, now_us),
                ServerEvent::Media {
                    kind,
                    timestamp_ms,
                    body,
                } => {
                    if let Some(Connection {
                        role: Role::Publishing { frames, .. },
                        ..
                    }) = self.connection(index)
                    {
                        frames.receive(kind, timestamp_ms, &body, &mut fed);
                    }
                }
                ServerEvent::Over => self.leave(index, "the peer has ended the stream", now_us),
            }
        }
        let times = (now_us, self.config.silence_us);
        let Some(connection) = self.connection(index) else {
            return;
        };
        match connection.publish(fed, times) {
            Some(Fate::Replaced) => self.leave(index, "replaced by another publisher", now_us),
            Some(Fate::Ended) => self.leave(index, "the session has ended", now_us),
            Some(Fate::Taken) | None => {}
        }
    }

    fn ask(&mut self, index: usize, asked: &Asked, now_us: u64) {
        #[cfg(test)]
        assert!(asked.path != "/panic/panic", "asked for by a test");
        let deadline_us = now_us + self.config.rtmp_start_us;
        let Some(source) = self.connection(index).map(|connection| connection.peer) else {
            return;
        };
        let token = self.publishing.ask(&Wish {
            desk: Desk::Rtmp,
            path: &asked.path,
            query: &asked.query,
            source,
        });
        self.asking.insert(token, index);
        if let Some(connection) = self.connection(index) {
            connection.role = Role::Asking(token);
            connection.deadline_us = deadline_us;
        }
    }

    /// The owner of the plane has answered.
    pub(super) fn answered(&mut self, token: u64, answer: &Result<String, String>, now_us: u64) {
        let Some(index) = self.asking.remove(&token) else {
            return;
        };
        let silent_at_us = now_us + self.config.silence_us;
        let Some(source) = self.connection(index).map(|connection| connection.peer) else {
            return;
        };
        let begun = match answer {
            Ok(session_id) => self
                .publishing
                .begin(Desk::Rtmp, (token, source), session_id)
                .map_err(str::to_owned),
            Err(reason) => Err(reason.clone()),
        };
        match begun {
            Err(reason) => self.refuse(index, &reason, now_us),
            Ok(port) => {
                if let Some(connection) = self.connection(index) {
                    connection.role = Role::Publishing {
                        frames: Box::<FlvFrames>::default(),
                        port,
                        silent_at_us,
                    };
                    if let Talk::Server(session) = &mut connection.talk {
                        session.accept_publish();
                    }
                }
                self.flush(index, now_us);
            }
        }
    }

    fn play(&mut self, index: usize, asked: &Asked, now_us: u64) {
        let now_unix_s = clock::wall_us() / 1_000_000;
        let checked =
            signed_url::check(&self.config.url_key, &asked.path, &asked.query, now_unix_s);
        let pass = match checked {
            Ok(pass) => pass,
            Err(refusal) => {
                let reason = match refusal {
                    Refusal::Expired => "the URL has expired",
                    Refusal::BadSignature => "the URL is not signed by this server",
                    Refusal::NoRight => "the URL is signed for something else than watching",
                };
                return self.refuse(index, reason, now_us);
            }
        };
        let session = asked
            .path
            .strip_prefix("/live/")
            .and_then(|session_id| self.session(session_id));
        let Some(session) = session else {
            return self.refuse(index, "no such live session", now_us);
        };
        if self.players >= self.config.max_viewers {
            return self.refuse(index, "all places for viewers are taken", now_us);
        }
        let Some(source) = self
            .connection(index)
            .map(|connection| connection.peer.ip())
        else {
            return;
        };
        let gauge = Arc::new(Gauge::new(WAY.name(), &pass, source, now_us));
        let mut stream = lock(&session.stream);
        if stream.ended || stream.refuses(&pass) {
            drop(stream);
            return self.refuse(index, "the right to this stream has been withdrawn", now_us);
        }
        // Under the lock: every unit is in the cache now or delivered later; one that is both is taken once.
        let viewers = stream.join(Desk::Rtmp, &gauge);
        let (config, units) = (stream.config.clone(), stream.gop.whole().to_vec());
        drop(stream);
        self.players += 1;
        self.by_session
            .entry(session.key)
            .or_default()
            .insert(index);
        let fact = FactKind::ViewerOpened {
            tag: pass.tag.clone(),
            user: pass.user.clone(),
            way: WAY.name(),
            viewers,
        };
        self.facts.push(&session.session_id, fact);
        if let Some(connection) = self.connection(index) {
            if let Talk::Server(server) = &mut connection.talk {
                server.accept_play();
            }
            connection.collect();
            connection.queue.join(config.as_ref(), &units);
            connection.role = Role::Playing {
                session,
                pass: Box::new(pass),
                gauge,
            };
        }
        self.dirty.insert(index);
    }

    fn refuse(&mut self, index: usize, reason: &str, now_us: u64) {
        if let Some(connection) = self.connection(index) {
            if let Talk::Server(session) = &mut connection.talk {
                session.refuse(reason);
            }
            connection.role = Role::Leaving;
        }
        self.leave(index, reason, now_us);
    }

    /// What is left of a role when its connection has closed.
    pub(super) fn part(&mut self, index: usize, connection: Connection, reason: &str) {
        let Connection {
            role, queue, peer, ..
        } = connection;
        match role {
            Role::Greeting | Role::Leaving => {}
            Role::Asking(token) => {
                self.asking.remove(&token);
                self.publishing.forget(token);
            }
            Role::Publishing { port, .. } => self.publishing.end(Desk::Rtmp, peer, port, reason),
            Role::Pushing(key) => self.push_broke(key, &queue, reason),
            Role::Playing {
                session,
                pass,
                gauge,
            } => {
                self.players -= 1;
                self.forget_player(index, &session);
                let viewers = lock(&session.stream).leave(Desk::Rtmp, &gauge);
                let fact = FactKind::ViewerClosed {
                    tag: pass.tag,
                    user: pass.user,
                    way: WAY.name(),
                    viewers,
                    reason: known_reason(reason),
                    sent_bytes: queue.sent_bytes,
                    skipped: queue.skipped,
                };
                self.facts.push(&session.session_id, fact);
            }
        }
    }

    fn forget_player(&mut self, index: usize, session: &Arc<SessionShared>) {
        if let Some(indexes) = self.by_session.get_mut(&session.key) {
            indexes.remove(&index);
            if indexes.is_empty() {
                self.by_session.remove(&session.key);
            }
        }
    }
}

/// Reasons in statistics come from a closed set.
fn known_reason(reason: &str) -> &'static str {
    match reason {
        "stuck" => "stuck",
        "connection lost" => "connection lost",
        "closed by the peer" | "the peer has ended the stream" => "closed by the viewer",
        "revoked" => "revoked",
        "pass ended" => "pass ended",
        "server stopping" => "server stopping",
        _ => "ended",
    }
}
