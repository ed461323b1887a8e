//! What comes in: bytes of connections, and datagrams.

use std::io::{ErrorKind, Read};

use tongshi_wire::rtsp::{Item, Request, Response};

use super::connection::{Connection, Role};
use super::desk::Desk;
use crate::sys::epoll::Readiness;
use crate::sys::receive::{BATCH, ReceiveBatch};

/// One read of a connection.
pub(super) const READ_BYTES: usize = 256 << 10;
/// Reads before another connection has its turn.
const TURNS: usize = 8;

impl Desk {
    pub(super) fn serve(&mut self, index: usize, readiness: Readiness, now_us: u64) {
        if readiness.readable {
            self.read(index, now_us);
        }
        if readiness.writable {
            self.dirty.insert(index);
        }
    }

    fn read(&mut self, index: usize, now_us: u64) {
        for _ in 0..TURNS {
            let mut buffer = std::mem::take(&mut self.buffer);
            let outcome = match self.connection(index) {
                Some(connection) => connection.stream.read(&mut buffer),
                None => Err(ErrorKind::WouldBlock.into()),
            };
            let more = match outcome {
                Ok(0) => {
                    self.close(index, self.gone(index));
                    false
                }
                Ok(count) => {
                    self.hear(index, &buffer[..count], now_us);
                    count == buffer.len()
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => false,
                Err(error) if error.kind() == ErrorKind::Interrupted => true,
                Err(_) => {
                    self.close(index, "connection lost");
                    false
                }
            };
            self.buffer = buffer;
            if !more {
                return;
            }
        }
    }

    fn hear(&mut self, index: usize, bytes: &[u8], now_us: u64) {
        let Some(connection) = self.connection(index) else {
            return;
        };
        if connection.ending.is_some() {
            return;
        }
        let mut requests: Vec<Request> = Vec::new();
        let mut items = 0;
        let Connection { parser, role, .. } = connection;
        let outcome = parser.feed(bytes, &mut |item| {
            items += 1;
            match (item, &mut *role) {
                (Item::Request(request), _) => requests.push(request),
                (Item::Frame { channel, data }, Role::Publisher(publisher)) => {
                    publisher.receive_frame(channel, data, now_us);
                }
                // Frames of a reader are its reports: a sign of life. We ask for nothing that is answered.
                _ => {}
            }
        });
        if items > 0 {
            connection.heard_at_us = now_us;
            connection.half_since_us = None;
        }
        if connection.parser.held_bytes() > 0 {
            connection.half_since_us.get_or_insert(now_us);
        }
        self.hand_on(index, now_us);
        for request in requests {
            let waits = self
                .connection(index)
                .is_none_or(|connection| connection.waiting.is_some());
            // Who asks for more before the answer is there, asks for nothing that can be answered in order.
            if waits {
                break;
            }
            self.answer(index, request, now_us);
        }
        if outcome.is_err() {
            self.refuse_garbage(index, now_us);
        }
    }

    fn refuse_garbage(&mut self, index: usize, now_us: u64) {
        if let Some(connection) = self.connection(index) {
            connection
                .outbox
                .push_message(Response::new(400).serialize());
            connection.end("request not understood", now_us);
            self.dirty.insert(index);
        }
    }

    /// What comes to our ports: packets and reports of publishers, reports of readers, and whatever opens the way
    /// through a NAT.
    pub(super) fn receive_datagrams(
        &mut self,
        batch: &mut ReceiveBatch,
        is_rtcp: bool,
        now_us: u64,
    ) {
        let Some(ports) = &self.udp else { return };
        let socket = if is_rtcp { &ports.rtcp } else { &ports.rtp };
        let mut heard = Vec::new();
        for _ in 0..TURNS {
            let Ok(count) = batch.receive(socket) else {
                break;
            };
            for received in (0..count).filter_map(|index| batch.get(index)) {
                let index = self.by_address.get(&received.source).copied();
                let connection = index.and_then(|index| self.connections.get_mut(index));
                let (Some(index), Some(Some(connection))) = (index, connection) else {
                    continue;
                };
                connection.heard_at_us = now_us;
                if let Role::Publisher(publisher) = &mut connection.role {
                    for packet in received.data.chunks(received.segment_bytes) {
                        publisher.receive_datagram(received.source, is_rtcp, packet, now_us);
                    }
                    if heard.last() != Some(&index) {
                        heard.push(index);
                    }
                }
            }
            if count < BATCH {
                break;
            }
        }
        for index in heard {
            self.hand_on(index, now_us);
        }
    }
}
