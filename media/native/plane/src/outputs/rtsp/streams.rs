//! Which readers a session has, and what they are given.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::access::Refusal;
use super::connection::{Connection, Role};
use super::desk::Desk;
use super::numbered::StreamNumbers;
use super::reader::Reader;
use super::ways::TrackWay;
use crate::facts::FactKind;
use crate::outputs::gauge::Gauge;
use crate::outputs::inbox;
use crate::outputs::signed_url::Cut;
use crate::sync::lock;
use crate::unit::{StreamConfig, Unit};

/// A session with readers.
pub(super) struct StreamEntry {
    pub(super) numbers: StreamNumbers,
    readers: BTreeSet<usize>,
}

impl Desk {
    /// The reader of a connection begins to play; packets follow with [`Desk::start`]. The first number and time
    /// of each track, as far as they are known.
    pub(super) fn join(&mut self, index: usize, now_us: u64) -> Result<Vec<Start>, Refusal> {
        let Some(Some(connection)) = self.connections.get_mut(index) else {
            return Err(Refusal::Status(454));
        };
        let Role::Reader(reader) = &mut connection.role else {
            return Err(Refusal::Status(454));
        };
        let session = Arc::clone(&reader.session);
        let mut stream = lock(&session.stream);
        if stream.ended {
            return Err(Refusal::Status(404));
        }
        if stream.refuses(&reader.pass) {
            return Err(Refusal::Status(403));
        }
        if let Some(config) = &stream.config {
            if !reader.describe(config) {
                // The description that it has is not true any more.
                return Err(Refusal::Status(455));
            }
        }
        // Under the lock: every unit is either in the cache now or delivered later; a reader takes none twice.
        let way = reader.way().map_or("", TrackWay::name);
        let gauge = Arc::new(Gauge::new(way, &reader.pass, connection.peer.ip(), now_us));
        let viewers = stream.join(inbox::Desk::Rtsp, &gauge);
        let units = stream.gop.whole().to_vec();
        drop(stream);
        let secret = &self.secret;
        let entry = self
            .streams
            .entry(session.key)
            .or_insert_with(|| StreamEntry {
                numbers: StreamNumbers::new(session.key, secret),
                readers: BTreeSet::new(),
            });
        entry.readers.insert(index);
        for unit in &units {
            entry.numbers.number(unit);
        }
        reader.wake(gauge);
        let starts = starts(reader, units.first(), &entry.numbers);
        connection.starting = Some(units);
        self.viewers += 1;
        self.facts.push(
            &session.session_id,
            FactKind::ViewerOpened {
                tag: reader.pass.tag.clone(),
                user: reader.pass.user.clone(),
                way,
                viewers,
            },
        );
        Ok(starts)
    }

    /// PLAY is answered: reports, so that the tracks can be put beside each other, then the pictures.
    pub(super) fn start(&mut self, index: usize, now_us: u64) {
        let Some(units) = self.connection(index).and_then(|open| open.starting.take()) else {
            return;
        };
        self.send_reports(index, now_us);
        if let Some(Connection {
            role: Role::Reader(reader),
            outbox,
            ..
        }) = self.connection(index)
        {
            reader.start(&units, outbox);
            self.dirty.insert(index);
            self.pumping.insert(index);
        }
    }

    /// The reader of a connection plays no more. Nothing happens when it does not play.
    pub(super) fn leave(&mut self, index: usize, reason: &'static str) {
        let Some(Some(connection)) = self.connections.get_mut(index) else {
            return;
        };
        let Role::Reader(reader) = &mut connection.role else {
            return;
        };
        if !reader.is_playing() {
            return;
        }
        let Some(gauge) = reader.pause(&mut connection.outbox) else {
            return;
        };
        self.viewers -= 1;
        self.pumping.remove(&index);
        if let Some(entry) = self.streams.get_mut(&reader.session.key) {
            entry.readers.remove(&index);
            if entry.readers.is_empty() {
                self.streams.remove(&reader.session.key);
            }
        }
        let viewers = lock(&reader.session.stream).leave(inbox::Desk::Rtsp, &gauge);
        let shown = gauge.snapshot(0);
        let fact = FactKind::ViewerClosed {
            tag: shown.tag,
            user: shown.user,
            way: shown.way,
            viewers,
            reason,
            sent_bytes: shown.sent_bytes,
            skipped: shown.skipped,
        };
        self.facts.push(&reader.session.session_id, fact);
    }

    /// Calls `work` for each reader of a session.
    fn for_readers(&mut self, key: u64, mut work: impl FnMut(&mut Desk, usize)) {
        let Some(entry) = self.streams.get(&key) else {
            return;
        };
        let indexes: Vec<usize> = entry.readers.iter().copied().collect();
        for index in indexes {
            work(self, index);
        }
    }

    pub(super) fn deliver_unit(&mut self, key: u64, unit: &Arc<Unit>) {
        let Some(entry) = self.streams.get_mut(&key) else {
            return;
        };
        entry.numbers.number(unit);
        for &index in &entry.readers {
            let Some(Some(Connection {
                role,
                outbox,
                ending: None,
                ..
            })) = self.connections.get_mut(index)
            else {
                continue;
            };
            if let Role::Reader(reader) = role {
                reader.offer(unit, outbox);
                let set = if reader.way().is_some_and(TrackWay::is_tcp) {
                    &mut self.dirty
                } else {
                    &mut self.pumping
                };
                set.insert(index);
            }
        }
    }

    /// A description cannot be sent twice: whoever has another one has to ask anew.
    pub(super) fn deliver_config(&mut self, key: u64, config: &Arc<StreamConfig>, now_us: u64) {
        self.for_readers(key, |desk, index| {
            let reader = desk.connection(index).and_then(Connection::reader);
            if reader.is_some_and(|reader| !reader.describe(config)) {
                desk.end(index, "stream changed", now_us);
            }
        });
    }

    pub(super) fn deliver_cut(&mut self, key: u64, cut: &Cut, now_us: u64) {
        self.for_readers(key, |desk, index| {
            let reader = desk.connection(index).and_then(Connection::reader);
            if reader.is_some_and(|reader| cut.hits(&reader.pass)) {
                desk.end(index, "revoked", now_us);
            }
        });
    }

    pub(super) fn end_all(&mut self, key: u64, reason: &'static str, now_us: u64) {
        self.for_readers(key, |desk, index| desk.end(index, reason, now_us));
    }

    /// Says goodbye on every track and closes the connection after it. Packets that wait are not sent any more.
    pub(super) fn end(&mut self, index: usize, reason: &'static str, now_us: u64) {
        let Some(Some(connection)) = self.connections.get_mut(index) else {
            return;
        };
        if connection.ending.is_some() {
            return;
        }
        if let Role::Reader(reader) = &mut connection.role {
            if let Some(entry) = self.streams.get(&reader.session.key) {
                connection.outbox.drop_packets();
                let goodbyes = reader.goodbyes(&entry.numbers, reason);
                self.send_control(index, goodbyes);
            }
        }
        self.leave(index, reason);
        self.leave_session(index, reason, now_us);
        if let Some(connection) = self.connection(index) {
            connection.end(reason, now_us);
        }
        self.dirty.insert(index);
    }

    pub(super) fn send_reports(&mut self, index: usize, now_us: u64) {
        let Some(Some(connection)) = self.connections.get_mut(index) else {
            return;
        };
        let Role::Reader(reader) = &mut connection.role else {
            return;
        };
        if let Some(entry) = self.streams.get(&reader.session.key) {
            let reports = reader.reports(&entry.numbers, now_us);
            self.send_control(index, reports);
        }
    }

    /// Brings what is shown of a reader up to date.
    pub(super) fn show(&mut self, index: usize) {
        if let Some(Connection {
            role: Role::Reader(reader),
            outbox,
            ..
        }) = self.connection(index)
        {
            reader.show(outbox);
        }
    }

    /// Sends RTCP: between the packets, or as datagrams.
    pub(super) fn send_control(&mut self, index: usize, packets: Vec<(TrackWay, Vec<u8>)>) {
        for (way, packet) in packets {
            match way {
                TrackWay::Udp { rtcp, .. } => {
                    if let Some(ports) = &self.udp {
                        ports.send_control(&packet, rtcp);
                    }
                }
                TrackWay::Tcp { rtcp, .. } => {
                    let Some(connection) = self.connection(index) else {
                        return;
                    };
                    let length = (packet.len() as u16).to_be_bytes();
                    let mut framed = vec![b'$', rtcp, length[0], length[1]];
                    framed.extend(packet);
                    connection.outbox.push_message(framed);
                    self.dirty.insert(index);
                }
            }
        }
    }

    /// Sends datagrams that wait; when to come again.
    pub(super) fn pump(&mut self, now_us: u64) -> Option<u64> {
        let mut next = None;
        for index in std::mem::take(&mut self.pumping) {
            let Some(ports) = &mut self.udp else { break };
            let Some(Some(connection)) = self.connections.get_mut(index) else {
                continue;
            };
            let Role::Reader(reader) = &mut connection.role else {
                continue;
            };
            if let Some(at_us) = reader.pump(ports, now_us) {
                self.pumping.insert(index);
                next = Some(next.map_or(at_us, |next: u64| next.min(at_us)));
            }
        }
        next
    }

    /// Datagrams from the ports of this peer belong to it, unless they are another's already.
    pub(super) fn watch_addresses(&mut self, index: usize) {
        let ways: Vec<TrackWay> = match self.connection(index).map(|open| &open.role) {
            Some(Role::Reader(reader)) => reader.ways().map(|(_, way)| way).collect(),
            Some(Role::Publisher(publisher)) => publisher.ways().map(|(_, way)| way).collect(),
            _ => return,
        };
        for address in ways.into_iter().flat_map(TrackWay::addresses) {
            self.by_address.entry(address).or_insert(index);
        }
    }

    pub(super) fn forget_addresses(&mut self, index: usize) {
        if !self.by_address.is_empty() {
            self.by_address.retain(|_, owner| *owner != index);
        }
    }
}

/// Track, sequence number and RTP time of its first packet.
pub(super) type Start = (usize, u16, u32);

fn starts(reader: &Reader, first: Option<&Arc<Unit>>, numbers: &StreamNumbers) -> Vec<Start> {
    let Some(first) = first else {
        return Vec::new();
    };
    let tracks = reader.ways().filter_map(|(track, _)| {
        let (sequence, timestamp) = reader.start_of(track, first, numbers)?;
        Some((track, sequence, timestamp))
    });
    tracks.collect()
}
