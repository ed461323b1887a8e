//! The thread of one capture.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::payload::{self, Payload};
use super::pcap::{self, SEGMENT_BYTES};
use super::{CaptureRequest, Item, Shared};
use crate::facts::{FactKind, FactQueue};
use crate::guard::{self, caught};

/// Packets kept until it is clear what they carry.
const MAX_UNKNOWN: usize = 256;

pub(super) struct Writer {
    request: CaptureRequest,
    session_id: String,
    local: SocketAddr,
    shared: Arc<Shared>,
    facts: Arc<FactQueue>,
    pcap: File,
    payload: Option<(Payload, File)>,
    unknown: Vec<Vec<u8>>,
    files: Vec<PathBuf>,
    /// Bytes of the connection so far.
    sequence: u32,
    packets: u64,
    size_bytes: u64,
    buffer: Vec<u8>,
}

impl Writer {
    pub(super) fn create(
        request: CaptureRequest,
        session_id: &str,
        local: SocketAddr,
        shared: Arc<Shared>,
        facts: Arc<FactQueue>,
    ) -> io::Result<Writer> {
        let path = request
            .directory
            .join(format!("{}.pcap", request.capture_id));
        let mut pcap = create_new(&path)?;
        let head = pcap::file_head();
        if let Err(error) = pcap.write_all(&head) {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(Writer {
            request,
            session_id: session_id.to_owned(),
            local,
            shared,
            facts,
            pcap,
            payload: None,
            unknown: Vec::new(),
            files: vec![path],
            sequence: 1,
            packets: 0,
            size_bytes: head.len() as u64,
            buffer: Vec::new(),
        })
    }

    /// Writes until it is told to end, the other end is gone, a bound is reached, or the disk refuses.
    pub(super) fn run(mut self, from: &Receiver<Item>) {
        let reason = caught(|| self.write(from)).unwrap_or_else(internal_error);
        self.shared.is_over.store(true, Ordering::Relaxed);
        let reason = match caught(|| self.write_rest()) {
            Ok(()) => reason,
            Err(message) => internal_error(message),
        };
        self.tell(reason);
    }

    /// Why it has ended.
    fn write(&mut self, from: &Receiver<Item>) -> String {
        loop {
            let Ok(item) = from.recv() else {
                return "session closed".to_owned();
            };
            if let Item::End(reason) = item {
                return reason.to_owned();
            }
            match self.take(item) {
                Ok(true) => {}
                Ok(false) => return "size limit".to_owned(),
                Err(error) => return error.to_string(),
            }
        }
    }

    /// False when there is no more room.
    fn take(&mut self, item: Item) -> io::Result<bool> {
        match item {
            Item::Datagram(source, at_us, bytes) => {
                self.release(bytes.len());
                self.packets += 1;
                let record = pcap::datagram(at_us, source, self.local, &bytes);
                self.write_pcap(&record)
            }
            Item::Bytes(source, at_us, bytes) => {
                self.release(bytes.len());
                for piece in bytes.chunks(SEGMENT_BYTES) {
                    self.packets += 1;
                    let record = pcap::segment(at_us, source, self.local, self.sequence, piece);
                    self.sequence = self.sequence.wrapping_add(piece.len() as u32);
                    if !self.write_pcap(&record)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Item::Packet(format, packet) => {
                self.release(packet.len());
                self.take_packet(format, packet)
            }
            #[cfg(test)]
            Item::Panic => panic!("asked for by a test"),
            Item::End(_) => Ok(true),
        }
    }

    fn release(&self, bytes: usize) {
        self.shared
            .waiting_bytes
            .fetch_sub(bytes, Ordering::Relaxed);
    }

    fn take_packet(&mut self, format: &'static str, packet: Vec<u8>) -> io::Result<bool> {
        if self.payload.is_none() && format.is_empty() && self.unknown.len() < MAX_UNKNOWN {
            self.unknown.push(packet);
            return Ok(true);
        }
        let unknown = std::mem::take(&mut self.unknown);
        for packet in unknown.iter().chain([&packet]) {
            if !self.write_payload(format, packet)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn write_payload(&mut self, format: &str, packet: &[u8]) -> io::Result<bool> {
        if self.payload.is_none() {
            let name = format!("{}.{}", self.request.capture_id, payload::extension(format));
            let path = self.request.directory.join(name);
            let file = create_new(&path)?;
            self.files.push(path);
            self.payload = Some((Payload::new(format), file));
        }
        let Some((payload, file)) = &mut self.payload else {
            return Ok(true);
        };
        self.buffer.clear();
        payload.receive(packet, &mut self.buffer);
        let bytes = self.buffer.len() as u64;
        if self.size_bytes + bytes > self.request.max_bytes {
            return Ok(false);
        }
        file.write_all(&self.buffer)?;
        self.size_bytes += bytes;
        Ok(true)
    }

    fn write_pcap(&mut self, record: &[u8]) -> io::Result<bool> {
        let bytes = record.len() as u64;
        if self.size_bytes + bytes > self.request.max_bytes {
            return Ok(false);
        }
        self.pcap.write_all(record)?;
        self.size_bytes += bytes;
        Ok(true)
    }

    fn write_rest(&mut self) {
        if let Some((payload, file)) = &mut self.payload {
            self.buffer.clear();
            payload.flush(&mut self.buffer);
            if self.size_bytes + self.buffer.len() as u64 <= self.request.max_bytes
                && file.write_all(&self.buffer).is_ok()
            {
                self.size_bytes += self.buffer.len() as u64;
            }
        }
    }

    fn tell(self, reason: String) {
        let files = self
            .files
            .iter()
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        self.facts.push(
            &self.session_id,
            FactKind::CaptureEnded {
                capture_id: self.request.capture_id,
                reason,
                packets: self.packets,
                size_bytes: self.size_bytes,
                dropped: self.shared.dropped.load(Ordering::Relaxed),
                files,
            },
        );
    }
}

fn internal_error(message: String) -> String {
    format!("{}: {message}", guard::REASON)
}

fn create_new(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}
