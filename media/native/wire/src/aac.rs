//! AAC in ADTS frames, and the AudioSpecificConfig that an MP4 file wants instead.
//!
//! Source: ISO/IEC 13818-7 6.2 (ADTS), ISO/IEC 14496-3 1.6.2.1 (AudioSpecificConfig).

use crate::error::WireError;

/// Samples in one AAC frame.
pub const SAMPLES_PER_FRAME: u32 = 1024;

/// Bytes of an ADTS header without CRC.
pub const ADTS_HEADER_BYTES: usize = 7;

/// Samples per second by sampling_frequency_index.
const SAMPLE_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// What one ADTS header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdtsHeader {
    /// MPEG-4 audio object type: 2 is AAC LC.
    pub object_type: u8,
    /// Index into the table of sample rates.
    pub frequency_index: u8,
    /// Samples per second.
    pub sample_rate: u32,
    /// Channels; 1 when the header leaves it to the payload (configuration 0).
    pub channels: u8,
    /// Bytes of the header: 7, or 9 with CRC.
    pub header_bytes: usize,
    /// Bytes of the whole frame, header included.
    pub frame_bytes: usize,
    /// Raw data blocks in the frame, 1 to 4; each holds 1,024 samples.
    pub blocks: u8,
}

/// Whether the bytes begin with an ADTS sync word, layer 0.
#[must_use]
pub fn is_adts_sync(bytes: &[u8]) -> bool {
    bytes.len() >= 2 && bytes[0] == 0xFF && bytes[1] & 0xF6 == 0xF0
}

/// Reads the ADTS header at the start of `bytes`.
///
/// # Errors
///
/// Fewer than 7 bytes, no sync word, a reserved sample rate, or a frame length shorter than
/// the header.
pub fn parse_adts(bytes: &[u8]) -> Result<AdtsHeader, WireError> {
    if bytes.len() < ADTS_HEADER_BYTES {
        return Err(WireError::truncated(
            "ADTS header",
            bytes.len(),
            ADTS_HEADER_BYTES,
            bytes.len(),
        ));
    }
    if !is_adts_sync(bytes) {
        let found = u16::from_be_bytes([bytes[0], bytes[1]]);
        return Err(WireError::invalid("ADTS sync word", 0, u64::from(found)));
    }
    let frequency_index = (bytes[2] >> 2) & 0x0F;
    let Some(&sample_rate) = SAMPLE_RATES.get(usize::from(frequency_index)) else {
        return Err(WireError::invalid(
            "ADTS sampling_frequency_index",
            2,
            u64::from(frequency_index),
        ));
    };
    let header_bytes = if bytes[1] & 1 == 1 { 7 } else { 9 };
    let frame_bytes =
        usize::from(bytes[3] & 3) << 11 | usize::from(bytes[4]) << 3 | usize::from(bytes[5]) >> 5;
    if frame_bytes <= header_bytes {
        return Err(WireError::invalid(
            "ADTS frame length",
            3,
            frame_bytes as u64,
        ));
    }
    let configuration = (bytes[2] & 1) << 2 | bytes[3] >> 6;
    Ok(AdtsHeader {
        object_type: (bytes[2] >> 6) + 1,
        frequency_index,
        sample_rate,
        channels: match configuration {
            0 => 1,
            7 => 8,
            n => n,
        },
        header_bytes,
        frame_bytes,
        blocks: (bytes[6] & 3) + 1,
    })
}

impl AdtsHeader {
    /// The AudioSpecificConfig of this stream, 2 bytes.
    #[must_use]
    pub fn audio_specific_config(&self) -> [u8; 2] {
        audio_specific_config(self.object_type, self.frequency_index, self.channels)
    }
}

/// Builds an AudioSpecificConfig from its three fields.
///
/// Source: ISO/IEC 14496-3 table 1.15.
#[must_use]
pub const fn audio_specific_config(object_type: u8, frequency_index: u8, channels: u8) -> [u8; 2] {
    let configuration = if channels == 8 { 7 } else { channels };
    [
        object_type << 3 | frequency_index >> 1,
        (frequency_index & 1) << 7 | configuration << 3,
    ]
}

/// The index of a sample rate, when the table has it.
#[must_use]
pub fn frequency_index(sample_rate: u32) -> Option<u8> {
    let index = SAMPLE_RATES.iter().position(|&rate| rate == sample_rate)?;
    Some(index as u8)
}

/// Reads object type, sample rate and channels from an AudioSpecificConfig with table rates.
///
/// # Errors
///
/// Fewer than 2 bytes, or a rate that is not in the table.
pub fn parse_audio_specific_config(bytes: &[u8]) -> Result<(u8, u32, u8), WireError> {
    let &[first, second, ..] = bytes else {
        return Err(WireError::truncated(
            "AudioSpecificConfig",
            bytes.len(),
            2,
            bytes.len(),
        ));
    };
    let index = (first & 7) << 1 | second >> 7;
    let Some(&rate) = SAMPLE_RATES.get(usize::from(index)) else {
        return Err(WireError::invalid(
            "AudioSpecificConfig sampling_frequency_index",
            0,
            u64::from(index),
        ));
    };
    Ok((first >> 3, rate, ((second >> 3) & 0x0F).max(1)))
}

/// Whether `bytes` is one or more whole ADTS frames and nothing else: too regular for chance
/// (Q88, AAC labelled as G.711).
#[must_use]
pub fn is_whole_adts(mut bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return false;
    }
    while !bytes.is_empty() {
        match parse_adts(bytes) {
            Ok(header) if header.frame_bytes <= bytes.len() => {
                bytes = &bytes[header.frame_bytes..];
            }
            _ => return false,
        }
    }
    true
}

/// Splits a byte stream into ADTS frames; frames may be cut anywhere.
#[derive(Debug, Clone, Default)]
pub struct AdtsSplitter {
    pending: Vec<u8>,
    skipped: u64,
}

impl AdtsSplitter {
    /// Takes the next bytes and calls `frame` for each frame that is now whole, with its
    /// header and its data without the header.
    ///
    /// Memory is bounded by the longest ADTS frame (8,191 bytes) and one input.
    pub fn receive(&mut self, bytes: &[u8], mut frame: impl FnMut(&AdtsHeader, &[u8])) {
        self.pending.extend_from_slice(bytes);
        let mut start = 0;
        while self.pending.len() - start >= ADTS_HEADER_BYTES {
            let rest = &self.pending[start..];
            match parse_adts(rest) {
                Ok(header) if header.frame_bytes > rest.len() => break,
                Ok(header) => {
                    frame(&header, &rest[header.header_bytes..header.frame_bytes]);
                    start += header.frame_bytes;
                }
                Err(_) => {
                    start += 1;
                    self.skipped += 1;
                }
            }
        }
        self.pending.drain(..start);
    }

    /// Drops what is pending: bytes were lost.
    pub fn reset(&mut self) {
        self.pending.clear();
    }

    /// Bytes held for the rest of a frame.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// Bytes skipped in search of a sync word, since the start.
    #[must_use]
    pub const fn skipped_bytes(&self) -> u64 {
        self.skipped
    }
}
