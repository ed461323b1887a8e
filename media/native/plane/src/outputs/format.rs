//! What a viewer is sent: a format of the stream, over a carrier.

use std::sync::Arc;

use crate::outputs::websocket::{self, Opcode};
use crate::unit::{StreamConfig, Unit};

/// The bytes of the stream. Each form is built once for each description and unit, and shared by all viewers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Fragmented MP4.
    Fmp4,
    /// Flash Video.
    Flv,
    /// Messages of RTMP in their chunks.
    Rtmp,
}

/// How the bytes are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// One binary message for each piece.
    WebSocket,
    /// One answer without an end, in chunks.
    Http,
    /// A connection that is RTMP from the start.
    Rtmp,
}

/// A format over a carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) carrier: Carrier,
    pub(crate) format: Format,
}

impl Way {
    /// The name in `OUTPUTS`, facts and statistics.
    pub(crate) fn name(self) -> &'static str {
        match (self.format, self.carrier) {
            (Format::Fmp4, Carrier::WebSocket) => "fmp4_ws",
            (Format::Fmp4, Carrier::Http) => "fmp4_http",
            (Format::Flv, Carrier::WebSocket) => "flv_ws",
            (Format::Flv, Carrier::Http) => "flv_http",
            (Format::Rtmp, _) | (_, Carrier::Rtmp) => "rtmp",
        }
    }

    /// Text messages tell what happens; FLV players know binary ones alone.
    pub(crate) fn has_texts(self) -> bool {
        self.carrier == Carrier::WebSocket && self.format == Format::Fmp4
    }

    /// A second description may follow in the same answer.
    pub(crate) fn can_change(self) -> bool {
        self.carrier == Carrier::WebSocket || matches!(self.format, Format::Flv | Format::Rtmp)
    }
}

/// One piece of what a viewer is sent.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// The description at the start.
    Start(Format, Arc<StreamConfig>),
    /// A later one.
    Change(Format, Arc<StreamConfig>),
    /// A picture with its sound.
    Unit(Format, Arc<Unit>),
    /// The same in a form for one receiver alone.
    Made(Box<[u8]>),
    /// Words of the carrier itself.
    Owned(Box<[u8]>),
    Static(&'static [u8]),
}

impl Body {
    /// Its bytes, in pieces.
    pub(crate) fn parts(&self) -> [&[u8]; 3] {
        let whole = match self {
            Body::Unit(Format::Fmp4, unit) => return unit.fragment(),
            Body::Unit(Format::Flv, unit) => return unit.flv_tags(),
            Body::Unit(Format::Rtmp, unit) => unit.rtmp_messages(),
            Body::Start(Format::Fmp4, config) | Body::Change(Format::Fmp4, config) => &config.init,
            Body::Start(Format::Flv, config) => config.flv_header(),
            Body::Change(Format::Flv, config) => config.flv_change(),
            Body::Start(Format::Rtmp, config) | Body::Change(Format::Rtmp, config) => {
                config.rtmp_messages()
            }
            Body::Made(bytes) | Body::Owned(bytes) => bytes,
            Body::Static(bytes) => bytes,
        };
        [whole, &[], &[]]
    }

    /// How many they are.
    pub(crate) fn length(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }

    pub(crate) fn is_unit(&self) -> bool {
        matches!(self, Body::Unit(..) | Body::Made(_))
    }
}

/// The bytes of the carrier before a piece, without a place of their own in memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Head {
    bytes: [u8; Head::MAX],
    length: u8,
}

impl Head {
    /// Sixteen hexadecimal digits and a line end; the head of a WebSocket frame is shorter.
    const MAX: usize = 18;

    pub(crate) fn of(carrier: Carrier, length: usize) -> Head {
        match carrier {
            Carrier::WebSocket => {
                let (bytes, count) = websocket::frame_head(Opcode::Binary, length);
                let mut head = Head::default();
                head.bytes[..count].copy_from_slice(&bytes[..count]);
                head.length = count as u8;
                head
            }
            Carrier::Http => Head::of_chunk(length),
            Carrier::Rtmp => Head::default(),
        }
    }

    /// RFC 9112 section 7.1.
    fn of_chunk(length: usize) -> Head {
        let mut head = Head::default();
        let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
        for (place, byte) in (0..digits).rev().zip(&mut head.bytes) {
            *byte = b"0123456789abcdef"[length >> (4 * place) & 15];
        }
        let count = digits as usize;
        head.bytes[count..count + 2].copy_from_slice(b"\r\n");
        head.length = digits as u8 + 2;
        head
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_heads_are_hexadecimal_lines() {
        for (length, head) in [
            (1, "1\r\n"),
            (15, "f\r\n"),
            (16, "10\r\n"),
            (0xABCDE, "abcde\r\n"),
            (usize::MAX, "ffffffffffffffff\r\n"),
        ] {
            assert_eq!(Head::of(Carrier::Http, length).bytes(), head.as_bytes());
        }
        assert_eq!(
            Head::of(Carrier::WebSocket, 126).bytes(),
            [0x82, 126, 0, 126]
        );
    }
}
