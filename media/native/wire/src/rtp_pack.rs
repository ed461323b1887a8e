//! Pictures and sound to RTP packets, built once for all readers of a stream.
//!
//! The packets of one picture are a list of heads (`$` framing of RFC 2326 section 10.12, RTP header, header of
//! the payload format) and of places in the picture's own bytes: nothing of a picture is copied. Over UDP the first
//! [`FRAMING_BYTES`] of each head are left out.
//!
//! Source: RFC 6184 (H.264, mode 1), RFC 7798 (H.265, no DONL), RFC 3551 (G.711), RFC 3640 (AAC-hbr).

mod sound;
mod video;

use crate::media::{AudioCodec, VideoCodec, VideoConfig};
use crate::rtp::HEADER_BYTES;

/// Largest RTP payload: with all headers it fits an Ethernet frame, also through a tunnel or two.
pub const MAX_PAYLOAD_BYTES: usize = 1_400;
/// `$`, channel, length in two bytes.
pub const FRAMING_BYTES: usize = 4;

/// Payload type that our descriptions give to video.
pub const VIDEO_PAYLOAD_TYPE: u8 = 96;
/// Payload type that our descriptions give to AAC.
pub const AAC_PAYLOAD_TYPE: u8 = 97;

/// The payload type that our descriptions give to a sound track.
#[must_use]
pub const fn audio_payload_type(codec: AudioCodec) -> u8 {
    match codec {
        AudioCodec::G711U => 0,
        AudioCodec::G711A => 8,
        AudioCodec::Aac => AAC_PAYLOAD_TYPE,
    }
}

/// What the headers of one track's packets say, and the next number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbering {
    /// Interleaved channel in the framing.
    pub channel: u8,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Sequence number of the next packet.
    pub sequence: u16,
}

/// A picture to be packed.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// The codec.
    pub codec: VideoCodec,
    /// Length-prefixed NAL units, as in [`crate::AccessUnit::nals`].
    pub nals: &'a [u8],
    /// RTP timestamp, 90 kHz.
    pub timestamp: u32,
    /// Parameter sets to be sent before it, for a key frame.
    pub sets: Option<&'a VideoConfig>,
}

/// One packet: its head ends here in [`Packets::heads`], and its body is there in the picture.
#[derive(Debug, Clone, Copy)]
struct Place {
    head_end: u32,
    body_start: u32,
    body_end: u32,
}

/// Packets of one track, in order.
#[derive(Debug, Default)]
pub struct Packets {
    heads: Vec<u8>,
    places: Vec<Place>,
    first_sequence: u16,
}

impl Packets {
    /// The packets of a picture. Give `picture.nals` again to [`Packets::iter`].
    #[must_use]
    pub fn of_picture(picture: &Picture<'_>, numbering: &mut Numbering) -> Self {
        let mut writer = Writer::new(numbering, picture.timestamp);
        video::write(picture, &mut writer);
        writer.packets
    }

    /// The packets of some pieces of sound: G.711 bytes or AAC access units, each with its RTP timestamp. They are
    /// copied: [`Packets::iter`] needs no bytes.
    #[must_use]
    pub fn of_sound<'a>(
        codec: AudioCodec,
        pieces: impl Iterator<Item = (u32, &'a [u8])>,
        numbering: &mut Numbering,
    ) -> Self {
        let mut writer = Writer::new(numbering, 0);
        for (timestamp, data) in pieces {
            writer.timestamp = timestamp;
            sound::write(codec, data, &mut writer);
        }
        writer.packets
    }

    /// No packets, where the track has nothing to say.
    #[must_use]
    pub fn none(numbering: &Numbering) -> Self {
        Self {
            first_sequence: numbering.sequence,
            ..Self::default()
        }
    }

    /// How many packets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Sequence number of the first packet.
    #[must_use]
    pub const fn first_sequence(&self) -> u16 {
        self.first_sequence
    }

    /// The number after the last packet.
    #[must_use]
    pub fn next_sequence(&self) -> u16 {
        self.first_sequence.wrapping_add(self.places.len() as u16)
    }

    /// Bytes of all packets with their framing.
    #[must_use]
    pub fn framed_bytes(&self) -> usize {
        let bodies = self.places.iter();
        self.heads.len()
            + bodies
                .map(|place| (place.body_end - place.body_start) as usize)
                .sum::<usize>()
    }

    /// Bytes of payload, as sender reports count them.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.framed_bytes() - self.places.len() * (FRAMING_BYTES + HEADER_BYTES)
    }

    /// Head (with framing) and body of each packet. `picture`: the NAL units that were packed.
    pub fn iter<'a>(&'a self, picture: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut start = 0;
        self.places.iter().map(move |place| {
            let head = self.heads.get(start..place.head_end as usize);
            start = place.head_end as usize;
            let body = picture.get(place.body_start as usize..place.body_end as usize);
            (head.unwrap_or(&[]), body.unwrap_or(&[]))
        })
    }

    /// All packets in one piece, framed for another channel.
    #[must_use]
    pub fn framed_for(&self, channel: u8, picture: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.framed_bytes());
        for (head, body) in self.iter(picture) {
            let start = bytes.len();
            bytes.extend_from_slice(head);
            bytes.extend_from_slice(body);
            if let Some(byte) = bytes.get_mut(start + 1) {
                *byte = channel;
            }
        }
        bytes
    }
}

/// Where the bytes of a NAL unit are.
#[derive(Debug, Clone, Copy)]
enum Bytes<'a> {
    /// In the picture, from this offset on.
    Lent(&'a [u8], usize),
    /// Elsewhere: they are copied.
    Copied(&'a [u8]),
}

struct Writer<'n> {
    numbering: &'n mut Numbering,
    timestamp: u32,
    packets: Packets,
}

impl<'n> Writer<'n> {
    fn new(numbering: &'n mut Numbering, timestamp: u32) -> Self {
        let packets = Packets {
            first_sequence: numbering.sequence,
            ..Packets::default()
        };
        Self {
            numbering,
            timestamp,
            packets,
        }
    }

    /// One packet with this payload: `head`, then the bytes.
    fn put(&mut self, head: &[u8], bytes: Bytes<'_>, marker: bool) {
        let (body, place) = match bytes {
            Bytes::Lent(body, at) => (body, Some(at)),
            Bytes::Copied(body) => (body, None),
        };
        let Numbering {
            channel,
            payload_type,
            ssrc,
            sequence,
        } = *self.numbering;
        let length = (HEADER_BYTES + head.len() + body.len()) as u16;
        let heads = &mut self.packets.heads;
        heads.extend_from_slice(&[b'$', channel]);
        heads.extend_from_slice(&length.to_be_bytes());
        heads.extend_from_slice(&[0x80, payload_type | u8::from(marker) << 7]);
        heads.extend_from_slice(&sequence.to_be_bytes());
        heads.extend_from_slice(&self.timestamp.to_be_bytes());
        heads.extend_from_slice(&ssrc.to_be_bytes());
        heads.extend_from_slice(head);
        let (start, end) = match place {
            Some(at) => (at, at + body.len()),
            None => {
                heads.extend_from_slice(body);
                (0, 0)
            }
        };
        let head_end = heads.len() as u32;
        self.packets.places.push(Place {
            head_end,
            body_start: start as u32,
            body_end: end as u32,
        });
        self.numbering.sequence = sequence.wrapping_add(1);
    }
}
