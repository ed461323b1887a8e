//! Plain audio in RTP: which payload types carry it, whatever they are called.

use super::labels::Label;
use crate::aac;
use crate::media::{AudioCodec, Unsupported};
use crate::probe::{Verdict, is_parameter_set, look_at_start};
use crate::rtp::RtpPacket;
use crate::rtp_aac::{self, AacFormat};

/// Payload types watched beside each other.
const MAX_TYPES: usize = 8;
/// Packets of G.711 whose timestamps step by their lengths before it is believed.
const ENOUGH_G711: u8 = 8;
/// Packets that are exactly what RFC 3640 or ADTS says.
const ENOUGH_AAC: u8 = 3;
/// Packets that are none of this before the payload type is left alone.
const ENOUGH_OTHER: u8 = 16;
/// Sizes of a packet of G.711: 10 to 200 ms.
const G711_BYTES: std::ops::RangeInclusive<usize> = 80..=1_600;
/// Longest packet that holds parameter sets and nothing else. Shorter than 20 ms of G.711.
const MAX_SETS_BYTES: usize = 128;
/// G.722 has the sizes and timestamps of G.711.
const G722: u8 = 9;

/// Where a payload goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// To the reader of the picture and of what is multiplexed with it.
    Main,
    G711(AudioCodec),
    Aac(AacFormat),
    Refused(Unsupported),
}

/// What is known of one payload type.
#[derive(Debug, Clone, Default)]
struct Watched {
    payload_type: u8,
    /// It carries the picture, although its label says audio.
    is_main: bool,
    settled: bool,
    found: Option<Route>,
    g711: u8,
    aac: u8,
    other: u8,
    last: Option<(u32, u32)>,
    law: LawCount,
}

/// Quiet sound lies near one value in A-law and near another one in µ-law.
#[derive(Debug, Clone, Copy, Default)]
struct LawCount {
    a: u32,
    mu: u32,
}

impl LawCount {
    fn look(&mut self, payload: &[u8]) {
        for &byte in payload {
            self.a += u32::from((byte ^ 0x55) & 0x7F < 0x20);
            self.mu += u32::from(!byte & 0x7F < 0x20);
        }
    }

    const fn codec(self) -> AudioCodec {
        if self.mu > self.a {
            AudioCodec::G711U
        } else {
            AudioCodec::G711A
        }
    }
}

/// The payload types of one reception.
#[derive(Debug, Clone, Default)]
pub(super) struct Sounds {
    types: Vec<Watched>,
}

impl Sounds {
    /// The source began anew: what was found holds no more.
    pub(super) fn clear(&mut self) {
        self.types.retain(|watched| watched.is_main);
    }

    /// A payload type carries the picture, whatever it is called.
    pub(super) fn mark_main(&mut self, payload_type: u8) {
        if let Some(watched) = self.watched(payload_type) {
            watched.is_main = true;
            watched.settled = true;
        }
    }

    /// Where this packet goes. A payload that begins as a program stream does not come here.
    pub(super) fn route(&mut self, packet: &RtpPacket<'_>, label: &Label) -> Route {
        let Some(watched) = self.watched(packet.payload_type) else {
            return by_label(label);
        };
        if !watched.settled {
            watched.look(packet, label);
        }
        match (&watched.found, label) {
            _ if watched.is_main => Route::Main,
            // The sender knows its law better than a count does.
            (Some(Route::G711(_)), Label::G711(codec)) => Route::G711(*codec),
            (Some(Route::Aac(_)), Label::Aac(format)) => Route::Aac(format.clone()),
            (Some(found), _) => found.clone(),
            (None, label) => by_label(label),
        }
    }

    fn watched(&mut self, payload_type: u8) -> Option<&mut Watched> {
        let known = self
            .types
            .iter()
            .position(|watched| watched.payload_type == payload_type);
        if known.is_none() && self.types.len() < MAX_TYPES {
            self.types.push(Watched {
                payload_type,
                ..Watched::default()
            });
            return self.types.last_mut();
        }
        self.types.get_mut(known?)
    }
}

/// Labels of pictures that are not carried go to the reader: it may find that they are wrong.
fn by_label(label: &Label) -> Route {
    match label {
        Label::G711(codec) => Route::G711(*codec),
        Label::Aac(format) => Route::Aac(format.clone()),
        Label::Refused(what) if !what.is_video() => Route::Refused(*what),
        Label::Unknown | Label::Video(_) | Label::Refused(_) => Route::Main,
    }
}

impl Watched {
    fn look(&mut self, packet: &RtpPacket<'_>, label: &Label) {
        let payload = packet.payload;
        if shows_video(payload) {
            self.is_main = by_label(label) != Route::Main;
            self.settled = true;
            return;
        }
        let format = match label {
            Label::Aac(format) => format.clone(),
            _ => AacFormat::HBR,
        };
        let before = self.last.replace((packet.timestamp, payload.len() as u32));
        let steps = before
            .is_some_and(|(timestamp, length)| packet.timestamp.wrapping_sub(timestamp) == length);
        if aac::is_whole_adts(payload) || rtp_aac::is_whole(payload, &format) {
            self.aac += 1;
        } else if G711_BYTES.contains(&payload.len()) && (steps || before.is_none()) {
            self.aac = 0;
            self.g711 += u8::from(steps);
            self.law.look(payload);
        } else {
            (self.aac, self.g711) = (0, 0);
            self.other += 1;
        }
        if self.aac >= ENOUGH_AAC {
            self.settle(Route::Aac(format));
        } else if self.g711 >= ENOUGH_G711 && self.payload_type != G722 {
            self.settle(Route::G711(self.law.codec()));
        } else if self.other >= ENOUGH_OTHER {
            self.settled = true;
        }
    }

    fn settle(&mut self, found: Route) {
        self.found = Some(found);
        self.settled = true;
    }
}

/// Whether a payload can only be that of pictures, or of a container.
fn shows_video(payload: &[u8]) -> bool {
    match look_at_start(payload) {
        Verdict::Ps | Verdict::Ts => true,
        // Loud G.711 may hold such bytes; a parameter set behind them it does not.
        Verdict::AnnexB => {
            let body = payload.iter().position(|&byte| byte != 0);
            body.and_then(|at| payload.get(at + 1..))
                .is_some_and(is_parameter_set)
        }
        _ => payload.len() <= MAX_SETS_BYTES && is_parameter_set(payload),
    }
}
