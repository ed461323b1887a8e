//! AAC access units out of RTP payloads.
//!
//! Source: RFC 3640 sections 3.2.1 and 3.3; GB/T 28181-2022 annex C names the mode AAC-hbr as
//! payload type 102 with sizeLength 13, indexLength 3, indexDeltaLength 3.

use crate::error::WireError;
use crate::nal::BitReader;

/// The AudioSpecificConfig of the example in GB/T 28181-2022: AAC LC, 8 kHz, mono.
pub const DEFAULT_CONFIG: [u8; 2] = [0x15, 0x88];
/// Longest AudioSpecificConfig kept.
const MAX_CONFIG_BYTES: usize = 64;
/// Longest field of an AU header, in bits.
const MAX_FIELD_BITS: u8 = 32;
/// Access units in one packet.
const MAX_UNITS: usize = 64;

/// How AAC is packed, from the `fmtp` of the session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AacFormat {
    config: [u8; MAX_CONFIG_BYTES],
    config_bytes: usize,
    /// Bits of the size of an access unit.
    size_bits: u8,
    /// Bits of the index of the first access unit.
    index_bits: u8,
    /// Bits of the distance to the next access unit.
    delta_bits: u8,
    /// Ticks per second of the RTP timestamp; 0 = the sample rate.
    pub clock_rate: u32,
}

impl Default for AacFormat {
    fn default() -> Self {
        Self::HBR
    }
}

impl AacFormat {
    /// The format of the example in the standard.
    pub const HBR: Self = {
        let mut config = [0; MAX_CONFIG_BYTES];
        config[0] = DEFAULT_CONFIG[0];
        config[1] = DEFAULT_CONFIG[1];
        Self {
            config,
            config_bytes: 2,
            size_bits: 13,
            index_bits: 3,
            delta_bits: 3,
            clock_rate: 0,
        }
    };

    /// A format with this AudioSpecificConfig (empty: that of the example) and these lengths in bits.
    ///
    /// # Errors
    ///
    /// A configuration over 64 bytes, or a length that no packet can hold.
    pub fn new(
        config: &[u8],
        [size_bits, index_bits, delta_bits]: [u8; 3],
        clock_rate: u32,
    ) -> Result<Self, WireError> {
        let mut format = Self {
            size_bits,
            index_bits,
            delta_bits,
            clock_rate,
            ..Self::HBR
        };
        if let Some(&long) = [size_bits, index_bits, delta_bits]
            .iter()
            .find(|&&bits| bits > MAX_FIELD_BITS)
        {
            return Err(WireError::invalid("AAC length field", 0, u64::from(long)));
        }
        if size_bits == 0 {
            return Err(WireError::invalid("AAC sizeLength", 0, 0));
        }
        if !config.is_empty() {
            let Some(place) = format.config.get_mut(..config.len()) else {
                return Err(WireError::too_large(
                    "AAC configuration",
                    0,
                    config.len(),
                    MAX_CONFIG_BYTES,
                ));
            };
            place.copy_from_slice(config);
            format.config_bytes = config.len();
        }
        Ok(format)
    }

    /// The AudioSpecificConfig.
    #[must_use]
    pub fn config(&self) -> &[u8] {
        self.config.get(..self.config_bytes).unwrap_or_default()
    }
}

/// Calls `unit` with each access unit of the payload in the format of the standard's example.
///
/// # Errors
///
/// As [`for_each_unit_in`].
pub fn for_each_unit(payload: &[u8], unit: impl FnMut(&[u8])) -> Result<(), WireError> {
    for_each_unit_in(&AacFormat::HBR, payload, unit)
}

/// Calls `unit` with each access unit of the payload.
///
/// # Errors
///
/// The header section or an access unit leads out of the payload. Units before it have been
/// handed on. An access unit that goes on in the next packet counts as leading out: audio of
/// 8 to 48 kHz never needs it.
pub fn for_each_unit_in(
    format: &AacFormat,
    payload: &[u8],
    mut unit: impl FnMut(&[u8]),
) -> Result<(), WireError> {
    let held = payload.len();
    let Some(field) = payload.get(..2) else {
        return Err(WireError::truncated("AU-headers-length", 0, 2, held));
    };
    let header_bits = usize::from(u16::from_be_bytes([field[0], field[1]]));
    let mut at = 2 + header_bits.div_ceil(8);
    let Some(headers) = payload.get(2..at) else {
        return Err(WireError::truncated("AU header section", 2, at, held));
    };
    let mut reader = BitReader::new(headers, "AU header");
    let mut left = header_bits;
    for index in 0..MAX_UNITS {
        let index_bits = if index == 0 {
            format.index_bits
        } else {
            format.delta_bits
        };
        let bits = usize::from(format.size_bits) + usize::from(index_bits);
        if left < bits {
            break;
        }
        left -= bits;
        let size = reader.bits(u32::from(format.size_bits))? as usize;
        reader.skip(usize::from(index_bits))?;
        let Some(data) = payload.get(at..at.saturating_add(size)) else {
            return Err(WireError::truncated(
                "AAC access unit",
                at,
                at.saturating_add(size),
                held,
            ));
        };
        if !data.is_empty() {
            unit(data);
        }
        at += size;
    }
    Ok(())
}

/// Whether the payload is exactly what RFC 3640 describes: whole headers, whole units, nothing else.
#[must_use]
pub fn is_whole(payload: &[u8], format: &AacFormat) -> bool {
    let (mut units, mut bytes) = (0usize, 0usize);
    let read = for_each_unit_in(format, payload, |unit| {
        units += 1;
        bytes += unit.len();
    });
    let &[high, low, ..] = payload else {
        return false;
    };
    let headers = usize::from(u16::from_be_bytes([high, low])).div_ceil(8);
    read.is_ok() && units > 0 && 2 + headers + bytes == payload.len()
}
