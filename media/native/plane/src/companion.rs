//! Sound that a device sends beside its picture: another SSRC, perhaps another port, the same receive port.
//!
//! The source lock lets one SSRC in. A device that sends sound in RTP of its own has two; the second one is taken
//! when it comes from the same host and its payload type says that it is sound.

use tongshi_wire::MediaEvent;
use tongshi_wire::ingest::{Ingest, Label};
use tongshi_wire::reorder::{Delivery, Reorder};
use tongshi_wire::rtp;

/// Payload types that are sound by the tables: G.711 and AAC.
const SOUND: u128 = 1 | 1 << 8 | 1 << 102;
/// Bits of a payload type.
const TYPE: u8 = 0x7F;

/// The second source of a session.
#[derive(Debug)]
pub(crate) struct Companion {
    /// Payload types that are sound.
    types: u128,
    ssrc: Option<u32>,
    reorder: Reorder,
    /// All packets of the locked source so far were sound.
    only_sound: bool,
    pub(crate) packets: u64,
}

impl Companion {
    pub(crate) fn new(reorder_packets: usize, reorder_us: u64, ordered: bool) -> Companion {
        Companion {
            types: SOUND,
            ssrc: None,
            reorder: Reorder::new(reorder_packets, reorder_us, ordered),
            only_sound: true,
            packets: 0,
        }
    }

    /// The session description names a payload type.
    pub(crate) fn name(&mut self, payload_type: u8, label: &Label) {
        let bit = 1 << (payload_type & TYPE);
        match label {
            Label::G711(_) | Label::Aac(_) => self.types |= bit,
            Label::Video(_) | Label::Unknown | Label::Refused(_) => self.types &= !bit,
        }
    }

    pub(crate) fn is_sound(&self, payload_type: u8) -> bool {
        self.types >> (payload_type & TYPE) & 1 == 1
    }

    /// A packet of the locked source.
    #[inline]
    pub(crate) fn note(&mut self, payload_type: u8) {
        if self.only_sound {
            self.only_sound = self.is_sound(payload_type);
        }
    }

    /// The locked source is sound alone: the picture may take its place.
    pub(crate) fn gives_way(&self, payload_type: u8) -> bool {
        self.only_sound && !self.is_sound(payload_type)
    }

    /// The picture has taken its place.
    pub(crate) fn step_aside(&mut self, ssrc: u32) {
        self.ssrc = Some(ssrc);
        self.only_sound = false;
    }

    /// Takes a packet of sound; a second companion replaces the first.
    pub(crate) fn receive(
        &mut self,
        packet: &[u8],
        now_us: u64,
        ingest: &mut Ingest,
        out: &mut Vec<MediaEvent>,
    ) {
        let Ok(parsed) = rtp::parse(packet) else {
            return;
        };
        self.ssrc = Some(parsed.ssrc);
        self.packets += 1;
        self.reorder.receive(parsed, now_us, |delivery| {
            if let Delivery::Packet(packet, arrival_us) = delivery {
                ingest.receive_sound(&packet, arrival_us, out);
            }
        });
    }

    /// Hands out what waited too long for a packet before it.
    pub(crate) fn handle_timer(
        &mut self,
        now_us: u64,
        ingest: &mut Ingest,
        out: &mut Vec<MediaEvent>,
    ) {
        if self.reorder.next_timer().is_some_and(|due| due <= now_us) {
            self.reorder.handle_timer(now_us, |delivery| {
                if let Delivery::Packet(packet, arrival_us) = delivery {
                    ingest.receive_sound(&packet, arrival_us, out);
                }
            });
        }
    }
}
