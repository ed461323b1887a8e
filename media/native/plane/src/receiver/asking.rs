//! What the owner of a session asks of its reception while it runs, and what its watchdog says.

use std::net::SocketAddr;

use tongshi_wire::ingest::Label;

use super::Receiver;
use crate::capture::CapturePort;
use crate::facts::FactKind;
use crate::feed::Reading;
use crate::session::Transport;
use crate::source_lock::Verdict;
use crate::watchdog::{Change, Seen};

/// One wish.
pub(crate) enum Ask {
    /// Pass damaged pictures on, marked, or drop them up to a key frame.
    PassDamaged(bool),
    /// The session description says what a payload type is, and gives parameter sets.
    Name(u8, Label, Vec<Vec<u8>>),
    /// Write down what arrives.
    Capture(Box<CapturePort>),
    /// No more.
    EndCapture(&'static str),
}

impl Receiver {
    pub(crate) fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::PassDamaged(pass) => {
                self.stats.passes_damaged = pass;
                if let Reading::Packets(ingest) = &mut self.reading {
                    ingest.pass_corrupt(pass);
                }
            }
            Ask::Name(payload_type, label, sets) => {
                self.companion.name(payload_type, &label);
                if let Reading::Packets(ingest) = &mut self.reading {
                    if let Label::Video(codec) = label {
                        ingest.offer_sets(codec, &sets);
                    }
                    ingest.name(payload_type, label);
                }
            }
            Ask::Capture(port) => {
                self.end_capture("another capture was started");
                self.capture = Some(port);
            }
            Ask::EndCapture(reason) => self.end_capture(reason),
        }
    }

    pub(crate) fn end_capture(&mut self, reason: &'static str) {
        if let Some(capture) = self.capture.take() {
            capture.end(reason);
        }
    }

    /// Bytes of a TCP connection, before they are cut into packets.
    #[inline]
    pub(crate) fn capture_bytes(&mut self, source: SocketAddr, bytes: &[u8]) {
        if let Some(capture) = &mut self.capture {
            capture.bytes(source, bytes);
        }
    }

    /// Judges again what the lock refuses: sound of the same device may have a source of its own, and where that
    /// came first, the picture takes its place.
    pub(super) fn judge_beside(
        &mut self,
        verdict: Verdict,
        source: SocketAddr,
        (payload_type, ssrc): (u8, u32),
        now_us: u64,
    ) -> Verdict {
        let is_refused = matches!(verdict, Verdict::WrongSsrc { .. } | Verdict::Stranger);
        let Some((locked, locked_ssrc)) = self.source_lock.locked() else {
            return verdict;
        };
        let same_device = locked.ip() == source.ip() && locked_ssrc != ssrc;
        if !is_refused || !same_device || !self.source_lock.is_alive(now_us) {
            return verdict;
        }
        if self.companion.is_sound(payload_type) {
            return Verdict::Beside;
        }
        if self.companion.gives_way(payload_type) {
            self.companion.step_aside(locked_ssrc);
            self.source_lock.take_over(source, ssrc, now_us);
            return Verdict::AcceptNew {
                relocked: true,
                wrong_ssrc: self
                    .source_lock
                    .expected()
                    .is_some_and(|expected| expected != ssrc),
            };
        }
        verdict
    }

    /// Takes a packet of sound that has a source of its own.
    pub(super) fn hear_beside(&mut self, packet: &[u8], now_us: u64) {
        if let Reading::Packets(ingest) = &mut self.reading {
            self.stats.packets += 1;
            self.stats.bytes += packet.len() as u64;
            self.companion
                .receive(packet, now_us, ingest, &mut self.events);
        }
    }

    /// Looks whether the stream moves; called several times a second.
    pub(super) fn watch(&mut self, now_us: u64) {
        if matches!(self.shared.transport, Transport::Recorded | Transport::Fed) {
            // What stands still there does so because its owner gives nothing.
            return;
        }
        let seen = self.seen();
        let Some(change) = self.watchdog.look(seen, now_us) else {
            return;
        };
        self.stats.stall = self.watchdog.stalled().map(crate::watchdog::Stall::name);
        self.report(match change {
            Change::Stalled { reason, lasted_us } => FactKind::Stalled {
                reason: reason.name(),
                lasted_us,
            },
            Change::Resumed { lasted_us } => FactKind::Resumed { lasted_us },
        });
    }

    fn seen(&self) -> Seen {
        let ingest = self.reading.stats();
        let stats = &self.stats;
        Seen {
            packets: stats.packets,
            packet_at_us: stats.packet_at_us,
            foreign: stats.wrong_ssrc + stats.stranger,
            audio_frames: ingest.audio_frames,
            dropped: ingest.dropped_damaged + ingest.dropped_before_keyframe,
            rtp_timestamp: ingest.rtp_timestamp,
            over_tcp: self.shared.transport == Transport::TcpPassive,
            connected: stats.connected,
            unsupported: stats.unsupported.is_some() && ingest.access_units == 0,
        }
    }
}
