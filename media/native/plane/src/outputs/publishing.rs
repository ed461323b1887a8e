//! Pushes of others: the owner of the plane is asked whether they may be, and into which session.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::facts::{FactKind, FactQueue};
use crate::feed::{FeedPort, PublishPort};
use crate::outputs::inbox::{Deliveries, Delivery, Desk, Desks};
use crate::outputs::server::SessionMap;
use crate::session::Transport;
use crate::sync::lock;
use crate::worker::WorkerBox;

/// Shared by the desks that are pushed to.
pub(crate) struct Publishing {
    facts: Arc<FactQueue>,
    desks: Arc<Desks>,
    sessions: Arc<SessionMap>,
    mailboxes: Vec<Arc<WorkerBox>>,
    /// A second publisher replaces the first.
    replaces: bool,
    /// A publisher that was silent so long gives way to another.
    idle_us: u64,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    next: u64,
    desks: HashMap<u64, Desk>,
}

/// A wish to push.
pub(crate) struct Wish<'a> {
    pub(crate) desk: Desk,
    /// Begins with `/`.
    pub(crate) path: &'a str,
    /// Without `?`.
    pub(crate) query: &'a str,
    pub(crate) source: SocketAddr,
}

impl Publishing {
    pub(crate) fn new(
        (facts, desks): (Arc<FactQueue>, Arc<Desks>),
        (sessions, mailboxes): (Arc<SessionMap>, Vec<Arc<WorkerBox>>),
        (replaces, idle_us): (bool, u64),
    ) -> Publishing {
        Publishing {
            facts,
            desks,
            sessions,
            mailboxes,
            replaces,
            idle_us,
            asked: Mutex::default(),
        }
    }

    /// Asks the owner of the plane. The answer comes to the desk as [`Delivery::PublishAnswer`] with the token
    /// that is returned; the desk waits as long as it wants, and calls [`Publishing::forget`] then.
    pub(crate) fn ask(&self, wish: &Wish<'_>) -> u64 {
        let mut asked = lock(&self.asked);
        asked.next += 1;
        let token = asked.next;
        asked.desks.insert(token, wish.desk);
        drop(asked);
        self.facts.push(
            "",
            FactKind::PublishRequested {
                token,
                desk: wish.desk.name(),
                path: wish.path.to_owned(),
                query: wish.query.to_owned(),
                source: wish.source,
            },
        );
        token
    }

    /// Nobody waits for this answer any more.
    pub(crate) fn forget(&self, token: u64) {
        lock(&self.asked).desks.remove(&token);
    }

    /// The owner's answer: a session, or why not. False when nobody waits for it.
    pub(crate) fn answer(&self, token: u64, answer: Result<String, String>) -> bool {
        let Some(desk) = lock(&self.asked).desks.remove(&token) else {
            return false;
        };
        let mut deliveries = Deliveries::default();
        deliveries.push_to(desk, Delivery::PublishAnswer(token, answer));
        self.desks.post(&mut deliveries);
        true
    }

    /// The way into the session that the answer named, or why there is none.
    pub(crate) fn begin(
        &self,
        desk: Desk,
        (token, source): (u64, SocketAddr),
        session_id: &str,
    ) -> Result<PublishPort, &'static str> {
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(session_id).cloned();
        drop(sessions);
        let session = session.ok_or("no such session")?;
        if session.transport != Transport::Fed {
            return Err("the session receives by itself");
        }
        let mailbox = self
            .mailboxes
            .get(session.worker)
            .ok_or("no such session")?;
        let port = FeedPort::new(session, Arc::clone(mailbox))
            .claim(token, source, (self.replaces, self.idle_us))
            .ok_or("somebody publishes it already")?;
        let desk = desk.name();
        self.facts
            .push(session_id, FactKind::PublishStarted { desk, source });
        Ok(port)
    }

    /// The publisher has left, or was sent away.
    pub(crate) fn end(
        &self,
        desk: Desk,
        source: SocketAddr,
        port: PublishPort,
        reason: impl Into<String>,
    ) {
        let fact = FactKind::PublishEnded {
            desk: desk.name(),
            source,
            reason: reason.into(),
        };
        let session_id = port.session_id().to_owned();
        drop(port);
        self.facts.push(&session_id, fact);
    }
}
