//! Who receives which SSRC on the shared ports. Sessions ask for places here; packets come only when their worker
//! does not know a way yet.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::peers::Peers;
use super::unknown::{UnknownSsrc, UnknownTable};
use crate::error::PlaneError;
use crate::sync::lock;

/// SSRCs of one session: offered, answered, and some to spare.
const CLAIMS_EACH: usize = 8;

/// Datagrams or connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// The shared datagram port.
    Udp,
    /// The shared listener.
    Tcp,
}

/// A session's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) key: u64,
    pub(crate) worker: usize,
    pub(crate) way: Way,
}

/// What is to be done with a packet or connection whose SSRC no worker knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It belongs there.
    Known(Claim),
    /// It belongs there although its SSRC was not agreed: it comes from the device's address, and the time for
    /// the agreed one is over.
    PutUpWith(Claim),
    /// To nobody, at least not yet. `is_new`: worth a report.
    Nobody { is_new: bool },
}

#[derive(Debug, Default)]
struct Tables {
    claims: HashMap<u32, Claim>,
    /// Claims of an SSRC that was not agreed hold for one address alone: several devices send zero (Q56).
    put_up_with: HashMap<(u32, SocketAddr), Claim>,
    /// SSRCs of sessions that have ended, and when they may be claimed again.
    resting: HashMap<u32, u64>,
    sessions: HashMap<u64, Claim>,
    peers: Peers,
    unknown: UnknownTable,
}

/// The table of SSRCs. All workers ask it, none often.
#[derive(Debug)]
pub(crate) struct Directory {
    tables: Mutex<Tables>,
    generation: AtomicU64,
    window_us: u64,
    rest_us: u64,
    strict: bool,
}

impl Directory {
    /// `window_us`: how long the agreed SSRC is waited for. `rest_us`: how long an SSRC rests after its session,
    /// counted anew with each packet of a sender that goes on. `strict`: no other SSRC is ever put up with.
    pub(crate) fn new(window_us: u64, rest_us: u64, strict: bool) -> Directory {
        Directory {
            tables: Mutex::default(),
            generation: AtomicU64::new(1),
            window_us,
            rest_us,
            strict,
        }
    }

    /// Changes whenever a way that a worker remembers may be wrong.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Gives an SSRC to a new session.
    pub(crate) fn open(&self, ssrc: u32, claim: Claim, now_us: u64) -> Result<(), PlaneError> {
        let mut tables = lock(&self.tables);
        tables.take(ssrc, claim, now_us)?;
        tables.sessions.insert(claim.key, claim);
        tables.peers.open(claim.key, claim.way, now_us);
        drop(tables);
        self.changed();
        Ok(())
    }

    /// Gives an open session another SSRC besides those it has: the answer named it.
    pub(crate) fn add(&self, key: u64, ssrc: u32, now_us: u64) -> Result<(), PlaneError> {
        let mut tables = lock(&self.tables);
        let Some(&claim) = tables.sessions.get(&key) else {
            return Ok(());
        };
        let held = tables.claims.values().filter(|each| each.key == key);
        if held.count() >= CLAIMS_EACH {
            return Err(PlaneError::BadArgument(format!(
                "a session has had {CLAIMS_EACH} SSRCs already"
            )));
        }
        tables.take(ssrc, claim, now_us)?;
        drop(tables);
        self.changed();
        Ok(())
    }

    /// The device is, or may be, at this address.
    pub(crate) fn expect_peer(&self, key: u64, ip: IpAddr, port: Option<u16>) {
        lock(&self.tables).peers.expect(key, ip, port);
    }

    /// While the session's media comes, an SSRC that nobody claims is not meant for it.
    pub(crate) fn media_from(&self, key: u64, source: Option<SocketAddr>) {
        lock(&self.tables).peers.media_from(key, source);
    }

    /// The place of an SSRC that is claimed; nothing is counted.
    pub(crate) fn known(&self, ssrc: u32, source: SocketAddr, way: Way) -> Option<Claim> {
        let tables = lock(&self.tables);
        let claim = tables.put_up_with.get(&(ssrc, source));
        claim
            .or_else(|| tables.claims.get(&ssrc).filter(|claim| claim.way == way))
            .copied()
    }

    /// Takes the SSRCs of a session back; they rest.
    pub(crate) fn close(&self, key: u64, now_us: u64) {
        let mut tables = lock(&self.tables);
        if tables.sessions.remove(&key).is_none() {
            return;
        }
        tables.resting.retain(|_, until| *until > now_us);
        let until = now_us + self.rest_us;
        let held: Vec<u32> = tables
            .claims
            .iter()
            .filter(|(_, claim)| claim.key == key)
            .map(|(&ssrc, _)| ssrc)
            .collect();
        for ssrc in held {
            tables.claims.remove(&ssrc);
            if self.rest_us > 0 {
                tables.resting.insert(ssrc, until);
            }
        }
        tables.put_up_with.retain(|_, claim| claim.key != key);
        tables.peers.close(key);
        drop(tables);
        self.changed();
    }

    /// Where an SSRC belongs that the asking thread knows no way for. Counts what belongs nowhere.
    pub(crate) fn find(
        &self,
        ssrc: u32,
        source: SocketAddr,
        way: Way,
        count: u64,
        now_us: u64,
    ) -> Answer {
        let mut tables = lock(&self.tables);
        if let Some(&claim) = tables.put_up_with.get(&(ssrc, source)) {
            return Answer::PutUpWith(claim);
        }
        if let Some(&claim) = tables.claims.get(&ssrc).filter(|claim| claim.way == way) {
            if !tables.peers.contradicts(claim.key, source, way) {
                return Answer::Known(claim);
            }
        }
        let is_resting = match tables.resting.get_mut(&ssrc) {
            Some(until) if *until > now_us => {
                *until = now_us + self.rest_us;
                true
            }
            _ => false,
        };
        let seen = tables.unknown.see(ssrc, source, way, count, now_us);
        let meant = tables.peers.meant(source, way, count, seen.first_at_us);
        let waited = seen
            .first_at_us
            .is_some_and(|first| now_us.saturating_sub(first) >= self.window_us);
        let claim = meant.and_then(|key| tables.sessions.get(&key).copied());
        match claim {
            Some(claim) if waited && !is_resting && !self.strict => {
                tables.put_up_with.insert((ssrc, source), claim);
                tables.peers.media_from(claim.key, Some(source));
                drop(tables);
                self.changed();
                Answer::PutUpWith(claim)
            }
            _ => Answer::Nobody {
                is_new: seen.is_new,
            },
        }
    }

    /// Packets from the address of a session's device with an SSRC that was not agreed and not taken.
    pub(crate) fn foreign(&self, key: u64) -> u64 {
        lock(&self.tables).peers.foreign(key)
    }

    /// All that belonged nowhere, and the rows of the table.
    pub(crate) fn unknown(&self) -> (u64, Vec<UnknownSsrc>) {
        let tables = lock(&self.tables);
        (tables.unknown.total, tables.unknown.rows())
    }
}

impl Tables {
    fn take(&mut self, ssrc: u32, claim: Claim, now_us: u64) -> Result<(), PlaneError> {
        match self.claims.get(&ssrc) {
            Some(holder) if holder.key == claim.key => return Ok(()),
            Some(_) => return Err(PlaneError::SsrcTaken { ssrc, rests: false }),
            None => {}
        }
        if self.resting.get(&ssrc).is_some_and(|&until| until > now_us) {
            return Err(PlaneError::SsrcTaken { ssrc, rests: true });
        }
        self.resting.remove(&ssrc);
        self.claims.insert(ssrc, claim);
        self.unknown.forget(ssrc);
        Ok(())
    }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
