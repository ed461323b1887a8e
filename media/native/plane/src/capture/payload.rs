//! The payload of the packets, in order, as a file that players read.

use tongshi_wire::reorder::{Delivery, Reorder};
use tongshi_wire::rtp;
use tongshi_wire::rtp_h264::{H264Depacketizer, NalSink};
use tongshi_wire::rtp_h265::H265Depacketizer;

/// Packets over which a late one is waited for.
const WINDOW: usize = 64;
/// A capture waits by packets, not by time.
const PATIENCE_US: u64 = u64::MAX / 4;

enum Form {
    /// A container, or a byte stream: payloads one after the other.
    Plain,
    H264(H264Depacketizer),
    H265(H265Depacketizer),
}

/// Turns packets into the bytes of the file.
pub(super) struct Payload {
    reorder: Reorder,
    form: Form,
    /// The payload type of the first packet: others carry something else.
    payload_type: Option<u8>,
}

/// What kind of file fits a format: its extension.
pub(super) fn extension(format: &str) -> &'static str {
    match format {
        "ts" => "ts",
        "h264" | "h265" | "annexb" => "es",
        _ => "ps",
    }
}

struct Bytes<'a>(&'a mut Vec<u8>);

impl NalSink for Bytes<'_> {
    fn begin_nal(&mut self, parts: [&[u8]; 2]) {
        self.0.extend_from_slice(&[0, 0, 0, 1]);
        self.0.extend_from_slice(parts[0]);
        self.0.extend_from_slice(parts[1]);
    }

    fn continue_nal(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }
}

impl Payload {
    pub(super) fn new(format: &str) -> Payload {
        Payload {
            reorder: Reorder::new(WINDOW, PATIENCE_US, false),
            form: match format {
                "h264" => Form::H264(H264Depacketizer::default()),
                "h265" => Form::H265(H265Depacketizer::default()),
                _ => Form::Plain,
            },
            payload_type: None,
        }
    }

    /// Takes one packet; appends what is now in order.
    pub(super) fn receive(&mut self, packet: &[u8], out: &mut Vec<u8>) {
        let Ok(parsed) = rtp::parse(packet) else {
            return;
        };
        if *self.payload_type.get_or_insert(parsed.payload_type) != parsed.payload_type {
            return;
        }
        let form = &mut self.form;
        self.reorder
            .receive(parsed, 0, |delivery| write(form, &delivery, out));
    }

    /// What still waits.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) {
        let form = &mut self.form;
        self.reorder.flush(|delivery| write(form, &delivery, out));
    }
}

fn write(form: &mut Form, delivery: &Delivery<'_>, out: &mut Vec<u8>) {
    let Delivery::Packet(packet, _) = delivery else {
        match form {
            Form::Plain => {}
            Form::H264(reader) => reader.lost(),
            Form::H265(reader) => reader.lost(),
        }
        return;
    };
    // What is not understood is left out, as in the reception.
    let _ = match form {
        Form::Plain => {
            out.extend_from_slice(packet.payload);
            Ok(())
        }
        Form::H264(reader) => reader.push(packet.payload, &mut Bytes(out)),
        Form::H265(reader) => reader.push(packet.payload, &mut Bytes(out)),
    };
}
