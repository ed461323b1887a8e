//! What a publisher says it will send.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// Tracks of one announcement that are looked at.
const MAX_TRACKS: usize = 8;
/// Longest AudioSpecificConfig or parameter set, in characters.
const MAX_CONFIG: usize = 8_192;
/// Most parameter sets of one track.
const MAX_SETS: usize = 32;

/// What a track is coded with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 6184.
    H264,
    /// RFC 7798.
    H265,
    /// A-law, 8 kHz.
    Pcma,
    /// µ-law, 8 kHz.
    Pcmu,
    /// RFC 3640, mode AAC-hbr; its AudioSpecificConfig.
    Aac(Vec<u8>),
    /// Anything else, by its name in the rtpmap.
    Other(String),
}

/// One `m=` line with its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncedTrack {
    /// What it is coded with.
    pub encoding: Encoding,
    /// RTP payload type, the first of the line.
    pub payload_type: u8,
    /// Ticks per second of the RTP timestamp.
    pub clock_rate: u32,
    /// Channels of sound.
    pub channels: u8,
    /// The control attribute: a URI, or its end.
    pub control: String,
    /// Parameter sets given out of band, in order.
    pub sets: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Media {
    payload_type: u8,
    is_audio: bool,
    rtpmap: String,
    fmtp: String,
    control: String,
}

/// Reads the tracks of an announcement; lines that are not understood are passed over.
#[must_use]
pub fn parse(body: &[u8]) -> Vec<AnnouncedTrack> {
    let text = String::from_utf8_lossy(body);
    let mut media: Vec<Media> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("m=") {
            if media.len() == MAX_TRACKS {
                break;
            }
            media.push(parse_media(rest));
        } else if let (Some(rest), Some(current)) = (line.strip_prefix("a="), media.last_mut()) {
            parse_attribute(rest, current);
        }
    }
    media.iter().map(track_of).collect()
}

fn parse_media(rest: &str) -> Media {
    let mut words = rest.split_ascii_whitespace();
    Media {
        is_audio: words.next() == Some("audio"),
        payload_type: words.nth(2).and_then(|word| word.parse().ok()).unwrap_or(0) & 0x7F,
        ..Media::default()
    }
}

fn parse_attribute(rest: &str, media: &mut Media) {
    let Some((name, value)) = rest.split_once(':') else {
        return;
    };
    match name {
        "control" => media.control = value.trim().to_owned(),
        "rtpmap" | "fmtp" => {
            let Some((kind, value)) = value.trim().split_once(' ') else {
                return;
            };
            if kind.parse() != Ok(media.payload_type) {
                return;
            }
            let field = if name == "rtpmap" {
                &mut media.rtpmap
            } else {
                &mut media.fmtp
            };
            *field = value.trim().to_owned();
        }
        _ => {}
    }
}

fn track_of(media: &Media) -> AnnouncedTrack {
    let mut parts = media.rtpmap.split('/');
    let name = parts.next().unwrap_or_default().to_ascii_uppercase();
    let rate = parts.next().and_then(|rate| rate.trim().parse().ok());
    let channels = parts.next().and_then(|count| count.trim().parse().ok());
    let encoding = match (name.as_str(), media.payload_type) {
        ("H264", _) => Encoding::H264,
        ("H265" | "HEVC", _) => Encoding::H265,
        ("PCMA", _) | ("", 8) => Encoding::Pcma,
        ("PCMU", _) | ("", 0) if media.is_audio => Encoding::Pcmu,
        ("MPEG4-GENERIC", _) => Encoding::Aac(config(media)),
        _ => Encoding::Other(name),
    };
    let default_rate = if media.is_audio { 8_000 } else { 90_000 };
    AnnouncedTrack {
        sets: sets(&encoding, media),
        encoding,
        payload_type: media.payload_type,
        clock_rate: rate.filter(|&rate| rate > 0).unwrap_or(default_rate),
        channels: channels.unwrap_or(1),
        control: media.control.clone(),
    }
}

/// The value of a format parameter; names are told without case.
fn parameter<'a>(media: &'a Media, name: &str) -> &'a str {
    let mut pairs = media
        .fmtp
        .split(';')
        .filter_map(|pair| pair.split_once('='));
    let found = pairs.find(|(known, _)| known.trim().eq_ignore_ascii_case(name));
    found.map_or("", |(_, value)| value.trim())
}

fn config(media: &Media) -> Vec<u8> {
    let text = parameter(media, "config").as_bytes();
    let text = &text[..text.len().min(MAX_CONFIG)];
    let digits = text.iter().map_while(|&byte| (byte as char).to_digit(16));
    let digits: Vec<u8> = digits.map(|digit| digit as u8).collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn sets(encoding: &Encoding, media: &Media) -> Vec<Vec<u8>> {
    let names: &[&str] = match encoding {
        Encoding::H264 => &["sprop-parameter-sets"],
        Encoding::H265 => &["sprop-vps", "sprop-sps", "sprop-pps"],
        _ => &[],
    };
    let texts = names
        .iter()
        .flat_map(|name| parameter(media, name).split(','));
    texts
        .filter(|text| text.len() <= MAX_CONFIG)
        .filter_map(|text| decoded(text.trim()))
        .filter(|set| !set.is_empty())
        .take(MAX_SETS)
        .collect()
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let plain = text.trim_end_matches('=');
    STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(plain))
        .ok()
}
