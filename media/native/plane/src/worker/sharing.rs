//! A worker's part in the shared ports: its socket of the datagram port, and what other workers hand to it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;

use super::{Worker, WorkerBox};
use crate::facts::FactKind;
use crate::intake::Intake;
use crate::receiver::Scene;
use crate::rtcp;
use crate::shared::directory::{Answer, Claim, Way};
use crate::shared::intake::Share;
use crate::shared::routes::Route;
use crate::sys::epoll::{Interest, Poller};
use crate::sys::receive::BATCH;

/// Batches before the sockets of sessions have their turn: a shared socket carries what many would.
const TURNS: usize = 64;

impl WorkerBox {
    /// Something was handed over.
    pub(crate) fn wake(&self) {
        self.wake.signal();
    }
}

impl Share {
    pub(super) fn watch(&self, poller: &Poller, rtp: u64, rtcp: u64) -> io::Result<()> {
        let Some(sockets) = &self.sockets else {
            return Ok(());
        };
        poller.add(sockets.rtp.as_raw_fd(), rtp, Interest::Read)?;
        poller.add(sockets.rtcp.as_raw_fd(), rtcp, Interest::Read)
    }
}

impl Worker {
    /// Empties one of the two shared sockets.
    pub(super) fn read_shared(&mut self, is_rtcp: bool, now_us: u64, wall_us: i64) {
        // Out of the way while sessions take the packets; a panic of theirs is caught before it gets here.
        let Some(mut batch) = self.shared_batch.take() else {
            return;
        };
        self.renew_routes();
        for _ in 0..TURNS {
            let Some(sockets) = &self.share.sockets else {
                break;
            };
            let outcome = if is_rtcp {
                batch.receive(&*sockets.rtcp)
            } else {
                batch.receive(&sockets.rtp)
            };
            let Ok(count) = outcome else { break };
            for received in (0..count).filter_map(|index| batch.get(index)) {
                for packet in received.data.chunks(received.segment_bytes) {
                    self.take_packet(received.source, packet, is_rtcp, now_us);
                }
            }
            if count < BATCH {
                break;
            }
        }
        self.shared_batch = Some(batch);
        self.end_shared_round(now_us, wall_us);
    }

    /// Takes what other workers read for sessions of this one.
    pub(super) fn take_handed(&mut self, now_us: u64, wall_us: i64) {
        let mut parcel = std::mem::take(&mut self.share.parcel);
        if let Some(handover) = self.share.ports.handovers.get(self.share.worker) {
            handover.take(&mut parcel);
        }
        self.renew_routes();
        for (source, packet) in parcel.packets() {
            // What belongs elsewhere by now is not handed on once more: it could go round for ever.
            let ssrc = rtcp::ssrc_of(packet);
            if let Some(Route::Here { slot, key }) =
                ssrc.and_then(|ssrc| self.route(ssrc, source, packet, now_us))
            {
                self.give(slot, key, source, packet, false, now_us);
            }
        }
        self.share.parcel = parcel;
        self.end_shared_round(now_us, wall_us);
    }

    fn renew_routes(&mut self) {
        let generation = self.share.ports.directory.generation();
        self.share.routes.renew(generation);
    }

    #[inline]
    fn take_packet(&mut self, source: SocketAddr, packet: &[u8], is_rtcp: bool, now_us: u64) {
        let Some(ssrc) = rtcp::ssrc_of(packet) else {
            let counter = &self.share.ports.counters.malformed;
            counter.fetch_add(1, Ordering::Relaxed);
            return;
        };
        match self.route(ssrc, source, packet, now_us) {
            Some(Route::Here { slot, key }) => {
                self.give(slot, key, source, packet, is_rtcp, now_us)
            }
            Some(Route::Away(worker)) => {
                if let Some(handover) = self.share.ports.handovers.get(worker) {
                    handover.push(source, packet);
                    self.share.handed.mark(worker);
                }
            }
            None => {}
        }
    }

    #[inline]
    fn route(
        &mut self,
        ssrc: u32,
        source: SocketAddr,
        packet: &[u8],
        now_us: u64,
    ) -> Option<Route> {
        match self.share.routes.get(ssrc, source) {
            Some(route) => Some(route),
            None => self.ask(ssrc, source, packet, now_us),
        }
    }

    /// No way is known: the directory tells, and counts what belongs nowhere.
    #[cold]
    fn ask(&mut self, ssrc: u32, source: SocketAddr, packet: &[u8], now_us: u64) -> Option<Route> {
        let ports = &self.share.ports;
        if packet.get(1).is_some_and(|&kind| rtcp::is_rtcp(kind)) {
            let Some(claim) = ports.directory.known(ssrc, source, Way::Udp) else {
                ports.counters.stray_rtcp.fetch_add(1, Ordering::Relaxed);
                return None;
            };
            return self.way_to(claim);
        }
        match ports.directory.find(ssrc, source, Way::Udp, 1, now_us) {
            Answer::Known(claim) => {
                let route = self.way_to(claim)?;
                self.share.routes.remember(ssrc, route);
                Some(route)
            }
            Answer::PutUpWith(claim) => {
                let route = self.way_to(claim)?;
                self.share.routes.remember_odd(ssrc, source, route);
                if let Route::Here { slot, .. } = route {
                    self.with_slot(slot, |slot, _, _, _, _| {
                        slot.receiver.source_lock.put_up_with(ssrc)
                    });
                }
                Some(route)
            }
            Answer::Nobody { is_new } => {
                if is_new {
                    let way = "udp";
                    self.facts
                        .push("", FactKind::UnknownSsrc { ssrc, source, way });
                }
                None
            }
        }
    }

    fn way_to(&self, claim: Claim) -> Option<Route> {
        if claim.worker != self.share.worker {
            return Some(Route::Away(claim.worker));
        }
        // Not there yet, or not any more: its packets are nobody's for this moment.
        let slot = self.index_of(claim.key)?;
        Some(Route::Here {
            slot,
            key: claim.key,
        })
    }

    #[inline]
    fn give(
        &mut self,
        slot: usize,
        key: u64,
        source: SocketAddr,
        packet: &[u8],
        is_rtcp: bool,
        now_us: u64,
    ) {
        self.share.touched.mark(slot);
        self.with_slot(slot, |slot, _, _, _, _| {
            if slot.receiver.shared.key != key {
                return;
            }
            match &mut slot.intake {
                Intake::Shared(shared) if is_rtcp => {
                    shared.receive_rtcp(source, packet, &mut slot.receiver, now_us);
                }
                _ => slot.receiver.receive(source, packet, now_us),
            }
        });
    }

    /// Hands the pictures on, and wakes whom something was handed to.
    fn end_shared_round(&mut self, now_us: u64, wall_us: i64) {
        while let Some(index) = self.share.touched.pop() {
            self.with_slot(index, |slot, _, _, _, deliveries| {
                slot.receiver.settle(&mut Scene {
                    now_us,
                    wall_us,
                    deliveries,
                });
            });
        }
        while let Some(worker) = self.share.handed.pop() {
            if let Some(mailbox) = self.share.ports.mailbox(worker) {
                mailbox.wake();
            }
        }
    }
}
