//! FLAC frames back to samples: what [`super::encode`] writes, and nothing more.
//!
//! Source: RFC 9639 sections 9.1 (frame header), 9.2 (subframes), 9.2.7 (coded residual).

use super::{MAX_BLOCK_SAMPLES, crc8, crc16};
use crate::error::WireError;

/// Highest order of a fixed predictor.
const MAX_ORDER: usize = 4;

/// Appends the samples of one whole frame to `pcm`: mono, 16 bit, variable block size.
///
/// # Errors
///
/// The checksums are wrong, the frame is cut, or it has a form that our encoder does not write; `pcm` is as it was.
pub fn decode_frame(frame: &[u8], pcm: &mut Vec<i16>) -> Result<(), WireError> {
    let before = pcm.len();
    let done = decode(frame, pcm);
    if done.is_err() {
        pcm.truncate(before);
    }
    done
}

fn decode(frame: &[u8], pcm: &mut Vec<i16>) -> Result<(), WireError> {
    let (samples, header) = parse_header(frame)?;
    let Some((body, checksum)) = frame.split_last_chunk::<2>() else {
        return Err(WireError::truncated("FLAC frame", 0, 2, frame.len()));
    };
    let found = u16::from_be_bytes(*checksum);
    if crc16(body) != found {
        return Err(WireError::invalid(
            "FLAC checksum",
            body.len(),
            u64::from(found),
        ));
    }
    let mut bits = BitReader::new(body.get(header..).unwrap_or_default());
    let kind = bits.take(8)? >> 1;
    match kind {
        0 => {
            let value = bits.sample()?;
            pcm.resize(pcm.len() + samples, value);
        }
        1 => {
            for _ in 0..samples {
                pcm.push(bits.sample()?);
            }
        }
        8..=12 => fixed(&mut bits, (kind - 8) as usize, samples, pcm)?,
        other => {
            return Err(WireError::invalid(
                "FLAC subframe",
                header,
                u64::from(other),
            ));
        }
    }
    Ok(())
}

/// Samples in the block, and bytes of the header with its checksum.
fn parse_header(frame: &[u8]) -> Result<(usize, usize), WireError> {
    let truncated = |needed| WireError::truncated("FLAC frame header", 0, needed, frame.len());
    let Some(&[first, second, sizes, form, number]) = frame.first_chunk::<5>() else {
        return Err(truncated(5));
    };
    if (first, second, sizes, form) != (0xFF, 0xF9, 0x70, 0x08) {
        let found = u32::from_be_bytes([first, second, sizes, form]);
        return Err(WireError::invalid("FLAC frame header", 0, u64::from(found)));
    }
    // The coded number has as many bytes as its first one has leading ones.
    let length = match number.leading_ones() as usize {
        0 => 1,
        ones @ 2..=7 => ones,
        _ => {
            return Err(WireError::invalid(
                "FLAC coded number",
                4,
                u64::from(number),
            ));
        }
    };
    let end = 4 + length + 3;
    let Some(&[.., high, low, checksum]) = frame.get(..end) else {
        return Err(truncated(end));
    };
    if crc8(frame.get(..end - 1).unwrap_or_default()) != checksum {
        return Err(WireError::invalid(
            "FLAC header checksum",
            end - 1,
            u64::from(checksum),
        ));
    }
    let samples = usize::from(u16::from_be_bytes([high, low])) + 1;
    if samples > MAX_BLOCK_SAMPLES {
        return Err(WireError::too_large(
            "FLAC block in samples",
            4,
            samples,
            MAX_BLOCK_SAMPLES,
        ));
    }
    Ok((samples, end))
}

fn fixed(
    bits: &mut BitReader<'_>,
    order: usize,
    samples: usize,
    pcm: &mut Vec<i16>,
) -> Result<(), WireError> {
    if order > samples {
        return Err(WireError::too_large("FLAC predictor", 0, order, samples));
    }
    // The last value of each difference: what the next residual is added to.
    let mut last = [0i32; MAX_ORDER];
    for index in 0..order {
        let mut value = i32::from(bits.sample()?);
        pcm.push(value as i16);
        for held in last.iter_mut().take(index + 1) {
            let former = std::mem::replace(held, value);
            value -= former;
        }
    }
    let method = bits.take(2)?;
    if method != 0 {
        return Err(WireError::invalid(
            "FLAC residual coding",
            0,
            u64::from(method),
        ));
    }
    let partition_order = bits.take(4)?;
    let size = samples >> partition_order;
    if size << partition_order != samples || size < order {
        return Err(WireError::invalid(
            "FLAC partitions",
            0,
            u64::from(partition_order),
        ));
    }
    for partition in 0..1usize << partition_order {
        let parameter = bits.take(4)?;
        if parameter == 15 {
            return Err(WireError::invalid("FLAC escaped residual", 0, 15));
        }
        let count = if partition == 0 { size - order } else { size };
        for _ in 0..count {
            let mut value = bits.rice(parameter)?;
            for held in last.iter_mut().take(order).rev() {
                value = value.wrapping_add(*held);
                *held = value;
            }
            pcm.push(value as i16);
        }
    }
    Ok(())
}

/// Bits, most significant first.
struct BitReader<'a> {
    rest: &'a [u8],
    held: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            held: 0,
            count: 0,
        }
    }

    /// At least 32 bits are held after this, or all that are left.
    fn fill(&mut self) {
        while self.count <= 56 {
            let Some((&byte, rest)) = self.rest.split_first() else {
                return;
            };
            self.held = self.held << 8 | u64::from(byte);
            self.count += 8;
            self.rest = rest;
        }
    }

    /// The next `width` bits, at most 32.
    fn take(&mut self, width: u32) -> Result<u32, WireError> {
        self.fill();
        if self.count < width {
            return Err(WireError::truncated(
                "FLAC bits",
                0,
                width as usize,
                self.count as usize,
            ));
        }
        self.count -= width;
        let mask = (1u64 << width) - 1;
        Ok((self.held >> self.count & mask) as u32)
    }

    fn sample(&mut self) -> Result<i16, WireError> {
        Ok(self.take(16)? as i16)
    }

    fn rice(&mut self, parameter: u32) -> Result<i32, WireError> {
        let mut zeros = 0u32;
        loop {
            self.fill();
            if self.count == 0 {
                return Err(WireError::truncated("FLAC bits", 0, 1, 0));
            }
            let left = self.held << (64 - self.count);
            let run = left.leading_zeros().min(self.count);
            zeros += run;
            self.count -= run;
            if self.count > 0 {
                self.count -= 1;
                break;
            }
        }
        let low = self.take(parameter)?;
        let folded = zeros.checked_shl(parameter).unwrap_or(0) | low;
        Ok((folded >> 1) as i32 ^ -((folded & 1) as i32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flac::encode;

    fn round_trip(pcm: &[i16]) {
        let (mut frame, mut back) = (Vec::new(), vec![7]);
        encode(pcm, 0, &mut frame).unwrap();
        decode_frame(&frame, &mut back).unwrap();
        assert_eq!(back.split_first(), Some((&7, pcm)));
    }

    #[test]
    fn what_the_encoder_writes_comes_back() {
        round_trip(&[0; 160]);
        round_trip(&[1]);
        round_trip(&[i16::MIN, i16::MAX, i16::MIN, i16::MAX, i16::MIN, 5]);
        let wave = |n: i32| ((f64::from(n) / 5.0).sin() * 9_000.0) as i16;
        for length in [1, 3, 4, 5, 7, 160, 320, 321, 4_608] {
            round_trip(&(0..length).map(wave).collect::<Vec<_>>());
        }
        let mut seed = 1u32;
        let noise: Vec<i16> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) as i16
        })
        .take(1_000)
        .collect();
        round_trip(&noise);
    }

    #[test]
    fn a_frame_with_one_wrong_byte_is_refused_and_leaves_nothing() {
        let mut frame = Vec::new();
        let pcm: Vec<i16> = (0..160).map(|n| (n * n) as i16).collect();
        encode(&pcm, 0, &mut frame).unwrap();
        for index in 0..frame.len() {
            let mut wrong = frame.clone();
            wrong[index] ^= 0x10;
            let mut back = Vec::new();
            assert!(decode_frame(&wrong, &mut back).is_err(), "{index}");
            assert!(back.is_empty());
            assert!(decode_frame(&frame[..index], &mut back).is_err());
        }
    }
}
