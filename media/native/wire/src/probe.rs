//! What an RTP payload really is, whatever its payload type says.
//!
//! Source: protocol notes 7.5, table of payload type tricks (Q94, Q95).

use crate::media::{Unsupported, VideoCodec};
use crate::nal::{self, h264};
use crate::ps::FIRST_SYSTEM_CODE;
use crate::rtp_h264::{FU_A, STAP_A};
use crate::rtp_h265::{AGGREGATION, FRAGMENTATION};
use crate::ts;

/// Packets that must all fit an elementary stream before it is believed without a parameter set.
const ENOUGH_PACKETS: u32 = 24;
/// Packets of a transport stream that lie at their distance in one payload.
const TS_PACKETS: usize = 2;
/// The same, where the payload does not begin with one, or ends inside one: chance must not do it.
const TS_PACKETS_CUT: usize = 5;
/// Payloads of a single packet in a row that are believed.
const TS_SINGLE: u32 = 4;

/// What the SDP said about the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadHint {
    /// Nothing that can be trusted: look at the bytes.
    #[default]
    Probe,
    /// The rtpmap names H264.
    H264,
    /// The rtpmap names H265.
    H265,
}

/// What the bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ps,
    /// An Annex B byte stream, cut anywhere.
    AnnexB,
    H264,
    H265,
    /// An MPEG transport stream.
    Ts,
    Refused(Unsupported),
    Unsure,
}

/// Looks at payloads until they can only be one thing.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    packets: u32,
    unfit_h264: bool,
    unfit_h265: bool,
    fragments: u32,
    /// Payloads in a row that look like one packet of a transport stream.
    single_ts: u32,
}

impl Probe {
    /// Whether the payloads so far cannot be RTP of an elementary stream.
    pub(crate) const fn is_no_elementary_stream(&self) -> bool {
        self.unfit_h264 && self.unfit_h265
    }

    /// Looks at the next payload.
    pub(crate) fn look(&mut self, payload: &[u8]) -> Verdict {
        let plain = look_at_start(payload);
        if plain != Verdict::Unsure {
            return plain;
        }
        if payload.len() < 3 {
            return Verdict::Unsure;
        }
        if holds_program_stream(payload) {
            return Verdict::Ps;
        }
        if ts::find_packets(payload, TS_PACKETS_CUT).is_some() {
            return Verdict::Ts;
        }
        if is_single_ts(payload) {
            self.single_ts += 1;
            return match self.single_ts {
                TS_SINGLE.. => Verdict::Ts,
                _ => Verdict::Unsure,
            };
        }
        self.single_ts = 0;
        if is_h265_set(payload) {
            return Verdict::H265;
        }
        if is_h264_set(payload) {
            return Verdict::H264;
        }
        self.packets += 1;
        self.unfit_h264 |= !fits_h264(payload);
        self.unfit_h265 |= !fits_h265(payload);
        self.fragments += u32::from(is_first_fragment(payload));
        let enough = self.packets >= ENOUGH_PACKETS && self.fragments > 0;
        match (enough, self.unfit_h264, self.unfit_h265) {
            (true, _, false) => Verdict::H265,
            (true, false, true) => Verdict::H264,
            _ => Verdict::Unsure,
        }
    }
}

/// What can be told from the first bytes of one payload.
pub(crate) fn look_at_start(payload: &[u8]) -> Verdict {
    match payload {
        &[0, 0, 1, code, ..] if code >= FIRST_SYSTEM_CODE => Verdict::Ps,
        [0, 0, 1, _, ..] | [0, 0, 0, 1, ..] => Verdict::AnnexB,
        [b'I', b'M', b'K', b'H', ..] => Verdict::Refused(Unsupported::Hikvision),
        [b'D', b'H', b'A', b'V', ..] => Verdict::Refused(Unsupported::Dahua),
        _ if is_transport_stream(payload) => Verdict::Ts,
        _ => Verdict::Unsure,
    }
}

/// Whether a payload begins with a pack header, or the head of a PES packet, of a program stream: not by
/// chance, as sound may.
pub(crate) fn is_program_stream(payload: &[u8]) -> bool {
    match *payload {
        [0, 0, 1, 0xBA, first, ..] => first >> 6 == 1 || first >> 4 == 2,
        [0, 0, 1, 0xBD | 0xC0..=0xEF, _, _, flags, ..] => flags >> 6 == 2,
        _ => false,
    }
}

/// Whether a pack or a map of a program stream begins inside a payload: packs are cut anywhere. No elementary stream
/// holds such start codes, and no transport stream.
fn holds_program_stream(payload: &[u8]) -> bool {
    payload.windows(7).any(|head| match *head {
        [0, 0, 1, 0xBA, first, ..] => first >> 6 == 1,
        // The version byte has two reserved bits that are set (13818-1 section 2.5.4.2).
        [0, 0, 1, 0xBC, 0..=3, _, version] => version & 0x60 == 0x60,
        _ => false,
    })
}

fn is_transport_stream(payload: &[u8]) -> bool {
    payload.len() % ts::PACKET_BYTES == 0 && ts::find_packets(payload, TS_PACKETS) == Some(0)
}

fn is_single_ts(payload: &[u8]) -> bool {
    ts::parse_packet(payload).is_ok_and(|packet| !packet.is_damaged)
}

/// Whether a payload is a parameter set of either codec, alone or at the start of an aggregation.
pub(crate) fn is_parameter_set(payload: &[u8]) -> bool {
    payload.len() >= 3 && (is_h265_set(payload) || is_h264_set(payload))
}

fn is_h264_set(payload: &[u8]) -> bool {
    let set = match payload[0] & 0x9F {
        STAP_A => payload.get(3..).unwrap_or(&[]),
        _ => payload,
    };
    nal::codec_evidence(set) == Some(VideoCodec::H264) && h264::parse_sps(set).is_ok()
}

fn is_h265_set(payload: &[u8]) -> bool {
    let set = match payload[0] >> 1 {
        AGGREGATION => payload.get(4..).unwrap_or(&[]),
        _ => payload,
    };
    match set {
        [0x42, 0x01, ..] => nal::h265::parse_sps(set).is_ok(),
        // The VPS: reserved bits of its head are all set (H.265 7.3.2.1).
        [0x40, 0x01, _, _, 0xFF, 0xFF, ..] => true,
        _ => false,
    }
}

fn fits_h264(payload: &[u8]) -> bool {
    match payload[0] & 0x9F {
        1..=23 => true,
        STAP_A => crate::rtp_h264::for_each_aggregated(payload, 1, |_| {}).is_ok(),
        FU_A => {
            // A unit in one fragment, its first and its last, is against RFC 6184 section 5.8, and sent.
            let header = payload[1];
            matches!(header & 0x1F, 1..=23) && header & 0x20 == 0
        }
        _ => false,
    }
}

fn fits_h265(payload: &[u8]) -> bool {
    let (first, second) = (payload[0], payload[1]);
    if first & 0x81 != 0 || second >> 3 != 0 || second & 7 == 0 {
        return false;
    }
    match first >> 1 {
        0..=9 | 16..=21 | 32..=40 => true,
        AGGREGATION => crate::rtp_h264::for_each_aggregated(payload, 2, |_| {}).is_ok(),
        FRAGMENTATION => matches!(payload[2] & 0x3F, 0..=9 | 16..=21 | 32..=40),
        _ => false,
    }
}

fn is_first_fragment(payload: &[u8]) -> bool {
    let h264 = payload[0] & 0x9F == FU_A && payload[1] & 0x80 != 0;
    let h265 = payload[0] >> 1 == FRAGMENTATION && payload[2] & 0x80 != 0;
    h264 || h265
}
